"""Synthetic events on their way into the input topic, at a pace, for as long as a scenario makes faults."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Final

from confluent_kafka import KafkaError, Message, Producer

from schemas.topics import MAX_OUTPUT_BYTES
from tests.broker.expected import partition_of

PARTITIONS: Final = 4
_TICK: Final = 0.02


class Feed(threading.Thread):
    """Sends records `rate` a second until `finish`, and then at full speed what is missing to `least`.

    What the broker does not take at once is tried again for minutes: an outage delays the input, and loses none.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        topic: str,
        records: Iterator[tuple[bytes, bytes]],
        *,
        least: int,
        rate: int,
        compression: str = "none",
    ) -> None:
        super().__init__(name="feed", daemon=True)
        self.sent = 0
        self._topic = topic
        self._records = records
        self._least = least
        self._rate = rate
        self._finishing = threading.Event()
        self._failure: str | None = None
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap_servers,
                "enable.idempotence": True,
                "linger.ms": 5,
                "message.timeout.ms": 600_000,
                "reconnect.backoff.max.ms": 500,
                "compression.type": compression,
                "message.max.bytes": MAX_OUTPUT_BYTES,
                "log_level": 0,
            }
        )

    def run(self) -> None:
        began, first = time.monotonic(), self.sent
        while not self._finishing.is_set():
            while self.sent - first < (time.monotonic() - began) * self._rate and not self._finishing.is_set():
                self._send()
            self._producer.poll(_TICK)
        while self.sent < self._least:
            self._send()
        while self._producer.flush(1.0):
            pass

    def at_once(self, number: int) -> None:
        """Send so many before the feed is started: what was there before the first worker."""
        for _ in range(number):
            self._send()
        while self._producer.flush(1.0):
            pass

    def finish(self) -> None:
        """Send what is missing and wait until the broker has taken all. Raises AssertionError where it refused any."""
        self._finishing.set()
        if self.is_alive():
            self.join()
        assert self._failure is None, self._failure

    def _send(self) -> None:
        key, value = next(self._records)
        while True:
            try:
                self._producer.produce(
                    self._topic, value, key, partition=partition_of(key) % PARTITIONS, on_delivery=self._delivered
                )
                break
            except BufferError:
                self._producer.poll(0.1)
        self.sent += 1

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        if error is not None:
            self._failure = f"the broker did not take an event: {error}"
