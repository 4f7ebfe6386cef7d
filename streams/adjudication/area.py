"""Out of area (异地就医): hospital and insured in different cities. By the insured region's coverage rule."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Final

from schemas.decimals import plain
from schemas.events import DatedFiling
from streams.adjudication.case import Case
from streams.adjudication.gate import Finding, denial, doubt
from streams.adjudication.trace import Step, by_rule
from streams.rulebook.model import CoverageRule, OutOfAreaFactor, OutOfAreaFactorsRule

_GATE: Final = "out_of_area"
LOCAL: Final = Decimal(1)


class Area:
    """`factor` multiplies the benefit; None where the terms are not known (or the gate denies)."""

    def __init__(
        self,
        findings: tuple[Finding, ...],
        factor: Decimal | None,
        steps: tuple[Step, ...] = (),
    ) -> None:
        self.findings: Final = findings
        self.factor: Final = factor
        self.steps: Final = steps


def out_of_area(case: Case, rule: CoverageRule, day: date) -> Area:
    if not case.out_of_area:
        return Area((), LOCAL)
    clause = rule.out_of_area_clause
    match rule.out_of_area:
        case "local_terms":
            return Area((), LOCAL)
        case "after_review":
            return Area((doubt(_GATE, "out_of_area_review_required", rule, clause.says, clause),), LOCAL)
        case "same_province":
            if case.same_province:
                return Area((), LOCAL)
            return Area((doubt(_GATE, "out_of_area_terms_unknown", rule, clause.says, clause),), None)
        case "filing_required":
            return _filed(case, rule, day)


def _filed(case: Case, rule: CoverageRule, day: date) -> Area:
    clause, filing = rule.out_of_area_clause, case.event.filing
    if filing is None:
        return Area((denial(_GATE, "out_of_area_not_filed", rule, clause.says, clause),), None)
    if isinstance(filing, DatedFiling) and not filing.valid_from <= day <= filing.valid_to:
        return Area((denial(_GATE, "out_of_area_filing_not_valid", rule, clause.says, clause),), None)
    factors = case.rulebook.out_of_area_factors(case.event.patient.insured_region, rule.exam, day)
    factor = None if factors is None else _factor(factors, filing.kind, case.same_province)
    if factors is None or factor is None:
        says = f"no factor is known for a filing of kind {filing.kind}"
        return Area((doubt(_GATE, "out_of_area_terms_unknown", factors or rule, says),), None)
    step = by_rule(_GATE, factors, f"{factor.says} × {plain(factor.factor)}", clause=factor)
    return Area((), factor.factor, (step,))


def _factor(rule: OutOfAreaFactorsRule, kind: str, same_province: bool) -> OutOfAreaFactor | None:
    where = "in_province" if same_province else "out_of_province"
    return next((f for f in rule.factors if f.kind == kind and f.where in (None, where)), None)
