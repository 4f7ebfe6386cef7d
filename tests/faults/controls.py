"""Ways to open a lane that are wrong, each by one mistake. The suite must find errors where a worker opens like this.

They stand in for `streams.bus.lane.open_lane` in the process of tests/faults/faulty.py, and nowhere else.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Final

from aiokafka import AIOKafkaProducer, TopicPartition

from streams.bus import lane
from streams.bus.batch import Batch
from streams.bus.clients import throw_away
from streams.bus.lane import OpenLane, Shared

Open = Callable[[TopicPartition, Shared], AbstractAsyncContextManager[OpenLane]]

_right: Final[Open] = lane.open_lane


def without_fence(partition: TopicPartition, shared: Shared) -> AbstractAsyncContextManager[OpenLane]:
    """Each producer under a transactional id of its own: all else is right, and nobody is fenced."""

    def unrelated(transactional_id: str) -> AIOKafkaProducer:
        return shared.new_producer(f"{transactional_id}.{secrets.token_hex(4)}")

    return _right(partition, replace(shared, new_producer=unrelated))


@asynccontextmanager
async def by_seek_to_committed(partition: TopicPartition, shared: Shared) -> AsyncIterator[OpenLane]:
    """As consumers are often written: begin by the reset policy, and after a failure go back to what is committed."""
    producer = shared.new_producer(_transactional_id(partition, shared))
    try:
        await producer.start()
        committed = await shared.consumer.committed(partition)
        if partition not in _begun:
            _begun.add(partition)
            shared.consumer.seek(partition, committed or 0)
        else:
            await shared.consumer.seek_to_committed(partition)
        yield OpenLane(producer, committed, Batch(await shared.consumer.position(partition)), shared.rules.process)
    finally:
        await throw_away(producer, shared.limits.producer_stop)


_begun: Final[set[TopicPartition]] = set()


@asynccontextmanager
async def offset_before_fence(partition: TopicPartition, shared: Shared) -> AsyncIterator[OpenLane]:
    """The offset is read while the partition's last owner may still commit."""
    committed = await shared.consumer.committed(partition)
    producer = shared.new_producer(_transactional_id(partition, shared))
    try:
        await producer.start()
        position = committed or 0
        shared.consumer.seek(partition, position)
        yield OpenLane(producer, committed, Batch(position), shared.rules.process)
    finally:
        await throw_away(producer, shared.limits.producer_stop)


def _transactional_id(partition: TopicPartition, shared: Shared) -> str:
    return f"{shared.group_id}.{partition.topic}.{partition.partition}"


CONTROLS: Final[dict[str, Open]] = {
    "without_fence": without_fence,
    "by_seek_to_committed": by_seek_to_committed,
    "offset_before_fence": offset_before_fence,
}
