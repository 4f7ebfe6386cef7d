"""One partition of a plan: read again from its frozen offsets, judged against what stands, corrections written.

A dry run is the same code and writes nothing. An emitting run has one transactional producer a partition, under an id
of the plan's own: corrections and progress are one transaction, so a killed run goes on where it stopped.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import InvalidProducerEpoch, KafkaError, ProducerFenced

from schemas.topics import EVENTS, REPLAYS
from streams.bus import outbox
from streams.bus.clients import Clients, throw_away
from streams.bus.sieve import Sieve
from streams.processors.form import PassesOver
from streams.processors.settlement import Fate, Output, SettlementProcessor
from streams.replay import letters, reading
from streams.replay.cluster import live_lag
from streams.replay.errors import ReplayError, RetentionError, TakenOverError
from streams.replay.filters import EventFilter
from streams.replay.judge import Case, Judge, MovedError, Verdict
from streams.replay.ledger import STILL_OPEN, Progress, Tally, letter_output, progress_key
from streams.replay.ledger_topic import read_ledger
from streams.replay.options import OnDifference, Options
from streams.replay.pace import Pace
from streams.replay.plans import TOPIC, Plan, Stretch
from streams.replay.store import Store
from streams.replay.tail import Tail
from streams.settings import Settings

SLICE: Final = 32
PROGRESS_SECONDS: Final = 5.0
LAG_SECONDS: Final = 1.0
COMMIT_SECONDS: Final = 40.0
TRIES: Final = 8
"""In a row, before a fault is told rather than tried again."""


@dataclass(slots=True)
class Shared:
    """What the partitions of one run have in common."""

    plan: Plan
    settings: Settings
    options: Options
    process: SettlementProcessor
    probe: AIOKafkaConsumer
    clients: Clients
    run: str
    on_difference: OnDifference
    stop: asyncio.Event
    pace: Pace
    partitions: tuple[Stretch, ...]
    """Those that are run in this process."""
    lanes: list[Lane] = field(default_factory=list)
    emitted: int = 0
    restored: int = 0
    differences: int = 0
    differing: int = 0
    reading: int = 0
    done: int = 0
    already: int = 0
    finished: int = 0
    phase: str = "reading what was answered before"
    lag_seen: float = 0.0

    @property
    def by(self) -> str:
        return f"replay {self.plan.name}"


class Lane:
    """One partition of a plan."""

    def __init__(self, shared: Shared, stretch: Stretch) -> None:
        self._shared = shared
        self._stretch = stretch
        plan, settings = shared.plan, shared.settings
        number = stretch.partition
        self._source = TopicPartition(settings.topic(TOPIC[plan.source]), number)
        self._events = TopicPartition(settings.topic(EVENTS), number)
        self._means = EventFilter(plan.filters, shared.process.plain)
        self._progress = Progress(stretch.start)
        self.tally = Tally()
        """This run's in this partition, as far as it is committed."""
        self._ended: dict[str, Any] = {}
        self._producer: AIOKafkaProducer | None = None

    async def run(self) -> None:
        shared, number = self._shared, self._stretch.partition
        async with AsyncExitStack() as stack:
            enter = stack.enter_async_context
            # The folder goes at once, and an open file needs none: kill -9 leaves nothing behind.
            with tempfile.TemporaryDirectory(prefix="petct-replay-") as folder:
                store = stack.enter_context(Store(Path(folder) / "standing.db"))
            tail = Tail(
                await enter(reading.reader(shared.settings)), shared.probe, shared.settings.topic_prefix, number, store
            )
            self._tail, self._store = tail, store
            self._judge = Judge(
                store,
                number,
                shared.plan.rulebook,
                shared.settings.secret,
                shared.plan.filters,
                shared.process.plain,
                retrying=shared.plan.source == "deadletters",
            )
            self._consumer = await enter(reading.reader(shared.settings))
            if shared.plan.source == "events" and shared.settings.sieve and shared.options.rate is None:
                self._sieve(self._consumer)
            self._peek = await enter(reading.peeking(shared.settings, (tail.adjusted, tail.disclosures, self._events)))
            failures, opened = 0, False
            while True:
                try:
                    async with self._open():
                        if self._progress.done:
                            shared.already += 1
                            shared.finished += 1
                            return
                        await (tail.catch_up(whole=True) if opened else tail.start())
                        opened = True
                        shared.reading += tail.read
                        await self._replay()
                        return
                except (ProducerFenced, InvalidProducerEpoch):
                    raise TakenOverError(
                        f"Another run of this plan has taken over partition {number}, or this one stood still too long",
                        "Let the other one do it, or run again",
                    ) from None
                except (KafkaError, OSError, TimeoutError):
                    # Whatever became of the transaction, the next opening settles it.
                    failures += 1
                    if failures >= TRIES:
                        raise
                    await asyncio.sleep(min(5.0, 0.1 * 2**failures))

    def _sieve(self, consumer: AIOKafkaConsumer) -> None:
        """Drop what is none of ours before records are made of it, as a live worker does.

        Not with a rate: what is dropped takes no time, and would come in gulps. What was decided before by a code that
        the rulebook no longer knows must come through: it has vanished.
        """
        passes_over: PassesOver | None = None
        known: frozenset[str] = frozenset()

        def current() -> PassesOver:
            nonlocal passes_over, known
            if passes_over is None or self._tail.codes != known:
                known = frozenset(self._tail.codes)
                process = self._shared.process
                passes_over = process.form.passing_over(process.rulebook.codes | known)
            return passes_over

        Sieve(lambda _: current()).put_into(consumer)

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[None]:
        """Fence, then read how far the plan has come. In this order, as a live lane does."""
        shared, number = self._shared, self._stretch.partition
        producer = None
        try:
            if shared.options.emit:
                producer = shared.clients.producer(shared.plan.transactional_id(number))
                async with asyncio.timeout(reading.START_SECONDS):
                    await producer.start()
            self._producer = producer
            ledger = await read_ledger(shared.settings, shared.probe, [number])
            if shared.options.emit:
                known = ledger.progress.get(progress_key(shared.plan.hash, number))
                self._progress = known or Progress(self._stretch.start)
                self.tally = self._progress.runs.setdefault(shared.run, Tally())
            self._ended = {name: told for name, told in ledger.letters.items() if told["end"] not in STILL_OPEN}
            yield
        finally:
            if producer is not None:
                await throw_away(producer, 2.0)

    async def _replay(self) -> None:
        shared, stretch = self._shared, self._stretch
        consumer = self._consumer
        consumer.assign([self._source])
        self._progress.next_offset = await self._first()
        consumer.seek(self._source, self._progress.next_offset)
        shared.phase = "replaying"
        if shared.options.emit:
            await self._restore()
        written = time.monotonic()
        most = shared.pace.most(shared.options.batch_records)
        async for records in reading.up_to(consumer, self._source, stretch.end, most):
            # It moves without records too: over transaction markers, and over what the sieve dropped.
            position = min(stretch.end, await consumer.position(self._source))
            await self._wait(position - self._progress.next_offset)
            if shared.stop.is_set():
                break
            plain: Counter[str] = Counter()
            verdict = await self._judged(await self._decide(records, plain))
            verdict.counts += plain
            before, self._progress.next_offset = self._progress.next_offset, position
            overdue = time.monotonic() - written >= PROGRESS_SECONDS
            await self._commit(verdict, position - before, write=overdue or verdict.tells)
            if overdue:
                written = time.monotonic()
        if shared.stop.is_set():
            await self._commit(Verdict(), 0, write=True)
            return
        if shared.options.emit:
            await self._tail.catch_up(whole=True)
            while await self._restore():
                await self._tail.catch_up(whole=True)
        self._progress.next_offset, self._progress.done = stretch.end, True
        await self._commit(Verdict(), 0, write=True)
        shared.finished += 1

    async def _first(self) -> int:
        """Where to begin; RetentionError when that is gone."""
        position = self._progress.next_offset
        beginning = (await reading.beginnings(self._consumer, [self._source]))[self._source]
        if position < beginning and not self._shared.options.accept_gap:
            raise RetentionError(
                f"{self._source.topic} {self._source.partition}: offsets {position} to {beginning - 1} are gone, "
                "deleted by retention since the plan was made",
                "Make a new plan, or accept the gap: --accept-gap",
            )
        return max(position, beginning)

    async def _wait(self, records: int) -> None:
        """For the pace, and for the live group where it is behind."""
        shared = self._shared
        limit = shared.options.pause_when_lag_over
        await shared.pace.take(records, shared.stop)
        if limit is None:
            return
        while not shared.stop.is_set():
            now = time.monotonic()
            if now - shared.lag_seen < LAG_SECONDS and shared.phase != "waiting for live traffic":
                return
            shared.lag_seen = now
            if await live_lag(shared.settings, shared.plan.group, shared.probe) <= limit:
                shared.phase = "replaying"
                return
            shared.phase = "waiting for live traffic"
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LAG_SECONDS):
                    await shared.stop.wait()

    async def _decide(self, records: Sequence[Any], plain: Counter[str]) -> list[Case]:
        """The cases that the plan means and that may change something, in the order of the source.

        The others are counted in `plain` and let go: held for a whole batch, they keep the garbage collector busy.
        """
        if self._shared.plan.source == "deadletters":
            return [retried for record in records if (retried := await self._retry(record)) is not None]
        process, store, means, case = self._shared.process, self._store, self._means, self._judge.case
        passed_over = Fate.PASSED_OVER
        remaining: list[Case] = []
        kept: set[bytes] = set()
        for start in range(0, len(records), SLICE):
            cases = []
            for record in records[start : start + SLICE]:
                answer = process(record)
                if answer.fate is passed_over and not store.maybe(record.key or b""):
                    continue
                if means.off or means(record.value):
                    cases.append(case(record, answer, record.offset))
            remaining += self._judge.sift(cases, kept, plain)
            await asyncio.sleep(0)
        return remaining

    async def _retry(self, record: Any) -> Case | None:
        """A dead letter, as the record it was."""
        shared, filters = self._shared, self._shared.plan.filters
        letter = letters.read(record)
        if letter is None or letter.name in self._ended:
            return None
        if (filters.reasons and letter.reason not in filters.reasons) or (
            filters.letters and letter.name not in filters.letters
        ):
            return None
        if letter.retries >= shared.options.retry_limit:
            self.tally.counts["retries_spent"] += 1
            return None
        value = letter.value
        if letter.withheld:
            found = await reading.pick(self._peek, self._events, [letter.offset])
            if letter.offset not in found:
                self.tally.counts["body_gone"] += 1
                return None
            value = found[letter.offset].value
        if not self._means(value):
            return None
        retried = letter.retried(value)
        return self._judge.case(retried, shared.process(retried), record.offset, letter.name)

    async def _judged(self, cases: Sequence[Case]) -> Verdict:
        """Judge by what stands this very moment, as far as the broker shows it."""
        for _ in range(TRIES):
            await self._tail.catch_up()
            batch, wanted = self._judge.wanted(cases)
            read: dict[tuple[str, int], bytes] = {}
            for partition in (self._tail.adjusted, self._tail.disclosures):
                name = partition.topic.removeprefix(self._shared.settings.topic_prefix)
                if offsets := wanted.get(name):
                    found = await reading.pick(self._peek, partition, offsets)
                    read.update({(name, offset): record.value for offset, record in found.items() if record.value})
            try:
                return self._judge.judge(cases, batch, read)
            except MovedError:
                await self._tail.catch_up(whole=True)
        raise ReplayError(
            f"{self._tail.adjusted.topic} {self._stretch.partition}: records that stood are gone, and no newer ones",
            "Is somebody deleting records from the topic?",
        )

    async def _commit(self, verdict: Verdict, records: int, *, write: bool) -> None:
        """What was judged becomes what stands: written and remembered with `--emit`, else remembered only."""
        shared, plan = self._shared, self._shared.plan
        batch = Tally(records, sum(map(len, verdict.outputs.values())), verdict.counts)
        batch.differ(verdict.differences)
        self.tally.add(batch)
        if write and self._producer is not None:
            outputs = dict(verdict.outputs)
            ends = [letter_output(name, end, shared.by, shared.options.why) for name, end in verdict.letters.items()]
            outputs[REPLAYS] = [*ends, self._progress.output(plan, self._stretch.partition)]
            await self._transact(outputs)
        self._judge.accept(verdict)
        shared.done += records
        shared.emitted += batch.emitted
        for difference in verdict.differences:
            shared.differences += 1
            shared.differing += difference.counts
            shared.on_difference(difference)

    async def _transact(self, outputs: dict[str, list[Output]]) -> None:
        producer, number = self._producer, self._stretch.partition
        assert producer is not None
        async with asyncio.timeout(COMMIT_SECONDS):
            deliveries = await outbox.begin_with(producer, outputs, self._shared.settings.topic_prefix, number)
            await asyncio.gather(*deliveries)
            await producer.commit_transaction()

    async def _restore(self) -> int:
        """Write again what stands, where a correction came to lie behind it; how many records that took.

        It happens when live traffic and this run, or one that was killed, wrote about one settlement at one moment.
        """
        outputs: dict[str, list[Output]] = {}
        for partition, held in (
            (self._tail.adjusted, self._store.buried_settlements()),
            (self._tail.disclosures, self._store.buried_disclosures()),
        ):
            offsets = [
                record.offset
                for row in held.values()
                if (record := row if not hasattr(row, "standing") else row.standing) is not None
            ]
            if not offsets:
                continue
            topic = partition.topic.removeprefix(self._shared.settings.topic_prefix)
            for record in (await reading.pick(self._peek, partition, offsets)).values():
                outputs.setdefault(topic, []).append(
                    Output(topic, record.key, record.value, [(name, value) for name, value in record.headers])
                )
        if not outputs:
            return 0
        await self._transact({**outputs, REPLAYS: [self._progress.output(self._shared.plan, self._stretch.partition)]})
        number = sum(map(len, outputs.values()))
        self._shared.restored += number
        return number
