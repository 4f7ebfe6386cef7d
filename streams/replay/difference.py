"""What a replay says otherwise than before, one settlement at a time. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

BEARERS: Final = ("fund", "assistance", "patient", "hospital")
_FIELD: Final = {
    "fund": "fund_amount",
    "assistance": "assistance_amount",
    "patient": "patient_amount",
    "hospital": "hospital_disallowed_amount",
}
_ZERO: Final = Decimal("0.00")
# What tells who decided by which words, not what was decided. A notice re-edited pays nobody anything.
_OF_A_RECORD: Final = frozenset(
    {"event_id", "revision", "supersedes", "reason", "revision_reason", "rulebook", "trace", "schema_version"}
)
_OF_A_LINE: Final = frozenset({"trace", "price_rule", "coverage_rule", "benefit_rule"})
_OF_A_DISCLOSURE: Final = frozenset({"event_id", "revision", "rulebook", "rule", "schema_version"})
_AMOUNTS: Final = (
    "charged_amount",
    "hospital_disallowed_amount",
    "eligible_amount",
    "fund_amount",
    "assistance_amount",
    "patient_amount",
)

Plain = dict[str, Any]


class Kind(StrEnum):
    """How a settlement differs from what stands for it."""

    AMOUNTS = "amounts_changed"
    OUTCOME = "outcome_changed"
    TERMS = "terms_changed"
    """Reasons, a range for a reviewer or a payout day; neither outcome nor amount."""
    DISCLOSURE = "disclosure_changed"
    """Only what is published."""
    NEW = "newly_decided"
    VANISHED = "vanished"
    DEAD_LETTER = "now_a_dead_letter"


class LeftAlone(StrEnum):
    """Why nothing is emitted although something differs."""

    REVERSED = "reversed"
    """A reversal or void stands."""
    ANOTHER_EVENT = "another_event_stands"
    """A newer event of the same settlement stands, or one whose order cannot be told."""
    FOR_A_PERSON = "for_a_person"
    """What was paid would be withdrawn without a decision that says so, or a reversal undone: nobody automates that."""
    UNKNOWN_BEFORE = "unknown_before"
    """Compaction removed the decision, a refused reversal lies there instead."""
    RETRIES_SPENT = "retries_spent"
    STILL_A_DEAD_LETTER = "still_a_dead_letter"
    BODY_GONE = "body_gone"
    """The dead letter's body was withheld, and retention has deleted the original."""


_NO_DIFFERENCE: Final = frozenset(
    {
        LeftAlone.REVERSED,
        LeftAlone.ANOTHER_EVENT,
        LeftAlone.STILL_A_DEAD_LETTER,
        LeftAlone.RETRIES_SPENT,
        LeftAlone.BODY_GONE,
    }
)


@dataclass(frozen=True, slots=True)
class Difference:
    """One settlement. `before` and `after` are whole records of settlement.adjusted, None where there is none.

    `emits`: a correction is written, or would be. Amounts in yuan; those of an undone settlement count as nothing.
    """

    partition: int
    offset: int
    settlement_id: str
    source_event_id: str
    kind: Kind
    region: str | None
    hospital: str | None
    before: Plain | None
    after: Plain | None
    left_alone: LeftAlone | None = None
    disclosure: str | None = None
    dead_letter_reason: str | None = None
    revision: int | None = None

    @property
    def emits(self) -> bool:
        return self.left_alone is None

    @property
    def counts(self) -> bool:
        """Whether it makes before and after differ, for the exit status. A settlement reversed long ago does not."""
        return self.left_alone not in _NO_DIFFERENCE

    @property
    def outcome_before(self) -> str | None:
        return outcome(self.before)

    @property
    def outcome_after(self) -> str | None:
        return outcome(self.after)

    @property
    def moved(self) -> dict[str, Decimal]:
        """By bearer: how much more it bears afterwards."""
        before, after = money(self.before), money(self.after)
        return {bearer: after[bearer] - before[bearer] for bearer in BEARERS}

    def row(self) -> dict[str, Any]:
        """Flat, for a table."""
        before, after = money(self.before), money(self.after)
        return {
            "settlement_id": self.settlement_id,
            "source_event_id": self.source_event_id,
            "partition": self.partition,
            "offset": self.offset,
            "kind": str(self.kind),
            "left_alone": None if self.left_alone is None else str(self.left_alone),
            "region": self.region,
            "hospital": self.hospital,
            "outcome_before": self.outcome_before,
            "outcome_after": self.outcome_after,
            **{f"{bearer}_before": before[bearer] for bearer in BEARERS},
            **{f"{bearer}_after": after[bearer] for bearer in BEARERS},
        }


def outcome(record: Plain | None) -> str | None:
    """Of a decision its outcome, of the answer to a reversal or void its type."""
    if record is None:
        return None
    return str(record["outcome"] if "outcome" in record else record["event_type"].removeprefix("settlement."))


def money(record: Plain | None) -> dict[str, Decimal]:
    """Who bears what, in yuan; nothing without a decision."""
    totals = (record or {}).get("totals")
    if totals is None:
        return dict.fromkeys(BEARERS, _ZERO)
    return {bearer: Decimal(totals[_FIELD[bearer]]) for bearer in BEARERS}


def compare(before: Plain, after: Plain) -> Kind | None:
    """How two decisions of one event differ; None when they say the same to everybody but the archive."""
    if _outcomes(before) != _outcomes(after):
        return Kind.OUTCOME
    if _amounts(before) != _amounts(after):
        return Kind.AMOUNTS
    return None if _said(before) == _said(after) else Kind.TERMS


def same_disclosure(before: Plain, after: Plain) -> bool:
    """Whether the public reads the same."""
    return _without(before, _OF_A_DISCLOSURE) == _without(after, _OF_A_DISCLOSURE)


def _outcomes(record: Plain) -> list[object]:
    return [record.get("outcome"), *(line["outcome"] for line in record["lines"])]


def _amounts(record: Plain) -> list[object]:
    return [record["totals"], *([line[name] for name in _AMOUNTS] for line in record["lines"])]


def _said(record: Plain) -> Plain:
    return {**_without(record, _OF_A_RECORD), "lines": [_without(line, _OF_A_LINE) for line in record["lines"]]}


def _without(record: Plain, names: frozenset[str]) -> Plain:
    return {name: value for name, value in record.items() if name not in names}
