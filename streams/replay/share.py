"""The partitions of a run that are done in one process."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from streams import __version__
from streams.bus.clients import Clients
from streams.forms import form_of
from streams.processors.settlement import SettlementProcessor
from streams.replay import reading
from streams.replay.errors import ReplayError
from streams.replay.lane import Lane, Shared
from streams.replay.ledger import Tally
from streams.replay.options import OnDifference, OnPulse, Options, Pulse
from streams.replay.pace import Pace
from streams.replay.plans import Plan, Stretch
from streams.rulebook import Rulebook
from streams.settings import Settings

PULSE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Share:
    """What is to be done, by which run."""

    plan: Plan
    partitions: tuple[Stretch, ...]
    settings: Settings
    options: Options
    run: str


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a share. `finished` and `already` count partitions."""

    tally: Tally
    finished: int
    restored: int
    already: int
    differing: int


async def run_share(
    share: Share, rulebook: Rulebook, on_difference: OnDifference, on_pulse: OnPulse, stop: asyncio.Event
) -> Done:
    """Raises ReplayError, and KafkaError, OSError or TimeoutError when the broker does not do its part."""
    settings, options = share.settings, share.options
    async with AsyncExitStack() as stack:
        shared = Shared(
            share.plan,
            settings,
            options,
            SettlementProcessor(rulebook, settings.secret, __version__, form_of(settings)),
            await stack.enter_async_context(reading.reader(settings, isolation="read_uncommitted")),
            Clients(settings, None),
            share.run,
            on_difference,
            stop,
            Pace(options.rate),
            share.partitions,
        )
        async with _pulsing(shared, on_pulse):
            try:
                await _all(shared)
            except sqlite3.Error as error:
                raise ReplayError(
                    f"What stands could not be kept in {tempfile.gettempdir()} ({error})",
                    "It takes about 190 bytes a settlement: make room, or set TMPDIR to a folder that has it",
                ) from None
        tally = Tally()
        for lane in shared.lanes:
            tally.add(lane.tally)
        return Done(tally, shared.finished, shared.restored, shared.already, shared.differing)


def divided(partitions: Sequence[Stretch], among: int) -> list[tuple[Stretch, ...]]:
    """Shares of about the same work; none is empty."""
    shares: list[list[Stretch]] = [[] for _ in range(min(among, len(partitions)))]
    for stretch in sorted(partitions, key=lambda stretch: -stretch.offsets):
        min(shares, key=lambda share: sum(held.offsets for held in share)).append(stretch)
    return [tuple(share) for share in shares if share]


async def _all(shared: Shared) -> None:
    at_once = asyncio.Semaphore(shared.options.at_once)

    async def one(stretch: Stretch) -> None:
        async with at_once:
            if not shared.stop.is_set():
                lane = Lane(shared, stretch)
                shared.lanes.append(lane)
                await lane.run()

    try:
        async with asyncio.TaskGroup() as group:
            for stretch in shared.partitions:
                group.create_task(one(stretch))
    except BaseExceptionGroup as failures:
        # One is enough to tell; the others were cancelled for it.
        raise failures.exceptions[0] from None


@asynccontextmanager
async def _pulsing(shared: Shared, on_pulse: OnPulse) -> AsyncIterator[None]:
    def pulse() -> None:
        on_pulse(
            Pulse(
                shared.phase,
                shared.done,
                sum(stretch.offsets for stretch in shared.partitions),
                shared.differences,
                shared.emitted,
                shared.reading,
            )
        )

    async def beat() -> None:
        while True:
            await asyncio.sleep(PULSE_SECONDS)
            pulse()

    task = asyncio.create_task(beat())
    try:
        yield
        pulse()
    finally:
        task.cancel()
