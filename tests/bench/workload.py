"""What is measured on: an input topic for each share of ours, filled once, the same for every contender."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Final

from confluent_kafka import Producer

from schemas.topics import EVENTS
from streams.bus.topics import SETTLE, create_topics
from streams.settings import KafkaSettings
from streams.simulate import events

PARTITIONS: Final = 4
PRODUCER_BATCH_BYTES: Final = 16 * 1024
"""Kafka's default: about six events of 2.5 KB to a record batch."""
_SEED: Final = 20210630


@dataclass(frozen=True, slots=True)
class Workload:
    """`records` events of which `share` concern an examination, evenly over the partitions of one topic."""

    share: float
    records: int

    @property
    def prefix(self) -> str:
        """Of the topics, inputs and outputs."""
        return f"bench.{self.share:g}.{self.records}."

    @property
    def topic(self) -> str:
        return self.prefix + EVENTS

    @property
    def label(self) -> str:
        return f"{self.share * 100:g} %"


def fill(workload: Workload, bootstrap_servers: str) -> int:
    """Make the topics and put the events in; returns the mean bytes of a value.

    The last record of each partition is ours, so that the end of a run is committed at once.
    """
    create(workload.prefix, bootstrap_servers)
    producer = Producer(
        {
            "bootstrap.servers": bootstrap_servers,
            "batch.size": PRODUCER_BATCH_BYTES,
            "linger.ms": 100,
            "queue.buffering.max.kbytes": 256 * 1024,
        }
    )
    total = 0
    for number, (key, value) in zip(range(workload.records), _values(workload), strict=False):
        while True:
            try:
                producer.produce(workload.topic, value, key, partition=number % PARTITIONS)
                break
            except BufferError:
                producer.poll(0.1)
        total += len(value)
    producer.flush()
    return total // workload.records


def create(prefix: str, bootstrap_servers: str) -> None:
    """Input and output topics under `prefix`."""
    settings = KafkaSettings(kafka_bootstrap_servers=bootstrap_servers, topic_prefix=prefix)
    asyncio.run(create_topics(settings, PARTITIONS, 1, SETTLE))


def _values(workload: Workload) -> Iterator[tuple[bytes, bytes]]:
    mixed = events(_SEED, None, workload.share, 0.0)
    ours = events(_SEED + 1, None, 1.0, 0.0)
    for number in count():
        yield next(ours if number >= workload.records - PARTITIONS else mixed)
