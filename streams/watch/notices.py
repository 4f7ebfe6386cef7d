"""The notices as the watch role reads them: which events are ours, and which hospitals must publish.

It decides nobody's money, so it needs no release to begin with: the installed notices hold until one is read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import structlog
from aiokafka.errors import KafkaError

from streams.bus.rulebook_topic import reading
from streams.processors.envelope import PassingOver
from streams.processors.settlement import OTHER
from streams.rulebook import Rulebook, load_rulebook
from streams.rulebook.regions import city_of
from streams.rulebook.release import Release
from streams.settings import KafkaSettings

log = structlog.get_logger("petct.watch")

RETRY_SECONDS: Final = 5.0


class Notices:
    """The newest rulebook that can be read. `passes_over` is of all item codes that any of them knew."""

    def __init__(self, settings: KafkaSettings, changed: Callable[[Rulebook], None]) -> None:
        self._settings = settings
        self._changed = changed
        self._codes: set[str] = set()
        self._use(load_rulebook())

    def city(self, region: str) -> str:
        """The city of a hospital as metrics tell it."""
        city = city_of(region)
        return city if city in self.book.cities else OTHER

    async def follow(self) -> None:
        """Until cancelled."""
        while True:
            try:
                async with reading(self._settings) as reader:
                    await self._consider(await reader.all())
                    while True:
                        if fresh := await reader.next():
                            await self._consider(fresh)
            except (KafkaError, OSError, TimeoutError) as error:
                log.warning("the releases of the rulebook cannot be read", error=type(error).__name__)
            await asyncio.sleep(RETRY_SECONDS)

    async def _consider(self, releases: Sequence[Release]) -> None:
        for release in reversed(releases):
            try:
                book = await asyncio.to_thread(release.load)
            except Exception as error:  # the settle worker says what is wrong with it
                log.warning(
                    "a release of the rulebook cannot be used", offset=release.offset, error=type(error).__name__
                )
                continue
            self._use(book)
            log.info("rulebook in use", rulebook=book.hash)
            return

    def _use(self, book: Rulebook) -> None:
        self.book = book
        self._codes |= book.codes
        self.passes_over = PassingOver(self._codes)
        self._changed(book)
