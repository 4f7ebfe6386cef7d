"""The rulebooks the site shows: the releases on the bus where it knows one, else the notices it came with."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from streams.rulebook import Rulebook, RulebookError
from streams.rulebook.release import Release

INSTALLED: Final = "installed"
FRESH_SECONDS: Final = 30.0
ReadReleases = Callable[[], Awaitable[list[Release]]]
"""All releases, the oldest first. Whatever it raises means that the bus does not answer."""


@dataclass(frozen=True, slots=True)
class Shelved:
    """One rulebook. `reference` names it in an address; `release` None: the installed notices."""

    reference: str
    book: Rulebook
    release: Release | None = None


@dataclass(frozen=True, slots=True)
class Shelf:
    """The newest first, the installed notices last. `silent`: there is a bus, and it does not answer."""

    held: tuple[Shelved, ...]
    silent: bool = False

    @property
    def newest(self) -> Shelved:
        return self.held[0]

    @property
    def releases(self) -> tuple[Shelved, ...]:
        return tuple(held for held in self.held if held.release is not None)

    def find(self, reference: str | None) -> Shelved | None:
        """None: there is no such rulebook."""
        if not reference:
            return self.newest
        return next((held for held in self.held if held.reference == reference), None)


class Library:
    """Asks for the releases at most every half minute. `read` None: no bus is known."""

    def __init__(
        self, installed: Rulebook, read: ReadReleases | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._installed = Shelved(INSTALLED, installed)
        self._read = read
        self._clock = clock
        self._asking = asyncio.Lock()
        self._shelf = Shelf((self._installed,))
        self._asked = float("-inf")

    async def shelf(self) -> Shelf:
        if self._read is None:
            return self._shelf
        async with self._asking:
            if self._clock() - self._asked >= FRESH_SECONDS:
                try:
                    found = await self._read()
                    self._shelf = Shelf((*await asyncio.to_thread(_shelved, found), self._installed))
                except Exception:  # whatever it is, the pages go on with what they have, and say so
                    self._shelf = Shelf(self._shelf.held, silent=True)
                self._asked = self._clock()
        return self._shelf


def _shelved(releases: list[Release]) -> list[Shelved]:
    """Those that can be used. One hash may have been released several times; the latest record of it counts."""
    found: dict[str, Shelved] = {}
    for release in releases:
        try:
            book = release.load()
        except RulebookError:
            continue
        found.pop(book.hash, None)
        found[book.hash] = Shelved(book.hash.removeprefix("sha256:"), book, release)
    return list(reversed(found.values()))
