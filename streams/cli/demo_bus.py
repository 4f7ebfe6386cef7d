"""The demo's side of the bus: events in, the real worker as a process of its own, what it wrote read back."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.topics import OUTPUTS
from streams.bus.clients import connection
from streams.bus.embedded import PARTITIONS
from streams.bus.rulebook_topic import publish as release
from streams.bus.topics import SETTLE
from streams.cli.publishing import producing, publish
from streams.rulebook import load_rulebook
from streams.settings import KafkaSettings

_PATIENCE_SECONDS: Final = 90
_STOP_SECONDS: Final = 20
_QUIET_MS: Final = 1_500


class DemoError(Exception):
    """The worker ended too early, or not in time."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A record of an output topic, by the topic's name without prefix."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


async def settle(
    settings: KafkaSettings, records: Sequence[tuple[bytes, bytes]], expected: int, log: IO[bytes]
) -> list[Arrived]:
    """Let the worker settle `records`; returns what it wrote, read committed, in the order of each partition.

    The worker is stopped by SIGTERM once `expected` records are there, and nothing of it is left whatever happens.
    Raises DemoError, and aiokafka's KafkaError.
    """
    await _make_topics(settings)
    await release(settings, load_rulebook(), "the installed notices", "petct demo", datetime.now(UTC))
    await publish(settings, records)
    async with _consumer(settings) as consumer:
        arrived: list[Arrived] = []
        with contextlib.ExitStack() as stack:
            worker = _start_worker(log)
            stack.callback(_end, worker)
            deadline = time.monotonic() + _PATIENCE_SECONDS
            while len(arrived) < expected:
                if worker.poll() is not None:
                    raise DemoError(f"the worker ended by itself, with status {worker.returncode}")
                if time.monotonic() > deadline:
                    raise DemoError(f"{len(arrived)} of {expected} records came out in {_PATIENCE_SECONDS} s")
                arrived += await _next(consumer, 250)
            status = await asyncio.to_thread(_end, worker)
        # What it wrote while it stopped would be too much: it must be seen.
        while more := await _next(consumer, _QUIET_MS):
            arrived += more
        if status:
            raise DemoError(f"the worker ended with status {status} on SIGTERM")
        return arrived


async def _make_topics(settings: KafkaSettings) -> None:
    """By asking for them: the embedded broker makes a topic at its first use, and in no other way."""
    async with producing(settings) as producer:
        for name in SETTLE:
            await producer.partitions_for(settings.topic(name))


@contextlib.asynccontextmanager
async def _consumer(settings: KafkaSettings) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        **connection(settings),
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    try:
        await consumer.start()
        consumer.assign([TopicPartition(settings.topic(name), p) for name in OUTPUTS for p in range(PARTITIONS)])
        yield consumer
    finally:
        await consumer.stop()


async def _next(consumer: AIOKafkaConsumer, timeout_ms: int) -> list[Arrived]:
    fetched = await consumer.getmany(timeout_ms=timeout_ms)
    return [
        Arrived(record.topic, record.key, record.value, record.headers)
        for records in fetched.values()
        for record in records
    ]


def _start_worker(log: IO[bytes]) -> subprocess.Popen[bytes]:
    """In a session of its own: Ctrl-C on the terminal is ours, and we tell the worker."""
    return subprocess.Popen(
        [sys.executable, "-m", "streams.cli", "worker", "settle"],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )


def _end(worker: subprocess.Popen[bytes]) -> int:
    """Tell a worker to stop, and kill it when it does not. Returns its exit status.

    It is told once: a second SIGTERM may meet it at the very end, when nothing holds that back any more.
    """
    worker.terminate()
    try:
        return worker.wait(_STOP_SECONDS)
    except BaseException:
        worker.kill()
        worker.wait()
        raise
