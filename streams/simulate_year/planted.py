"""What was planted: abuse that must be found, and innocents that should be left alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

RULES: Final = (
    "overcharge",
    "duplicate_report_fee",
    "split_charge",
    "repeat_scan",
    "spend_spike",
    "out_of_scope_share",
    "indication_drift",
    "contradiction",
)


@dataclass(slots=True)
class Planted:
    """One case. `rule` is the one that it is about: to be found by it, or of an innocent to be left alone by it.

    `settlement_ids` grow while the year is made: they are complete when it has ended.
    """

    case: str
    rule: str
    kind: str
    """Which form of it, in a few words."""
    abuse: bool
    hospitals: list[str]
    person_id: str | None
    """As in the events; None where it is about a hospital."""
    first: date
    last: date
    settlement_ids: list[str] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        return {
            "case": self.case,
            "rule": self.rule,
            "kind": self.kind,
            "abuse": self.abuse,
            "hospitals": self.hospitals,
            "person_id": self.person_id,
            "first": self.first.isoformat(),
            "last": self.last.isoformat(),
            "settlement_ids": self.settlement_ids,
        }
