"""Run a plan: each partition read again from its frozen offsets, judged against what stands, corrections written.

A dry run is the same code with a sink that writes nothing. An emitting run has one transactional producer a partition,
under an id of the plan's own: corrections and progress are one transaction, so a killed run goes on where it stopped.
The live group is neither joined nor committed to.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from schemas.topics import ADJUSTED, DEADLETTERS, DISCLOSURES, EVENTS, REPLAYS
from streams import __version__
from streams.bus import outbox
from streams.bus.clients import Clients, connection, throw_away
from streams.bus.topics import check_topics
from streams.processors.settlement import Fate, Output, SettlementProcessor
from streams.replay import letters, reading
from streams.replay.cluster import live_lag
from streams.replay.difference import LeftAlone
from streams.replay.errors import PlanError, ReplayError, RetentionError, TopicMissingError
from streams.replay.filters import EventFilter
from streams.replay.judge import Case, Judge, MovedError, Verdict
from streams.replay.ledger import Ledger, Progress, RunRecord, Tally, letter_output, progress_key
from streams.replay.options import OnDifference, OnPulse, Options, Pulse
from streams.replay.pace import Pace
from streams.replay.plans import TOPIC, Plan, Stretch
from streams.replay.store import Store
from streams.replay.tail import Tail
from streams.rulebook import Rulebook
from streams.settings import KafkaSettings, Settings

SLICE: Final = 250
PROGRESS_SECONDS: Final = 5.0
LAG_SECONDS: Final = 1.0
COMMIT_SECONDS: Final = 40.0
TRIES: Final = 8
"""In a row, before a fault is told rather than tried again."""

_NOT_ENDED: Final = frozenset({LeftAlone.REVERSED, LeftAlone.ANOTHER_EVENT, "filtered"})


@dataclass(slots=True)
class Outcome:
    """What a run came to. `finished`: every partition was run to its end; else it was told to stop."""

    tally: Tally
    finished: bool
    restored: int
    run: str
    already: int = 0
    """Partitions that an earlier run had done."""
    differing: int = 0


@dataclass(slots=True)
class _Shared:
    """What the partitions of one run have in common."""

    plan: Plan
    settings: Settings
    options: Options
    process: SettlementProcessor
    probe: AIOKafkaConsumer
    clients: Clients
    folder: Path
    run: str
    on_difference: OnDifference
    stop: asyncio.Event
    pace: Pace
    lanes: list[_Lane] = field(default_factory=list)
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


async def run_plan(
    plan: Plan,
    settings: Settings,
    rulebook: Rulebook,
    options: Options,
    *,
    on_difference: OnDifference = lambda _: None,
    on_pulse: OnPulse = lambda _: None,
    stop: asyncio.Event | None = None,
) -> Outcome:
    """Raises ReplayError, and KafkaError, OSError or TimeoutError when the broker does not do its part."""
    _check(plan, settings, rulebook)
    await _check_topics(settings)
    run = uuid.uuid4().hex[:12]
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="petct-replay-")))
        probe = await stack.enter_async_context(reading.reader(settings, isolation="read_uncommitted"))
        shared = _Shared(
            plan,
            settings,
            options,
            SettlementProcessor(rulebook, settings.secret, __version__),
            probe,
            Clients(settings, None),
            folder,
            run,
            on_difference,
            stop or asyncio.Event(),
            Pace(options.rate),
        )
        record = _begun(shared)
        if options.emit:
            await _tell(shared, record)
        try:
            async with _pulsing(shared, on_pulse):
                await _all_partitions(shared)
        except BaseException as error:
            if options.emit and not isinstance(error, asyncio.CancelledError):
                with contextlib.suppress(Exception):
                    await _tell(shared, replace(record, ended=_now(), status=f"failed: {type(error).__name__}"))
            raise
        finished = shared.finished == len(plan.partitions)
        if options.emit:
            await _tell(shared, replace(record, ended=_now(), status="done" if finished else "stopped"))
        tally = Tally()
        for lane in shared.lanes:
            tally.add(lane.tally)
        return Outcome(tally, finished, shared.restored, run, shared.already, shared.differing)


def _check(plan: Plan, settings: Settings, rulebook: Rulebook) -> None:
    if plan.rulebook != rulebook.hash:
        raise PlanError(f"The plan is for rulebook {plan.rulebook}, not {rulebook.hash}", "Make a new plan")
    for what, planned, here in (
        ("PETCT_TOPIC_PREFIX", plan.topic_prefix, settings.topic_prefix),
        ("PETCT_GROUP_ID", plan.group, settings.group_id),
    ):
        if planned != here:
            raise PlanError(f"The plan was made with {what}={planned}, and here it is {here}", "Set it as it was")


async def _check_topics(settings: Settings) -> None:
    names = (EVENTS, ADJUSTED, DISCLOSURES, DEADLETTERS, REPLAYS)
    if fatal := [problem for problem in await check_topics(settings, names) if problem.fatal]:
        raise TopicMissingError(f"{fatal[0].topic} {fatal[0].problem}", fatal[0].mend)


async def _all_partitions(shared: _Shared) -> None:
    at_once = asyncio.Semaphore(shared.options.at_once)

    async def one(stretch: Stretch) -> None:
        async with at_once:
            if not shared.stop.is_set():
                lane = _Lane(shared, stretch)
                shared.lanes.append(lane)
                await lane.run()

    try:
        async with asyncio.TaskGroup() as group:
            for stretch in shared.plan.partitions:
                group.create_task(one(stretch))
    except BaseExceptionGroup as failures:
        # One is enough to tell; the others were cancelled for it.
        raise failures.exceptions[0] from None


class _Lane:
    """One partition of a plan."""

    def __init__(self, shared: _Shared, stretch: Stretch) -> None:
        self._shared = shared
        self._stretch = stretch
        plan, settings = shared.plan, shared.settings
        number = stretch.partition
        self._source = TopicPartition(settings.topic(TOPIC[plan.source]), number)
        self._events = TopicPartition(settings.topic(EVENTS), number)
        self._means = EventFilter(plan.filters)
        self._progress = Progress(stretch.start)
        self.tally = Tally()
        """This run's in this partition, as far as it is committed."""
        self._ended: dict[str, Any] = {}
        self._producer: AIOKafkaProducer | None = None

    async def run(self) -> None:
        shared, number = self._shared, self._stretch.partition
        async with AsyncExitStack() as stack:
            enter = stack.enter_async_context
            store = stack.enter_context(Store(shared.folder / f"{number}.db"))
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
                retrying=shared.plan.source == "deadletters",
            )
            self._consumer = await enter(reading.reader(shared.settings))
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
                except (KafkaError, OSError, TimeoutError):
                    # Whatever became of the transaction, the next opening settles it.
                    failures += 1
                    if failures >= TRIES:
                        raise
                    await asyncio.sleep(min(5.0, 0.1 * 2**failures))

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
            self._ended = {name: told for name, told in ledger.letters.items() if told["end"] not in _NOT_ENDED}
            yield
        finally:
            if producer is not None:
                await throw_away(producer, 2.0)

    async def _replay(self) -> None:
        shared, stretch = self._shared, self._stretch
        consumer = self._consumer
        consumer.assign([self._source])
        consumer.seek(self._source, await self._first())
        shared.phase = "replaying"
        if shared.options.emit:
            await self._restore()
        written = time.monotonic()
        most = shared.pace.most(shared.options.batch_records)
        async for records in reading.up_to(consumer, self._source, stretch.end, most):
            await self._wait(len(records))
            if shared.stop.is_set():
                break
            cases = await self._decide(records)
            verdict = await self._judged(cases)
            self._progress.next_offset = records[-1].offset + 1
            overdue = time.monotonic() - written >= PROGRESS_SECONDS
            await self._commit(verdict, len(records), write=overdue or verdict.tells)
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

    async def _decide(self, records: Sequence[Any]) -> list[Case]:
        """The cases that the plan means, in the order of the source."""
        if self._shared.plan.source == "deadletters":
            return [retried for record in records if (retried := await self._retry(record)) is not None]
        process, store, means, case = self._shared.process, self._store, self._means, self._judge.case
        passed_over = Fate.PASSED_OVER
        cases = []
        for start in range(0, len(records), SLICE):
            for record in records[start : start + SLICE]:
                answer = process(record)
                if answer.fate is passed_over and not store.maybe(record.key or b""):
                    continue
                if means.off or means(record.value):
                    cases.append(case(record, answer, record.offset))
            await asyncio.sleep(0)
        return cases

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
            await producer.begin_transaction()
            deliveries = []
            for topic, held in outputs.items():
                name = self._shared.settings.topic(topic)
                for builder in outbox.builders(producer, held):
                    deliveries.append(await producer.send_batch(builder, name, partition=number))
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


