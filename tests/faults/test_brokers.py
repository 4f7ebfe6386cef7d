"""Faults of brokers: killed, one after another of three, and out of room."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil
import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from ops.kafka.broker import RealKafka
from schemas.topics import EVENTS
from tests.faults.conftest import PROPERTIES
from tests.faults.form import FORM, long_form
from tests.faults.stage import Result, Stage

pytestmark = [pytest.mark.real_kafka, pytest.mark.slow, pytest.mark.timeout(900)]

MakeStage = Callable[..., Stage]
Show = Callable[[Result], None]

TRANSACTIONS: Final = "__transaction_state"
ROOM: Final = 1024**3
NEARLY_FULL: Final = 512 * 1024


def test_a_broker_killed_under_load_and_started_again_loses_and_repeats_nothing(
    kafka: RealKafka, stage: MakeStage, show: Show
) -> None:
    with stage("broker") as on:
        worker = on.worker()
        on.begin(worker)
        for number in range(max(1, on.form.rounds // 2)):
            on.progress.until_moved(100)
            kafka.kill()
            if number % 2:
                # Long enough for the worker to say so: a lane holds out for 40 s.
                on.until(lambda: worker.get("/readyz")[0] == 503, "the worker is not ready")
                assert worker.get("/livez")[0] == 200
            kafka.start()
            on.recovered(time.monotonic())
            worker.until_ready()
        # An outage writes a few lines a kind every ten seconds, not thousands.
        assert len(worker.said().splitlines()) < 500 * on.faults
        show(on.finish())


@long_form
def test_of_three_brokers_a_leader_and_the_transaction_coordinator_may_be_killed(
    kafka: RealKafka, tmp_path: Path, prefix: str, show: Show
) -> None:
    """Whoever coordinates a lane's transactions, and then whoever leads its input partition."""
    with (
        RealKafka(tmp_path / "three", nodes=3, properties=PROPERTIES) as three,
        Stage("three_brokers", three.bootstrap_servers, prefix, tmp_path, replication=3) as on,
    ):
        on.begin(on.worker())
        rounds = on.form.rounds // 2
        topic = on.settings.topic(EVENTS)
        coordinated = _partition_of(f"{on.settings.group_id}.{topic}.0", partitions=4)
        for number in range(rounds):
            on.progress.until_moved(100)
            where = (topic, 0) if number % 2 else (TRANSACTIONS, coordinated)
            victim = _leader(three, *where) - 1
            since = time.monotonic()
            three.kill(victim)
            on.recovered(since)
            if number + 1 < rounds:
                three.start()
                on.until(lambda: _all_in_sync(three), "all copies in sync")
        show(on.finish())


def _partition_of(transactional_id: str, partitions: int) -> int:
    """As Kafka finds the coordinator: Java's hash of the id, without its sign."""
    hashed = 0
    for character in transactional_id:
        hashed = (31 * hashed + ord(character)) & 0xFFFFFFFF
    return (hashed & 0x7FFFFFFF) % partitions


def _leader(kafka: RealKafka, topic: str, partition: int) -> int:
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers, "log_level": 0})
    leader: int = admin.list_topics(topic, timeout=30).topics[topic].partitions[partition].leader
    return leader


def _all_in_sync(kafka: RealKafka) -> bool:
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers, "log_level": 0})
    try:
        topics = admin.list_topics(timeout=10).topics.values()
    except KafkaException:
        return False
    return all(len(found.isrs) == len(found.replicas) for topic in topics for found in topic.partitions.values())


def test_a_broker_whose_disk_is_full_goes_down_and_comes_back_with_room(
    kafka: RealKafka, tmp_path: Path, prefix: str, show: Show
) -> None:
    """It halts when it cannot write; what it had taken and not answered for may or may not be there."""
    with _short_of_room(kafka, tmp_path) as disk, Stage("disk", disk.kafka.bootstrap_servers, prefix, tmp_path) as on:
        worker = on.worker()
        on.begin(worker)
        for _ in range(max(1, on.form.rounds // 4)):
            on.progress.until_moved(100)
            disk.fill()
            on.until(lambda: not disk.kafka.nodes[0].running, "the broker halts")
            assert worker.get("/livez")[0] == 200
            disk.make_room()
            disk.kafka.start()
            on.recovered(time.monotonic())
            worker.until_ready()
        on.note = disk.how
        show(on.finish())


class _Tmpfs:
    """A broker on a file system in memory, which is filled up with one file."""

    how = "a small tmpfs"

    def __init__(self, folder: Path, kafka: RealKafka) -> None:
        self.kafka = kafka
        self._folder = folder
        self._filler = folder / "filler"

    def fill(self) -> None:
        with self._filler.open("wb") as filler:
            while True:
                room = os.statvfs(self._folder)
                try:
                    return os.posix_fallocate(filler.fileno(), 0, max(1, room.f_bavail * room.f_frsize - NEARLY_FULL))
                except OSError:
                    continue  # The broker was quicker to take it.

    def make_room(self) -> None:
        self._filler.unlink()


class _SmallFiles:
    """No file of the broker may grow any more, which it meets as it does a full disk; needs no mounting."""

    def __init__(self, kafka: RealKafka, why: str) -> None:
        self.kafka = kafka
        self.how = f"by a limit on the size of the broker's files, {why}"

    def fill(self) -> None:
        broker = psutil.Process(self.kafka.nodes[0].pid)
        _, most = broker.rlimit(psutil.RLIMIT_FSIZE)
        broker.rlimit(psutil.RLIMIT_FSIZE, (4096, most))

    def make_room(self) -> None:
        """The next process of the broker has no such limit."""


@contextmanager
def _short_of_room(kafka: RealKafka, folder: Path) -> Iterator[_Tmpfs | _SmallFiles]:
    """In the long form a broker of its own; where nothing may be mounted the suite's, and the table says so."""
    if not FORM.long:
        yield _SmallFiles(kafka, "in the short form")
        return
    disk = folder / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        yield _SmallFiles(kafka, "mounting being refused")
        return
    try:
        with RealKafka(disk / "kafka", properties=PROPERTIES) as full:
            yield _Tmpfs(disk, full)
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)
