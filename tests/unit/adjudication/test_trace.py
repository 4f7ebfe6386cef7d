"""Read top to bottom with a pocket calculator, the entries of a line give its amounts again, each with its source."""

from __future__ import annotations

from typing import Any

from tests.builders import adjusted, event, first_line, line, refund, shenzhen

SHAOXING = {"hospital": {"region": "330602"}, "patient": {"insured_region": "330600", "assistance": "low_income"}}


def steps(decided: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [step for step in decided["trace"] if step["step"] == name]


def test_what_lies_below_the_deductible_is_traced_with_the_edge() -> None:
    decided = first_line(event(account={"own_paid_ytd": "24000.00"}))
    below, above = steps(decided, "band")
    assert (below["says"], below["amount"]) == ("24000.00 to 25000.00: 1000.00 below 25000.00 × 0 = 0", "1000.00")
    assert (above["says"], above["amount"]) == ("25000.00 to 29300.00: 4300.00 × 0.75 = 3225", "4300.00")


def test_the_terms_of_the_assisted_stand_in_their_own_document() -> None:
    decided = first_line(event(account={"own_paid_ytd": "10000.00"}, **SHAOXING))
    assert "12500.00" in steps(decided, "band")[0]["says"]
    for step in (*steps(decided, "band"), *steps(decided, "benefit")):
        assert step["source"] == "浙医保联发〔2021〕1号"
    assert "80%" in steps(decided, "benefit")[0]["says"]


def test_a_cap_that_does_not_cut_is_traced_too() -> None:
    decided = first_line(shenzhen(account={"fund_paid_ytd": "590000.00"}))
    (cap,) = steps(decided, "annual_cap")
    assert cap["says"].startswith("min(5600.00, max(0, 600000.00 − 590000.00)) = 5600.00")
    assert "reason" not in cap


def test_whose_ratio_it_is_stands_beside_it() -> None:
    assert " 0.7 of the account = " in steps(first_line(shenzhen()), "ratio")[0]["says"]
    low, high = steps(first_line(shenzhen(ratio=None)), "ratio")
    assert " 0.7 of the range = " in low["says"]
    assert " 0.8 of the range = " in high["says"]
    (out,) = (step for step in first_line(shenzhen(ratio="0.9"))["trace"] if step.get("reason"))
    assert out["says"].startswith("0.9 of the account is no ratio from 0.7 to 0.8")


def test_a_refund_reverses_the_signs_of_its_own_amounts_and_of_no_price() -> None:
    ningbo = {"hospital": {"region": "330203"}, "patient": {"insured_region": "330200"}}
    decided = adjusted(event(refund("-6500.00", unit_price="1.00", line_no=1), **ningbo))["lines"][0]
    assert steps(decided, "price")[0]["amount"] == decided["regulated_unit_price"] == "5300.00"
    assert steps(decided, "disallowed")[0]["amount"] == "-1200.00"
    assert steps(decided, "arithmetic")[0]["says"].startswith("1 × 1 = 1;")


def test_a_line_that_was_undone_says_by_which() -> None:
    undone, undoing, other = adjusted(event(line(), refund(refunds_line_no=1), line(line_no=3)))["lines"]
    assert undone["trace"][0]["says"].startswith("undone exactly by line 2")
    assert undoing["trace"][0]["says"].startswith("undoes line 1 exactly")
    assert not steps(other, "refund")


def test_every_entry_of_a_covered_line_but_plain_arithmetic_names_its_source() -> None:
    decided = first_line(shenzhen(line("8000.00")))
    assert {step["step"] for step in decided["trace"] if step["rule"] is None} == {"split", "result"}
