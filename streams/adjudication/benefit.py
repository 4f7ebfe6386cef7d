"""What the fund pays of the eligible amount: 大病保险 (serious-illness insurance) or the pooled fund (统筹基金).

Rounded half up to the fen once, at the end of the line; what is left goes to the patient.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from schemas.decimals import ZERO, plain, times, to_fen
from streams.adjudication.case import Accumulators, Case, Charge
from streams.adjudication.gate import Finding
from streams.adjudication.trace import Step, by_rule
from streams.rulebook.model import AnnualCap, Band, BenefitRule, RatioRange, Terms

_GATE: Final = "benefit"
_POOREST: Final = ("low_income", "extreme_poverty")


class Benefit:
    """`low` and `high` are yuan, equal when the amount is determinate, None when not even a range is known.

    `rule` is the one in force, whether it serves this person or not. A cap that cut
    gives a charging reason.
    """

    def __init__(
        self,
        rule: BenefitRule | None,
        findings: tuple[Finding, ...],
        low: Decimal | None,
        high: Decimal | None,
        steps: tuple[Step, ...] = (),
        charging_reasons: tuple[str, ...] = (),
    ) -> None:
        self.rule: Final = rule
        self.findings: Final = findings
        self.low: Final = low
        self.high: Final = high
        self.steps: Final = steps
        self.charging_reasons: Final = charging_reasons


class _Paid:
    """One way to pay: the amount, how it came about, and the step of the annual cap where it cut."""

    def __init__(
        self,
        amount: Decimal,
        steps: tuple[Step, ...],
        cut: tuple[Step, ...] = (),
    ) -> None:
        self.amount: Final = amount
        self.steps: Final = steps
        self.cut: Final = cut


def benefit(
    case: Case, charge: Charge, eligible: Decimal, factor: Decimal | None, accumulated: Accumulators
) -> Benefit:
    """The benefit gate, and what the fund pays. `factor` None: the out-of-area terms are not known."""
    patient = case.event.patient
    rule = case.rulebook.benefit(patient.insured_region, charge.exam, charge.line.service_date)
    if rule is None or not _serves(rule, case):
        return _no_rule(rule, case)
    cap, ratios, terms = rule.caps.get(patient.scheme), _stated_ratios(rule, case), _terms(rule, case)
    doubts = _doubts(rule, case, charge, eligible, accumulated, terms, cap)
    findings = tuple(Finding(reason, False, by_rule(_GATE, rule, says, reason=reason)) for reason, says in doubts)
    if factor is None or any(reason != "benefit_ratio_missing" for reason, _ in doubts):
        return Benefit(rule, findings, None, None)
    ratio_of = "" if ratios[0] is None else " of the account" if len(ratios) == 1 else " of the range"
    ways = [_pay(rule, terms, ratio, ratio_of, cap, eligible, factor, accumulated) for ratio in ratios]
    low, high = ways[0], ways[-1]
    if doubts:
        steps = tuple(step for way in ways for step in (*way.steps, *way.cut))
        return Benefit(rule, findings, low.amount, high.amount, steps)
    if cap is None or not low.cut:
        return Benefit(rule, (), low.amount, low.amount, low.steps)
    reason = "annual_cap_approximate" if cap.approximate else "annual_cap_reached"
    cut = low.cut[0].for_reason(reason)
    if cap.approximate:
        return Benefit(rule, (Finding(reason, False, cut),), low.amount, low.amount, low.steps)
    return Benefit(rule, (), low.amount, low.amount, (*low.steps, cut), (reason,))


def _serves(rule: BenefitRule, case: Case) -> bool:
    patient = case.event.patient
    if patient.scheme not in rule.buckets:
        return False
    return rule.kind != "platform_ratio" or (patient.scheme, patient.status) in rule.ranges


def _no_rule(rule: BenefitRule | None, case: Case) -> Benefit:
    patient, reason = case.event.patient, "benefit_rule_missing"
    whom = f"{patient.scheme}, {patient.status}"
    if rule is None:
        step = Step(_GATE, f"no benefit rule is in force for {whom}", None, reason)
    else:
        step = by_rule(_GATE, rule, f"states nothing for {whom}: {rule.says}", reason=reason)
    return Benefit(rule, (Finding(reason, False, step),), None, None)


def _terms(rule: BenefitRule, case: Case) -> Terms | None:
    """The terms of the person's assistance status where the rule has some, else those of everyone."""
    assistance = case.event.patient.assistance
    if assistance not in rule.assistance_terms:
        return rule.terms
    return rule.assistance_terms[assistance]


def _range(rule: BenefitRule, case: Case) -> RatioRange:
    return rule.ranges[case.event.patient.scheme, case.event.patient.status]


def _stated_ratios(rule: BenefitRule, case: Case) -> tuple[Decimal | None, ...]:
    """The ratio to pay by; both ends of the rule's range where the platform should state it and does not."""
    if rule.kind != "platform_ratio":
        return (None,)
    stated = case.event.account.benefit_ratio
    if stated is not None:
        return (stated,)
    allowed = _range(rule, case)
    return (allowed.low, allowed.high)


