"""Back-pressure: whatever piles up before or behind the worker, its memory stays bounded and its lanes apart."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from statistics import quantiles
from typing import Final

import psutil
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from ops.kafka.broker import RealKafka, fetch_jars, find_java
from schemas.topics import ADJUSTED, EVENTS
from streams.simulate import events
from tests.broker.expected import expected_outputs, partition_of
from tests.broker.workers import Worker
from tests.faults.conftest import PROPERTIES
from tests.faults.feed import PARTITIONS
from tests.faults.form import FORM, long_form
from tests.faults.proxy import Proxy
from tests.faults.stage import Result, Stage
from tests.kafka import read_all

pytestmark = [pytest.mark.real_kafka, pytest.mark.slow, pytest.mark.timeout(1800)]

MakeStage = Callable[..., Stage]
Show = Callable[[Result], None]
Measured = Callable[[str, str], None]

MEGABYTE: Final = 2**20
BOUND: Final = 256 * MEGABYTE
"""Of a worker with the default settings and 4 partitions: Python and rulebook, and a few fetches and a batch a lane."""
BACKLOG: Final = 2_000_000 if FORM.long else 40_000
BASE: Final = 40_000
TRICKLE: Final = 200_000
"""Bytes a second, each way of each connection: a fraction of what comes in."""
QUOTA: Final = 100_000
LATENCY_SECONDS: Final = 60.0


@dataclass
class Memory(threading.Thread):
    """The largest resident size of a process, looked at ten times a second."""

    worker: Worker
    most: int = 0
    _closing: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        super().__init__(name="memory", daemon=True)

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        process = psutil.Process(self.worker.pid)
        while not self._closing.wait(0.1):
            self.most = max(self.most, process.memory_info().rss)

    def stop(self) -> str:
        """Raises AssertionError where it was more than the bound."""
        self._closing.set()
        self.join()
        told = f"{self.most // MEGABYTE} MB at most, bound {BOUND // MEGABYTE} MB"
        assert 0 < self.most < BOUND, told
        return told


def _watched(worker: Worker) -> Memory:
    memory = Memory(worker)
    memory.start()
    return memory


def test_a_backlog_is_worked_off_in_bounded_memory(
    kafka: RealKafka, tmp_path: Path, prefix: str, measured: Measured
) -> None:
    """Two million events in the long form: the same 40,000 again and again, so that what must come out is known."""
    with _broker_of_its_own(kafka, tmp_path) as servers, Stage("backlog", servers, prefix, tmp_path) as on:
        base = list(events(17, BASE, petct_share=0.05, invalid_share=0.002))
        copies = BACKLOG // BASE
        _load(servers, on.settings.topic(EVENTS), islice(cycle(base), BACKLOG))
        began = time.monotonic()
        worker = on.worker(PETCT_BATCH_RECORDS="3000", PETCT_OFFSET_COMMIT_SECONDS="5")
        memory = _watched(worker)
        on.progress.until_done(on.ends(), within=900)
        told = memory.stop()
        seconds = time.monotonic() - began
        for topic, outputs in expected_outputs(base).items():
            found = Counter(record.value for record in asyncio.run(read_all(servers, on.settings.topic(topic))))
            assert found == Counter({value: copies * count for value, count in outputs.items()}), topic
        measured(
            f"backlog of {BACKLOG:,} events, 5 % ours, default settings",
            f"RSS {told}; worked off in {seconds:.0f} s, each answered once",
        )


@contextmanager
def _broker_of_its_own(kafka: RealKafka, folder: Path) -> Iterator[str]:
    """In the long form: five gigabytes, and gone with them."""
    if not FORM.long:
        yield kafka.bootstrap_servers
        return
    with RealKafka(folder / "kafka", properties=PROPERTIES) as own:
        try:
            yield own.bootstrap_servers
        finally:
            own.stop()
            shutil.rmtree(own.directory)


@long_form
def test_a_slow_network_makes_the_worker_slow_and_not_large(
    kafka: RealKafka, stage: MakeStage, show: Show, measured: Measured
) -> None:
    with Proxy(kafka.advertised("PROXIED"), kafka.bootstrap("PROXIED")) as network, stage("slow") as on:
        worker = on.worker("far", kafka.advertised("PROXIED"))
        on.begin(worker)
        memory = _watched(worker)
        network.bytes_per_second = TRICKLE
        behind = on.progress.total()
        on.until(lambda: on.feed.sent - on.progress.total() > 10 * on.form.rate, "events piling up")
        assert on.progress.total() > behind, "nothing came through at all"
        network.bytes_per_second = None
        on.recovered(time.monotonic())
        result = on.finish()
        measured(f"network of {TRICKLE // 1000} kB/s, events piling up before the worker", f"RSS {memory.stop()}")
        show(result)


@long_form
def test_a_produce_quota_makes_the_worker_slow_and_not_large(
    kafka: RealKafka, stage: MakeStage, show: Show, measured: Measured
) -> None:
    with stage("quota") as on:
        worker = on.worker("held")
        on.begin(worker)
        memory = _watched(worker)
        quota = f"producer_byte_rate={QUOTA}"
        _configure(kafka, "--add-config", quota)
        try:
            behind = on.progress.total()
            on.until(lambda: on.feed.sent - on.progress.total() > 10 * on.form.rate, "events piling up")
            assert on.progress.total() > behind, "nothing came through at all"
            assert worker.get("/livez")[0] == 200
        finally:
            _configure(kafka, "--delete-config", "producer_byte_rate")
        on.recovered(time.monotonic())
        result = on.finish()
        measured(f"produce quota of {QUOTA // 1000} kB/s, answers piling up behind the worker", f"RSS {memory.stop()}")
        show(result)


def _configure(kafka: RealKafka, how: str, what: str) -> None:
    """Kafka's own tool: no client for Python sets quotas."""
    command = [str(find_java()), "-cp", f"{fetch_jars()}/*", "kafka.admin.ConfigCommand"]
    command += ["--bootstrap-server", kafka.bootstrap_servers, "--alter", how, what]
    command += ["--entity-type", "clients", "--entity-name", "petct-settle-held"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_a_lane_with_a_huge_backlog_lets_the_others_answer(
    kafka: RealKafka, tmp_path: Path, prefix: str, measured: Measured
) -> None:
    """What comes to the other partitions meanwhile is answered while the backlog is worked off, and not after it."""
    backlog = 400_000 if FORM.long else 20_000
    with Stage("lanes", kafka.bootstrap_servers, prefix, tmp_path) as on:
        # All under one key, and so in partition 0.
        base = [(b"\0", value) for _, value in events(18, 5_000, petct_share=1.0, invalid_share=0.0)]
        worker = on.worker(PETCT_BATCH_RECORDS="3000")
        worker.until_ready()
        alone = _latencies(on, lambda: True, most=100)
        worker.signal(signal.SIGTERM)
        worker.exit_code()
        _load(on.bootstrap_servers, on.settings.topic(EVENTS), islice(cycle(base), backlog))
        end = on.ends()[0]
        worker.start()
        worker.until_ready()
        beside = _latencies(on, lambda: on.progress.committed[0] < end, most=3_000)
        assert len(beside) >= 20, f"only {len(beside)} were answered before the backlog was worked off"
        on.progress.until_done(on.ends())
        measured(
            f"one lane with a backlog of {backlog:,} events of ours; in each of the others one event at a time",
            f"from event to answer {_cuts(beside)}; without the backlog {_cuts(alone)}",
        )


def _cuts(taken: list[float]) -> str:
    cuts = quantiles(taken, n=100, method="inclusive")
    return f"p50 {cuts[49]:.0f} ms, p99 {cuts[98]:.0f} ms"


def _latencies(on: Stage, going_on: Callable[[], bool], most: int) -> list[float]:
    """In milliseconds, of `most` events in partitions 1 to 3, or as many as are answered meanwhile and in time.

    Each is waited for before the next is sent to the same partition.
    """
    servers, settings = on.bootstrap_servers, on.settings
    reader = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": f"{on.prefix}latency",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 10,
        }
    )
    where = [TopicPartition(settings.topic(ADJUSTED), partition) for partition in range(1, PARTITIONS)]
    for place in where:
        place.offset = reader.get_watermark_offsets(place, timeout=30)[1]
    reader.assign(where)
    producer = Producer({"bootstrap.servers": servers, "linger.ms": 0})
    source = (value for _, value in events(19, None, petct_share=1.0, invalid_share=0.0))
    sent: dict[int, float] = {}
    taken: list[float] = []
    end = time.monotonic() + LATENCY_SECONDS
    try:
        while len(taken) < most and going_on() and time.monotonic() < end:
            for partition in range(1, PARTITIONS):
                if partition not in sent:
                    sent[partition] = time.monotonic()
                    producer.produce(settings.topic(EVENTS), next(source), b"k", partition=partition)
            producer.poll(0)
            for message in reader.consume(100, timeout=0.02):
                number = message.partition()
                if message.error() is None and number in sent:
                    taken.append((time.monotonic() - sent.pop(number)) * 1_000)
    finally:
        reader.close()
        producer.flush()
    return taken


def _load(servers: str, topic: str, records: Iterator[tuple[bytes, bytes]]) -> None:
    """As fast as the broker takes them."""
    producer = Producer({"bootstrap.servers": servers, "linger.ms": 50, "queue.buffering.max.kbytes": 128 * 1024})
    for key, value in records:
        while True:
            try:
                producer.produce(topic, value, key, partition=partition_of(key))
                break
            except BufferError:
                producer.poll(0.1)
    producer.flush()
