"""`settlement.alerts` as the desk uses it: read to its end, in no group, and written where an officer did something.

Whoever writes looks at the topic again afterwards: what counts is the order of the partition.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from schemas.cloudevents import headers
from schemas.codec import dumps
from schemas.topics import ALERTS
from streams.bus import reader
from streams.bus.alerts_reader import STEP_SECONDS, start_reader, up_to
from streams.bus.clients import REQUEST_TIMEOUT_MS, connection, throw_away
from streams.bus.topics import partitions_of
from streams.settings import KafkaSettings
from streams.surveillance.desk import Deed, Desk, DeskError, Standing, handle, record_of, stands

T = TypeVar("T")

STOP_SECONDS: Final = 2.0
_RULEBOOK: Final = "rulebook"


class AlertsMissing(DeskError):
    """There is no topic, or what lay on it is gone."""


class AlertsTopic:
    """Follows the topic. Everything here raises KafkaError or TimeoutError when the broker does not answer.

    One at a time: callers of the same object wait for each other.
    """

    def __init__(self, settings: KafkaSettings, desk: Desk | None = None) -> None:
        self._settings = settings
        self._name = settings.topic(ALERTS)
        self._lock = asyncio.Lock()
        self._consumer: AIOKafkaConsumer | None = None
        self._begin: dict[TopicPartition, int] = {}
        self.desk = desk or Desk()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def read(self) -> Desk:
        """The desk with all that is there now. Raises AlertsMissing."""
        async with self._alone():
            await self._catch_up()
            return self.desk

    async def finding(self, held: Standing) -> dict[str, Any]:
        """The whole record of its newest revision. Raises AlertsMissing where retention has deleted it since."""
        async with self._alone():
            return (await self._record(held))[0]

    async def do(self, name: str, deed: Deed) -> tuple[Standing, bool]:
        """Acknowledge or close. The finding as it stands then, and whether anything was written.

        Raises DeskError: no such finding, or one that does not stand so that this could be done, or that was revised or
        handled meanwhile.
        """
        async with self._alone():
            await self._catch_up()
            held = self.desk.find(name)
            done = handle(held, deed)
            if done is None:
                return held, False
            rulebook = (await self._record(held))[1]
            record = record_of(held, done)
            await self._write(held, record, rulebook)
            await self._catch_up()
            now = self.desk.findings.get(held.id)
            stands(now, done)
            assert now is not None
            return now, True

    async def stop(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await reader.stop(consumer)

    @contextlib.asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """What failed is thrown away, and begun again by the next who asks. A refusal is no failure."""
        # While the broker is silent nobody waits for all who came before.
        async with asyncio.timeout(STEP_SECONDS):
            await self._lock.acquire()
        try:
            yield
        except DeskError:
            raise
        except BaseException:
            await self.stop()
            raise
        finally:
            self._lock.release()

    async def _catch_up(self) -> None:
        consumer = self._consumer or await self._start()
        if len(consumer.partitions_for_topic(self._name) or ()) > len(consumer.assignment()):
            # Partitions were added since.
            await self.stop()
            consumer = await self._start()
        topics = list(consumer.assignment())
        async with asyncio.timeout(STEP_SECONDS):
            begins = await consumer.beginning_offsets(topics)
            ends = await consumer.end_offsets(topics)
        for topic, begin in begins.items():
            if begin > self._begin.get(topic, 0):
                self.desk.forget_before(topic.partition, begin)
            self._begin[topic] = begin
        async for fetched in up_to(consumer, ends):
            for topic, records in fetched.items():
                for record in records:
                    self.desk.take((topic.partition, record.offset), record.value, record.timestamp)

    async def _start(self) -> AIOKafkaConsumer:
        """From the beginning, whatever was read before."""
        number = await partitions_of(self._settings, ALERTS)
        if not number:
            raise AlertsMissing(f"There is no topic {self._name}", "Make it: petct topics create")
        topics = [TopicPartition(self._name, partition) for partition in range(number)]
        consumer = self._consumer = await start_reader(self._settings, topics)
        async with asyncio.timeout(STEP_SECONDS):
            await consumer.seek_to_beginning(*topics)
        self.desk = Desk(self.desk.most, self.desk.before)
        self._begin = {}
        return consumer

    async def _record(self, held: Standing) -> tuple[dict[str, Any], bytes | None]:
        """Value, and the rulebook its header names. The reader is left where it was."""
        consumer = self._consumer or await self._start()
        topic = TopicPartition(self._name, held.place[0])
        async with asyncio.timeout(STEP_SECONDS):
            back = await consumer.position(topic)
            begin = (await consumer.beginning_offsets([topic]))[topic]
            try:
                if held.place[1] >= begin:
                    consumer.seek(topic, held.place[1])
                    record = await consumer.getone(topic)
                    if record.offset == held.place[1]:
                        rulebook = next((value for name, value in record.headers if name == _RULEBOOK), None)
                        return orjson.loads(record.value), rulebook
            finally:
                consumer.seek(topic, back)
        raise AlertsMissing("Retention has deleted the record of this finding", "Look again: petct surveillance list")

    async def _write(self, held: Standing, record: dict[str, Any], rulebook: bytes | None) -> None:
        """At the partition of the finding, so that its records are in one order."""
        told = headers(event_id=record["event_id"], event_type=record["event_type"], time=record["at"], rulebook="")
        told = [
            (name, rulebook if name == _RULEBOOK else value) for name, value in told if name != _RULEBOOK or rulebook
        ]
        producer = AIOKafkaProducer(
            **connection(self._settings),
            client_id="petct-surveillance",
            acks="all",
            enable_idempotence=True,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
        )
        try:
            async with asyncio.timeout(STEP_SECONDS):
                await producer.start()
                await producer.send_and_wait(
                    self._name, dumps(record), key=held.id.encode(), partition=held.place[0], headers=told
                )
        finally:
            await throw_away(producer, STOP_SECONDS)


async def ask_alerts(
    settings: KafkaSettings, question: Callable[[AlertsTopic], Awaitable[T]], before: int | None = None
) -> T:
    """Read the topic to its end, as it stood `before` (milliseconds since 1970) where that is given, and ask."""
    async with AlertsTopic(settings, Desk(before=before)) as topic:
        await topic.read()
        return await question(topic)