async def read_ledger(settings: KafkaSettings, probe: AIOKafkaConsumer, partitions: Sequence[int]) -> Ledger:
    """What settlement.replays holds, whoever has a transaction open on it: that is waited for."""
    ledger = Ledger()
    topics = [TopicPartition(settings.topic(REPLAYS), number) for number in partitions]
    ends = await reading.ends(probe, topics)
    async with reading.reader(settings) as consumer:
        consumer.assign(topics)
        for partition, begin in (await reading.beginnings(consumer, topics)).items():
            consumer.seek(partition, begin)
        for partition in topics:
            async for records in reading.up_to(consumer, partition, ends[partition]):
                for record in records:
                    ledger.take(record.key, record.value)
    return ledger


def _begun(shared: _Shared) -> RunRecord:
    plan, options = shared.plan, shared.options
    return RunRecord(
        shared.run, plan.hash, options.who, options.why, plan.rulebook, plan.source, __version__, started=_now()
    )


async def _tell(shared: _Shared, record: RunRecord) -> None:
    """Leave the run's record. Where the run did something, its progress is there already."""
    await write_to_ledger(shared.settings, 0, [record.output()])


async def write_to_ledger(settings: KafkaSettings, partition: int, outputs: Sequence[Output]) -> None:
    """Outside any transaction of a plan."""
    producer = AIOKafkaProducer(**connection(settings), acks="all", enable_idempotence=True)
    async with asyncio.timeout(reading.START_SECONDS):
        await producer.start()
    try:
        async with asyncio.timeout(COMMIT_SECONDS):
            for output in outputs:
                topic = settings.topic(output.topic)
                await producer.send_and_wait(topic, output.value, key=output.key, partition=partition)
    finally:
        await throw_away(producer, 2.0)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


@asynccontextmanager
async def _pulsing(shared: _Shared, on_pulse: OnPulse) -> AsyncIterator[None]:
    def pulse() -> None:
        on_pulse(
            Pulse(
                shared.phase,
                shared.done,
                shared.plan.estimate,
                shared.differences,
                shared.emitted,
                shared.reading,
            )
        )

    async def beat() -> None:
        while True:
            await asyncio.sleep(1.0)
            pulse()

    task = asyncio.create_task(beat())
    try:
        yield
        pulse()
    finally:
        task.cancel()
