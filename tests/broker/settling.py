"""Settle within a test: the real service and lanes on a broker, deciding by a rule that needs no medicine.

The value says what becomes of a record: `ours…` one adjusted record that holds the value, `both…` a disclosure too,
`dead…` a dead letter, anything else is passed over.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from schemas.deadletters import DeadLetterReason
from schemas.topics import ADJUSTED, DEADLETTERS, DISCLOSURES, EVENTS, MAX_OUTPUT_BYTES
from streams.bus.breaker import BreakerPolicy
from streams.bus.clients import Clients
from streams.bus.lane import Limits, Shared
from streams.bus.rules import Rules
from streams.bus.service import SettleService
from streams.bus.topics import SETTLE, create_topics
from streams.exit_codes import ExitCode
from streams.metrics import Metrics
from streams.processors.settlement import PASSED_OVER, Answer, Fate, Output, Record
from streams.settings import Settings
from tests.kafka import Broker, read_all

PATIENCE = 60.0
QUICK = Limits(fenced_wait=0.3, retry_first=0.02, retry_most=0.1)


def decide(record: Record) -> Answer:
    """The rule of this module."""
    value = record.value or b""
    if record.value is None or value.startswith(b"dead"):
        letter = Output(DEADLETTERS, record.key, record.value, [])
        return Answer(Fate.DEAD_LETTER, (letter,), dead_letter_reason=DeadLetterReason.NOT_JSON)
    if value.startswith(b"ours"):
        return Answer(Fate.DECIDED, (Output(ADJUSTED, record.key, value, []),), "covered")
    if value.startswith(b"both"):
        outputs = (Output(ADJUSTED, record.key, value, []), Output(DISCLOSURES, b"d", value, []))
        return Answer(Fate.DECIDED, outputs, "covered")
    return PASSED_OVER


async def until_true(condition: Callable[[], bool]) -> None:
    """Raises TimeoutError when the patience of a test is spent."""
    async with asyncio.timeout(PATIENCE):
        while True:
            if condition():
                return
            await asyncio.sleep(0.05)


@dataclass
class Scene:
    """One test's topics on one broker, and how it ended."""

    broker: Broker
    settings: Settings
    process: Callable[[Record], Answer] = decide
    rules: Rules | None = None
    limits: Limits = QUICK
    ended: list[tuple[ExitCode, str]] = field(default_factory=list)

    async def create_topics(self) -> None:
        await create_topics(self.settings, 4, 1, SETTLE)

    async def send(
        self, *values: bytes | None, partition: int = 0, key: bytes | None = b"k", topic: str = EVENTS
    ) -> None:
        """Values under one key, as the platform would: not in a transaction."""
        await self.send_pairs([(key, value) for value in values], partition=partition, topic=topic)

    async def send_pairs(
        self, pairs: Sequence[tuple[bytes | None, bytes | None]], partition: int = 0, topic: str = EVENTS
    ) -> None:
        """Keys and values."""
        producer = AIOKafkaProducer(
            bootstrap_servers=self.broker.bootstrap_servers, max_batch_size=2**20, max_request_size=MAX_OUTPUT_BYTES
        )
        await producer.start()
        try:
            builder = producer.create_batch()
            for key, value in pairs:
                if builder.append(timestamp=None, key=key, value=value) is None:
                    await producer.send_batch(builder, self.settings.topic(topic), partition=partition)
                    builder = producer.create_batch()
                    builder.append(timestamp=None, key=key, value=value)
            await (await producer.send_batch(builder, self.settings.topic(topic), partition=partition))
        finally:
            await producer.stop()

    async def outputs(self, topic: str = ADJUSTED) -> list[bytes | None]:
        """Values, read committed, in the order of partition and offset."""
        return [record.value for record in await self.records(topic)]

    async def records(self, topic: str = ADJUSTED) -> list[Any]:
        return await read_all(self.broker.bootstrap_servers, self.settings.topic(topic))

    async def until(self, number: int, topic: str = ADJUSTED) -> list[bytes | None]:
        """The outputs, as soon as there are `number` of them. Raises TimeoutError, and what ended the service."""
        async with asyncio.timeout(PATIENCE):
            while True:
                outputs = await self.outputs(topic)
                if len(outputs) >= number or self.ended:
                    return outputs
                await asyncio.sleep(0.2)

    async def committed(self, partition: int = 0) -> int | None:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.broker.bootstrap_servers, group_id=self.settings.group_id, enable_auto_commit=False
        )
        await consumer.start()
        try:
            source = TopicPartition(self.settings.topic(EVENTS), partition)
            consumer.assign([source])
            offset: int | None = await consumer.committed(source)
            return offset
        finally:
            await consumer.stop()

    async def until_committed(self, offset: int, partition: int = 0) -> None:
        async with asyncio.timeout(PATIENCE):
            while True:
                if await self.committed(partition) == offset:
                    return
                await asyncio.sleep(0.1)

    @asynccontextmanager
    async def settling(
        self,
        producer_type: type[AIOKafkaProducer] = AIOKafkaProducer,
        instance: str = "worker-0",
        within: float = 3 * PATIENCE,
    ) -> AsyncIterator[tuple[SettleService, Metrics]]:
        metrics = Metrics("0")
        service = SettleService(
            self.settings,
            Clients(self.settings, instance, producer_type),
            self.rules or Rules(self.process),
            metrics,
            lambda code, why: self.ended.append((code, why)),
            self.limits,
        )
        async with asyncio.timeout(within):
            await service.start()
            try:
                yield service, metrics
            finally:
                await service.stop()

    @asynccontextmanager
    async def shared(self, partition: TopicPartition) -> AsyncIterator[Shared]:
        """For a test that takes the steps of a lane itself; the consumer has this one partition, without its group."""
        clients = Clients(self.settings, None)
        consumer = clients.consumer()
        await consumer.start()
        try:
            consumer.assign([partition])
            yield Shared(
                consumer,
                clients.producer,
                self.rules or Rules(self.process),
                Metrics("0"),
                BreakerPolicy(0, 1, 1),
                self.settings.group_id,
                self.settings.topic_prefix,
                from_beginning=True,
                batch_records=100,
                offset_commit_seconds=1,
            )
        finally:
            await consumer.stop()

    async def ready(self, *services: SettleService) -> None:
        """Until every service has its lanes running, or none by design."""
        await until_true(lambda: not any(service.not_ready() for service in services))


def scene(broker: Broker, prefix: str, **settings: Any) -> Scene:
    given = {"offset_commit_seconds": 0.3, "session_timeout_ms": 6_000, **settings}
    return Scene(
        broker,
        Settings(
            kafka_bootstrap_servers=broker.bootstrap_servers,
            disclosure_secret="s",
            topic_prefix=prefix,
            group_id=f"{prefix}group",
            **given,
        ),
    )
