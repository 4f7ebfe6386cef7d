"""A run in several processes: each does a share of the partitions and tells this one what it finds.

A child reads its share from standard input and watches it: a word means stop, its end means that the parent is gone.
Then the child ends at once, as the parent did: what it had committed stays, what not is done by the next run.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import struct
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from streams.replay.difference import Difference
from streams.replay.errors import BrokerAwayError, ReplayError
from streams.replay.options import OnDifference, OnPulse, Pulse
from streams.replay.share import Done, Share
from streams.rulebook import Rulebook

LENGTH: Final = struct.Struct(">I")
STOP: Final = b"stop"


def framed(message: object) -> bytes:
    """As it goes through a pipe: its length, then its bytes. Both ends are this program."""
    held = pickle.dumps(message)
    return LENGTH.pack(len(held)) + held


async def run_in_processes(
    shares: Sequence[Share], rulebook: Rulebook, on_difference: OnDifference, on_pulse: OnPulse, stop: asyncio.Event
) -> list[Done]:
    """A process a share. Raises ReplayError: whatever one of them could not do ends them all."""
    pulses: dict[int, Pulse] = {}

    def beat(number: int, pulse: Pulse) -> None:
        pulses[number] = pulse
        if len(pulses) == len(shares):
            on_pulse(_together(list(pulses.values())))

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(_run(number, _part(share, len(shares)), rulebook, on_difference, beat, stop))
                for number, share in enumerate(shares)
            ]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]


def _part(share: Share, shares: int) -> Share:
    """The pace is for all of them together."""
    rate = share.options.rate
    return share if rate is None else replace(share, options=replace(share.options, rate=rate / shares))


async def _run(
    number: int, share: Share, rulebook: Rulebook, on_difference: OnDifference, beat: Any, stop: asyncio.Event
) -> Done:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "streams.replay.child",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    stopping = asyncio.create_task(_stop(process.stdin, stop))
    try:
        process.stdin.write(framed((share, rulebook.canonical)))
        await process.stdin.drain()
        while True:
            head = await process.stdout.readexactly(LENGTH.size)
            message = pickle.loads(await process.stdout.readexactly(*LENGTH.unpack(head)))  # noqa: S301 - our own child's
            if isinstance(message, Difference):
                on_difference(message)
            elif isinstance(message, Pulse):
                beat(number, message)
            elif isinstance(message, Done):
                return message
            elif isinstance(message, ReplayError):
                raise message
            else:
                raise BrokerAwayError(str(message), "Is the broker running? Run again to go on")
    except (asyncio.IncompleteReadError, ConnectionError):
        raise ReplayError("A process of the run ended unforeseen", "Run again to go on where it stopped") from None
    finally:
        stopping.cancel()
        if process.returncode is None:
            process.stdin.close()
            try:
                async with asyncio.timeout(10):
                    await process.wait()
            except TimeoutError:
                process.kill()


async def _stop(stdin: asyncio.StreamWriter, stop: asyncio.Event) -> None:
    await stop.wait()
    stdin.write(STOP)
    await stdin.drain()


def _together(pulses: Sequence[Pulse]) -> Pulse:
    working = [pulse for pulse in pulses if pulse.records < pulse.total] or pulses
    return Pulse(
        working[0].phase,
        sum(pulse.records for pulse in pulses),
        sum(pulse.total for pulse in pulses),
        sum(pulse.differences for pulse in pulses),
        sum(pulse.emitted for pulse in pulses),
        sum(pulse.reading for pulse in pulses),
    )
