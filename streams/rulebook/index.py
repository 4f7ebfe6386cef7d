"""The rulebook: every rule, found by region, examination and day, under one version."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Final

from streams.rulebook import canonical
from streams.rulebook.codes import DatedCodes
from streams.rulebook.dated import DatedIndex
from streams.rulebook.model import (
    BenefitRule,
    CoverageRule,
    DisclosureRule,
    Exam,
    MonitoringRule,
    Notice,
    OutOfAreaFactorsRule,
    PriceRule,
    Rule,
)
from streams.rulebook.regions import city_of
from streams.rulebook.wire import WireRulebook


class Rulebook:
    """All rules as one immutable whole; `hash` is its version, of the form `sha256:<64 hex digits>`.

    Lookups answer for a region (district, city or province), an examination and a day: the most specific rule in
    force, or None.
    """

    def __init__(self, wire: WireRulebook) -> None:
        self.canonical: Final[bytes] = canonical.dump(wire)
        self.hash: Final[str] = canonical.digest(self.canonical)
        self.exams: Final[dict[str, Exam]] = wire.exams_by_id()
        self.exam_by_code: Final[dict[str, str]] = {
            item.code: exam.id for exam in self.exams.values() for item in exam.codes
        }
        self.codes: Final[frozenset[str]] = frozenset(self.exam_by_code)
        self.dated_codes: Final = DatedCodes(self.exams.values())
        self.notices: Final[tuple[Notice, ...]] = wire.headers()
        self.rules: Final[tuple[Rule, ...]] = wire.rules()
        self.cities: Final[frozenset[str]] = frozenset(city_of(rule.region) for rule in self.rules)
        self.earliest_review: Final[date] = _earliest_review(self.rules)
        self.price: Final = DatedIndex(r for r in self.rules if isinstance(r, PriceRule)).find
        self.coverage: Final = DatedIndex(r for r in self.rules if isinstance(r, CoverageRule)).find
        self.benefit: Final = DatedIndex(r for r in self.rules if isinstance(r, BenefitRule)).find
        self.disclosure: Final = DatedIndex(r for r in self.rules if isinstance(r, DisclosureRule)).find
        self.out_of_area_factors: Final = DatedIndex(r for r in self.rules if isinstance(r, OutOfAreaFactorsRule)).find
        self.monitoring: Final = DatedIndex(r for r in self.rules if isinstance(r, MonitoringRule)).find

    @classmethod
    def from_canonical(cls, data: bytes, *, origin: str = "release", expected_hash: str | None = None) -> Rulebook:
        """Read back what `canonical` holds, giving an equal rulebook.

        Raises RulebookError, naming `origin`, for bytes that are damaged, of a newer format, not exactly canonical, or
        of another hash than `expected_hash`.
        """
        return cls(canonical.load(data, origin, expected_hash))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rulebook) and self.canonical == other.canonical

    def __hash__(self) -> int:
        return hash(self.hash)

    def __repr__(self) -> str:
        return f"<Rulebook {self.hash} of {len(self.rules)} rules>"


def _earliest_review(rules: Iterable[Rule]) -> date:
    """The day the first entry runs out of review. An entry that ended by then needs none any more."""
    rules = tuple(rules)
    due = [r.reviewed_until for r in rules if r.effective_to is None or r.effective_to > r.reviewed_until]
    return min(due or (r.reviewed_until for r in rules))
