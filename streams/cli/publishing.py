"""Records onto settlement.events, as a platform would put them there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaProducer

from schemas.topics import EVENTS
from streams.bus.clients import connection
from streams.cli.pace import Pace
from streams.settings import KafkaSettings

_IN_FLIGHT = 5_000


async def publish(
    settings: KafkaSettings,
    records: Iterable[tuple[bytes, bytes]],
    *,
    rate: float | None = None,
    sent: Callable[[], None] = lambda: None,
) -> None:
    """Send (key, value) pairs in their order and wait until the broker has them all.

    Raises aiokafka's KafkaError when it does not take them.
    """
    async with producing(settings) as producer:
        topic, pace = settings.topic(EVENTS), Pace(rate)
        await producer.partitions_for(topic)
        waiting: set[asyncio.Future[object]] = set()
        for number, (key, value) in enumerate(records):
            if wait := pace.ahead(number):
                await asyncio.sleep(wait)
            waiting.add(await producer.send(topic, value, key=key))
            sent()
            if len(waiting) >= _IN_FLIGHT:
                await asyncio.gather(*waiting)
                waiting.clear()
        await asyncio.gather(*waiting)


@asynccontextmanager
async def producing(settings: KafkaSettings) -> AsyncIterator[AIOKafkaProducer]:
    """A producer, stopped even where its start was cut short, as by Ctrl-C."""
    silence_the_client()
    producer = AIOKafkaProducer(**connection(settings), enable_idempotence=True, linger_ms=5)
    try:
        await producer.start()
        yield producer
    finally:
        await producer.stop()


def silence_the_client() -> None:
    """The command says itself what went wrong; aiokafka would say it a hundred times."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL + 1)
