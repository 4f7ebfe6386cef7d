"""The lane: one input partition, one task, one transactional producer; each batch of records is one transaction.

    opening ──▶ running ──▶ closing         closing: told to stop, what is decided gets committed, the producer goes
       ▲           │
       └─ reopening ◀┘                      reopening: something failed; the producer is thrown away, the lane waits

There is one way in, `open_lane`, and one failure path: whatever went wrong, and however a commit ended whose answer
never came, the next `open_lane` settles it. That rests on the transactional id alone. aiokafka sends no group metadata
with a transaction, so the consumer group spreads the work but protects nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal, TypeVar

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import InvalidProducerEpoch, KafkaError, ProducerFenced

from schemas.topics import OUTPUTS
from streams.bus import outbox
from streams.bus.batch import Batch, Process
from streams.bus.breaker import Breaker, BreakerOpenError, BreakerPolicy
from streams.bus.clients import throw_away
from streams.bus.rules import Rules
from streams.bus.sieve import Sieve
from streams.harmless import HarmlessError, harmless
from streams.metrics import Metrics
from streams.processors.settlement import Record
from streams.status import Errors

T = TypeVar("T")
log = structlog.get_logger("petct.lane")

POLL_MS: Final = 500
SLICE: Final = 50
"""So many records are decided before others have their turn: beside a lane with a backlog, each of the half dozen
answers a transaction of another lane waits for comes a slice later. 250 cost those a quarter more.
"""
GATHER_SECONDS: Final = 0.5
GATHER_ANSWERS: Final = 1_000
FENCED: Final = (ProducerFenced, InvalidProducerEpoch)


class LaneState(StrEnum):
    OPENING = "opening"
    RUNNING = "running"
    REOPENING = "reopening"
    CLOSING = "closing"


class LaneError(HarmlessError):
    """Something only a person can mend keeps a lane from running; the text says what. Told again at every try."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long anything may take, in seconds. No call to aiokafka is awaited without one."""

    start: float = 20.0
    offsets: float = 15.0
    batch: float = 40.0
    producer_stop: float = 2.0
    finish: float = 2.0
    """For what is under way when a lane is told to stop."""
    fenced_wait: float = 3.0
    """About a heartbeat: by then a worker that was away has heard that it lost its partitions."""
    retry_first: float = 0.1
    retry_most: float = 5.0


@dataclass(frozen=True, slots=True)
class Shared:
    """What all lanes of a worker have in common."""

    consumer: AIOKafkaConsumer
    new_producer: Callable[[str], AIOKafkaProducer]
    rules: Rules
    metrics: Metrics
    breaker: BreakerPolicy
    group_id: str
    topic_prefix: str
    from_beginning: bool
    """Where a partition without a committed offset begins: at the first record, or after the last."""
    batch_records: int
    offset_commit_seconds: float
    limits: Limits = Limits()
    sieve: Sieve | None = None
    """What drops records of `consumer` that the rules in force pass over; None: nothing does."""
    errors: Errors = field(default_factory=Errors)


