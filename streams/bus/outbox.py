"""Outputs on their way: record batches for one topic, and what to do with a record no batch may carry."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.producer.message_accumulator import BatchBuilder

from schemas import deadletters
from schemas.topics import DEADLETTERS, MAX_OUTPUT_BYTES
from streams.bus.clients import join_transaction
from streams.harmless import HarmlessError
from streams.processors.settlement import Header, Output

# What the batch and the record put around key, value and headers: 61 and at most 21 bytes.
_AROUND: Final = 100
_AROUND_HEADER: Final = 10
# The CloudEvents headers of an output are about half as large: every value in them is short by the contract.
_OUR_HEADERS_SIZE: Final = 1024
_TURN: Final = 50
_OUR_HEADERS: Final = deadletters.OURS | {deadletters.RETRIES}


class OutputTooLargeError(HarmlessError):
    """An output no topic of ours would take. Says topic and size, never the content."""


async def begin_with(
    producer: AIOKafkaProducer, outputs: Mapping[str, Sequence[Output]], prefix: str, partition: int
) -> list[asyncio.Future[Any]]:
    """Begin a transaction and send `outputs`, by topic without `prefix`: deliveries to wait for before its commit.

    The commit waits for them too, but commits the offsets although one was refused.
    """
    await producer.begin_transaction()
    await join_transaction(producer, [TopicPartition(prefix + topic, partition) for topic in outputs])
    deliveries = []
    for topic, held in outputs.items():
        async for builder in builders(producer, held):
            delivery = await producer.send_batch(builder, prefix + topic, partition=partition)
            # Looked at even when something else fails first, lest asyncio complain of it.
            delivery.add_done_callback(lambda done: done.cancelled() or done.exception())
            deliveries.append(delivery)
    return deliveries


async def builders(producer: AIOKafkaProducer, outputs: Iterable[Output]) -> AsyncIterator[BatchBuilder]:
    """Record batches that hold `outputs`, all of one topic, in their order; as few as the producer's size allows.

    A builder takes its first record however large it is, so a record above that size gets a batch to itself.
    Others have their turn in between: a thousand outputs take tens of milliseconds. Raises OutputTooLargeError.
    """
    builder = producer.create_batch()
    for number, output in enumerate(outputs, 1):
        if number % _TURN == 0:
            await asyncio.sleep(0)
        fitting = fit(output)
        if not _append(builder, fitting):
            yield builder
            builder = producer.create_batch()
            _append(builder, fitting)
    if builder.record_count():
        yield builder


def _append(builder: BatchBuilder, output: Output) -> bool:
    # Unlike send(), this takes a record with neither key nor value, which must become a dead letter like any other.
    added = builder.append(timestamp=None, key=output.key, value=output.value, headers=output.headers)
    return added is not None


def fit(output: Output, limit: int = MAX_OUTPUT_BYTES) -> Output:
    """`output` itself, or what fits of a dead letter above `limit`: without its body, then without foreign headers.

    Its topic, partition and offset say where the record lies. Raises OutputTooLargeError for any other output.
    """
    if _size(output) <= limit:
        return output
    if output.topic == DEADLETTERS:
        headers = [header for header in output.headers if header[0] != deadletters.BODY]
        headers.append((deadletters.BODY, b"withheld"))
        bare = Output(output.topic, output.key, None, headers)
        if _size(bare) <= limit:
            return bare
        bare = Output(output.topic, output.key, None, [header for header in headers if header[0] in _OUR_HEADERS])
        if _size(bare) <= limit:
            return bare
    raise OutputTooLargeError(
        f"a record of {_size(output)} bytes for {output.topic} exceeds the {limit} bytes a topic takes"
    )


def _size(output: Output) -> int:
    """An upper bound of the bytes on the wire."""
    if output.topic != DEADLETTERS:
        # Its headers are ours alone: counting them would take as long as putting the record into its batch.
        return _AROUND + _OUR_HEADERS_SIZE + len(output.key or b"") + len(output.value or b"")
    return _AROUND + len(output.key or b"") + len(output.value or b"") + sum(map(_header_size, output.headers))


def _header_size(header: Header) -> int:
    # A header's name may be any text: a character takes 4 bytes at most.
    return _AROUND_HEADER + 4 * len(header[0]) + len(header[1] or b"")
