"""Releases: whole rulebooks as they were published, one after the other, and which of them was known when.

Two times matter. When a rule applies stands in the rule. When we knew it stands in the release: a notice may be posted
after the day from which it applies (Ningbo's was, 2021-07-23 for 2021-06-30).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from schemas.moments import CHINA
from streams.rulebook.canonical import digest
from streams.rulebook.errors import RulebookError
from streams.rulebook.index import Rulebook

HASH: Final = "rulebook"
MESSAGE: Final = "message"
AUTHOR: Final = "author"
KNOWN_FROM: Final = "known_from"

_REFERENCE: Final = re.compile(r"(?:sha256:)?([0-9a-f]{6,64})")


class UnknownReleaseError(Exception):
    """No release, or more than one, is meant. The text says which there are."""


@dataclass(frozen=True, slots=True)
class Release:
    """One record of the topic. `published` is the broker's time, `known_from` the publisher's word for it.

    Whether its rulebook can be used, `load` tells. The later of two releases has the higher `offset`.
    """

    offset: int
    hash: str
    canonical: bytes
    message: str
    author: str
    known_from: datetime
    published: datetime

    def load(self) -> Rulebook:
        """Raises RulebookError where the record is damaged, of a newer format, or not what its key says."""
        return Rulebook.from_canonical(
            self.canonical, origin=f"release at offset {self.offset}", expected_hash=self.hash
        )

    @property
    def intact(self) -> bool:
        """Whether the record is what its key says; one that is may still be of a format only a newer program reads."""
        return digest(self.canonical) == self.hash

    @property
    def usable(self) -> bool:
        """Whether `load` would give its rulebook."""
        try:
            self.load()
        except RulebookError:
            return False
        return True

    @classmethod
    def of(
        cls,
        offset: int,
        key: bytes | None,
        value: bytes | None,
        headers: Iterable[tuple[str, bytes | None]],
        published: datetime,
    ) -> Release:
        """From a record. What it says about itself may be missing or wrong; then it says nothing."""
        said = {name: (held or b"").decode(errors="replace") for name, held in headers}
        return cls(
            offset,
            (key or b"").decode(errors="replace"),
            value or b"",
            said.get(MESSAGE, ""),
            said.get(AUTHOR, ""),
            _moment(said.get(KNOWN_FROM, "")) or published,
            published,
        )


def headers(book: Rulebook, message: str, author: str, known_from: datetime) -> list[tuple[str, bytes]]:
    return [
        ("content-type", b"application/json"),
        (HASH, book.hash.encode()),
        (MESSAGE, message.encode()),
        (AUTHOR, author.encode()),
        (KNOWN_FROM, known_from.astimezone(CHINA).isoformat().encode()),
    ]


def newest(releases: Sequence[Release], known_at: datetime | None = None) -> Release | None:
    """The newest release that can be used, as a worker takes it; with a time, of those known by then. None: there is
    none."""
    for release in sorted(releases, key=lambda release: release.offset, reverse=True):
        if (known_at is None or release.known_from <= known_at) and release.usable:
            return release
    return None


def is_newest(releases: Sequence[Release], hash: str) -> bool:
    """Whether the last record is, undamaged, this very release: then releasing it again would say nothing new."""
    last = max(releases, key=lambda release: release.offset, default=None)
    return last is not None and last.hash == hash and last.intact


def find(releases: Sequence[Release], reference: str) -> Release:
    """The release meant by `newest` or by a hash, of which the first six digits or more suffice.

    One hash may have been released several times; what it says is the same, and the latest record that is not damaged
    is given. Where all are, or none can be used, the latest of them, whose `load` says why. Raises UnknownReleaseError.
    """
    if not releases:
        raise UnknownReleaseError("nothing is released yet")
    if reference == "newest":
        return newest(releases) or releases[-1]
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise UnknownReleaseError(f"{reference!r} is neither newest nor six or more digits of a hash")
    meant = [release for release in releases if release.hash.startswith(f"sha256:{match[1]}")]
    hashes = sorted({release.hash for release in meant})
    if not hashes:
        raise UnknownReleaseError(f"no release has a hash that begins with {match[1]}")
    if len(hashes) > 1:
        raise UnknownReleaseError(f"{match[1]} is the beginning of {' and '.join(hashes)}")
    return next((release for release in reversed(meant) if release.intact), meant[-1])


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None
