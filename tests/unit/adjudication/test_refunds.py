"""Refunds: an exact negation cancels, any other one is the mirror image of a charge, or a doubt."""

from __future__ import annotations

from typing import Any

from tests.builders import adjusted, event, line, process, refund, shenzhen

NINGBO = {"hospital": {"region": "330203"}, "patient": {"insured_region": "330200"}}


def by_line(made: dict[str, Any]) -> dict[int, dict[str, Any]]:
    return {decided["line_no"]: decided for decided in adjusted(made)["lines"]}


def test_an_exact_refund_is_the_negation_of_its_line_with_outcome_and_reasons() -> None:
    made = event(line("6500.00"), refund("-6500.00", refunds_line_no=1, unit_price="1.00", service_date="2021-06-30"))
    lines = by_line(made)
    assert lines[2]["outcome"] == lines[1]["outcome"] == "covered"
    assert lines[2]["reasons"] == lines[1]["reasons"] == ["charged_above_regulated_price"]
    assert lines[2]["service_date"] == "2021-06-30"
    for name in ("charged", "hospital_disallowed", "eligible", "fund", "patient"):
        assert float(lines[2][f"{name}_amount"]) == -float(lines[1][f"{name}_amount"])
    assert lines[2]["assistance_amount"] == "0.00"
    assert set(adjusted(made)["totals"].values()) == {"0.00"}


def test_a_pair_that_cancels_out_does_not_decide_the_outcome_of_the_settlement() -> None:
    made = shenzhen(
        line("8000.00"),
        refund("-8000.00", refunds_line_no=1),
        line("8000.00", line_no=3),
        diagnoses=[],
    )
    assert adjusted(made)["outcome"] == "needs_review"
    ok = event(
        line("1.00", service_date="2021-06-29"),
        refund("-1.00", refunds_line_no=1),
        line(line_no=3),
    )
    assert by_line(ok)[1]["outcome"] == "no_rule"
    assert adjusted(ok)["outcome"] == "covered"


def test_a_pair_alone_gives_its_own_outcome() -> None:
    made = event(line(service_date="2021-06-29"), refund(refunds_line_no=1))
    assert adjusted(made)["outcome"] == "no_rule"


def test_a_line_is_negated_once_by_the_lowest_line_number() -> None:
    made = event(line(line_no=5), refund(line_no=2, refunds_line_no=5), refund(line_no=1, refunds_line_no=5))
    lines = by_line(made)
    assert lines[1]["outcome"] == "covered"
    assert lines[2]["reasons"] == ["refund_basis_unknown"]


def test_a_refund_of_a_progressive_benefit_without_its_charge_needs_review() -> None:
    made = event(refund())
    decided = by_line(made)[2]
    assert (decided["outcome"], decided["reasons"]) == ("needs_review", ["refund_basis_unknown"])
    assert decided["if_approved"] is None
    assert decided["patient_amount"] == "-5300.00"


def test_a_refund_of_a_flat_benefit_is_its_mirror_image() -> None:
    decided = by_line(event(refund("-6500.00"), **NINGBO))[2]
    assert decided["outcome"] == "covered"
    assert decided["fund_amount"] == "-1060.00"
    assert decided["hospital_disallowed_amount"] == "-1200.00"
    assert decided["patient_amount"] == "-4240.00"
    assert decided["nhsa"]["overlmt_amt"] == "-1200.00"


def test_a_mirrored_range_keeps_its_ends_negated_in_place() -> None:
    decided = by_line(shenzhen(refund("-8000.00"), ratio=None))[2]
    assert decided["reasons"] == ["benefit_ratio_missing"]
    assert decided["if_approved"] == {"fund_amount_min": "-5600.00", "fund_amount_max": "-6400.00"}


def test_a_refund_at_an_exhausted_cap_cannot_know_what_was_paid() -> None:
    made = shenzhen(refund("-8000.00"), account={"fund_paid_ytd": "600000.00"})
    assert by_line(made)[2]["reasons"] == ["refund_basis_unknown"]


def test_refunds_start_from_the_events_own_accumulators_and_move_none() -> None:
    ningbo = event(refund(line_no=1), line(line_no=2), **NINGBO)
    assert by_line(ningbo)[2]["fund_amount"] == "1060.00"
    hangzhou = event(line(), line(line_no=2), refund(line_no=3, refunds_line_no=1))
    lines = by_line(hangzhou)
    assert lines[1]["fund_amount"] == lines[2]["fund_amount"] == "3225.00"


def test_an_undone_examination_is_not_disclosed() -> None:
    assert process(event(line(), refund(refunds_line_no=1))).disclosure is None
    answer = process(event(line(), refund(refunds_line_no=1), line(line_no=3)))
    assert answer.disclosure is not None
    assert len(answer.disclosure["exams"]) == 1
