"""How far the live group is, without being of it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.topics import EVENTS
from streams.bus import clients
from streams.replay import reading
from streams.settings import KafkaSettings

_SECONDS: Final = 20.0


async def live_offsets(settings: KafkaSettings, group: str) -> dict[int, int]:
    """The group's committed offset by partition of settlement.events; partitions without one are left out."""
    admin = clients.admin(settings)
    try:
        async with asyncio.timeout(_SECONDS):
            await admin.start()
            found: dict[TopicPartition, Any] = await admin.list_consumer_group_offsets(group)
    finally:
        with contextlib.suppress(Exception):
            async with asyncio.timeout(2):
                await admin.close()
    topic = settings.topic(EVENTS)
    return {at.partition: told.offset for at, told in found.items() if at.topic == topic and told.offset >= 0}


async def live_lag(settings: KafkaSettings, group: str, probe: AIOKafkaConsumer) -> int:
    """Records of settlement.events that the group has not yet settled, over all partitions it has an offset in."""
    offsets = await live_offsets(settings, group)
    ends = await reading.ends(probe, [TopicPartition(settings.topic(EVENTS), number) for number in offsets])
    return sum(max(0, end - offsets[at.partition]) for at, end in ends.items())
