"""From facts to findings: what is kept of persons, or of cities, and the records of settlement.alerts made of it.

No finding is lost and none is written twice, though the group may hand out partitions, and the process may be killed,
at any moment:

1. What records are batched is up to chance, so the step of a subject is decided whole, records and all, and written to
   the table's changelog (as *begun*). It has arrived before any of it is sent.
2. The records are sent, and have arrived before the step is written out as what is kept, and the begun one deleted. All
   of that lies in one partition of one changelog, in this order: a kill leaves a beginning of it.
3. Whoever takes the partition over looks which records of a begun step lie on settlement.alerts already, sends the
   others, byte for byte what they would have been, and finishes the step.

Only a process that is not dead but frozen, or cut off from the brokers, for longer than its session can be in the way:
what it had under way may arrive after another has looked. Then a record may be there twice, byte for byte the same.

For that the table must hold what has arrived in Kafka and nothing else: it lies in memory, whatever the store is.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import partial
from typing import Any, Final, Literal, NoReturn

import faust
import orjson
import structlog

from schemas.codec import dumps
from schemas.topics import ALERTS
from streams.exit_codes import ExitCode
from streams.metrics import FACT_FATES, WatchMetrics
from streams.settings import WatchSettings
from streams.surveillance.examined import EVENT_DAY_QUORUM, event_day
from streams.surveillance.facts import Fact
from streams.surveillance.findings import Held, headers
from streams.surveillance.keeping import Kept, Step, again, aged, judged, step
from streams.surveillance.persons import keyed
from streams.surveillance.suspicion import Suspicion
from streams.watch.alerts import written
from streams.watch.app import End, batches, bytes_table, bytes_topic
from streams.watch.transport import SEND_SECONDS

log = structlog.get_logger("petct.watch")

MOST: Final = 1_000
"""So many records are judged at once when they wait."""
_PARSED: Final = 64
"""So many subjects are kept as objects: all cities of a province, and of persons those that came last."""
_SWEEP: Final = timedelta(days=30)
"""So often, in event time, those are looked for of whom nothing comes any more."""
_STEP: Final = 2_000
"""So many entries are read from the table before others have their turn."""
_UNREADABLE: Final = (KeyError, TypeError, ValueError, AttributeError)

ANOTHER_KEY: Final = (
    "PETCT_SURVEILLANCE_SECRET is not the one that the tables of surveillance were made with; give that one, or begin "
    "anew as docs/surveillance-worker.md tells"
)

Mark = Literal["begun", "clock", "fact", "held", "secret", "told"]
Clock = tuple[tuple[str, str], ...]
"""The newest days by event time, and which events they are of: a wrong date alone ends nothing."""


class NoLongerOursError(Exception):
    """The group hands out partitions: whoever has them now goes on from what was committed."""


class TooSlowError(Exception):
    """So long that the group may have given the partitions away, and this process not know it."""


@dataclass(frozen=True, slots=True)
class Subjects:
    """Whom facts are gathered by. `judge` gets the facts of one and the newest day (`examined.event_day`).

    `one_clock`: that day is one for all in a partition, so that who never comes again is forgotten too.
    """

    name: Literal["persons", "cities"]
    topic: str
    judge: Callable[[Iterable[Fact], date], list[Suspicion]]
    horizon: timedelta
    one_clock: bool


@dataclass(slots=True)
class _Entries:
    """What the table holds of one subject, by key and id."""

    facts: set[str] = field(default_factory=set)
    held: set[str] = field(default_factory=set)


class Judging:
    """The agent of one kind of subjects, and its table. Made before the app starts. `version`: of the thresholds."""

    def __init__(
        self, app: faust.App, settings: WatchSettings, subjects: Subjects, version: str, metrics: WatchMetrics, end: End
    ) -> None:
        self._app = app
        self._settings = settings
        self._subjects = subjects
        self._secret = settings.surveillance_key
        self._version = version
        self._metrics = metrics
        self._end = end
        self._session = settings.session_timeout_ms / 1000
        self._alerts = bytes_topic(app, settings.topic(ALERTS))
        self._table = bytes_table(app, f"surveillance-{subjects.name}", in_memory=True)
        self._table.on_recover(self._recovered)
        self._entries: dict[int, dict[str, _Entries]] = {}
        self._clocks: dict[int, Clock] = {}
        self._swept: dict[int, date] = {}
        self._signed: set[int] = set()
        self._told: dict[int, int] = {}
        self._parsed: OrderedDict[tuple[int, str], Kept] = OrderedDict()

        async def agent(stream: Any) -> None:
            await batches(stream, self._take, end, MOST)

        name = f"surveillance-{subjects.name}"
        app.agent(bytes_topic(app, settings.topic(subjects.topic)), name=name)(agent)

    @property
    def facts(self) -> int:
        """How many this process holds."""
        return sum(len(one.facts) for subjects in self._entries.values() for one in subjects.values())

    def facts_of(self, subject: str) -> list[Fact] | None:
        """All that this process holds of one; None when it has nothing of it, and another may."""
        for partition, subjects in self._entries.items():
            if subject in subjects:
                return list(self._kept(partition, subject).facts.values())
        return None

    # What is taken in.

    async def _take(self, events: list[Any]) -> bool:
        """Whether they were taken; if not, they are no longer ours."""
        hold = _Hold(self._app, self._session * 2 / 3, flowing=True)
        groups: dict[int, list[Any]] = {}
        for event in events:
            groups.setdefault(event.message.partition, []).append(event)
        try:
            for partition, group in groups.items():
                await self._judge(partition, group, hold)
        except NoLongerOursError:
            return False
        return True

    async def _judge(self, partition: int, events: list[Any], hold: _Hold) -> None:
        come: dict[str, list[Fact]] = {}
        for event in events:
            message = event.message
            try:
                subject = message.key.decode()
                fact = Fact.read(message.value)
            except _UNREADABLE as error:
                self._unreadable(message, error)
                continue
            come.setdefault(subject, []).append(fact)
        clock = forward(self._clocks.get(partition, ()), (fact for facts in come.values() for fact in facts))
        steps = []
        fates = dict.fromkeys(FACT_FATES, 0)
        for subject, facts in come.items():
            kept = self._kept(partition, subject)
            today = self._today(clock, kept, facts)
            one = step(subject, kept, facts, partial(self._judged_on, today), **self._terms(today))
            steps.append(one)
            late = sum(fact.occurred_on < self._since(today) for fact in facts)
            fates["late"] += late
            fates["judged"] += len(one.facts)
            fates["unchanged"] += max(len(facts) - len(one.facts) - late, 0)
            await asyncio.sleep(0)
            hold.confirm()
        await self._write(partition, [one for one in steps if one.changes], clock, hold)
        self._metrics.facts(self._subjects.name, fates)

    async def _write(self, partition: int, steps: list[Step], clock: Clock, hold: _Hold) -> None:
        telling = [one for one in steps if one.records]
        for one in telling:
            self._put(partition, "begun", one.subject, "", one.value())
        if telling:
            await self._arrive(hold)
            await self._tell(partition, telling, hold)
        # From here on nothing is waited for, so that nobody else can come between.
        if partition not in self._signed:
            self._signed.add(partition)
            self._put(partition, "secret", "", "", self._signature)
        for one in steps:
            self._apply(partition, one)
        if telling:
            # After the last begun step is deleted: whoever finds one looks for its records from here on.
            self._put(partition, "told", "", "", b"%d" % self._told[partition])
        if self._subjects.one_clock and clock != self._clocks.get(partition, ()):
            self._clocks[partition] = clock
            self._put(partition, "clock", "", "", dumps(clock))
            self._sweep(partition, day_of(clock))

    async def _tell(self, partition: int, steps: list[Step], hold: _Hold) -> None:
        """Send the records of begun steps to the partition of their number; returns when they have arrived."""
        sent = []
        for one in steps:
            for record in one.records:
                # What is handed over before partitions are handed out arrives before that goes on, and not later.
                hold.confirm()
                key: str = record["finding_id"]
                value = dumps(record)
                sent.append(
                    await self._alerts.send(key=key.encode(), value=value, partition=partition, headers=headers(record))
                )
        await self._arrive(hold)
        if sent:
            # What lies before it need not be looked at by whoever takes over.
            self._told[partition] = max([(await one).offset for one in sent]) + 1
        for one in steps:
            for record in one.records:
                self._metrics.finding(record["rule"], record["event_type"].removeprefix("finding."))

    async def _arrive(self, hold: _Hold) -> None:
        """Until all that was written or sent has arrived, and it is certain that the partitions are still ours."""
        async with asyncio.timeout(SEND_SECONDS):
            await self._app.producer.sent()  # type: ignore[attr-defined] # our transport's
        hold.confirm()

    def _judged_on(self, today: date, facts: Iterable[Fact]) -> list[Suspicion]:
        return self._subjects.judge(facts, today)

    def _terms(self, today: date) -> dict[str, Any]:
        return {"since": self._since(today), "secret": self._secret, "version": self._version}

    def _since(self, today: date) -> date:
        horizon = self._subjects.horizon
        return today - horizon if today > date.min + horizon else date.min

    def _today(self, clock: Clock, kept: Kept, come: Iterable[Fact]) -> date:
        if self._subjects.one_clock:
            return day_of(clock)
        return event_day({**kept.facts, **{fact.key: fact for fact in come}}.values())

    def _sweep(self, partition: int, today: date) -> None:
        """Forget the facts of those of whom nothing came for so long that none of it counts any more."""
        if today - self._swept.get(partition, date.min) < _SWEEP:
            return
        self._swept[partition] = today
        since = self._since(today)
        for subject in tuple(self._entries.get(partition, ())):
            self._apply(partition, aged(subject, self._kept(partition, subject), since))

    def _unreadable(self, message: Any, error: Exception) -> None:
        self._metrics.unreadable(self._subjects.name)
        log.error(
            "a record is left out of surveillance: it is none that this version reads",
            topic=message.topic,
            partition=message.partition,
            offset=message.offset,
            error=type(error).__name__,
        )

    # What is kept.

    def _kept(self, partition: int, subject: str) -> Kept:
        place = partition, subject
        kept = self._parsed.get(place)
        if kept is None:
            entries = self._entries.get(partition, {}).get(subject, _Entries())
            data = self._table.data
            kept = self._parsed[place] = Kept(
                {id: Fact.read(data[entry_key(partition, "fact", subject, id)]) for id in entries.facts},
                {id: Held.read(data[entry_key(partition, "held", subject, id)]) for id in entries.held},
            )
            if len(self._parsed) > _PARSED:
                self._parsed.popitem(last=False)
        self._parsed.move_to_end(place)
        return kept

    def _apply(self, partition: int, one: Step) -> None:
        subject = one.subject
        subjects = self._entries.setdefault(partition, {})
        entries = subjects.setdefault(subject, _Entries())
        for id, held in one.held.items():
            self._put(partition, "held", subject, id, held.value())
            entries.held.add(id)
        for key, fact in one.facts.items():
            self._put(partition, "fact", subject, key, fact.value())
            entries.facts.add(key)
        for key in one.expired:
            self._put(partition, "fact", subject, key, None)
            entries.facts.discard(key)
        for id in one.forgotten:
            self._put(partition, "held", subject, id, None)
            entries.held.discard(id)
        self._kept(partition, subject).apply(one)
        if one.records:
            self._put(partition, "begun", subject, "", None)
        if not (entries.facts or entries.held):
            del subjects[subject]
            del self._parsed[partition, subject]

    def _put(self, partition: int, mark: Mark, subject: str, id: str, value: bytes | None) -> None:
        """Set an entry, or delete it, in memory and in the changelog."""
        key = entry_key(partition, mark, subject, id)
        if value is None:
            if self._table.data.pop(key, None) is not None:
                self._table.send_changelog(partition, key, None, value_serializer="raw")
        else:
            self._table.send_changelog(partition, key, value)
            self._table.data[key] = value

    @property
    def _signature(self) -> bytes:
        return keyed(self._secret, "signature").encode()

    # What is made again.

    async def _recovered(self) -> None:
        """The table is as Kafka has it, and no record is taken yet."""
        try:
            await self._restore(_Hold(self._app, self._session, flowing=False))
        except NoLongerOursError:
            pass  # Partitions are handed out again, and this is called again.
        except Exception as error:  # Faust would go on without
            log.error("surveillance cannot be read from its table", error=type(error).__name__)  # noqa: TRY400
            await self._stop(ExitCode.FAILED, "surveillance cannot be read from its table")

    async def _stop(self, code: ExitCode, why: str) -> NoReturn:
        """End the process, and let no record be taken until it has ended."""
        self._end(code, why)
        while True:
            await asyncio.Event().wait()

    async def _restore(self, hold: _Hold) -> None:
        changelog = self._table.changelog_topic.get_topic_name()
        owned = {place.partition for place in self._app.assignor.assigned_actives() if place.topic == changelog}
        entries: dict[int, dict[str, _Entries]] = {}
        clocks: dict[int, Clock] = {}
        signed: set[int] = set()
        told: dict[int, int] = {}
        begun: list[tuple[int, Step]] = []
        for number, (key, value) in enumerate(tuple(self._table.data.items())):
            if number % _STEP == 0:
                await asyncio.sleep(0)
                hold.confirm()
            partition, mark, subject, id = orjson.loads(key)
            if partition not in owned:
                # The store lets it lie; should the partition come back it is read from Kafka again.
                self._table.data.pop(key, None)
                continue
            match mark:
                case "fact":
                    entries.setdefault(partition, {}).setdefault(subject, _Entries()).facts.add(id)
                case "held":
                    entries.setdefault(partition, {}).setdefault(subject, _Entries()).held.add(id)
                case "clock":
                    clocks[partition] = tuple((day, id) for day, id in orjson.loads(value))
                case "begun":
                    begun.append((partition, Step.read(value)))
                case "told":
                    told[partition] = int(value)
                case "secret":
                    signed.add(partition)
                    if value != self._signature:
                        await self._stop(ExitCode.USAGE, ANOTHER_KEY)
        self._entries, self._clocks, self._signed, self._told = entries, clocks, signed, told
        self._swept.clear()
        self._parsed.clear()
        # Looked for before anything more is written, which moves the place from which on one looks.
        there = {at: await written(self._settings, at, told.get(at, 0)) for at in {at for at, _ in begun}}
        for partition, one in begun:
            await self._finish(partition, one, there[partition], hold)
        for partition, one in begun:
            await self._judge_anew(partition, one.subject, hold)

    async def _finish(self, partition: int, begun: Step, there: set[str], hold: _Hold) -> None:
        """What another process, or this one, began. `there` are the event ids of what it may have written."""
        subject = begun.subject
        rest = again(self._kept(partition, subject), begun)
        missing = tuple(record for record in rest.records if record["event_id"] not in there)
        await self._tell(partition, [replace(rest, records=missing)], hold)
        self._apply(partition, rest)
        self._put(partition, "begun", subject, "", None)

    async def _judge_anew(self, partition: int, subject: str, hold: _Hold) -> None:
        """A subject whose step was finished: it may have been passed by."""
        kept, clock = self._kept(partition, subject), self._clocks.get(partition, ())
        today = self._today(clock, kept, ())
        anew = judged(subject, kept, {}, (), partial(self._judged_on, today), **self._terms(today))
        await self._write(partition, [anew] if anew.changes else [], clock, hold)


class _Hold:
    """That this process still has its partitions, as far as it can know. `flowing`: records come, it does not recover.

    That the app is rebalancing tells nothing: records come already while it still says so.
    """

    def __init__(self, app: faust.App, patience: float, *, flowing: bool) -> None:
        self._app = app
        self._of = self._now()
        self._flowing = flowing
        self._patience = patience
        self._last = time.monotonic()

    def _now(self) -> tuple[int, int]:
        return self._app.rebalancing_count, self._app.consumer_generation_id

    def confirm(self) -> None:
        """Raises NoLongerOursError; TooSlowError when it was asked so long ago that it cannot know."""
        now = time.monotonic()
        if self._now() != self._of or (self._flowing and not self._app.flow_control.is_active()):
            raise NoLongerOursError
        if now - self._last > self._patience:
            raise TooSlowError
        self._last = now


def entry_key(partition: int, mark: Mark, subject: str, id: str) -> bytes:
    return dumps([partition, mark, subject, id])


def forward(clock: Clock, facts: Iterable[Fact]) -> Clock:
    """The clock after these facts."""
    days = {*clock, *((fact.newest_day.isoformat(), fact.key) for fact in facts)}
    return tuple(sorted(days, reverse=True)[:EVENT_DAY_QUORUM])


def day_of(clock: Clock) -> date:
    """As `examined.event_day` of the facts it has seen."""
    return date.fromisoformat(clock[-1][0]) if clock else date.min
