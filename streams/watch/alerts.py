"""What lies on settlement.alerts already: asked by whoever takes over from a process that was killed while it wrote."""

from __future__ import annotations

import asyncio
from typing import Final

from aiokafka import TopicPartition

from schemas.topics import ALERTS
from streams.bus import reader
from streams.bus.alerts_reader import STEP_SECONDS, start_reader, up_to
from streams.settings import KafkaSettings

_ID: Final = "ce_id"


async def written(settings: KafkaSettings, partition: int, since: int) -> set[str]:
    """Event ids of all records of a partition from offset `since` on; of what is left of them, after retention.

    Raises KafkaError or TimeoutError when the broker does not answer.
    """
    place = TopicPartition(settings.topic(ALERTS), partition)
    found: set[str] = set()
    consumer = await start_reader(settings, [place])
    try:
        consumer.seek(place, since)
        async with asyncio.timeout(STEP_SECONDS):
            ends = await consumer.end_offsets([place])
        async for fetched in up_to(consumer, ends):
            for records in fetched.values():
                found |= {value.decode() for one in records for name, value in one.headers if name == _ID and value}
    finally:
        await reader.stop(consumer)
    return found
