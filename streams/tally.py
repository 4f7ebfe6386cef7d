"""What the metrics will say of a batch once it is committed: gathered record by record, written at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Final

from streams.processors.settlement import Answer

BEARERS: Final = ("fund", "assistance", "patient", "hospital")
# A counter cannot fall, and a refund gives money back: the net is charged minus refunded.
DIRECTIONS: Final = ("charged", "refunded")

_ZERO: Final = Decimal(0)


@dataclass(slots=True)
class Tally:
    """What one batch will add to the metrics once it is committed. `decide_seconds` is what deciding it took.

    It is gathered here, once a record, and counted at the commit, where many are counted at once for less. Nothing is
    kept that the garbage collector would have to look at: objects that live until a commit make it run more often.
    """

    records: int = 0
    decide_seconds: float = 0.0
    timestamps: list[int] = field(default_factory=list)
    fates: list[str] = field(default_factory=list)
    dead_letters: list[str] = field(default_factory=list)
    outcomes: list[tuple[str, ...]] = field(default_factory=list)
    """Each with a city, as the reasons are."""
    reasons: list[tuple[str, ...]] = field(default_factory=list)
    money: dict[str, list[Decimal]] = field(default_factory=dict)
    """By outcome, the shares of one settlement after those of another, each in the order of BEARERS."""

    def add(self, answer: Answer, timestamp: int) -> None:
        """Take one answered record; `timestamp` in milliseconds since 1970. Passed-over ones only add to `records`."""
        self.timestamps.append(timestamp)
        self.fates.append(answer.fate)
        outcome = answer.outcome
        if outcome is None:
            if answer.dead_letter_reason is not None:
                self.dead_letters.append(answer.dead_letter_reason)
            return
        city = answer.city
        self.outcomes.append(_one(outcome, city))
        for reason in answer.reasons:
            self.reasons.append(_one(reason, city))
        if answer.money is not None:
            money = answer.money
            self.money.setdefault(outcome, []).extend((money.fund, money.assistance, money.patient, money.hospital))

    def shares(self) -> Iterator[tuple[tuple[str, str, str], Decimal]]:
        """Yuan by bearer, outcome and direction; none is negative."""
        for outcome, amounts in self.money.items():
            for at, bearer in enumerate(BEARERS):
                column = amounts[at :: len(BEARERS)]
                refunded = -sum([amount for amount in column if amount < _ZERO], _ZERO)
                yield (bearer, outcome, DIRECTIONS[0]), sum(column, refunded)
                yield (bearer, outcome, DIRECTIONS[1]), refunded


# As many as there are outcomes and reasons, by cities of the rulebook.
@cache
def _one(*labels: str) -> tuple[str, ...]:
    """The same tuple every time."""
    return labels
