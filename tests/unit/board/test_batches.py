"""Records that an agent takes many at once."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

from streams.watch.app import batches


class Stream:
    """As much of Faust's as is asked for; it ends."""

    enable_acks = True

    def __init__(self) -> None:
        self.channel = SimpleNamespace(queue=asyncio.Queue[int]())
        self.app = SimpleNamespace(consumer_generation_id=1)
        self.acknowledged: list[int] = []

    async def events(self) -> AsyncIterator[Any]:
        while (number := await self.channel.queue.get()) >= 0:
            yield SimpleNamespace(number=number, message=SimpleNamespace(generation_id=1))

    async def ack(self, event: Any) -> None:
        self.acknowledged.append(event.number)


async def test_what_comes_a_little_later_is_taken_with_the_rest_when_taking_lasts() -> None:
    stream, first = Stream(), asyncio.Event()
    taken: list[list[int]] = []

    async def take(events: list[Any]) -> bool:
        taken.append([event.number for event in events])
        await asyncio.sleep(0.2)
        first.set()
        return True

    async def come() -> None:
        stream.channel.queue.put_nowait(0)
        await first.wait()
        for number in range(1, 10):
            await asyncio.sleep(0.001)
            stream.channel.queue.put_nowait(number)
        # Later than these are taken: the end of the stream ends no batch.
        await asyncio.sleep(1)
        stream.channel.queue.put_nowait(-1)

    coming = asyncio.create_task(come())
    await batches(stream, take, lambda _code, _why: None, 1_000)
    await coming
    assert taken == [[0], list(range(1, 10))]
    assert stream.acknowledged == list(range(10))


async def test_what_comes_when_taking_is_quick_waits_for_nothing() -> None:
    stream = Stream()
    taken: list[list[int]] = []

    async def take(events: list[Any]) -> bool:
        taken.append([event.number for event in events])
        return True

    for number in (0, 1, 2, -1):
        stream.channel.queue.put_nowait(number)
    await batches(stream, take, lambda _code, _why: None, 1)
    assert taken == [[0], [1], [2]]
