"""What the rules have in common when they say something."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

from schemas.decimals import EXACT, ZERO, plain
from streams.surveillance.examined import Examined
from streams.surveillance.facts import Fact
from streams.surveillance.periods import before
from streams.surveillance.suspicion import Days, Measured, Suspicion
from streams.surveillance.thresholds import Threshold

PLANNING: Final = "radiotherapy_planning"
NOT_STATED: Final = "not_stated"
_THOUSANDTH: Final = Decimal("0.001")


def suspicion(
    threshold: Threshold,
    category: str,
    *,
    subject: str,
    period: Days,
    window: Days,
    facts: Sequence[Fact],
    of_person: bool,
    measures: Iterable[Measured],
    amount: Decimal,
    says: str,
) -> Suspicion:
    """`facts` are what it rests on, in order of time: the city is that of the last."""
    return Suspicion(
        rule=threshold.rule,
        category=category,
        severity=threshold.severity,
        subject=subject,
        period=period,
        looked_from=before(period.first, threshold.reach_days),
        window=window,
        city=facts[-1].city,
        hospitals=tuple(sorted({fact.hospital for fact in facts})),
        person=facts[-1].person if of_person else None,
        settlement_ids=tuple(sorted({fact.settlement_id for fact in facts})),
        measures=tuple(measures),
        threshold=threshold,
        amount_at_stake=amount,
        says=says,
    )


def charged(exams: Iterable[Examined]) -> Decimal:
    return sum((exam.charged for exam in exams), ZERO)


def share(part: int | Decimal, whole: int | Decimal) -> Decimal:
    """Three places; 0 of nothing."""
    if not whole:
        return Decimal("0.000")
    return EXACT.divide(Decimal(part), Decimal(whole)).quantize(_THOUSANDTH)


def rounded(number: Decimal) -> str:
    """For people: at most three places."""
    return plain(number.quantize(_THOUSANDTH))


def counted(count: int, what: str) -> str:
    """`1 examination`, `3 examinations`."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
