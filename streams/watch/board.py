"""The board's agents: from disclosures and events to what each hospital has to list, by hospital.

`settlement.disclosures` and `settlement.events` lie where the platform's keys put them; a hospital's list needs all
that is its own in one place. So what each hospital is told goes through `settlement.board`, keyed by hospital, to the
process that holds its lists. Folds are in `streams/processors/board.py`.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any, Final

import faust
import orjson
import structlog
from faust.types import TP

from schemas.board import DailyList
from schemas.codec import dumps
from schemas.events import SettlementCompleted
from schemas.reading import DeadLetter
from schemas.secrets import DisclosureSecrets
from schemas.topics import BOARD, DISCLOSURES, EVENTS
from streams.adjudication.decide import decide
from streams.exit_codes import ExitCode
from streams.metrics import WatchMetrics
from streams.processors.board import Entry, Placed, Signboard, Told, daily_list, enter, place, rename
from streams.processors.envelope import parse, read
from streams.processors.shelf import Shelf
from streams.settings import WatchSettings
from streams.watch.app import End, bytes_table, bytes_topic, each
from streams.watch.notices import Notices

log = structlog.get_logger("petct.watch")

_ID: Final = re.compile(r"[0-9a-f]{32}")
_STEP: Final = 2_000
"""So many entries are read from the store before others have their turn."""
_MOST_SAID: Final = 50_000
_UNREADABLE: Final = (KeyError, TypeError, ValueError, AttributeError)


class Board:
    """The agents, the tables, and `shelf`: what of it this process holds, in memory. Made before the app starts."""

    def __init__(
        self, app: faust.App, settings: WatchSettings, notices: Notices, metrics: WatchMetrics, end: End
    ) -> None:
        self.shelf = Shelf()
        self._app = app
        self._notices = notices
        self._metrics = metrics
        self._end = end
        self._said: set[tuple[str, bytes]] = set()
        self._told = bytes_topic(app, settings.topic(BOARD))
        self._placed = bytes_table(app, "disclosures")
        self._entries = bytes_table(app, "lists")
        self._signs = bytes_table(app, "hospitals")
        self._entries.on_recover(self._recovered)
        for topic, name, take in (
            (bytes_topic(app, settings.topic(DISCLOSURES)), "disclosures", self._disclosed),
            (bytes_topic(app, settings.topic(EVENTS)), "examinations", self._examined),
            (self._told, "lists", self._listed),
        ):
            app.agent(topic, name=name)(_agent(take, end))
        app.transport.sift(settings.topic(EVENTS), lambda: notices.passes_over)  # type: ignore[attr-defined] # ours

    # What is read.

    def list_of(self, code: str, day: str) -> DailyList | None:
        """From the store; None for a hospital that never disclosed. A day that has no list has one without rows."""
        hospital = self.shelf.hospitals.get(code)
        if hospital is None or hospital.sign is None:
            return None
        entries: dict[str, Entry] = {}
        held = hospital.days.get(day)
        for id in held.ids if held is not None else ():
            value = self._entries.get(entry_key(code, day, id.hex()))
            if value is not None:
                entries[id.hex()] = Entry.read(orjson.loads(value))
        return daily_list(code, hospital.sign, day, entries)

    def holds(self, code: str) -> bool:
        """Whether this process holds the lists of a hospital."""
        return self._owns(code)

    def holder(self, code: str) -> str | None:
        """Where the process is that does, by its URL; None while the group does not know."""
        try:
            return str(self._app.assignor.key_store(self._changelog, code.encode()))
        except KeyError:
            return None

    # What is taken in.

    async def _disclosed(self, event: Any) -> None:
        """What a disclosure says, told to each hospital that has to know."""
        message = event.message
        try:
            record = orjson.loads(message.value)
            id = record["disclosure_id"]
            if _ID.fullmatch(id) is None:
                raise ValueError
            key: bytes = id.encode()
            value = self._placed.get(key)
            held = Placed.read(orjson.loads(value)) if value is not None else None
            placed, told = place(held, record, _milliseconds(message))
        except _UNREADABLE as error:
            self._unreadable(message, error)
            return
        for one in told:
            await self._told.send(key=one.hospital.encode(), value=one.value())
        # Again even where nothing changes: the first time may have reached the store, and not Kafka.
        self._placed[key] = placed.value()
        if held is not None and placed.rank == held.rank:
            self._metrics.disclosure("repeated")
        else:
            self._metrics.disclosure("listed" if record["exams"] else "withdrawn")

    async def _examined(self, event: Any) -> None:
        """Which hospital must publish a list of which day, by the settlements themselves."""
        value, book = event.message.value, self._notices.book
        # What the sieve does not know how to drop comes here.
        if not value or self._notices.passes_over(value):
            return
        try:
            ours = read(parse(value), book.codes, book.dated_codes)
        except DeadLetter:
            return
        if not isinstance(ours, SettlementCompleted):
            return
        disclosure = decide(ours, book, DisclosureSecrets(b"")).disclosure
        if disclosure is None:
            return
        hospital = disclosure["hospital"]
        days = sorted({exam["service_date"] for exam in disclosure["exams"]})
        value = dumps({"examined": days, "region": hospital["region"]})
        # Said once it need not be said again: until it has arrived, no offset after it is committed.
        said = (hospital["code"], value)
        if said in self._said:
            return
        await self._told.send(key=hospital["code"].encode(), value=value)
        if len(self._said) >= _MOST_SAID:
            self._said.clear()
        self._said.add(said)

    async def _listed(self, event: Any) -> None:
        """What one hospital is told, set into its lists."""
        message = event.message
        try:
            code: str = message.key.decode()
            told = orjson.loads(message.value)
            if "examined" in told:
                for day in told["examined"]:
                    self._entries[entry_key(code, day, "")] = dumps({"region": told["region"]})
                    self.shelf.await_list(code, day, told["region"])
                return
            one = Told.read(code, told)
        except _UNREADABLE as error:
            self._unreadable(message, error)
            return
        value = self._signs.get(message.key)
        sign = rename(Signboard.read(orjson.loads(value)) if value is not None else None, one)
        if sign is not None:
            self._signs[message.key] = sign.value()
            self.shelf.name(code, sign)
        for day in one.days:
            key = entry_key(code, day, one.disclosure_id)
            value = self._entries.get(key)
            held = Entry.read(orjson.loads(value)) if value is not None else None
            entry = enter(held, one, day)
            self._entries[key] = entry.value()
            self.shelf.put(code, day, one.disclosure_id, held, entry)

    def _unreadable(self, message: Any, error: Exception) -> None:
        self._metrics.disclosure("unreadable")
        log.error(
            "a record is left out of the board: it is none that this version reads",
            topic=message.topic,
            partition=message.partition,
            offset=message.offset,
            error=type(error).__name__,
        )

    # What is made again.

    async def _recovered(self) -> None:
        """The tables are as Kafka has them, and no record is taken yet: make the shelf anew."""
        try:
            await self._shelve()
        except Exception as error:  # Faust would go on without
            log.error("the board cannot be read from the store", error=type(error).__name__)  # noqa: TRY400
            self._end(ExitCode.FAILED, "the board cannot be read from the store")

    async def _shelve(self) -> None:
        generation = self._app.consumer_generation_id
        shelf = Shelf()
        owned: dict[str, bool] = {}
        for number, (key, value) in enumerate(self._entries.items()):
            if number % _STEP == 0:
                await asyncio.sleep(0)
                if self._app.consumer_generation_id != generation:
                    return  # Partitions are handed out again, and this is called again.
            code, day, id = orjson.loads(key)
            if code not in owned:
                owned[code] = self._owns(code)
            if not owned[code]:
                continue
            held = orjson.loads(value)
            if id:
                shelf.put(code, day, id, None, Entry.read(held))
            else:
                shelf.await_list(code, day, held["region"])
        for key, value in self._signs.items():
            code = key.decode()
            if owned.get(code):
                shelf.name(code, Signboard.read(orjson.loads(value)))
        self.shelf = shelf

    @property
    def _changelog(self) -> str:
        name: str = self._entries.changelog_topic.get_topic_name()
        return name

    def _owns(self, code: str) -> bool:
        """By the partitioner that sent what the hospital is told."""
        partition = self._app.producer.key_partition(self._changelog, code.encode()).partition
        return TP(self._changelog, partition) in self._app.assignor.assigned_actives()


def _agent(take: Any, end: End) -> Any:
    async def agent(stream: Any) -> None:
        await each(stream, take, end)

    return agent


def entry_key(code: str, day: str, id: str) -> bytes:
    """Of the table of lists. An empty `id`: the list is awaited."""
    return dumps([code, day, id])


def _milliseconds(message: Any) -> int:
    at: float = message.timestamp
    return round(at * 1000)
