"""The lanes of one worker: opened when the group assigns partitions, closed when it takes them away."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import structlog
from aiokafka import TopicPartition
from aiokafka.abc import ConsumerRebalanceListener

from streams.bus.lane import Lane, Shared

log = structlog.get_logger("petct.lanes")

FETCHING_SECONDS: Final = 1.0
"""A lane that made a step within this time is fetching: what aiokafka knows of the end is as new."""


class Lanes(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka ships no types
    """Called by aiokafka in the middle of a rebalance, which waits for us: closing has a limit, opening goes on alone.

    `on_end` is told when a lane has ended by itself, which only a breaker or a bug of ours can make it do.
    """

    def __init__(self, shared: Shared, on_end: Callable[[BaseException], None]) -> None:
        self._shared = shared
        self._on_end = on_end
        self._running: dict[TopicPartition, tuple[Lane, asyncio.Task[None]]] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._closed = False
        self._ends: dict[TopicPartition, int] = {}
        self.assigned = False
        """Whether the group has given us partitions, be it none, and not taken them back since."""

    def __iter__(self) -> Iterator[Lane]:
        return iter([lane for lane, _ in self._running.values()])

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        self.assigned = False
        await self.close(revoked)

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        if self._closed:
            return
        # The group revokes before it assigns; should it ever not, one partition still has one lane.
        await self.close(assigned & self._running.keys())
        for partition in sorted(assigned):
            lane = Lane(partition, self._shared)
            task = asyncio.create_task(lane.run(), name=f"lane {partition.topic} {partition.partition}")
            task.add_done_callback(self._ended)
            self._running[partition] = (lane, task)
        self.assigned = True
        self._shared.metrics.rebalances.inc()
        self._shared.metrics.assigned_partitions.set(len(self._running))
        log.info("partitions assigned", partitions=[partition.partition for partition in sorted(assigned)])

    async def close_all(self) -> None:
        """Close every lane, and open none any more. What a rebalance is just closing is waited for too."""
        self._closed = True
        await self.close(set(self._running))
        if self._closing:
            limits = self._shared.limits
            await asyncio.wait(self._closing, timeout=limits.finish + 2 * limits.producer_stop)

    async def close(self, partitions: Iterable[TopicPartition]) -> None:
        """Let them finish what is under way within the limit, else cut them short: what was not committed is done anew.

        A lane cut short leaves its transaction open; the next owner's producer ends it.
        """
        closing = [self._running.pop(partition) for partition in list(partitions) if partition in self._running]
        if not closing:
            return
        limits = self._shared.limits
        for lane, task in closing:
            lane.stop()
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
        _, late = await asyncio.wait([task for _, task in closing], timeout=limits.finish)
        for task in late:
            task.cancel()
        if late:
            log.warning("lanes cut short", lanes=len(late), limit_seconds=limits.finish)
            await asyncio.wait(late, timeout=2 * limits.producer_stop)
        for lane, _ in closing:
            self._shared.metrics.let_go(lane.partition.partition)
        self._shared.metrics.assigned_partitions.set(len(self._running))

    def measure(self) -> None:
        """Write what holds now rather than happens: states, progress and lags."""
        metrics = self._shared.metrics
        metrics.lanes(Counter(lane.state for lane in self))
        for lane in self:
            metrics.progress(lane.partition.partition, lane.progressed)
            if (lag := self.lag(lane)) is not None:
                metrics.lag(lane.partition.partition, *lag)

    async def look(self) -> None:
        """Ask the broker where the topic ends, and where a lane that is not open yet would begin. Raises KafkaError.

        What aiokafka learns of the end with each fetch is newer, but stands still while a lane backs off or hangs.
        """
        consumer, lanes = self._shared.consumer, list(self)
        # Read committed, this is the last stable offset.
        self._ends = await consumer.end_offsets([lane.partition for lane in lanes]) if lanes else {}
        now = time.time()
        for lane in lanes:
            if lane.position is None:
                lane.position = await consumer.committed(lane.partition)
            if lane.position is not None and self._ends[lane.partition] <= lane.position:
                lane.waiting_since = now

    def lag(self, lane: Lane) -> tuple[int, float] | None:
        """Records and seconds that a lane is behind; None where it is not known yet."""
        asked, position = self._ends.get(lane.partition), lane.position
        if asked is None or position is None:
            return None
        consumer, fetched = self._shared.consumer, None
        if lane.partition in consumer.assignment():
            fetched = consumer.last_stable_offset(lane.partition)
        records = max(asked, fetched or 0) - position
        if records <= 0:
            if fetched is not None and time.monotonic() - lane.last_step < FETCHING_SECONDS:
                # It asks for more all the time, and there is none.
                lane.waiting_since = time.time()
            return 0, 0.0
        since = lane.began if lane.waiting_since is None else lane.waiting_since
        return records, max(0.0, time.time() - since)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (failure := task.exception()) is not None:
            self._on_end(failure)
