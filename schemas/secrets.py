"""The secrets that key the ids of disclosures: one to begin with, and those that came after it, each from a day on.

A settlement is keyed by the secret of the day on which it occurred, so its id never changes: not by a rotation, not in
a replay years later. A withdrawal knows the settlement it undoes but not that day, and so reaches for every id the
settlement may bear.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Self

from schemas.identity import disclosure_id
from schemas.moments import read_day

_LINE: Final = "YYYY-MM-DD, a blank, the secret"


@dataclass(frozen=True, slots=True)
class DisclosureSecrets:
    """`later` in the order of their first days. Never log it; its repr tells nothing."""

    first: bytes = field(repr=False)
    later: tuple[tuple[date, bytes], ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, secret: bytes | Self) -> Self:
        return cls(secret) if isinstance(secret, bytes) else secret

    def id(self, event_id: str, day: date) -> str:
        """The disclosure id of a settlement that occurred on `day`."""
        secret = self.first
        for since, later in self.later:
            if since > day:
                break
            secret = later
        return disclosure_id(secret, event_id)

    def ids(self, event_id: str, day: date) -> tuple[str, ...]:
        """Every id a settlement may bear that was undone on `day`; the likeliest first."""
        likeliest = self.id(event_id, day)
        if not self.later:
            return (likeliest,)
        secrets = (self.first, *(later for _, later in self.later))
        others = (disclosure_id(secret, event_id) for secret in reversed(secrets))
        return tuple(dict.fromkeys((likeliest, *others)))

    @property
    def all(self) -> Sequence[bytes]:
        return (self.first, *(later for _, later in self.later))


def read_later(text: str) -> tuple[tuple[date, bytes], ...]:
    """From lines of a first day, a blank and a secret; blank lines do not count.

    Raises ValueError with the number of the line and what was expected, never with what stands there.
    """
    found: list[tuple[date, bytes]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        day, _, secret = line.partition(" ")
        if not secret:
            raise ValueError(f"line {number}: expected {_LINE}")
        try:
            since = read_day(day)
        except ValueError:
            raise ValueError(f"line {number}: expected {_LINE}") from None
        if found and since <= found[-1][0]:
            raise ValueError(f"line {number}: expected a later day than that of the line before")
        found.append((since, secret.encode()))
    if not found:
        raise ValueError(f"expected lines of {_LINE}")
    return tuple(found)
