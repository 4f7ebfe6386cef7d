"""What the group has committed, seen from outside, ten times a second: how far it is, and how soon it goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Final

from confluent_kafka import Consumer, KafkaException, TopicPartition

from tests.faults.feed import PARTITIONS

PATIENCE: Final = 150.0
_PERIOD: Final = 0.1


class Progress(threading.Thread):
    """Asks until `close`; while no broker answers, the last answer stands."""

    def __init__(self, bootstrap_servers: str, topic: str, group: str) -> None:
        super().__init__(name="progress", daemon=True)
        self.committed: dict[int, int] = dict.fromkeys(range(PARTITIONS), 0)
        self._topic = topic
        self._asked = 0
        self._closing = threading.Event()
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap_servers,
                "group.id": group,
                "enable.auto.commit": False,
                # An offset in an open transaction does not count, and is not waited for.
                "isolation.level": "read_uncommitted",
                "reconnect.backoff.max.ms": 200,
                "log_level": 0,
            }
        )

    def run(self) -> None:
        where = [TopicPartition(self._topic, partition) for partition in range(PARTITIONS)]
        while not self._closing.is_set():
            try:
                for answer in self._consumer.committed(where, timeout=1):
                    if answer.error is None and answer.offset >= 0:
                        self.committed[answer.partition] = answer.offset
            except KafkaException:
                pass  # An outage is what is being tested.
            self._asked += 1
            self._closing.wait(_PERIOD)
        self._consumer.close()

    def close(self) -> None:
        self._closing.set()
        self.join()

    def total(self) -> int:
        return sum(self.committed.values())

    def until_total(self, offsets: int) -> None:
        """Until so many offsets are committed, over all partitions. Raises AssertionError."""
        end = time.monotonic() + PATIENCE
        while self.total() < offsets:
            assert time.monotonic() < end, f"{self.committed} committed after {PATIENCE:.0f} s, {offsets} awaited"
            time.sleep(_PERIOD / 2)

    def until_moved(self, offsets: int = 1) -> None:
        """Until so many more are committed than now."""
        self.until_total(self.total() + offsets)

    def until_all_moved(self, since: float, partitions: Sequence[int] = tuple(range(PARTITIONS))) -> float:
        """Until each of these partitions is further than now; the seconds that took since the moment `since`.

        Events must still be coming in. Raises AssertionError.
        """
        end = time.monotonic() + PATIENCE
        # What was committed before now, and not yet asked for, is no movement.
        asked = self._asked
        while self._asked < asked + 2:
            time.sleep(_PERIOD / 4)
        before = dict(self.committed)
        while still := [number for number in partitions if self.committed[number] <= before[number]]:
            assert time.monotonic() < end, f"partitions {still} stand still for {PATIENCE:.0f} s at {self.committed}"
            time.sleep(_PERIOD / 2)
        return time.monotonic() - since

    def until_done(self, ends: dict[int, int], within: float = PATIENCE) -> None:
        """Until all of the input is committed. Raises AssertionError."""
        end = time.monotonic() + within
        while any(self.committed[number] < offset for number, offset in ends.items()):
            assert time.monotonic() < end, f"not done after {within:.0f} s: {self.committed} of {ends}"
            time.sleep(_PERIOD)
        assert self.committed == ends, f"committed beyond the end: {self.committed} of {ends}"
