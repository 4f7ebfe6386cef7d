"""What one hospital did month by month, for the desk's plots: counts and yuan, nothing of a person.

The same examinations as the rules judge: not undone, not sent twice, not taken back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from schemas.decimals import ZERO
from streams.surveillance.examined import examinations, standing_facts
from streams.surveillance.facts import Fact
from streams.surveillance.periods import month_number, months
from streams.surveillance.rules.saying import NOT_STATED


@dataclass(slots=True)
class HospitalMonth:
    """`month` is YYYY-MM; `charged` in yuan, two places; `indications` counts examinations by what was stated."""

    month: str
    scans: int = 0
    charged: Decimal = ZERO
    indications: Counter[str] = field(default_factory=Counter)

    def plain(self) -> dict[str, Any]:
        return {
            "month": self.month,
            "scans": self.scans,
            "charged": f"{self.charged:.2f}",
            "indications": dict(sorted(self.indications.items())),
        }


def hospital_months(facts: Iterable[Fact], hospital: str) -> list[HospitalMonth]:
    """From its first month to its last, those without an examination too; empty where nothing stands."""
    # A hospital's refunds take back its own examinations only.
    found = examinations(standing_facts(fact for fact in facts if fact.hospital == hospital))
    if not found:
        return []
    first, last = month_number(found[0].day), month_number(max(exam.day for exam in found))
    made = [HospitalMonth(months(number, number).first.isoformat()[:7]) for number in range(first, last + 1)]
    for exam in found:
        held = made[month_number(exam.day) - first]
        held.scans += 1
        held.charged += exam.charged
        held.indications[exam.fact.indication or NOT_STATED] += 1
    return made
