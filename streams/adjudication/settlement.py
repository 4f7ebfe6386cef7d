"""All examination lines of one event: refunds paired with what they undo, accumulators carried from line to line."""

from __future__ import annotations

from collections.abc import Container, Iterable
from decimal import Decimal
from typing import Final

from schemas.events import LineItem, SettlementCompleted
from streams.adjudication.case import Accumulators, Case, Charge
from streams.adjudication.line import Line, Outcome, decide_line
from streams.adjudication.payout import Payout, payout
from streams.adjudication.trace import Step
from streams.rulebook.index import Rulebook

_NONE: Final[frozenset[int]] = frozenset()
_WORST_FIRST: Final[tuple[Outcome, ...]] = ("not_covered", "needs_review", "no_rule", "covered")


class Money:
    """What all lines together were charged, and who bears it, in yuan. The four shares add up to `charged`."""

    def __init__(
        self,
        charged: Decimal,
        hospital: Decimal,
        fund: Decimal,
        assistance: Decimal,
        patient: Decimal,
    ) -> None:
        self.charged: Final = charged
        self.hospital: Final = hospital
        self.fund: Final = fund
        self.assistance: Final = assistance
        self.patient: Final = patient


class Settlement:
    """`lines` in the order of `line_no`; `cancelled` holds the line numbers of exactly negated pairs."""

    def __init__(
        self,
        lines: tuple[Line, ...],
        cancelled: frozenset[int],
        payout: Payout | None,
    ) -> None:
        self.lines: Final = lines
        self.cancelled: Final = cancelled
        self.payout: Final = payout

    @property
    def outcome(self) -> Outcome:
        """The worst of the lines; a pair that cancels out counts only where nothing else is left."""
        if len(self.lines) == 1:
            return self.lines[0].outcome
        outcomes = {line.outcome for line in self.lines if line.line_no not in self.cancelled}
        outcomes = outcomes or {line.outcome for line in self.lines}
        return next(outcome for outcome in _WORST_FIRST if outcome in outcomes)

    @property
    def money(self) -> Money:
        first, *others = self.lines
        charged, hospital, fund, assistance, patient = (
            first.charged,
            first.disallowed,
            first.fund,
            first.assistance,
            first.patient,
        )
        for line in others:
            charged += line.charged
            hospital += line.disallowed
            fund += line.fund
            assistance += line.assistance
            patient += line.patient
        return Money(charged, hospital, fund, assistance, patient)


def adjudicate(event: SettlementCompleted, rulebook: Rulebook) -> Settlement:
    """Decide every examination line of a validated event."""
    case = Case.of(event, rulebook)
    start = running = Accumulators(event.account.own_paid_ytd, event.account.fund_paid_ytd)
    if len(event.line_items) == 1:  # nearly all
        (item,) = event.line_items
        charge = Charge.of(item, rulebook.exam_by_code[item.item_code])
        lines: tuple[Line, ...] = (decide_line(case, charge, start, after_review=False),)
        return Settlement(lines, _NONE, _payout(event, standing(lines, _NONE)))
    items = sorted(event.line_items, key=lambda item: item.line_no)
    negates = exact_negations(items)
    cancelled = frozenset(negates) | frozenset(negates.values())
    reviewed = False
    decided: dict[int, Line] = {}
    for item in items:
        if item.line_no in negates:
            continue
        charge = Charge.of(item, rulebook.exam_by_code[item.item_code])
        before = start if charge.is_refund else running
        line = decide_line(case, charge, before, after_review=reviewed and not charge.is_refund)
        decided[item.line_no] = line
        if not charge.is_refund and item.line_no not in cancelled:
            reviewed |= line.outcome == "needs_review"
            if line.outcome == "covered":
                running = running.after(line.eligible, line.fund)
    for item in items:
        if item.line_no in negates:
            undone = decided[negates[item.line_no]]
            decided[item.line_no] = _negation(item, undone)
            decided[undone.line_no] = undone.told_of(undone.item, (_undone(item), *undone.trace), _as_it_is)
    lines = tuple(decided[item.line_no] for item in items)
    return Settlement(lines, cancelled, _payout(event, standing(lines, cancelled)))


def standing(lines: Iterable[Line], cancelled: Container[int]) -> list[Line]:
    """Examinations that were charged and not undone in the same event."""
    return [line for line in lines if line.item.quantity > 0 and line.line_no not in cancelled]


def exact_negations(items: list[LineItem]) -> dict[int, int]:
    """line_no of a refund -> line_no of the line it negates exactly. `items` in the order of `line_no`.

    A line can be negated once, by the lowest line_no among those that negate it exactly.
    """
    charges = {item.line_no: item for item in items if item.quantity > 0}
    pairs: dict[int, int] = {}
    for item in items:
        if item.quantity < 0 and item.refunds_line_no is not None:
            charge = charges.get(item.refunds_line_no)
            if charge is not None and _undoes(item, charge):
                pairs[item.line_no] = charge.line_no
                del charges[charge.line_no]
    return pairs


def _undoes(refund: LineItem, charge: LineItem) -> bool:
    return (refund.quantity, refund.amount, refund.out_of_catalogue_amount) == (
        -charge.quantity,
        -charge.amount,
        -charge.out_of_catalogue_amount,
    )


def _negation(item: LineItem, of: Line) -> Line:
    mirrored = of.mirrored()
    says = f"undoes line {of.line_no} exactly, in whose words it stands below; its own amounts have their sign reversed"
    step = Step("refund", says)
    return mirrored.told_of(item, (step, *mirrored.trace), _as_it_is)


def _as_it_is(amount: Decimal) -> Decimal:
    return amount


def _undone(by: LineItem) -> Step:
    return Step("refund", f"undone exactly by line {by.line_no}: both together cost nothing and move no accumulator")


def _payout(event: SettlementCompleted, charged: list[Line]) -> Payout | None:
    if event.claim_channel != "manual" or event.manual_claim is None:
        return None
    for line in charged:
        if line.outcome == "covered" and line.coverage is not None and line.coverage.payout is not None:
            return payout(event.manual_claim.submitted_on, line.coverage)
    return None
