"""By what rulebook a worker decides: one at a time for all its lanes, changed between two batches of each."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Final

import structlog
from aiokafka.errors import KafkaError

from streams.bus.batch import Process
from streams.bus.rulebook_topic import reading
from streams.metrics import Metrics
from streams.rulebook import Rulebook, RulebookError
from streams.rulebook.release import Release
from streams.rulebook.review import deadline
from streams.settings import Settings
from streams.status import RulebookStatus

log = structlog.get_logger("petct.rulebook")

REMIND_SECONDS: Final = 30.0
RETRY_SECONDS: Final = 2.0


class Rules:
    """The way to decide from now on. A lane asks for it when a batch begins, so that one batch has one rulebook."""

    def __init__(self, process: Process | None = None) -> None:
        self._process = process
        self._loaded = asyncio.Event()
        if process is not None:
            self._loaded.set()

    @property
    def process(self) -> Process:
        """Raises AssertionError before there is one."""
        if self._process is None:
            raise AssertionError("no lane opens before a rulebook is loaded")
        return self._process

    @property
    def missing(self) -> str | None:
        """Why there is no rulebook, and what to do; None when there is one."""
        return None if self._process is not None else "no rulebook is loaded"

    def status(self) -> RulebookStatus:
        return RulebookStatus(None, 0, None, self.missing)

    async def loaded(self) -> None:
        await self._loaded.wait()

    async def follow(self) -> None:
        """Keep up with releases for as long as the worker runs; these never change."""

    def switch(self, process: Process) -> None:
        """Every batch that begins from now on, in whatever lane, is decided by `process`."""
        self._process = process
        self._loaded.set()


class ReleasedRules(Rules):
    """Follows `settlement.rulebook`: the newest release that can be used, or the one pinned by PETCT_RULEBOOK.

    `fallback` are the notices to use as long as nothing is released. A release that cannot be used is told, shows in
    the metrics, and changes nothing.
    """

    def __init__(
        self, settings: Settings, make: Callable[[Rulebook], Process], metrics: Metrics, fallback: Rulebook | None
    ) -> None:
        super().__init__()
        self._settings = settings
        self._make = make
        self._metrics = metrics
        self._fallback = fallback
        self._book: Rulebook | None = None
        self._refused: set[int] = set()
        self._missing = "the releases of the rulebook are not read yet"

    @property
    def missing(self) -> str | None:
        return None if self._book is not None else self._missing

    def status(self) -> RulebookStatus:
        book = self._book
        if book is None:
            return super().status()
        return RulebookStatus(book.hash, len(book.rules), deadline(book).isoformat(), None)

    async def follow(self) -> None:
        reminder = asyncio.create_task(self._remind())
        try:
            while True:
                try:
                    async with reading(self._settings) as reader:
                        releases = await reader.all()
                        await self._consider(releases)
                        while True:
                            if fresh := await reader.next():
                                releases += fresh
                                await self._consider(releases)
                except (KafkaError, OSError, TimeoutError) as error:
                    log.warning("the releases of the rulebook cannot be read", error=type(error).__name__)
                await asyncio.sleep(RETRY_SECONDS)
        finally:
            reminder.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reminder

    async def _consider(self, releases: Sequence[Release]) -> None:
        """Take the newest that can be used, where that is another than the one in use."""
        pinned = self._settings.rulebook
        candidates = [release for release in releases if pinned in (None, release.hash)]
        for release in reversed(candidates):
            if self._book is not None and (release.hash, release.canonical) == (self._book.hash, self._book.canonical):
                break
            if release.offset in self._refused:
                continue
            try:
                # Reading a large one would hold up heartbeats and lanes.
                book = await asyncio.to_thread(release.load)
            except Exception as error:  # whatever is wrong with it, the worker goes on
                self._refused.add(release.offset)
                mistakes = error.mistakes if isinstance(error, RulebookError) else [type(error).__name__]
                log.error(  # noqa: TRY400 - the mistakes say more than a traceback
                    "a release of the rulebook is refused; the one in use stays",
                    offset=release.offset,
                    release=release.hash,
                    in_use=self._book and self._book.hash,
                    mistakes=[str(mistake) for mistake in mistakes[:5]],
                )
                continue
            self._use(book, released=release.published.isoformat(), author=release.author, message=release.message)
            break
        else:
            self._fall_back(releases, candidates)
        self._metrics.newest_release_refused.set(bool(candidates) and candidates[-1].offset in self._refused)

    def _fall_back(self, releases: Sequence[Release], candidates: Sequence[Release]) -> None:
        pinned, book = self._settings.rulebook, self._fallback
        if self._book is not None:
            return
        if not releases and book is not None and pinned in (None, book.hash):
            self._use(book, released="never: installed notices")
        elif candidates:
            self._wait("no release of the rulebook can be used; the log says why of each: release it anew")
        elif pinned is not None:
            self._wait(f"PETCT_RULEBOOK={pinned} is not among the releases; publish it, or take the pin away")
        else:
            self._wait(
                "no rulebook is released; `petct rulebook publish` releases the installed notices, "
                "PETCT_RULEBOOK_FALLBACK=installed uses them unreleased"
            )

    def _use(self, book: Rulebook, **facts: str) -> None:
        log.info(
            "rulebook in use", rulebook=book.hash, before=self._book and self._book.hash, rules=len(book.rules), **facts
        )
        self.switch(self._make(book))
        self._book = book
        self._metrics.rulebook(book)

    def _wait(self, why: str) -> None:
        if why != self._missing:
            log.warning("waiting for a rulebook", why=why)
        self._missing = why

    async def _remind(self) -> None:
        """Say it again: whoever waits for a worker looks at the end of the log."""
        while not self._loaded.is_set():
            await asyncio.sleep(REMIND_SECONDS)
            if not self._loaded.is_set():
                log.warning("waiting for a rulebook", why=self._missing)
