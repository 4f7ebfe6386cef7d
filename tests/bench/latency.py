"""From sending an event to seeing its adjusted settlement, read committed, at a steady rate."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import quantiles
from typing import Final

from confluent_kafka import Consumer, Producer, TopicPartition

from schemas.events import COMPLETED
from schemas.topics import ADJUSTED, EVENTS
from streams.simulate import events
from tests.bench.contenders import Contender
from tests.bench.workload import PARTITIONS, create

WARM_SECONDS: Final = 8.0
"""Sent at the same rate and not counted: start, group, the first transactions, a virtual machine's compiler."""
MEASURED_SECONDS: Final = 12.0
PATIENCE_SECONDS: Final = 60.0
_TICK: Final = 0.01


@dataclass(frozen=True, slots=True)
class Pace:
    """`rate` events a second, of which `share` are ours."""

    rate: int
    share: float

    @property
    def label(self) -> str:
        return f"{self.rate:,}/s, {self.share * 100:g} % ours"


@dataclass(frozen=True, slots=True)
class Latency:
    """In milliseconds, of `answered` of the `sent` events of ours; what was never answered counts for nothing here."""

    sent: int
    answered: int
    p50: float
    p99: float


def measure(contender: Contender, pace: Pace, bootstrap_servers: str) -> Latency:
    """One run on topics of its own. Raises RuntimeError when the contender fails or answers nothing."""
    prefix = f"latency.{time.time_ns()}."
    create(prefix, bootstrap_servers)
    sent: dict[bytes, float] = {}
    seen: dict[bytes, float] = {}
    stop = threading.Event()
    reader = threading.Thread(target=_read, args=(bootstrap_servers, prefix + ADJUSTED, seen, stop))
    with contender.run(bootstrap_servers, prefix, prefix + EVENTS, 1) as run:
        reader.start()
        try:
            _until_joined(bootstrap_servers, prefix + EVENTS, pace, seen)
            _send(bootstrap_servers, prefix + EVENTS, pace, WARM_SECONDS, {}, seed=1)
            _send(bootstrap_servers, prefix + EVENTS, pace, MEASURED_SECONDS, sent, seed=2)
            deadline = time.monotonic() + PATIENCE_SECONDS
            while time.monotonic() < deadline and not sent.keys() <= seen.keys():
                run.check()
                time.sleep(0.1)
        finally:
            stop.set()
            reader.join()
        taken = [(seen[key] - at) * 1000 for key, at in sent.items() if key in seen]
        if len(taken) < 2:
            raise RuntimeError(f"{contender.name} answered {len(taken)} of {len(sent)}:\n{run.tail()}")
    cuts = quantiles(taken, n=100, method="inclusive")
    return Latency(len(sent), len(taken), cuts[49], cuts[98])


def _until_joined(bootstrap_servers: str, topic: str, pace: Pace, seen: dict[bytes, float]) -> None:
    """Send a little until the first answer comes."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    seed = 1000
    while not seen:
        if time.monotonic() > deadline:
            raise RuntimeError("the first event was never answered")
        seed += 1
        _send(bootstrap_servers, topic, Pace(100, 1.0), 0.5, {}, seed)


def _send(bootstrap_servers: str, topic: str, pace: Pace, seconds: float, sent: dict[bytes, float], seed: int) -> None:
    """At an even pace, in ticks; `sent` gets the moment of each event of ours by its settlement."""
    producer = Producer({"bootstrap.servers": bootstrap_servers, "linger.ms": 1, "acks": "all"})
    source = _completed(pace.share, seed)
    began, number = time.monotonic(), 0
    while (now := time.monotonic() - began) < seconds:
        while number < now * pace.rate:
            ours, key, value = next(source)
            if ours:
                sent[key] = time.monotonic()
            producer.produce(topic, value, key, partition=number % PARTITIONS)
            number += 1
        producer.poll(0)
        time.sleep(_TICK / 5)
    producer.flush()


def _completed(share: float, seed: int) -> Iterator[tuple[bool, bytes, bytes]]:
    """(ours, key, value) without reversals: their answers bear the key of what they undo."""
    needle = COMPLETED.encode()
    ours, others = events(seed, None, 1.0, 0.0), events(seed + 100_000, None, 0.0, 0.0)
    due = 0.0
    while True:
        due += share
        mine = due >= 1
        due -= mine
        key, value = next(ours if mine else others)
        while needle not in value:
            key, value = next(ours)
        yield mine, key, value


def _read(bootstrap_servers: str, topic: str, seen: dict[bytes, float], stop: threading.Event) -> None:
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": "bench-latency",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 10,
        }
    )
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(PARTITIONS)])
    while not stop.is_set():
        for message in consumer.consume(500, timeout=0.02):
            key = message.key()
            if message.error() is None and key is not None:
                seen.setdefault(key, time.monotonic())
    consumer.close()
