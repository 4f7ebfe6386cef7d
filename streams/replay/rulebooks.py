"""Which rulebook a replay decides by: found by hash, the newest, or as it was known at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from schemas.topics import RULEBOOK
from streams.bus.rulebook_topic import read_releases
from streams.replay.cluster import partitions_of
from streams.replay.errors import RulebookUnknownError
from streams.rulebook import Rulebook, load_rulebook
from streams.rulebook.release import Release, newest
from streams.settings import KafkaSettings


class Shelf(Protocol):
    """Where rulebooks stand."""

    @property
    def name(self) -> str: ...

    async def newest(self) -> Rulebook | None: ...

    async def known_at(self, moment: datetime) -> Rulebook | None: ...

    async def by_hash(self, beginning: str) -> Rulebook | None: ...


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of notices; None: the installed ones. It knows what it says, not since when."""

    directory: Path | None

    @property
    def name(self) -> str:
        return "the installed notices" if self.directory is None else f"the notices of {self.directory}"

    async def newest(self) -> Rulebook | None:
        """Raises RulebookError when they cannot be used."""
        return load_rulebook(self.directory)

    async def known_at(self, moment: datetime) -> Rulebook | None:  # noqa: ARG002 - it cannot say
        return None

    async def by_hash(self, beginning: str) -> Rulebook | None:
        rulebook = load_rulebook(self.directory)
        return rulebook if rulebook.hash.startswith(beginning) else None


async def resolve(asked: str | datetime, shelves: Sequence[Shelf]) -> Rulebook:
    """`newest`, a hash (its first 8 digits are enough) or a time; the first shelf that has it. Raises
    RulebookUnknownError, and RulebookError for notices that cannot be used."""
    for shelf in shelves:
        if isinstance(asked, datetime):
            found = await shelf.known_at(asked)
        elif asked == "newest":
            found = await shelf.newest()
        else:
            found = await shelf.by_hash(_full(asked))
        if found is not None:
            return found
    looked = " nor ".join(shelf.name for shelf in shelves)
    if isinstance(asked, datetime):
        raise RulebookUnknownError(
            f"No rulebook is known of at {asked.isoformat()}: neither {looked} says since when",
            "Name a rulebook by its hash, or take the newest",
        )
    raise RulebookUnknownError(
        f"No rulebook {asked}: neither {looked} has it",
        "Look at petct rulebook log, or point PETCT_NOTICES to a folder with those notices",
    )


def _full(asked: str) -> str:
    digits = asked.removeprefix("sha256:")
    if len(digits) < 8 or not set(digits) <= set("0123456789abcdef"):
        raise RulebookUnknownError(
            f"{asked!r} is no rulebook hash", "Give newest, at least 8 digits of a hash, or as-known-at TIME"
        )
    return f"sha256:{digits}"


class Released:
    """The releases on settlement.rulebook."""

    name = "the releases on settlement.rulebook"

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._releases: list[Release] | None = None

    async def newest(self) -> Rulebook | None:
        if not (releases := await self._all()):
            return None
        # Where none can be used, the last one says why: the installed notices are no answer then, nor for a worker.
        return (newest(releases) or releases[-1]).load()

    async def known_at(self, moment: datetime) -> Rulebook | None:
        release = newest(await self._all(), moment)
        return None if release is None else release.load()

    async def by_hash(self, beginning: str) -> Rulebook | None:
        found = [release for release in reversed(await self._all()) if release.hash.startswith(beginning)]
        release = next((release for release in found if release.intact), found[0] if found else None)
        return None if release is None else release.load()

    async def _all(self) -> list[Release]:
        if self._releases is None:
            topic = self._settings.topic(RULEBOOK)
            there = await partitions_of(self._settings, topic)
            self._releases = await read_releases(self._settings) if there else []
        return self._releases


def shelves(settings: KafkaSettings, notices: Path | None) -> list[Shelf]:
    """Notices that were named come first: who names a folder means it. Then releases, then what is installed."""
    named: list[Shelf] = [] if notices is None else [Folder(notices)]
    return [*named, Released(settings), Folder(None)]
