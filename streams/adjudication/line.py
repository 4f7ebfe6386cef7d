"""One examination line from price to shares: the steps of docs/adjudication.md, in their order."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final, Literal

from schemas.decimals import ZERO, plain, times, to_fen
from schemas.events import LineItem
from streams.adjudication.area import out_of_area
from streams.adjudication.benefit import benefit
from streams.adjudication.case import Accumulators, Case, Charge
from streams.adjudication.indication import indication
from streams.adjudication.manual_claim import manual_claim
from streams.adjudication.membership import designation, membership
from streams.adjudication.price import Pricing, pricing
from streams.adjudication.trace import Step, by_rule, negated
from streams.rulebook.model import BenefitRule, CoverageRule, PriceRule

Outcome = Literal["covered", "not_covered", "needs_review", "no_rule"]


class Line:
    """How one line is decided. Amounts in yuan, two places, of the line's own sign.

    `charged` = `fund` + `assistance` + `patient` + `disallowed`, to the fen.
    """

    def __init__(
        self,
        line_no: int,
        item: LineItem,
        exam: str,
        outcome: Outcome,
        reasons: tuple[str, ...],
        charged: Decimal,
        disallowed: Decimal,
        out_of_catalogue: Decimal,
        eligible: Decimal,
        fund: Decimal,
        assistance: Decimal,
        patient: Decimal,
        if_approved: tuple[Decimal, Decimal] | None,
        fund_bucket: str | None,
        price: PriceRule | None,
        coverage: CoverageRule | None,
        benefit: BenefitRule | None,
        trace: tuple[Step, ...],
    ) -> None:
        self.line_no: Final = line_no
        self.item: Final = item
        self.exam: Final = exam
        self.outcome: Final = outcome
        self.reasons: Final = reasons
        self.charged: Final = charged
        self.disallowed: Final = disallowed
        self.out_of_catalogue: Final = out_of_catalogue
        self.eligible: Final = eligible
        self.fund: Final = fund
        self.assistance: Final = assistance
        self.patient: Final = patient
        self.if_approved: Final = if_approved
        self.fund_bucket: Final = fund_bucket
        self.price: Final = price
        self.coverage: Final = coverage
        self.benefit: Final = benefit
        self.trace: Final = trace

    def mirrored(self) -> Line:
        """Every amount with its sign reversed."""
        return self.told_of(self.item, tuple(step.mirrored() for step in self.trace), negated)

    def told_of(self, item: LineItem, trace: tuple[Step, ...], turned: Callable[[Decimal], Decimal]) -> Line:
        """The same decision of `item`, in the words of `trace`, its amounts `turned`."""
        return Line(
            line_no=item.line_no,
            item=item,
            exam=self.exam,
            outcome=self.outcome,
            reasons=self.reasons,
            charged=turned(self.charged),
            disallowed=turned(self.disallowed),
            out_of_catalogue=turned(self.out_of_catalogue),
            eligible=turned(self.eligible),
            fund=turned(self.fund),
            assistance=turned(self.assistance),
            patient=turned(self.patient),
            if_approved=self.if_approved and (turned(self.if_approved[0]), turned(self.if_approved[1])),
            fund_bucket=self.fund_bucket,
            price=self.price,
            coverage=self.coverage,
            benefit=self.benefit,
            trace=trace,
        )


_AFTER_REVIEW: Final = Step(
    "accumulate", "an earlier line needs review: its approval would change the accumulators this line starts from"
)
_MIRROR: Final = Step(
    "refund",
    "decided as the charge it mirrors, in whose words it stands below; its own amounts have their sign reversed",
)


def decide_line(case: Case, charge: Charge, start: Accumulators, *, after_review: bool) -> Line:
    """`start` is where the accumulators stand before this line; `after_review`: an earlier line needs review."""
    priced = pricing(case, charge)
    trace: list[Step] = [_MIRROR] if charge.is_refund else []
    if after_review:
        trace.append(_AFTER_REVIEW)
    trace += priced.steps
    rule = case.rulebook.coverage(case.event.patient.insured_region, charge.exam, charge.line.service_date)
    coverage = _no_coverage(trace) if rule is None else _coverage(case, charge, priced, rule, start, trace)
    fund, assistance = coverage.fund, coverage.assistance
    patient = charge.amount - priced.disallowed - fund - assistance
    says = f"patient = {charge.amount} − {priced.disallowed} − {fund} − {assistance}"
    trace.append(Step("result", says, patient))
    line = Line(
        line_no=charge.line.line_no,
        item=charge.line,
        exam=charge.exam,
        outcome=coverage.outcome,
        reasons=priced.reasons + coverage.reasons,
        charged=charge.amount,
        disallowed=priced.disallowed,
        out_of_catalogue=charge.out_of_catalogue,
        eligible=coverage.eligible,
        fund=fund,
        assistance=assistance,
        patient=patient,
        if_approved=coverage.if_approved,
        fund_bucket=coverage.fund_bucket,
        price=priced.rule,
        coverage=rule,
        benefit=coverage.benefit,
        trace=tuple(trace),
    )
    return line.mirrored() if charge.is_refund else line


class _Coverage:
    """What the insured region's rules make of a line, before its sign is put back."""

    def __init__(
        self,
        outcome: Outcome,
        reasons: tuple[str, ...],
        eligible: Decimal = ZERO,
        fund: Decimal = ZERO,
        assistance: Decimal = ZERO,
        if_approved: tuple[Decimal, Decimal] | None = None,
        fund_bucket: str | None = None,
        benefit: BenefitRule | None = None,
    ) -> None:
        self.outcome: Final = outcome
        self.reasons: Final = reasons
        self.eligible: Final = eligible
        self.fund: Final = fund
        self.assistance: Final = assistance
        self.if_approved: Final = if_approved
        self.fund_bucket: Final = fund_bucket
        self.benefit: Final = benefit


