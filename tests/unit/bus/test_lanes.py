"""Lanes close whoever asks, and nobody goes on while one is still closing."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka import TopicPartition

from streams.bus import lanes
from streams.bus.lane import LaneState, Limits, Shared
from streams.bus.lanes import Lanes
from streams.metrics import Metrics

PARTITION = TopicPartition("t", 0)


class _SlowLane:
    """Told to stop, it takes until it is let."""

    let: asyncio.Event

    def __init__(self, partition: TopicPartition, shared: Shared) -> None:
        self.partition = partition
        self.state = LaneState.RUNNING
        self.ended = False
        self._told = asyncio.Event()

    def stop(self) -> None:
        self._told.set()

    async def run(self) -> None:
        await self._told.wait()
        await _SlowLane.let.wait()
        self.ended = True


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Lanes:
    monkeypatch.setattr(lanes, "Lane", _SlowLane)
    _SlowLane.let = asyncio.Event()
    shared = cast(Shared, SimpleNamespace(metrics=Metrics("0"), limits=Limits()))
    return Lanes(shared, _no_end)


def _no_end(failure: BaseException) -> None:
    raise AssertionError(failure)


async def test_whoever_closes_all_waits_for_what_an_interrupted_rebalance_was_closing(made: Lanes) -> None:
    """aiokafka's consumer, when stopped, cancels the call in which it told us of a rebalance."""
    await made.on_partitions_assigned({PARTITION})
    (lane,) = cast(Any, list(made))
    revoking = asyncio.create_task(made.on_partitions_revoked({PARTITION}))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    revoking.cancel()
    closing = asyncio.create_task(made.close_all())
    await asyncio.wait([revoking])
    assert not closing.done()

    _SlowLane.let.set()
    await closing

    assert lane.ended


async def test_after_all_were_closed_none_opens_any_more(made: Lanes) -> None:
    await made.close_all()
    await made.on_partitions_assigned({PARTITION})

    assert list(made) == []
