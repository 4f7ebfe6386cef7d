"""How much memory a worker takes, by the number of partitions it owns, while it works off a backlog."""

from __future__ import annotations

import asyncio
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from confluent_kafka import Producer

from schemas.topics import EVENTS
from streams.bus.topics import SETTLE, create_topics
from streams.settings import KafkaSettings
from streams.simulate import events
from tests.bench.contenders import peak_bytes
from tests.broker.workers import Worker

PARTITIONS: Final = (4, 16, 48)
SHARE: Final = 0.1
RECORDS_A_PARTITION: Final = 2_000
"""Five megabytes: more than one fetch (PETCT_FETCH_BYTES) of every partition."""
PATIENCE_SECONDS: Final = 180.0


@dataclass(frozen=True, slots=True)
class Memory:
    """The largest resident size of a worker with so many partitions: at rest, and behind a backlog of all of them."""

    partitions: int
    idle_bytes: int
    peak_bytes: int


def measure(bootstrap_servers: str, partitions: int) -> Memory:
    """One worker. Raises RuntimeError when it does not get through."""
    prefix = f"memory.{partitions}."
    create(bootstrap_servers, prefix, partitions)
    idle = _run(bootstrap_servers, prefix, "idle", 0)
    _fill(bootstrap_servers, prefix + EVENTS, partitions)
    return Memory(partitions, idle, _run(bootstrap_servers, prefix, "busy", partitions * RECORDS_A_PARTITION))


def create(bootstrap_servers: str, prefix: str, partitions: int, copies: int = 1) -> None:
    """The topics of the worker, under `prefix`."""
    settings = KafkaSettings(kafka_bootstrap_servers=bootstrap_servers, topic_prefix=prefix)
    asyncio.run(create_topics(settings, partitions, copies, SETTLE))


def _run(bootstrap_servers: str, prefix: str, group: str, records: int) -> int:
    """The peak of a worker that has got through `records`."""
    with tempfile.TemporaryDirectory(prefix="petct-memory-") as folder:
        environment = {
            "PETCT_KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers,
            "PETCT_TOPIC_PREFIX": prefix,
            "PETCT_GROUP_ID": f"{prefix}{group}",
            "PETCT_DISCLOSURE_SECRET": "benchmark",
            "PETCT_RULEBOOK_FALLBACK": "installed",
        }
        with Worker(Path(folder) / "log", environment) as worker:
            worker.until_ready()
            deadline = time.monotonic() + PATIENCE_SECONDS
            while _done(worker) < records:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{_done(worker)} of {records} records:\n{worker.said()[-2000:]}")
                time.sleep(0.2)
            return peak_bytes(worker.pid)


def _done(worker: Worker) -> int:
    fates = ("decided", "reversed", "refused", "passed_over", "dead_letter")
    return round(sum(worker.metric(f'petct_records_total{{fate="{fate}"}}') for fate in fates))


def _fill(bootstrap_servers: str, topic: str, partitions: int) -> None:
    producer = Producer({"bootstrap.servers": bootstrap_servers, "linger.ms": 100})
    for number, (key, value) in zip(range(partitions * RECORDS_A_PARTITION), events(1, None, SHARE, 0.0), strict=False):
        while True:
            try:
                producer.produce(topic, value, key, partition=number % partitions)
                break
            except BufferError:
                producer.poll(0.1)
    producer.flush()
