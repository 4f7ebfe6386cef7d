"""Decisions as the plain records that go on the bus. Money is a string with two places, dates are ISO."""

from __future__ import annotations

from typing import Any, Final

from schemas.decimals import ZERO
from schemas.events import REVERSED, SettlementCompleted, SettlementUndone
from schemas.identity import output_event_id
from streams.adjudication.disclosure import Disclosure
from streams.adjudication.line import Line
from streams.adjudication.reversal import BENIGN_RESULT_NO_CLAWBACK
from streams.adjudication.settlement import Money, Settlement
from streams.adjudication.trace import Step

SCHEMA_VERSION: Final = "1.0"
FIRST_REVISION: Final = 1

Record = dict[str, Any]


def adjusted_record(event: SettlementCompleted, settlement: Settlement, money: Money, rulebook: str) -> Record:
    """As docs/records.md tells. `rulebook` is the hash of the rulebook that decided."""
    payout = settlement.payout
    record: Record = {
        **_head("settlement.adjusted", event.event_id),
        "settlement_id": event.settlement_id,
        "source_event_id": event.event_id,
        "occurred_at": event.occurred_at.text,
        "supersedes": None,
        "rulebook": rulebook,
        "outcome": settlement.outcome,
        "lines": [_line(line) for line in settlement.lines],
        "totals": _totals(money),
        "payout_due": None
        if payout is None or payout.earliest is None or payout.latest is None
        else {"earliest": payout.earliest.isoformat(), "latest": payout.latest.isoformat()},
    }
    if payout is not None and payout.unknown is not None:
        record["trace"] = [_step(payout.unknown)]
    return record


def undone_record(event: SettlementUndone, rulebook: str, *, refused: bool) -> Record:
    """The answer to a reversal or void, under the id of the settlement it undoes."""
    if refused:
        event_type = "settlement.reversal_refused"
    else:
        event_type = f"settlement.adjustment_{'reversed' if event.event_type == REVERSED else 'voided'}"
    record: Record = {
        **_head(event_type, event.event_id),
        "settlement_id": event.reverses.settlement_id,
        "source_event_id": event.event_id,
        "reverses": {"event_id": event.reverses.event_id, "settlement_id": event.reverses.settlement_id},
        "reason": event.reason,
        "occurred_at": event.occurred_at.text,
        "supersedes": None,
        "rulebook": rulebook,
    }
    if refused:
        record["reasons"] = [BENIGN_RESULT_NO_CLAWBACK]
    return record


def published_record(event: SettlementCompleted, disclosure: Disclosure, disclosure_id: str, rulebook: str) -> Record:
    """Nothing of the patient but what the notice orders."""
    hospital = event.hospital
    return {
        **_head("disclosure.published", disclosure_id),
        "disclosure_id": disclosure_id,
        "status": "published",
        "hospital": {"code": hospital.code, "name": hospital.name, "region": hospital.region},
        "rule": disclosure.rule.id,
        "rulebook": rulebook,
        "exams": [
            {
                "service_date": exam.service_date.isoformat(),
                "exam": exam.exam,
                "surname": exam.surname,
                "age": exam.age,
                "diagnosis": exam.diagnosis,
                "charged_price": str(exam.charged_price),
                **({"age_or_over": True} if exam.age_or_over else {}),
            }
            for exam in disclosure.exams
        ],
    }


def withdrawn_record(disclosure_id: str, rulebook: str) -> Record:
    return {
        **_head("disclosure.withdrawn", disclosure_id),
        "disclosure_id": disclosure_id,
        "status": "withdrawn",
        "exams": [],
        "rulebook": rulebook,
    }


def _head(event_type: str, origin: str) -> Record:
    return {
        "schema_version": SCHEMA_VERSION,
        "event_id": output_event_id(origin, event_type, FIRST_REVISION),
        "event_type": event_type,
        "revision": FIRST_REVISION,
    }


def _line(line: Line) -> Record:
    item, approved = line.item, line.if_approved
    return {
        "line_no": line.line_no,
        "item_code": item.item_code,
        "exam": line.exam,
        "service_date": item.service_date.isoformat(),
        "outcome": line.outcome,
        "reasons": list(line.reasons),
        "charged_amount": str(line.charged),
        "regulated_unit_price": None if line.price is None else str(line.price.unit_price),
        "hospital_disallowed_amount": str(line.disallowed),
        "out_of_catalogue_amount": str(line.out_of_catalogue),
        "eligible_amount": str(line.eligible),
        "fund_amount": str(line.fund),
        "fund_bucket": line.fund_bucket,
        "assistance_amount": str(line.assistance),
        "patient_amount": str(line.patient),
        "if_approved": approved and {"fund_amount_min": str(approved[0]), "fund_amount_max": str(approved[1])},
        "nhsa": _nhsa(line),
        "price_rule": None if line.price is None else line.price.id,
        "coverage_rule": None if line.coverage is None else line.coverage.id,
        "benefit_rule": None if line.benefit is None else line.benefit.id,
        "trace": [_step(step) for step in line.trace],
    }


def _nhsa(line: Line) -> Record:
    """The split in the national interface's words: a mapping, not a second adjudication by basic insurance."""
    if line.outcome == "covered":
        outside, within = line.out_of_catalogue, line.eligible
        over = line.charged - outside - within
    else:
        over, within = line.disallowed, ZERO
        outside = line.charged - over
    return {
        "det_item_fee_sumamt": str(line.charged),
        "fulamt_ownpay_amt": str(outside),
        "overlmt_amt": str(over),
        "preselfpay_amt": str(ZERO),
        "inscp_scp_amt": str(within),
    }


def _totals(money: Money) -> Record:
    return {
        "charged_amount": str(money.charged),
        "hospital_disallowed_amount": str(money.hospital),
        "fund_amount": str(money.fund),
        "assistance_amount": str(money.assistance),
        "patient_amount": str(money.patient),
    }


def _step(step: Step) -> Record:
    record: Record = {
        "step": step.step,
        "rule": step.rule,
        "source": step.source,
        "clause": step.clause,
        "says": step.says,
        "amount": None if step.amount is None else str(step.amount),
    }
    if step.reason is not None:
        record["reason"] = step.reason
    return record
