"""Faust's transport with the two things it lacks for us under `at_least_once`.

It reads what an aborted transaction left behind, and has no setting against it. And it commits an offset while what
was made of the record, a change of a table or a message, may still wait to be sent: killed then, both are lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from faust.transport.drivers import aiokafka as driver
from faust.types import TP

SEND_SECONDS: Final = 30.0


class _Thread(driver.AIOKafkaConsumerThread):
    def _create_worker_consumer(self, transport: driver.Transport) -> Any:
        consumer = super()._create_worker_consumer(transport)
        # Read when the consumer starts.
        consumer._isolation_level = "read_committed"
        return consumer


class _Consumer(driver.Consumer):
    def _new_consumer_thread(self) -> driver.AIOKafkaConsumerThread:
        return _Thread(self, loop=self.loop, beacon=self.beacon)

    async def _handle_attached(self, commit_offsets: Mapping[TP, int]) -> None:
        """Called between choosing the offsets and committing them: what they stand for is sent first."""
        await super()._handle_attached(commit_offsets)
        producer = self.app.producer
        async with asyncio.timeout(SEND_SECONDS):
            # Faust's own flush gives up on its buffer after a tenth of a second.
            while producer.buffer.size:
                await producer.buffer.flush()
            await producer.flush()


class WatchTransport(driver.Transport):
    """In place of `kafka://`."""

    Consumer = _Consumer
