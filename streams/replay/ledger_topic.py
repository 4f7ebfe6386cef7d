"""settlement.replays on the broker: read to its end, and written outside any plan's transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from schemas.topics import REPLAYS
from streams.bus.clients import connection, throw_away
from streams.processors.settlement import Output
from streams.replay import reading
from streams.replay.ledger import Ledger
from streams.settings import KafkaSettings

WRITE_SECONDS = 40.0


async def read_ledger(settings: KafkaSettings, probe: AIOKafkaConsumer, partitions: Sequence[int]) -> Ledger:
    """What settlement.replays holds, whoever has a transaction open on it: that is waited for."""
    ledger = Ledger()
    topics = [TopicPartition(settings.topic(REPLAYS), number) for number in partitions]
    ends = await reading.ends(probe, topics)
    async with reading.reader(settings) as consumer:
        consumer.assign(topics)
        for partition, begin in (await reading.beginnings(consumer, topics)).items():
            consumer.seek(partition, begin)
        for partition in topics:
            async for records in reading.up_to(consumer, partition, ends[partition]):
                for record in records:
                    ledger.take(record.key, record.value)
    return ledger


async def write_to_ledger(settings: KafkaSettings, partition: int, outputs: Sequence[Output]) -> None:
    """Outside any transaction of a plan."""
    producer = AIOKafkaProducer(**connection(settings), acks="all", enable_idempotence=True)
    async with asyncio.timeout(reading.START_SECONDS):
        await producer.start()
    try:
        async with asyncio.timeout(WRITE_SECONDS):
            for output in outputs:
                topic = settings.topic(output.topic)
                await producer.send_and_wait(topic, output.value, key=output.key, partition=partition)
    finally:
        await throw_away(producer, 2.0)
