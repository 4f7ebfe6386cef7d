"""What lies on settlement.alerts already: asked by whoever takes over from a process that was killed while it wrote."""

from __future__ import annotations

import asyncio
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.topics import ALERTS, MAX_OUTPUT_BYTES
from streams.bus.clients import connection
from streams.settings import WatchSettings

STEP_SECONDS: Final = 20.0
STOP_SECONDS: Final = 2.0
_POLL_MS: Final = 500
_ID: Final = "ce_id"


async def written(settings: WatchSettings, partition: int, since: int) -> set[str]:
    """Event ids of all records of a partition from offset `since` on; of what is left of them, after retention.

    Raises KafkaError or TimeoutError when the broker does not answer.
    """
    place = TopicPartition(settings.topic(ALERTS), partition)
    consumer = AIOKafkaConsumer(
        **connection(settings),
        client_id="petct-surveillance",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=MAX_OUTPUT_BYTES,
    )
    found: set[str] = set()
    try:
        async with asyncio.timeout(STEP_SECONDS):
            await consumer.start()
            consumer.assign([place])
            consumer.seek(place, since)
            end = (await consumer.end_offsets([place]))[place]
        while since < end:
            async with asyncio.timeout(STEP_SECONDS):
                fetched = (await consumer.getmany(place, timeout_ms=_POLL_MS)).get(place, [])
                found |= {value.decode() for one in fetched for name, value in one.headers if name == _ID and value}
                since = await consumer.position(place)
    finally:
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await consumer.stop()
        except TimeoutError:
            pass
    return found
