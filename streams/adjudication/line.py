"""One examination line from price to shares: steps 2 to 9 of CONTRACT §5."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final, Literal

from schemas.decimals import ZERO, plain, times, to_fen
from schemas.events import LineItem
from streams.adjudication.area import out_of_area
from streams.adjudication.benefit import benefit
from streams.adjudication.case import Accumulators, Case, Charge
from streams.adjudication.gate import Finding
from streams.adjudication.indication import indication
from streams.adjudication.manual_claim import manual_claim
from streams.adjudication.membership import designation, membership
from streams.adjudication.price import Pricing, pricing
from streams.adjudication.trace import Step, by_rule, negated
from streams.rulebook.model import CoverageRule, PriceRule

Outcome = Literal["covered", "not_covered", "needs_review", "no_rule"]


@dataclass(frozen=True, slots=True)
class Line:
    """How one line is decided. Amounts in yuan, two places, of the line's own sign.

    `charged` = `fund` + `assistance` + `patient` + `disallowed`, to the fen.
    """

    line_no: int
    item: LineItem
    exam: str
    outcome: Outcome
    reasons: tuple[str, ...]
    charged: Decimal
    disallowed: Decimal
    out_of_catalogue: Decimal
    eligible: Decimal
    fund: Decimal
    assistance: Decimal
    if_approved: tuple[Decimal, Decimal] | None
    fund_bucket: str | None
    price: PriceRule | None
    coverage: CoverageRule | None
    benefit_rule: str | None
    trace: tuple[Step, ...]

    @property
    def patient(self) -> Decimal:
        return self.charged - self.disallowed - self.fund - self.assistance

    def mirrored(self) -> Line:
        """Every amount with its sign reversed."""
        return replace(
            self,
            charged=negated(self.charged),
            disallowed=negated(self.disallowed),
            out_of_catalogue=negated(self.out_of_catalogue),
            eligible=negated(self.eligible),
            fund=negated(self.fund),
            assistance=negated(self.assistance),
            if_approved=self.if_approved and (negated(self.if_approved[0]), negated(self.if_approved[1])),
            trace=tuple(step.mirrored() for step in self.trace),
        )


_CAP: Final = "annual_cap_reached"
_AFTER_REVIEW: Final = Step(
    "accumulate", "an earlier line needs review: its approval would change the accumulators this line starts from"
)
_MIRROR: Final = Step("refund", "decided as its mirror image; every amount below has its sign reversed")


def decide_line(case: Case, charge: Charge, start: Accumulators, *, after_review: bool) -> Line:
    """`start` is where the accumulators stand before this line; `after_review`: an earlier line needs review."""
    priced = pricing(case, charge)
    day = charge.line.service_date
    rule = case.rulebook.coverage(case.event.patient.insured_region, charge.exam, day)
    notes = (*((_MIRROR,) if charge.is_refund else ()), *((_AFTER_REVIEW,) if after_review else ()))
    line = _uncovered(charge, priced, notes) if rule is None else _covered(case, charge, priced, rule, start, notes)
    return line.mirrored() if charge.is_refund else line


def _uncovered(charge: Charge, priced: Pricing, notes: tuple[Step, ...]) -> Line:
    reason = "no_coverage_rule"
    step = Step("coverage", "no coverage rule is in force for the insured region on this day", None, reason)
    line = _line(charge, priced, None, "no_rule", (*priced.reasons, reason), ZERO)
    return replace(line, trace=(*notes, *priced.steps, step, *_shares(line)))


def _covered(
    case: Case, charge: Charge, priced: Pricing, rule: CoverageRule, start: Accumulators, notes: tuple[Step, ...]
) -> Line:
    day = charge.line.service_date
    area = out_of_area(case, rule, day)
    findings = [
        *designation(case, rule),
        *membership(case, rule),
        *area.findings,
        *indication(case, rule),
        *manual_claim(case, rule, day),
    ]
    eligible, ceiling = _eligible(charge, priced, rule)
    trace = [
        *notes,
        *priced.steps,
        by_rule("coverage", rule, rule.says),
        *(finding.step for finding in findings),
        *ceiling,
        *area.steps,
    ]
    reasons, paid = list(priced.reasons), None
    if not any(finding.denies for finding in findings):
        paid = benefit(case, charge, eligible, area.factor, start)
        trace += [*paid.steps, *(finding.step for finding in paid.findings)]
        findings += paid.findings
        reasons += [paid.cap_reason] if paid.cap_reason else []
    outcome = _outcome(findings)
    line = _line(charge, priced, rule, outcome, (*reasons, *(finding.reason for finding in findings)), eligible)
    if paid is not None:
        line = replace(line, benefit_rule=paid.rule.id if paid.rule else None)
        if outcome == "covered" and paid.low is not None and paid.rule is not None:
            assistance = _assistance(case, eligible - paid.low)
            trace += assistance
            bucket = paid.rule.buckets[case.event.patient.scheme]
            line = replace(line, fund=paid.low, assistance=_amount(assistance), fund_bucket=bucket)
        elif outcome == "needs_review" and paid.low is not None and paid.high is not None:
            line = replace(line, if_approved=(paid.low, paid.high))
    return replace(line, trace=(*trace, *_shares(line)))


def _line(
    charge: Charge,
    priced: Pricing,
    coverage: CoverageRule | None,
    outcome: Outcome,
    reasons: tuple[str, ...],
    eligible: Decimal,
) -> Line:
    """The line before anyone but hospital and patient bears a share of it."""
    return Line(
        line_no=charge.line.line_no,
        item=charge.line,
        exam=charge.exam,
        outcome=outcome,
        reasons=reasons,
        charged=charge.amount,
        disallowed=priced.disallowed,
        out_of_catalogue=charge.out_of_catalogue,
        eligible=eligible,
        fund=ZERO,
        assistance=ZERO,
        if_approved=None,
        fund_bucket=None,
        price=priced.rule,
        coverage=coverage,
        benefit_rule=None,
        trace=(),
    )


def _eligible(charge: Charge, priced: Pricing, rule: CoverageRule) -> tuple[Decimal, tuple[Step, ...]]:
    """What the benefit is computed on: the allowed amount, up to what the notice pays by (按上述价格支付)."""
    if rule.payment_ceiling is None:
        return priced.allowed, (Step("eligible", "eligible = allowed", priced.allowed),)
    ceiling = to_fen(times(rule.payment_ceiling, charge.quantity))
    eligible = min(priced.allowed, ceiling)
    says = f"eligible = min({priced.allowed}, {rule.payment_ceiling} × {plain(charge.quantity)} = {ceiling})"
    return eligible, (by_rule("eligible", rule, says, clause=rule.payment_ceiling_clause, amount=eligible),)


def _outcome(findings: list[Finding]) -> Outcome:
    if any(finding.denies for finding in findings):
        return "not_covered"
    return "needs_review" if findings else "covered"


def _assistance(case: Case, rest: Decimal) -> tuple[Step, ...]:
    """医疗救助, of what the fund leaves of the eligible amount."""
    ratio = case.event.account.assistance_ratio
    if case.event.patient.assistance == "none" or ratio is None:
        return ()
    amount = to_fen(times(rest, ratio))
    return (Step("assistance", f"{rest} × {plain(ratio)} of the account, half up", amount),)


def _amount(steps: tuple[Step, ...]) -> Decimal:
    return next((step.amount for step in steps if step.amount is not None), ZERO)


def _shares(line: Line) -> Iterator[Step]:
    says = f"patient = {line.charged} − {line.disallowed} − {line.fund} − {line.assistance}"
    yield Step("result", says, line.patient)
