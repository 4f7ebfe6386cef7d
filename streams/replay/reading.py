"""Reading topics outside any consumer group: to a stated end, or single records by their offset."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final, Literal

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from streams.bus.clients import FETCH_WAIT_MS, REQUEST_TIMEOUT_MS
from streams.bus.reader import reading
from streams.replay.errors import BrokerAwayError, RetentionError
from streams.settings import KafkaSettings

START_SECONDS: Final = 20.0
ASK_SECONDS: Final = 15.0
STALL_SECONDS: Final = 90.0
"""Longer than the broker lets a transaction stay open: by then what held a topic's stable end back is gone."""

_PEEK_BYTES: Final = 1024 * 1024
_NEAR: Final = 1_000
"""Offsets nearer than this are read in one go."""


def reader(
    settings: KafkaSettings,
    *,
    fetch_bytes: int = 4 * 1024 * 1024,
    isolation: Literal["read_committed", "read_uncommitted"] = "read_committed",
) -> AbstractAsyncContextManager[AIOKafkaConsumer]:
    """A consumer that belongs to no group, so it joins none and commits nothing."""
    return reading(
        settings,
        "petct-replay",
        auto_offset_reset="none",
        isolation_level=isolation,
        max_partition_fetch_bytes=fetch_bytes,
        fetch_max_wait_ms=FETCH_WAIT_MS,
        request_timeout_ms=REQUEST_TIMEOUT_MS,
    )


async def ends(consumer: AIOKafkaConsumer, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
    """For a reader of committed records the last stable offsets, else the high watermarks."""
    async with asyncio.timeout(ASK_SECONDS):
        found: dict[TopicPartition, int] = await consumer.end_offsets(list(partitions))
        return found


async def beginnings(consumer: AIOKafkaConsumer, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
    async with asyncio.timeout(ASK_SECONDS):
        found: dict[TopicPartition, int] = await consumer.beginning_offsets(list(partitions))
        return found


async def up_to(
    consumer: AIOKafkaConsumer, partition: TopicPartition, end: int, most: int = 5_000
) -> AsyncIterator[list[Any]]:
    """Records from the position to before `end`, in lots; an empty one where the position moved without records.

    Raises RetentionError, BrokerAwayError.
    """
    loop = asyncio.get_running_loop()
    moved = loop.time()
    last = -1
    while True:
        position = await consumer.position(partition)
        if position >= end:
            return
        if position != last:
            last, moved = position, loop.time()
        elif loop.time() - moved > STALL_SECONDS:
            raise BrokerAwayError(
                f"{partition.topic} {partition.partition} gave no record after offset {position}",
                "An open transaction may hold it back, or its leader is away; run again",
            )
        try:
            fetched = await consumer.getmany(partition, timeout_ms=500, max_records=most)
        except OffsetOutOfRangeError:
            raise RetentionError(
                f"{partition.topic} {partition.partition}: the records from offset {position} on are gone",
                "Make a new plan; retention has deleted them",
            ) from None
        records = fetched.get(partition, [])
        if records and records[-1].offset >= end:
            records = [record for record in records if record.offset < end]
        if records or await consumer.position(partition) != position:
            yield records


async def pick(consumer: AIOKafkaConsumer, partition: TopicPartition, offsets: Iterable[int]) -> dict[int, Any]:
    """The records at these offsets; those that are not there any more are left out."""
    found: dict[int, Any] = {}
    begin = (await beginnings(consumer, [partition]))[partition]
    for first, last in _ranges(sorted(offset for offset in offsets if offset >= begin)):
        consumer.seek(partition, first)
        wanted = set(offsets)
        async for records in up_to(consumer, partition, last + 1):
            found.update((record.offset, record) for record in records if record.offset in wanted)
    return found


@asynccontextmanager
async def peeking(settings: KafkaSettings, partitions: Iterable[TopicPartition]) -> AsyncIterator[AIOKafkaConsumer]:
    """A reader for `pick`, which fetches little at a time."""
    async with reader(settings, fetch_bytes=_PEEK_BYTES) as consumer:
        partitions = list(partitions)
        consumer.assign(partitions)
        for partition, end in (await ends(consumer, partitions)).items():
            consumer.seek(partition, end)
        yield consumer


def _ranges(offsets: list[int]) -> list[tuple[int, int]]:
    ranges: list[tuple[int, int]] = []
    for offset in offsets:
        if ranges and offset - ranges[-1][1] <= _NEAR:
            ranges[-1] = (ranges[-1][0], offset)
        else:
            ranges.append((offset, offset))
    return ranges
