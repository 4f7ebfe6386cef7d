"""Consumers of no group, which commit nothing, so that no worker notices; and how any consumer is stopped."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final

from aiokafka import AIOKafkaConsumer

from streams.bus.clients import connection
from streams.settings import KafkaSettings

START_SECONDS: Final = 20.0
STOP_SECONDS: Final = 2.0


async def start(settings: KafkaSettings, client_id: str, *topics: str, **options: Any) -> AIOKafkaConsumer:
    """One to assign partitions to; or of all partitions of `topics`, their names on the broker.

    `options` are AIOKafkaConsumer's. Raises KafkaError or TimeoutError when the broker does not answer.
    """
    consumer = AIOKafkaConsumer(
        *topics, **connection(settings), client_id=client_id, group_id=None, enable_auto_commit=False, **options
    )
    try:
        async with asyncio.timeout(START_SECONDS):
            await consumer.start()
        # Its background task must have begun: stop() would raise CancelledError of a task that never ran.
        await asyncio.sleep(0)
    except BaseException:
        await stop(consumer)
        raise
    return consumer


async def stop(consumer: AIOKafkaConsumer, limit: float = STOP_SECONDS) -> None:
    """Within `limit` seconds: stop() can hang, as in the middle of joining a group."""
    with contextlib.suppress(Exception):
        async with asyncio.timeout(limit):
            await consumer.stop()


@contextlib.asynccontextmanager
async def reading(
    settings: KafkaSettings, client_id: str, *topics: str, **options: Any
) -> AsyncIterator[AIOKafkaConsumer]:
    """As `start`, and stopped at the end."""
    consumer = await start(settings, client_id, *topics, **options)
    try:
        yield consumer
    finally:
        await stop(consumer)