def _doubts(
    rule: BenefitRule,
    case: Case,
    charge: Charge,
    eligible: Decimal,
    accumulated: Accumulators,
    terms: Terms | None,
    cap: AnnualCap | None,
) -> list[tuple[str, str]]:
    """Every doubt whose condition holds, in the contract's order; the approximate cap is judged on the amount."""
    event, day = case.event, charge.line.service_date
    progressive = rule.kind == "progressive"
    doubts: list[tuple[str, str]] = []
    if (progressive and accumulated.own_paid is None) or (cap is not None and accumulated.fund_paid is None):
        missing = "own_paid_ytd" if progressive and accumulated.own_paid is None else "fund_paid_ytd"
        doubts.append(("accumulator_missing", f"needs {missing} of the account"))
    if rule.kind == "platform_ratio":
        allowed, stated = _range(rule, case), event.account.benefit_ratio
        between = f"{plain(allowed.low)} to {plain(allowed.high)}"
        if stated is None:
            doubts.append(("benefit_ratio_missing", f"a ratio from {between} is not stated: {rule.says}"))
        elif not allowed.low <= stated <= allowed.high:
            doubts.append(
                (
                    "benefit_ratio_out_of_range",
                    f"{plain(stated)} of the account is no ratio from {between}: {rule.says}",
                )
            )
    if progressive and accumulated.own_paid is not None and terms is not None and terms.bands is not None:
        start, end = accumulated.own_paid, accumulated.own_paid + eligible
        if any(ratio is None for _, _, ratio in _slices(terms.bands, start, end)):
            doubts.append(("benefit_band_unknown", f"{start} to {end} reaches a band without a known ratio"))
    if rule.assistance_unknown and event.patient.assistance in _POOREST:
        doubts.append(("assistance_terms_unknown", f"terms for {event.patient.assistance} are not known"))
    if (progressive or cap is not None) and day.year != event.occurred_at.day.year:
        doubts.append(("accumulator_other_year", f"the account is of {event.occurred_at.day.year}, not {day.year}"))
    paid = event.account.fund_paid_ytd
    if charge.is_refund and (progressive or (cap is not None and paid is not None and paid >= cap.amount)):
        doubts.append(("refund_basis_unknown", "what was paid for the refunded charge cannot be known from this event"))
    return doubts


def _pay(
    rule: BenefitRule,
    terms: Terms | None,
    ratio: Decimal | None,
    ratio_of: str,
    cap: AnnualCap | None,
    eligible: Decimal,
    factor: Decimal,
    accumulated: Accumulators,
) -> _Paid:
    steps: list[Step] = []
    clause = None if terms is rule.terms else rule.assistance_clause
    if terms is not None and terms.bands is not None and accumulated.own_paid is not None:
        exact = Decimal(0)
        start, end = accumulated.own_paid, accumulated.own_paid + eligible
        steps.append(by_rule("accumulate", rule, f"own_paid_ytd {start} + {eligible} = {end}", amount=end))
        first = terms.bands[0].lower
        if start < first:
            below = min(end, first) - start
            says = f"{start} to {min(end, first)}: {below} below {first} × 0 = 0"
            steps.append(by_rule("band", rule, says, clause=clause, amount=below))
        for lower, upper, band_ratio in _slices(terms.bands, start, end):
            # The doubts have kept out every band without a ratio.
            paid = times(upper - lower, band_ratio or ZERO, factor)
            exact += paid
            says = f"{lower} to {upper}: {upper - lower} × {plain(band_ratio or ZERO)}{_factor(factor)} = {plain(paid)}"
            steps.append(by_rule("band", rule, says, clause=clause, amount=upper - lower))
    else:
        used = ratio if ratio is not None else terms.ratio if terms is not None else None
        if used is None:
            raise AssertionError(f"{rule.id} has no ratio to pay by")
        exact = times(eligible, used, factor)
        says = f"{eligible} × {plain(used)}{ratio_of}{_factor(factor)} = {plain(exact)}"
        steps.append(by_rule("ratio", rule, says, clause=clause, amount=eligible))
    fund = to_fen(exact)
    steps.append(by_rule("benefit", rule, rule.says if clause is None else clause.says, clause=clause, amount=fund))
    if cap is None or accumulated.fund_paid is None:
        return _Paid(fund, tuple(steps))
    left = max(ZERO, cap.amount - accumulated.fund_paid)
    if left >= fund:
        says = f"min({fund}, max(0, {cap.amount} − {accumulated.fund_paid})) = {fund}: {cap.says}"
        return _Paid(fund, (*steps, by_rule("annual_cap", rule, says, clause=cap)))
    says = f"min({fund}, max(0, {cap.amount} − {accumulated.fund_paid})) = {left}: {cap.says}"
    return _Paid(left, tuple(steps), (by_rule("annual_cap", rule, says, clause=cap, amount=left),))


def _factor(factor: Decimal) -> str:
    return "" if factor == 1 else f" × {plain(factor)}"


def _slices(bands: tuple[Band, ...], start: Decimal, end: Decimal) -> list[tuple[Decimal, Decimal, Decimal | None]]:
    """The parts of start..end in each band, with the band's ratio; above the last known edge the ratio is None."""
    parts: list[tuple[Decimal, Decimal, Decimal | None]] = []
    top: Decimal | None = start
    for band in bands:
        lower, upper = max(start, band.lower), end if band.upper is None else min(end, band.upper)
        if lower < upper:
            parts.append((lower, upper, band.ratio))
        top = band.upper
    if top is not None and max(start, top) < end:
        parts.append((max(start, top), end, None))
    return parts
