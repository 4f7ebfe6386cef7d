"""Manual claims are paid 15 to 30 working days after they were submitted. Seed 001, 2.4."""

from __future__ import annotations

from typing import Any

from tests.builders import adjusted, line, refund, shenzhen

DOCUMENTS = ["insurance_card", "identity_card", "invoice", "itemised_list", "examination_report", "diagnosis_proof"]


def manual(*lines: dict[str, Any], submitted_on: str = "2023-06-02", **changes: Any) -> dict[str, Any]:
    claim = {"submitted_on": submitted_on, "documents": DOCUMENTS}
    return shenzhen(*lines, claim_channel="manual", manual_claim=claim, **changes)


def test_public_holidays_are_skipped_and_make_up_days_are_worked() -> None:
    """端午节 2023: June 22-24 off, June 25 (a Sunday) worked."""
    record = adjusted(manual())
    assert record["payout_due"] == {"earliest": "2023-06-26", "latest": "2023-07-17"}
    assert "trace" not in record


def test_nothing_is_due_without_a_covered_examination() -> None:
    assert adjusted(manual(ratio=None))["payout_due"] is None
    assert adjusted(manual(line("8000.00"), refund("-8000.00", refunds_line_no=1)))["payout_due"] is None
    assert adjusted(manual(refund("-8000.00")))["payout_due"] is None
    assert adjusted(shenzhen())["payout_due"] is None


def test_beyond_the_calendars_known_years_no_day_is_guessed() -> None:
    made = manual(submitted_on="2088-06-02", occurred_at="2088-06-01T00:00:00")
    made["line_items"][0]["service_date"] = "2088-06-01"
    record = adjusted(made)
    assert record["outcome"] == "covered"
    assert record["payout_due"] is None
    assert [step["reason"] for step in record["trace"]] == ["calendar_unknown"]


def test_a_settlement_without_doubts_of_its_own_has_no_trace_of_its_own() -> None:
    assert "trace" not in adjusted(shenzhen())
