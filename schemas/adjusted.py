"""The records of `settlement.adjusted`: an adjusted settlement, and the answers to a reversal or void."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.events import ReversalReason, Reverses
from schemas.outputs import EventId, IsoDay, Money, RulebookHash, RuleId, SchemaVersion, Written

LineOutcome = Literal["covered", "not_covered", "needs_review", "no_rule"]
LineReason = Literal[
    "charged_above_regulated_price",
    "out_of_catalogue_beside_regulated_price",
    "amount_differs_from_price_times_quantity",
    "annual_cap_reached",
    "no_coverage_rule",
    "hospital_not_designated",
    "insurance_inactive",
    "scheme_not_covered",
    "out_of_area_not_filed",
    "out_of_area_filing_not_valid",
    "out_of_area_terms_unknown",
    "out_of_area_review_required",
    "indication_excluded",
    "no_malignancy",
    "indication_not_stated",
    "indication_not_listed",
    "indication_contradicted",
    "clinical_basis_missing",
    "submitted_late",
    "documents_missing",
    "accumulator_missing",
    "benefit_rule_missing",
    "benefit_ratio_missing",
    "benefit_ratio_out_of_range",
    "benefit_band_unknown",
    "assistance_terms_unknown",
    "accumulator_other_year",
    "annual_cap_approximate",
    "refund_basis_unknown",
]


CorrectionReason = Literal["rulebook_change", "code_change", "dead_letter_retry"]
"""Why a replay wrote a record; none of it stands on what the live worker wrote."""


class TraceEntry(Written):
    """One step of the derivation. Without a rule: plain arithmetic. `reason` only where the step gave one."""

    step: str
    rule: RuleId | None
    source: str | None
    clause: str | None
    says: str
    amount: Money | None
    reason: LineReason | Literal["calendar_unknown"] | None = None


class IfApproved(Written):
    """What the fund would pay if a person approves the line; of a refund both are negative."""

    fund_amount_min: Money
    fund_amount_max: Money


class NhsaSplit(Written):
    """The split in the national interface's field names: a mapping, not a second adjudication."""

    det_item_fee_sumamt: Money
    fulamt_ownpay_amt: Money
    overlmt_amt: Money
    preselfpay_amt: Money
    inscp_scp_amt: Money


class AdjustedLine(Written):
    line_no: int
    item_code: str
    exam: str
    service_date: IsoDay
    outcome: LineOutcome
    reasons: list[LineReason]
    charged_amount: Money
    regulated_unit_price: Money | None
    hospital_disallowed_amount: Money
    out_of_catalogue_amount: Money
    eligible_amount: Money
    fund_amount: Money
    fund_bucket: str | None
    assistance_amount: Money
    patient_amount: Money
    if_approved: IfApproved | None
    nhsa: NhsaSplit
    price_rule: RuleId | None
    coverage_rule: RuleId | None
    benefit_rule: RuleId | None
    trace: list[TraceEntry]


class Totals(Written):
    charged_amount: Money
    hospital_disallowed_amount: Money
    fund_amount: Money
    assistance_amount: Money
    patient_amount: Money


class PayoutDue(Written):
    """The first and the last day on which a manual claim is due."""

    earliest: IsoDay
    latest: IsoDay


class _Adjusting(Written):
    schema_version: SchemaVersion
    event_id: EventId
    settlement_id: str
    source_event_id: str
    occurred_at: str
    revision: Annotated[int, Field(ge=1)]
    supersedes: EventId | None
    rulebook: RulebookHash


class AdjustedSettlement(_Adjusting):
    event_type: Literal["settlement.adjusted"]
    outcome: LineOutcome
    lines: list[AdjustedLine]
    totals: Totals
    payout_due: PayoutDue | None
    trace: list[TraceEntry] | None = None
    reason: CorrectionReason | None = None


class AdjustmentUndone(_Adjusting):
    """Under the id of the settlement that the reversal or void undoes."""

    event_type: Literal["settlement.adjustment_reversed", "settlement.adjustment_voided"]
    reverses: Reverses
    reason: ReversalReason
    revision_reason: CorrectionReason | None = None


class ReversalRefused(_Adjusting):
    """Nothing is withdrawn: the notice forbids to claim back what a benign result cost."""

    event_type: Literal["settlement.reversal_refused"]
    reverses: Reverses
    reason: ReversalReason
    reasons: list[Literal["benign_result_no_clawback"]]
    revision_reason: CorrectionReason | None = None


AdjustedRecord = Annotated[AdjustedSettlement | AdjustmentUndone | ReversalRefused, Field(discriminator="event_type")]
