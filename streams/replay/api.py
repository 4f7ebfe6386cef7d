"""`streams.replay` for a notebook: no event loop to care for, a run is an iterator of differences."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from streams.replay import plans
from streams.replay.difference import Difference
from streams.replay.options import Options
from streams.replay.planning import EVERYTHING, Asked, make_plan, moment
from streams.replay.plans import Filters, Plan, Source
from streams.replay.rulebooks import resolve, shelves
from streams.replay.running import Outcome, run_plan
from streams.settings import Settings, load

T = TypeVar("T")
_AHEAD: Final = 1_000


def plan(
    since: str,
    until: str | None = None,
    *,
    source: Source = "events",
    partitions: tuple[int, ...] | None = None,
    filters: Filters = EVERYTHING,
    rulebook: str = "newest",
    settings: Settings | None = None,
) -> Plan:
    """Freeze a stretch of the past. Settings are read from the environment `PETCT_…` where none are given.

    `rulebook`: `newest`, a hash, or `as-known-at TIME`. Raises ReplayError.
    """
    settings = settings or load(Settings)
    asked = Asked(moment(since), None if until is None else moment(until), source, partitions, filters)

    async def make() -> Plan:
        book = await resolve(reference(rulebook), shelves(settings, settings.notices))
        return (await make_plan(settings, asked, book, datetime.now(UTC))).plan

    return _apart(make())


def run(plan: Plan | Path | str, options: Options | None = None, *, settings: Settings | None = None) -> Replay:
    """Run a plan (dry unless the options say `emit`): iterate to get the differences as they are found."""
    held = plan if isinstance(plan, Plan) else plans.read(Path(plan))
    return Replay(held, options or Options(), settings or load(Settings))


def reference(text: str) -> str | datetime:
    """What `--rulebook` means."""
    known_at = text.removeprefix("as-known-at").strip()
    return moment(known_at) if known_at != text.strip() else text.strip()


class Replay(Iterator[Difference]):
    """Differences as they are found. `outcome` is there at the end. Leaving early (`close`) stops at a batch border.

    The work is done in a thread of its own, at most a thousand differences ahead. Raises what the run raises.
    """

    def __init__(self, plan: Plan, options: Options, settings: Settings) -> None:
        self.plan = plan
        self.outcome: Outcome | None = None
        self._found: queue.Queue[Difference | BaseException | None] = queue.Queue(_AHEAD)
        self._closed = threading.Event()
        """Nobody takes differences any more."""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, args=(options, settings), name="replay", daemon=True)
        self._thread.start()

    def __next__(self) -> Difference:
        if self._closed.is_set():
            raise StopIteration
        found = self._found.get()
        if isinstance(found, Difference):
            return found
        self._closed.set()
        self._thread.join()
        if found is not None:
            raise found
        raise StopIteration

    def close(self) -> None:
        """Stop; what is committed stays."""
        self._closed.set()
        self._ended.set()
        self._thread.join()

    def _work(self, options: Options, settings: Settings) -> None:
        try:
            self.outcome = asyncio.run(self._run(options, settings))
            self._put(None)
        except BaseException as error:
            self._put(error)

    async def _run(self, options: Options, settings: Settings) -> Outcome:
        book = await resolve(self.plan.rulebook, shelves(settings, settings.notices))
        stop = asyncio.Event()

        async def watch() -> None:
            await asyncio.to_thread(self._ended.wait)
            stop.set()

        watching = asyncio.create_task(watch())
        try:
            return await run_plan(self.plan, settings, book, options, on_difference=self._put, stop=stop)
        finally:
            self._ended.set()
            await watching

    def _put(self, found: Difference | BaseException | None) -> None:
        while not self._closed.is_set():
            with contextlib.suppress(queue.Full):
                self._found.put(found, timeout=0.1)
                break


def _apart(work: Coroutine[Any, Any, T]) -> T:
    """In a thread of its own: a notebook has an event loop running here already."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()
