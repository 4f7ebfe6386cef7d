"""`settlement.alerts` read to where it ended when that was asked, in no group: nothing is committed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.topics import MAX_OUTPUT_BYTES
from streams.bus import reader
from streams.bus.clients import FETCH_WAIT_MS, REQUEST_TIMEOUT_MS
from streams.settings import KafkaSettings

STEP_SECONDS: Final = 20.0
STALL_SECONDS: Final = 60.0
POLL_MS: Final = 500


async def start_reader(settings: KafkaSettings, places: Collection[TopicPartition]) -> AIOKafkaConsumer:
    """Of these partitions; whoever starts it seeks, and stops it.

    Sought where retention has deleted the records, it goes on at the first there are. Raises KafkaError or TimeoutError
    when the broker does not answer.
    """
    consumer = await reader.start(
        settings,
        "petct-surveillance",
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        max_partition_fetch_bytes=MAX_OUTPUT_BYTES,
        fetch_max_wait_ms=FETCH_WAIT_MS,
        request_timeout_ms=REQUEST_TIMEOUT_MS,
    )
    consumer.assign(list(places))
    return consumer


async def up_to(
    consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]
) -> AsyncIterator[dict[TopicPartition, list[Any]]]:
    """Records from where the reader is to `ends`, and what lies behind those by now, in lots.

    Raises KafkaError, or TimeoutError when no record comes for a while.
    """
    loop = asyncio.get_running_loop()
    moved = loop.time()
    while True:
        async with asyncio.timeout(STEP_SECONDS):
            behind = [place for place, end in ends.items() if await consumer.position(place) < end]
        if not behind:
            return
        async with asyncio.timeout(STEP_SECONDS):
            fetched = await consumer.getmany(*behind, timeout_ms=POLL_MS, max_records=2_000)
        if fetched:
            moved = loop.time()
            yield fetched
        elif loop.time() - moved > STALL_SECONDS:
            raise TimeoutError
        # A topic of a year is many lots: whoever else lives in this loop has its turn.
        await asyncio.sleep(0)
