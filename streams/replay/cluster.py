"""What the cluster tells of itself: a topic's partitions, and how far the live group is, without being of it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    NotCoordinatorForGroupError,
)

from schemas.topics import EVENTS
from streams.bus import clients
from streams.replay import reading
from streams.settings import KafkaSettings

_SECONDS: Final = 20.0
_NOT_YET: Final = (GroupCoordinatorNotAvailableError, GroupLoadInProgressError, NotCoordinatorForGroupError)


async def partitions_of(settings: KafkaSettings, topic: str) -> list[int]:
    """The partitions of a topic, by its name on the broker; none where it does not exist. It is not made by asking."""
    admin = clients.admin(settings)
    try:
        async with asyncio.timeout(_SECONDS):
            await admin.start()
            # All of them: a topic asked for by name might be made by the broker.
            told = [found for found in await admin.describe_topics() if found["topic"] == topic]
    finally:
        with contextlib.suppress(Exception):
            async with asyncio.timeout(2):
                await admin.close()
    return sorted(partition["partition"] for found in told for partition in found["partitions"])


async def live_offsets(settings: KafkaSettings, group: str) -> dict[int, int]:
    """The group's committed offset by partition of settlement.events; partitions without one are left out."""
    admin = clients.admin(settings)
    try:
        async with asyncio.timeout(_SECONDS):
            await admin.start()
            found = await _asked(admin, group)
    finally:
        with contextlib.suppress(Exception):
            async with asyncio.timeout(2):
                await admin.close()
    topic = settings.topic(EVENTS)
    return {at.partition: told.offset for at, told in found.items() if at.topic == topic and told.offset >= 0}


async def _asked(admin: AIOKafkaAdminClient, group: str) -> dict[TopicPartition, Any]:
    """Again and again: a coordinator that just moved, or a cluster without any group yet, has no answer at first."""
    while True:
        try:
            found: dict[TopicPartition, Any] = await admin.list_consumer_group_offsets(group)
        except _NOT_YET:
            await asyncio.sleep(0.2)
        else:
            return found


async def live_lag(settings: KafkaSettings, group: str, probe: AIOKafkaConsumer) -> int:
    """Records of settlement.events that the group has not yet settled, over all partitions it has an offset in."""
    offsets = await live_offsets(settings, group)
    ends = await reading.ends(probe, [TopicPartition(settings.topic(EVENTS), number) for number in offsets])
    return sum(max(0, end - offsets[at.partition]) for at, end in ends.items())
