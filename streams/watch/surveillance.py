"""Surveillance: from settlement.events and settlement.adjusted to the findings of settlement.alerts.

A settlement's two records lie in partitions of the same number. What they say together, its fact, goes to the partition
of its person and to that of its city through two topics of our own, where it is judged (`streams/watch/judging.py`).
The rules are in `streams/surveillance/`.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final

import faust
import orjson
import structlog

from schemas.events import SettlementCompleted
from schemas.reading import DeadLetter
from schemas.topics import ADJUSTED, ALERTS, CITIES, EVENTS, PERSONS
from streams.metrics import WatchMetrics
from streams.processors.envelope import parse, read
from streams.settings import WatchSettings
from streams.surveillance.examined import EVENT_DAY_QUORUM
from streams.surveillance.facts import Fact, undecided
from streams.surveillance.joining import Joined, subject, with_adjusted, with_event
from streams.surveillance.judge import judge_city, judge_person
from streams.surveillance.thresholds import Thresholds
from streams.watch.app import End, bytes_table, bytes_topic, each
from streams.watch.judging import Judging, Subjects
from streams.watch.notices import Notices

log = structlog.get_logger("petct.watch")

NEEDS: Final = (ADJUSTED, PERSONS, CITIES, ALERTS)
"""Topics it needs beside those of the board."""
_SWEEP: Final = timedelta(days=30)
_UNREADABLE: Final = (KeyError, TypeError, ValueError, AttributeError)


class Surveillance:
    """The agents and their tables. Made before the app starts, and after the board, which sifts the events."""

    def __init__(
        self,
        app: faust.App,
        settings: WatchSettings,
        notices: Notices,
        thresholds: Thresholds,
        metrics: WatchMetrics,
        end: End,
    ) -> None:
        self._notices = notices
        self._secret = settings.surveillance_key
        self._codes = thresholds.item_codes
        self._metrics = metrics
        self._persons_topic = bytes_topic(app, settings.topic(PERSONS))
        self._cities_topic = bytes_topic(app, settings.topic(CITIES))
        self._joined = bytes_table(app, "surveillance-joined")
        self._swept: dict[int, date] = {}
        self._newest: dict[int, list[tuple[date, bytes]]] = {}
        persons = Subjects(
            "persons",
            PERSONS,
            lambda facts, _: judge_person(facts, thresholds),
            timedelta(days=thresholds.person_horizon_days()),
            one_clock=True,
        )
        cities = Subjects(
            "cities",
            CITIES,
            lambda facts, today: judge_city(facts, thresholds, today),
            timedelta(days=thresholds.city_horizon_days()),
            one_clock=False,
        )
        self._horizon = max(persons.horizon, cities.horizon)
        self._judging = {
            subjects.name: Judging(app, settings, subjects, thresholds.hash, metrics, end)
            for subjects in (persons, cities)
        }
        for topic, name, take in (
            (EVENTS, "surveillance-events", self._happened),
            (ADJUSTED, "surveillance-adjusted", self._decided),
        ):
            app.agent(bytes_topic(app, settings.topic(topic)), name=name)(_agent(take, end))

    def tell(self) -> None:
        """To the metrics: how much is held."""
        for name, judging in self._judging.items():
            self._metrics.facts_held(name, judging.facts)

    def facts_of_city(self, city: str) -> list[Fact] | None:
        """None when this process does not have the city; another may."""
        return self._judging["cities"].facts_of(city)

    async def _happened(self, event: Any) -> None:
        """The half of a fact that an event tells."""
        message, book = event.message, self._notices.book
        if not message.value or self._notices.passes_over(message.value):
            return
        try:
            plain = parse(message.value)
            ours = read(plain, book.codes, book.dated_codes)
        except DeadLetter:
            return
        if isinstance(ours, SettlementCompleted):
            key = ours.event_id.encode()
            half = undecided(ours, plain, self._secret, self._codes)
            await self._keep(key, with_event(self._held(key), half, message.partition))

    async def _decided(self, event: Any) -> None:
        """The other half, or that nothing of it holds any more."""
        message = event.message
        if message.value is None:
            return
        try:
            record = orjson.loads(message.value)
            id = subject(record)
            if id is None:
                return
            key = id.encode()
            joined = with_adjusted(self._held(key), record, message.partition)
        except _UNREADABLE as error:
            self._metrics.unreadable("adjusted")
            log.error(  # noqa: TRY400 - a traceback's texts may hold the record
                "a record is left out of surveillance: it is none that this version reads",
                topic=message.topic,
                partition=message.partition,
                offset=message.offset,
                error=type(error).__name__,
            )
            return
        await self._keep(key, joined)
        self._sweep(message.partition, joined.on, key)

    def _held(self, key: bytes) -> Joined | None:
        value = self._joined.get(key)
        return Joined.read(value) if value is not None else None

    async def _keep(self, key: bytes, joined: Joined) -> None:
        # Again even where nothing changes: the first time may have reached the store, and not Kafka.
        self._joined[key] = joined.value()
        if (fact := joined.ready) is not None:
            value = fact.value()
            await self._persons_topic.send(key=fact.person.encode(), value=value)
            await self._cities_topic.send(key=fact.city.encode(), value=value)

    def _sweep(self, partition: int, on: date, key: bytes) -> None:
        """Forget what is too old to be judged, once in a while of event time, and after a start."""
        # Several, as event time goes: a wrong date alone ends nothing.
        days = self._newest[partition] = sorted({(on, key), *self._newest.get(partition, ())})[-EVENT_DAY_QUORUM:]
        if len(days) < EVENT_DAY_QUORUM:
            return
        today, swept = days[0][0], self._swept.get(partition)
        if swept is not None and today - swept < _SWEEP:
            return
        self._swept[partition] = today
        if today <= date.min + self._horizon:
            return
        since = today - self._horizon
        old = []
        for other, value in self._joined.items():
            joined = Joined.read(value)
            if joined.partition == partition and joined.on < since:
                old.append(other)
        for other in old:
            del self._joined[other]


def _agent(take: Any, end: End) -> Any:
    async def agent(stream: Any) -> None:
        await each(stream, take, end)

    return agent
