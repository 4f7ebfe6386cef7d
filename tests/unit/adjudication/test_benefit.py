"""What the fund pays: bands, ratios, caps, factors, assistance, and what is doubted when something is not known."""

from __future__ import annotations

from typing import Any

import pytest

from tests.builders import adjusted, event, first_line, line, shenzhen

SHAOXING = {"hospital": {"region": "330602"}, "patient": {"insured_region": "330600"}}


def decision(made: dict[str, Any]) -> tuple[str, list[str], dict[str, str] | None]:
    decided = first_line(made)
    return decided["outcome"], decided["reasons"], decided["if_approved"]


@pytest.mark.parametrize(
    ("own_paid", "expected"),
    [
        ("94700.00", ("covered", [], None)),
        ("94700.01", ("needs_review", ["benefit_band_unknown"], None)),
        ("100000.00", ("needs_review", ["benefit_band_unknown"], None)),
        (None, ("needs_review", ["accumulator_missing"], None)),
    ],
)
def test_hangzhou_above_its_last_known_edge_is_not_guessed(own_paid: str | None, expected: tuple[Any, ...]) -> None:
    assert decision(event(account={"own_paid_ytd": own_paid})) == expected


def test_nothing_eligible_reaches_no_band() -> None:
    made = event(line("0.00", unit_price="0"), account={"own_paid_ytd": "100000.00"})
    assert decision(made) == ("covered", [], None)


def test_a_person_whom_no_rule_serves_needs_review_and_that_stands_alone() -> None:
    resident = event(patient={"scheme": "resident", "status": "adult"}, account={"own_paid_ytd": None})
    assert decision(resident) == ("needs_review", ["benefit_rule_missing"], None)
    next_year = event(line(service_date="2022-01-01"), occurred_at="2022-01-01T08:00:00")
    assert decision(next_year) == ("needs_review", ["benefit_rule_missing"], None)
    shenzhen_resident = shenzhen(patient={"scheme": "resident", "status": "adult"}, account={"fund_paid_ytd": None})
    assert decision(shenzhen_resident) == ("needs_review", ["benefit_rule_missing"], None)
    wenzhou = event(patient={"insured_region": "330302"})
    assert decision(wenzhou) == ("needs_review", ["benefit_rule_missing"], None)


def test_a_benefit_gate_is_not_looked_at_where_another_gate_denies() -> None:
    made = event(account={"own_paid_ytd": None}, request={"indication": "check_up"})
    assert decision(made) == ("not_covered", ["indication_excluded"], None)


@pytest.mark.parametrize(
    ("assistance", "own_paid", "fund"),
    [
        ("none", "30000.00", "3710.00"),
        ("other", "20000.00", "210.00"),
        ("low_income", "20000.00", "4240.00"),
        ("extreme_poverty", "10000.00", "2240.00"),
        ("low_income", "400000.00", "0.00"),
        ("none", "398000.00", "1400.00"),
    ],
)
def test_shaoxing_halves_the_deductible_of_the_assisted_and_pays_them_80_percent(
    assistance: str, own_paid: str, fund: str
) -> None:
    """浙医保联发〔2021〕1号."""
    made = event(**SHAOXING, account={"own_paid_ytd": own_paid})
    made["patient"]["assistance"] = assistance
    assert first_line(made)["fund_amount"] == fund


def test_hangzhou_does_not_say_what_assisted_patients_get() -> None:
    made = event(patient={"assistance": "low_income"})
    assert decision(made) == ("needs_review", ["assistance_terms_unknown"], None)
    assert decision(event(patient={"assistance": "other"}))[0] == "covered"


def test_medical_assistance_takes_its_ratio_of_what_the_fund_leaves() -> None:
    made = event(**SHAOXING, account={"own_paid_ytd": "20000.00", "assistance_ratio": "0.3333"})
    made["patient"]["assistance"] = "low_income"
    decided = first_line(made)
    assert (decided["fund_amount"], decided["assistance_amount"]) == ("4240.00", "353.30")
    assert decided["patient_amount"] == "706.70"


def test_the_years_account_of_another_year_is_not_used() -> None:
    made = event(line(service_date="2021-12-31"), occurred_at="2021-12-31T16:00:00Z")
    assert decision(made) == ("needs_review", ["accumulator_other_year"], None)
    made = event(line(service_date="2021-12-31"), occurred_at="2021-12-31T15:59:59.999999Z")
    assert decision(made) == ("covered", [], None)


@pytest.mark.parametrize(
    ("ratio", "fund_paid", "expected"),
    [
        (None, "0.00", ("needs_review", ["benefit_ratio_missing"], ("5600.00", "6400.00"))),
        (None, "594000.00", ("needs_review", ["benefit_ratio_missing"], ("5600.00", "6000.00"))),
        ("0.6999", "0.00", ("needs_review", ["benefit_ratio_out_of_range"], None)),
        ("0.80", "0.00", ("covered", [], None)),
        ("0.8001", "0.00", ("needs_review", ["benefit_ratio_out_of_range"], None)),
        ("0.70", "594400.00", ("covered", [], None)),
        ("0.70", "594400.01", ("needs_review", ["annual_cap_approximate"], ("5599.99", "5599.99"))),
        ("0.70", "700000.00", ("needs_review", ["annual_cap_approximate"], ("0.00", "0.00"))),
        ("0.70", None, ("needs_review", ["accumulator_missing"], None)),
        (None, None, ("needs_review", ["accumulator_missing", "benefit_ratio_missing"], None)),
    ],
)
def test_shenzhen_ratio_range_and_approximate_cap(
    ratio: str | None, fund_paid: str | None, expected: tuple[str, list[str], tuple[str, str] | None]
) -> None:
    outcome, reasons, ends = expected
    approved = None if ends is None else dict(zip(("fund_amount_min", "fund_amount_max"), ends, strict=True))
    made = shenzhen(ratio=ratio, account={"fund_paid_ytd": fund_paid})
    assert decision(made) == (outcome, reasons, approved)


def test_an_indication_in_doubt_still_says_what_approval_would_pay() -> None:
    made = event(request={"indication": None})
    approved = {"fund_amount_min": "3225.00", "fund_amount_max": "3225.00"}
    assert decision(made) == ("needs_review", ["indication_not_stated"], approved)


def test_lines_of_one_event_carry_the_accumulators_on() -> None:
    made = event(line(), line(line_no=2), account={"own_paid_ytd": "20000.00"})
    funds = [decided["fund_amount"] for decided in adjusted(made)["lines"]]
    assert funds == ["225.00", "3975.00"]


def test_a_line_after_one_in_review_says_that_approval_would_change_its_start() -> None:
    made = shenzhen(line("8000.00"), line("8000.00", line_no=2), ratio=None)
    first, second = adjusted(made)["lines"]
    assert not any("earlier line needs review" in step["says"] for step in first["trace"])
    assert any("earlier line needs review" in step["says"] for step in second["trace"])


def test_half_a_fen_is_rounded_up_once_at_the_end_of_the_line() -> None:
    made = event(line("0.01", unit_price="0.01"), account={"own_paid_ytd": "30000.00"})
    assert first_line(made)["fund_amount"] == "0.01"  # 0.0075
    made = event(line("0.02", unit_price="0.02"), hospital={"region": "330203"}, patient={"insured_region": "330200"})
    assert first_line(made)["fund_amount"] == "0.00"  # 0.004
