"""`settlement.rulebook`: releases appended, read back, and followed as they come.

One partition, kept for ever, so its order is the order of releases. It is read by whoever wants to, in no group.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import InvalidProducerEpoch, ProducerFenced

from schemas.topics import MAX_OUTPUT_BYTES, RULEBOOK
from streams.bus import reader
from streams.bus.clients import connection, throw_away
from streams.rulebook.index import Rulebook
from streams.rulebook.release import Release, headers, is_newest, newest
from streams.settings import KafkaSettings

STEP_SECONDS: Final = 20.0
STOP_SECONDS: Final = 2.0
POLL_MS: Final = 500


class PublishingError(Exception):
    """The release was not appended; the text says why and what to do."""


class ReleaseReader:
    """Reads the topic from its first release on. Made by `reading`."""

    def __init__(self, consumer: AIOKafkaConsumer, partition: TopicPartition) -> None:
        self._consumer = consumer
        self._partition = partition

    async def all(self) -> list[Release]:
        """Every release there is now and was not read before, the oldest first. Raises TimeoutError and KafkaError."""
        releases: list[Release] = []
        async with asyncio.timeout(STEP_SECONDS):
            end: int = (await self._consumer.end_offsets([self._partition]))[self._partition]
        while True:
            async with asyncio.timeout(STEP_SECONDS):
                if await self._consumer.position(self._partition) >= end:
                    return releases
                releases += await self.next()

    async def next(self) -> list[Release]:
        """What has come since; waits a little, and may be empty."""
        fetched = await self._consumer.getmany(self._partition, timeout_ms=POLL_MS)
        return [
            Release.of(
                record.offset,
                record.key,
                record.value,
                record.headers,
                datetime.fromtimestamp(record.timestamp / 1000, UTC),
            )
            for record in fetched.get(self._partition, [])
        ]


@contextlib.asynccontextmanager
async def reading(settings: KafkaSettings) -> AsyncIterator[ReleaseReader]:
    """Raises KafkaError or TimeoutError when the broker cannot be reached."""
    partition = TopicPartition(settings.topic(RULEBOOK), 0)
    async with reader.reading(
        settings,
        "petct-rulebook",
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        max_partition_fetch_bytes=MAX_OUTPUT_BYTES,
    ) as consumer:
        async with asyncio.timeout(STEP_SECONDS):
            consumer.assign([partition])
            await consumer.seek_to_beginning(partition)
        yield ReleaseReader(consumer, partition)


async def read_releases(settings: KafkaSettings) -> list[Release]:
    """All releases, the oldest first. Raises KafkaError or TimeoutError when the broker cannot be reached."""
    async with reading(settings) as releases:
        return await releases.all()


async def publish(
    settings: KafkaSettings, book: Rulebook, message: str, author: str, known_from: datetime
) -> Release | None:
    """Append `book` unless it is the newest release already (None). Returns once everybody can read it.

    Looking and appending are one: the transactional id is the same for whoever publishes, so of two at once the first
    is fenced. Raises PublishingError, and KafkaError or TimeoutError when the broker cannot be reached.
    """
    name = settings.topic(RULEBOOK)
    producer = AIOKafkaProducer(
        **connection(settings),
        client_id="petct-rulebook",
        transactional_id=f"{name}.publisher",
        acks="all",
        max_request_size=MAX_OUTPUT_BYTES,
    )
    try:
        async with asyncio.timeout(STEP_SECONDS):
            await producer.start()
        releases = await read_releases(settings)
        if is_newest(releases, book.hash):
            return None
        # A damaged record says nothing, nor since when it is known.
        before = newest(releases)
        if before is not None and known_from < before.known_from:
            raise PublishingError(
                f"the newest release is known from {before.known_from.isoformat()}, and this one from earlier; "
                "releases are in the order in which they were known"
            )
        async with asyncio.timeout(STEP_SECONDS), producer.transaction():
            await producer.send_and_wait(
                name,
                book.canonical,
                key=book.hash.encode(),
                partition=0,
                headers=headers(book, message, author, known_from),
            )
    except (ProducerFenced, InvalidProducerEpoch):
        raise PublishingError("somebody else publishes at the same time; look at the log, then try again") from None
    finally:
        await throw_away(producer, STOP_SECONDS)
    return await _readable(settings, book.hash, after=releases)


async def _readable(settings: KafkaSettings, hash: str, after: Sequence[Release]) -> Release:
    """The release just committed: until the broker has written that down, nobody reads it."""
    async with asyncio.timeout(STEP_SECONDS), reading(settings) as reader:
        while True:
            for release in await reader.next():
                if release.hash == hash and (not after or release.offset > after[-1].offset):
                    return release
