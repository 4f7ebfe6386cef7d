"""What thresholds would have raised on events of the past, so that a number is chosen and not guessed.

Events are decided once; only their facts are kept. Each value of a threshold then judges the same facts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from schemas.decimals import ZERO, plain
from streams.surveillance.offline import Subjects, suspicions_of
from streams.surveillance.suspicion import Suspicion
from streams.surveillance.terms import TERMS, numbers_of
from streams.surveillance.thresholds import RULES, Thresholds


class VariationError(ValueError):
    """A variation that cannot be tried; `mend` says what to write."""

    def __init__(self, problem: str, mend: str) -> None:
        super().__init__(problem)
        self.mend = mend


@dataclass(frozen=True, slots=True)
class Variation:
    """One number of one rule, and the values to try."""

    rule: str
    name: str
    values: tuple[Decimal, ...]

    @property
    def written(self) -> str:
        return f"{self.rule}.{self.name}"


@dataclass(frozen=True, slots=True)
class Point:
    """What a rule would have raised with one value. Amounts in yuan; hospitals and persons each counted once."""

    value: Decimal
    findings: int
    hospitals: int
    persons: int
    amount: Decimal
    in_force: bool
    """Whether this is the value that the thresholds hold."""

    def plain(self) -> dict[str, Any]:
        return {
            "value": plain(self.value),
            "findings": self.findings,
            "hospitals": self.hospitals,
            "persons": self.persons,
            "amount_at_stake": str(self.amount),
            "in_force": self.in_force,
        }


def read_variation(text: str, thresholds: Thresholds) -> Variation:
    """Of `rule.threshold=a,b,c`, ascending, each value once. Raises VariationError."""
    name, found, listed = text.partition("=")
    rule, _, number = name.strip().partition(".")
    if not found or not number:
        raise VariationError(
            f"{text!r} is no variation", "Write rule.threshold=a,b,c, as in repeat_scan.max_scans=3,4,5."
        )
    if rule not in TERMS:
        raise VariationError(f"{rule!r} is no rule", f"It is one of {', '.join(RULES)}.")
    kinds = numbers_of(rule)
    if number not in kinds:
        raise VariationError(f"{rule} has no number {number!r}", f"It has {', '.join(kinds)}.")
    values: set[Decimal] = set()
    for one in listed.split(","):
        try:
            value = Decimal(one.strip())
            if not value.is_finite():
                raise VariationError(f"{one.strip()!r} is no number", f"Write values of {name.strip()} between commas.")
            thresholds.varied(rule, number, value)
        except ArithmeticError:
            raise VariationError(
                f"{one.strip()!r} is no number", f"Write values of {name.strip()} between commas."
            ) from None
        except VariationError:
            raise
        except ValueError as wrong:
            raise VariationError(f"{name.strip()} cannot be {one.strip()}", f"It was {wrong}.") from None
        values.add(value)
    return Variation(rule, number, tuple(sorted(values)))


def by_rule_and_month(suspicions: Sequence[Suspicion]) -> dict[str, dict[str, int]]:
    """How many findings, by rule and by the month in which their window ends; every rule is there."""
    counted = Counter((suspicion.rule, f"{suspicion.window.last:%Y-%m}") for suspicion in suspicions)
    return {rule: {month: n for (of, month), n in sorted(counted.items()) if of == rule} for rule in RULES}


def curve(subjects: Subjects, thresholds: Thresholds, variation: Variation) -> Iterator[Point]:
    """A point a value, in their order."""
    held = {entry.numbers[variation.name] for entry in thresholds.entries if entry.rule == variation.rule}
    for value in variation.values:
        varied = thresholds.varied(variation.rule, variation.name, value)
        found = suspicions_of(subjects, varied, (variation.rule,))
        yield Point(
            value,
            len(found),
            len({hospital for suspicion in found for hospital in suspicion.hospitals}),
            len({suspicion.person for suspicion in found if suspicion.person is not None}),
            sum((suspicion.amount_at_stake for suspicion in found), ZERO),
            value in held,
        )