def _no_coverage(trace: list[Step]) -> _Coverage:
    reason = "no_coverage_rule"
    trace.append(Step("coverage", "no coverage rule is in force for the insured region on this day", None, reason))
    return _Coverage("no_rule", (reason,))


def _coverage(
    case: Case, charge: Charge, priced: Pricing, rule: CoverageRule, start: Accumulators, trace: list[Step]
) -> _Coverage:
    """All gates, the eligible amount and the benefit; what they did is added to `trace`."""
    day = charge.line.service_date
    area = out_of_area(case, rule, day)
    findings = [
        *designation(case, rule),
        *membership(case, rule),
        *area.findings,
        *indication(case, rule),
        *manual_claim(case, rule, day),
    ]
    trace.append(by_rule("coverage", rule, rule.says))
    trace += [finding.step for finding in findings]
    eligible = _eligible(charge, priced, rule, trace)
    trace += area.steps
    reasons = tuple(finding.reason for finding in findings)
    if any(finding.denies for finding in findings):
        return _Coverage("not_covered", reasons, eligible)
    paid = benefit(case, charge, eligible, area.factor, start)
    trace += paid.steps
    trace += [finding.step for finding in paid.findings]
    # A cap that cut is a charging reason: it comes before the gates' and changes no outcome.
    reasons = paid.charging_reasons + reasons + tuple(finding.reason for finding in paid.findings)
    if reasons != paid.charging_reasons:
        approved = None if paid.low is None or paid.high is None else (paid.low, paid.high)
        return _Coverage("needs_review", reasons, eligible, if_approved=approved, benefit=paid.rule)
    if paid.rule is None or paid.low is None:
        raise AssertionError("a benefit without doubts has a rule and an amount")
    assistance = _assistance(case, eligible - paid.low, trace)
    bucket = paid.rule.buckets[case.event.patient.scheme]
    return _Coverage("covered", reasons, eligible, paid.low, assistance, None, bucket, paid.rule)


def _eligible(charge: Charge, priced: Pricing, rule: CoverageRule, trace: list[Step]) -> Decimal:
    """What the benefit is computed on: the allowed amount, up to what the notice pays by (按上述价格支付)."""
    if rule.payment_ceiling is None:
        trace.append(by_rule("eligible", rule, "eligible = allowed: no payment ceiling", amount=priced.allowed))
        return priced.allowed
    ceiling = to_fen(times(rule.payment_ceiling, charge.quantity))
    eligible = min(priced.allowed, ceiling)
    says = f"eligible = min({priced.allowed}, {rule.payment_ceiling} × {plain(charge.quantity)} = {ceiling})"
    trace.append(by_rule("eligible", rule, says, clause=rule.payment_ceiling_clause, amount=eligible))
    return eligible


def _assistance(case: Case, rest: Decimal, trace: list[Step]) -> Decimal:
    """医疗救助, of what the fund leaves of the eligible amount."""
    ratio = case.event.account.assistance_ratio
    if case.event.patient.assistance == "none" or ratio is None:
        return ZERO
    amount = to_fen(times(rest, ratio))
    trace.append(Step("assistance", f"{rest} × {plain(ratio)} of the account, half up", amount))
    return amount