@dataclass(slots=True)
class OpenLane:
    """A lane between `open_lane` and its end. `committed` is None until the first commit of this partition ever."""

    producer: AIOKafkaProducer
    committed: int | None
    batch: Batch
    process: Process
    """Decides the batch, whole: it follows the rules only where a batch begins."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """`position` is the offset after `records`, and moves without them too: transaction markers and aborted records
    take offsets, and so do records that were passed over already, `passed_over` in number. `end` is the offset after
    the last record of the partition, as far as known. `newest` is about the timestamp of the last record before
    `position`, in milliseconds since 1970; 0 where it is not known.
    """

    records: list[Record]
    passed_over: int
    position: int
    end: int | None
    newest: int


@asynccontextmanager
async def open_lane(partition: TopicPartition, shared: Shared) -> AsyncIterator[OpenLane]:
    """Fence, then read the offset, then seek. In this order.

    Starting the producer fences every other producer of this partition and ends its open transaction; only then does
    the committed offset hold still. Read before, it can be the offset of a batch that is being committed: repeated.
    """
    limits = shared.limits
    producer = shared.new_producer(f"{shared.group_id}.{partition.topic}.{partition.partition}")
    try:
        async with asyncio.timeout(limits.start):
            await producer.start()
            await _check_outputs(partition, producer, shared)
        async with asyncio.timeout(limits.offsets):
            committed = await shared.consumer.committed(partition)
            position = await _first_to_read(partition, committed, shared)
        # Not seek_to_committed(): where nothing or 0 is committed it does nothing, and what was read before the
        # failure would never be read again.
        shared.consumer.seek(partition, position)
        _passed_over(partition, shared)
        yield OpenLane(producer, committed, Batch(position), shared.rules.process)
    finally:
        await throw_away(producer, limits.producer_stop)


async def _check_outputs(partition: TopicPartition, producer: AIOKafkaProducer, shared: Shared) -> None:
    """Also fetches what the producer must know of these topics, which the first batch would wait for."""
    for topic in OUTPUTS:
        name = shared.topic_prefix + topic
        if partition.partition not in await producer.partitions_for(name):
            raise LaneError(
                f"{name} has no partition {partition.partition}, and {partition.topic} has; "
                "give every output topic as many partitions as the input topic (petct topics check)"
            )


def _passed_over(partition: TopicPartition, shared: Shared) -> int:
    """How many records were passed over already since this was last asked."""
    return shared.sieve.take(partition) if shared.sieve is not None else 0


async def _first_to_read(partition: TopicPartition, committed: int | None, shared: Shared) -> int:
    beginning: int = (await shared.consumer.beginning_offsets([partition]))[partition]
    if committed is None:
        if shared.from_beginning:
            return beginning
        end: int = (await shared.consumer.end_offsets([partition]))[partition]
        return end
    if committed < beginning:
        log.error(
            "records were deleted by retention before they were read; lengthen retention, or add workers",
            topic=partition.topic,
            partition=partition.partition,
            first_missing=committed,
            missing=beginning - committed,
        )
        shared.metrics.missed.inc(beginning - committed)
        return beginning
    return committed


class Lane:
    """Runs until `stop`, or until the breaker opens. Everything else that fails, it tries again."""

    def __init__(self, partition: TopicPartition, shared: Shared) -> None:
        self.partition = partition
        self.state = LaneState.OPENING
        self.last_step = time.monotonic()
        self.last_error: str | None = None
        self.position: int | None = None
        """The first offset not yet committed or passed over; None before the lane was open."""
        self.began = time.time()
        self.waiting_since: float | None = None
        """Nothing that waits at `position` came before this, in seconds since 1970; None: not known."""
        self.progressed = self.began
        """When it last committed or found nothing new to do, in seconds since 1970; before that, when it began."""
        self._shared = shared
        self._breaker = Breaker(shared.breaker)
        self._log = log.bind(topic=partition.topic, partition=partition.partition)
        self._stopping = False
        self._wait: asyncio.Timeout | None = None
        self._failures = 0

    def stop(self) -> None:
        """Finish what is under way and end `run`. Ends a wait for records or for the next try at once."""
        already, self._stopping = self._stopping, True
        if self._wait is not None and not already:
            self._wait.reschedule(asyncio.get_running_loop().time())

    async def run(self) -> None:
        """Raises BreakerOpenError, and nothing else but CancelledError."""
        while not self._stopping:
            try:
                async with open_lane(self.partition, self._shared) as lane:
                    if lane.committed is None:
                        # From here on a failure finds this place again, wherever the topic's end is by then.
                        await self._commit(lane)
                    self._enter(LaneState.RUNNING, offset=lane.batch.next_offset)
                    self.position = lane.batch.next_offset
                    await self._settle(lane)
                    self._enter(LaneState.CLOSING, offset=lane.batch.next_offset)
            except BreakerOpenError:
                raise
            except Exception as failure:
                await self._back_off(failure)

    async def _settle(self, lane: OpenLane) -> None:
        """Batch after batch, until told to stop."""
        shared = self._shared
        last_commit = time.monotonic()
        while not self._stopping:
            fetched = await self._until_stopped(self._fetch())
            if fetched is None:
                break
            if lane.process is not shared.rules.process:
                await self._switch(lane)
                if shared.sieve is not None:
                    # What was passed over was so by the rulebook before: fetched again, by the one from now on.
                    shared.consumer.seek(self.partition, lane.batch.next_offset)
                    _passed_over(self.partition, shared)
                    continue
            if self.waiting_since is None and fetched.records:
                self.waiting_since = min(fetched.records[0].timestamp / 1000, time.time())
            await self._decide(lane, fetched)
            self.last_step = now = time.monotonic()
            if self._ripe(lane, fetched, now - last_commit):
                await self._commit(lane)
                last_commit = time.monotonic()
            elif not fetched.records:
                self.progressed = time.time()
            if not lane.batch.outputs:
                self._reach(lane.batch.next_offset, fetched.newest)
        if lane.batch.next_offset != lane.committed:
            await self._commit(lane)

    def _ripe(self, lane: OpenLane, fetched: Fetched, since_commit: float) -> bool:
        """Whether to commit now. Answers go out at once, but behind a backlog they are gathered for a while:

        there a transaction for the few that are ours in each fetch would cost more than deciding all of it.
        """
        batch, shared = lane.batch, self._shared
        if not batch.outputs:
            return since_commit >= shared.offset_commit_seconds and batch.next_offset != lane.committed
        backlog = fetched.end is not None and fetched.end - fetched.position >= shared.batch_records
        return not backlog or since_commit >= GATHER_SECONDS or len(batch.dead) >= GATHER_ANSWERS

    async def _fetch(self) -> Fetched:
        """The next records; none when none came within the poll."""
        consumer = self._shared.consumer
        async with asyncio.timeout(self._shared.limits.offsets):
            fetched = await consumer.getmany(self.partition, timeout_ms=POLL_MS, max_records=self._shared.batch_records)
            position = await consumer.position(self.partition)
        passed_over = _passed_over(self.partition, self._shared)
        records = fetched.get(self.partition, [])
        newest = records[-1].timestamp if records else 0
        if self._shared.sieve is not None:
            newest = max(newest, self._shared.sieve.newest(self.partition))
        return Fetched(records, passed_over, position, consumer.highwater(self.partition), newest)

    def _reach(self, position: int, newest: int) -> None:
        """All before `position` is done with; what waits there came after the record before it."""
        if position != self.position and newest > 0:
            self.waiting_since = max(self.waiting_since or 0.0, min(newest / 1000, time.time()))
        self.position = position

    async def _switch(self, lane: OpenLane) -> None:
        """One batch, one rulebook: what was decided by the one before is committed first."""
        if lane.batch.next_offset != lane.committed:
            await self._commit(lane)
        lane.process = self._shared.rules.process

    async def _decide(self, lane: OpenLane, fetched: Fetched) -> None:
        """Decide what was fetched into the batch; when told to stop, not all of it."""
        batch, records, position = lane.batch, fetched.records, fetched.position
        for start in range(0, len(records), SLICE):
            some = records[start : start + SLICE]
            last = start + SLICE >= len(records)
            batch.add(some, position if last else some[-1].offset + 1, lane.process)
            if self._stopping:
                return
            # Heartbeats, other lanes and /livez have their turn.
            await asyncio.sleep(0)
        if not records:
            batch.next_offset = position
        batch.tally.records += fetched.passed_over

    async def _commit(self, lane: OpenLane) -> None:
        """Outputs and offset in one transaction; without outputs the offset alone.

        A plain commit of the consumer would do for the latter, were it not that one which timed out here can still
        arrive there, after a later transaction, and move the offset back. The transaction's epoch forbids that.
        """
        shared, batch, partition = self._shared, lane.batch, self.partition
        breaker = self._breaker.after(batch.dead)
        if breaker.tripped is not None:
            raise BreakerOpenError(f"{partition.topic} {partition.partition}: {breaker.tripped}")
        began = time.monotonic()
        try:
            async with asyncio.timeout(shared.limits.batch):
                await transact(lane.producer, partition, batch, shared)
        except BaseException:
            result: Literal["aborted", "in_doubt"] = "in_doubt" if batch.commit_asked else "aborted"
            shared.metrics.transaction(result, time.monotonic() - began)
            raise
        now = time.time()
        shared.metrics.transaction("committed", time.monotonic() - began)
        shared.metrics.committed(batch.tally, {topic: len(held) for topic, held in batch.outputs.items()}, now)
        self.progressed = now
        self._log.debug(
            "committed",
            since_offset=lane.committed,
            offset=batch.next_offset,
            records=batch.tally.records,
            answered=len(batch.dead),
        )
        self._breaker = breaker
        self._failures = 0
        self.last_error = None
        lane.committed = batch.next_offset
        lane.batch = Batch(batch.next_offset)

    async def _back_off(self, failure: Exception) -> None:
        """The one failure path: the producer is gone already; wait, then open again."""
        shared = self._shared
        self.last_error = type(failure).__name__
        cause = _cause(failure)
        fenced = cause == "fenced"
        shared.metrics.reopening(cause)
        shared.errors.add(failure, self.partition.partition)
        wait = min(shared.limits.retry_most, shared.limits.retry_first * 2**self._failures)
        # Lanes that failed together need not try again together.
        wait += wait * (self.partition.partition % 8) / 8
        if fenced:
            wait = max(wait, shared.limits.fenced_wait)
        self._failures += 1
        self._enter(LaneState.REOPENING, error=self.last_error, detail=harmless(failure), retry_seconds=round(wait, 2))
        await self._until_stopped(asyncio.sleep(wait))
        self.last_step = time.monotonic()

    async def _until_stopped(self, waiting: Awaitable[T]) -> T | None:
        """The result, or None as soon as `stop` is called. Only for waits that may be cut short anywhere."""
        try:
            async with asyncio.timeout(0 if self._stopping else None) as self._wait:
                return await waiting
        except TimeoutError:
            if not self._stopping:
                raise
            return None
        finally:
            self._wait = None

    def _enter(self, state: LaneState, **facts: object) -> None:
        self.state = state
        self.last_step = time.monotonic()
        self._log.info(f"lane {state}", **facts)


async def transact(producer: AIOKafkaProducer, partition: TopicPartition, batch: Batch, shared: Shared) -> None:
    """Commit `batch`, whole or not at all. Whatever it raises, the outcome may be either."""
    deliveries = await outbox.begin_with(producer, batch.outputs, shared.topic_prefix, partition.partition)
    await producer.send_offsets_to_transaction({partition: batch.next_offset}, shared.group_id)
    await asyncio.gather(*deliveries)
    batch.commit_asked = True
    await producer.commit_transaction()


def _cause(failure: Exception) -> Literal["fenced", "broker", "timeout", "topics", "unforeseen"]:
    if isinstance(failure, FENCED):
        return "fenced"
    match failure:
        case LaneError():
            return "topics"
        case TimeoutError():
            return "timeout"
        case KafkaError() | OSError():
            return "broker"
    return "unforeseen"
