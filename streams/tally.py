"""What the metrics will say of a batch once it is committed: gathered record by record, written at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, NamedTuple

from schemas.deadletters import DeadLetterReason
from streams.adjudication.settlement import Money
from streams.processors.settlement import Answer, Fate

BEARERS: Final = ("fund", "assistance", "patient", "hospital")
# A counter cannot fall, and a refund gives money back: the net is charged minus refunded.
DIRECTIONS: Final = ("charged", "refunded")

_ZERO: Final = Decimal(0)

Kind = tuple[Fate, str | None, str, tuple[str, ...], DeadLetterReason | None]
"""Fate, outcome, city, reasons and the reason of a dead letter."""


class Counts(NamedTuple):
    """How many answers there were; of outcomes and reasons, each with a city."""

    fates: Counter[str]
    outcomes: Counter[tuple[str, ...]]
    reasons: Counter[tuple[str, ...]]
    dead_letters: Counter[str]


@dataclass(slots=True)
class Tally:
    """What one batch will add to the metrics once it is committed. `decide_seconds` is what deciding it took.

    It is gathered here, once a record, and counted at the commit, where many are counted at once for less: of an answer
    little more is done than to lay it beside those of its kind.
    """

    records: int = 0
    decide_seconds: float = 0.0
    timestamps: list[int] = field(default_factory=list)
    answers: dict[Kind, list[Money | None]] = field(default_factory=dict)
    """By what the metrics tell apart, the money of each. There are few kinds: cities are those of the rulebook."""

    def add(self, answer: Answer, timestamp: int) -> None:
        """Take one answered record; `timestamp` in milliseconds since 1970. Passed-over ones only add to `records`."""
        self.timestamps.append(timestamp)
        kind = (answer.fate, answer.outcome, answer.city, answer.reasons, answer.dead_letter_reason)
        moneys = self.answers.get(kind)
        if moneys is None:
            moneys = self.answers[kind] = []
        moneys.append(answer.money)

    def counts(self) -> Counts:
        found = Counts(Counter(), Counter(), Counter(), Counter())
        for (fate, outcome, city, reasons, dead_letter_reason), moneys in self.answers.items():
            count = len(moneys)
            found.fates[fate] += count
            if outcome is not None:
                found.outcomes[outcome, city] += count
                for reason in reasons:
                    found.reasons[reason, city] += count
            elif dead_letter_reason is not None:
                found.dead_letters[dead_letter_reason] += count
        return found

    def shares(self) -> Iterator[tuple[tuple[str, str, str], Decimal]]:
        """Yuan by bearer, outcome and direction; none is negative."""
        by_outcome: dict[str, list[Money]] = {}
        for (_, outcome, *_), answered in self.answers.items():
            known = [money for money in answered if money is not None]
            if outcome is not None and known:
                by_outcome.setdefault(outcome, []).extend(known)
        for outcome, moneys in by_outcome.items():
            for bearer, amounts in (
                ("fund", [money.fund for money in moneys]),
                ("assistance", [money.assistance for money in moneys]),
                ("patient", [money.patient for money in moneys]),
                ("hospital", [money.hospital for money in moneys]),
            ):
                refunded = -sum([amount for amount in amounts if amount.is_signed()], _ZERO)
                yield (bearer, outcome, DIRECTIONS[0]), sum(amounts, refunded)
                yield (bearer, outcome, DIRECTIONS[1]), refunded
