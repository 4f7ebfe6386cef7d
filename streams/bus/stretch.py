"""A stretch of a topic's past, read by no group: nothing is committed, and no worker notices."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.bus.reader import reading
from streams.settings import KafkaSettings

STEP_SECONDS: Final = 20.0
POLL_MS: Final = 500


class Stretch:
    """`total` offsets, some of which may hold no record. Made by `stretch`."""

    def __init__(self, consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int], total: int) -> None:
        self._consumer = consumer
        self._ends = ends
        self.total = total

    async def batches(self) -> AsyncIterator[tuple[list[Any], int]]:
        """Records as they come, in the order of each partition, with the offsets passed since the batch before.

        Raises TimeoutError when no record comes for a while, and KafkaError.
        """
        consumer, left = self._consumer, dict(self._ends)
        at = {partition: await consumer.position(partition) for partition in left}
        heard = asyncio.get_running_loop().time()
        while left := {partition: end for partition, end in left.items() if at[partition] < end}:
            fetched = await consumer.getmany(*left, timeout_ms=POLL_MS)
            records = [
                record for partition, some in fetched.items() for record in some if record.offset < left[partition]
            ]
            passed = 0
            for partition, end in left.items():
                position = min(await consumer.position(partition), end)
                passed += position - at[partition]
                at[partition] = position
            now = asyncio.get_running_loop().time()
            if passed:
                heard = now
            elif now - heard > STEP_SECONDS:
                raise TimeoutError
            yield records, passed


@contextlib.asynccontextmanager
async def stretch(
    settings: KafkaSettings, topic: str, since: datetime | None, until: datetime | None
) -> AsyncIterator[Stretch]:
    """What lies in `topic` (its name on the broker) from `since` to before `until`, by the time of the records.

    None: from what retention has left, to what is there now. The topic must exist. Raises KafkaError or TimeoutError
    when the broker cannot be reached.
    """
    async with reading(
        settings, "petct-stretch", topic, auto_offset_reset="earliest", isolation_level="read_committed"
    ) as consumer:
        async with asyncio.timeout(STEP_SECONDS):
            partitions = sorted(consumer.assignment())  # without a group: all of the topic
            ends: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
            starts: dict[TopicPartition, int] = await consumer.beginning_offsets(partitions)
            if since is not None:
                starts = await _at(consumer, since, ends)
            if until is not None:
                ends = await _at(consumer, until, ends)
        for partition in partitions:
            consumer.seek(partition, starts[partition])
        total = sum(max(0, ends[partition] - starts[partition]) for partition in partitions)
        yield Stretch(consumer, ends, total)


async def _at(
    consumer: AIOKafkaConsumer, moment: datetime, ends: dict[TopicPartition, int]
) -> dict[TopicPartition, int]:
    """The first record at or after `moment`; the end where all are older."""
    found = await consumer.offsets_for_times(dict.fromkeys(ends, int(moment.timestamp() * 1000)))
    return {
        partition: end if (at := found.get(partition)) is None else min(at.offset, end)
        for partition, end in ends.items()
    }
