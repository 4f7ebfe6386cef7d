"""Faust's transport with the six things it lacks for us under `at_least_once`.

It reads what an aborted transaction left behind, and has no setting against it. It commits an offset while what was
made of the record, a change of a table or a message, may still wait to be sent: killed then, both are lost. When such
a message cannot be sent it writes a warning, with the message in it, and goes on. Where nothing is committed yet it
does not go back after the group has handed out partitions: what was read and dropped meanwhile is lost. Where it does
go back it may drop the records that it reads first. And it makes a Python object of every record before anybody can
say that it is none of ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from streams.bus.sieve import Sieve
from streams.processors.form import PassesOver

SEND_SECONDS: Final = 30.0
LOOK_SECONDS: Final = 0.005
BUFFERED: Final = 10_000
"""Changes and messages not yet handed to the bus, at which no more records are taken."""


class UnsentError(Exception):
    """Something that was made of a record could not be sent; its offset is not committed, so it will be made again."""


class _Thread(driver.AIOKafkaConsumerThread):
    def _create_worker_consumer(self, transport: driver.Transport) -> Any:
        consumer = super()._create_worker_consumer(transport)
        # Read when the consumer starts.
        consumer._isolation_level = "read_committed"
        return consumer

    async def on_start(self) -> None:
        await super().on_start()
        sieve = self.consumer.transport.sieve  # type: ignore[attr-defined] # ours
        if sieve is not None:
            sieve.put_into(self._consumer)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        committed: Mapping[TP, int] = await self.call_thread(self._go_back)
        return committed

    async def _go_back(self) -> Mapping[TP, int | None]:
        """aiokafka stays where it is when the committed offset is None or 0."""
        consumer = self._ensure_consumer()
        committed: Mapping[TP, int | None] = await consumer.seek_to_committed()
        tables = self.app.tables.changelog_topics
        if begin := [place for place, offset in committed.items() if not offset and place.topic not in tables]:
            await consumer.seek_to_beginning(*begin)
        return committed


class _Consumer(driver.Consumer):
    def _new_consumer_thread(self) -> driver.AIOKafkaConsumerThread:
        return _Thread(self, loop=self.loop, beacon=self.beacon)

    @property
    def out_of_the_group(self) -> bool:
        """Whether nothing keeps us in the group any more. Faust goes on without, and nothing comes for ever.

        So it is when what a process tells of itself, such as its URL, is not what its name in the group had told.
        """
        coordinator = getattr(self._thread._consumer, "_coordinator", None)
        task = getattr(coordinator, "_coordination_task", None)
        return task is not None and task.done()

    async def perform_seek(self) -> None:
        """After the group has handed out partitions: go back to what is committed.

        Right after it Faust empties its queues and lets records flow. None may come in between: it would be dropped,
        and what follows be read on, so that it is lost once more is committed than that.
        """
        self.stop_flow()
        await super().perform_seek()

    async def _handle_attached(self, commit_offsets: Mapping[TP, int]) -> None:
        """Called between choosing the offsets and committing them: what they stand for is sent first.

        Raises UnsentError or TimeoutError, and nothing is committed.
        """
        await super()._handle_attached(commit_offsets)
        async with asyncio.timeout(SEND_SECONDS):
            await self.app.producer.sent()  # type: ignore[attr-defined] # ours


class _Producer(driver.Producer):
    """Knows what is on its way, and whether anything did not arrive."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._handed_over = 0
        self._under_way: dict[int, None] = {}
        self.failure: str | None = None

    async def on_start(self) -> None:
        # Faust's own limit of 100 makes records wait for tenths of a second where they change tables.
        self.buffer.max_messages = BUFFERED
        await super().on_start()

    def _settings_extra(self) -> Mapping[str, Any]:
        # Without it a batch sent again may overtake the one after it.
        return {"acks": "all", "enable_idempotence": True}

    async def send(self, *arguments: Any, **named: Any) -> Any:
        self._handed_over += 1
        number = self._handed_over
        self._under_way[number] = None
        try:
            future: Any = await super().send(*arguments, **named)
        except BaseException as error:
            self._arrived(number, error)
            raise
        future.add_done_callback(
            lambda done: self._arrived(number, asyncio.CancelledError() if done.cancelled() else done.exception())
        )
        return future

    def _arrived(self, number: int, error: BaseException | None) -> None:
        del self._under_way[number]
        if error is not None:
            # Its text may hold the record.
            self.failure = type(error).__name__

    async def sent(self) -> None:
        """Until all that was handed over or buffered by now has arrived. Raises UnsentError when something did not."""
        last = self._handed_over + self.buffer.size
        while self.failure is None and not self._all_arrived(last):  # noqa: ASYNC110 - it changes with every record
            await asyncio.sleep(LOOK_SECONDS)
        if self.failure is not None:
            raise UnsentError(self.failure)

    def _all_arrived(self, last: int) -> bool:
        return self._handed_over >= last and next(iter(self._under_way), last + 1) > last


class WatchTransport(driver.Transport):
    """In place of `kafka://`."""

    Consumer = _Consumer
    Producer = _Producer
    sieve: Sieve | None = None

    def sift(self, topic: str, current: Callable[[], PassesOver | None]) -> None:
        """Drop of `topic` what `current()` passes over, before it is made into objects. Before the app starts."""
        # What else is read is all ours.
        self.sieve = Sieve(lambda partition: current() if partition.topic == topic else None)
