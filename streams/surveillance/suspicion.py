"""What a rule says: a suspicion with its evidence, before it is known whether it was said before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from streams.surveillance.thresholds import Threshold


class Days(NamedTuple):
    """From the first to the last day, both included."""

    first: date
    last: date


class Measured(NamedTuple):
    """One number the rule looked at, and what it was held against, as texts."""

    name: str
    value: str
    threshold: str | None = None


@dataclass(frozen=True, slots=True)
class Suspicion:
    """`subject` and `period` name it: a rule has one suspicion of a subject in a period. `window` is what it rests on,
    `looked_from` the earliest day the rule looked at: with facts of that day missing it might have said otherwise.

    The period never depends on the facts within it, so that a late fact revises a finding and does not rename it.
    """

    rule: str
    category: str
    severity: str
    subject: str
    period: Days
    looked_from: date
    window: Days
    city: str
    hospitals: tuple[str, ...]
    person: str | None
    settlement_ids: tuple[str, ...]
    measures: tuple[Measured, ...]
    threshold: Threshold
    amount_at_stake: Decimal
    says: str
