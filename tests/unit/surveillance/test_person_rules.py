"""Rules over the facts of one person: what fires, and what comes near and does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from streams.surveillance.facts import Fact, Fee
from tests.facts import SPRING, fact, installed, measured, of_person, scan

REPORT, PARTIAL = "002208000080000", "002304000080000"
PLANNING = "radiotherapy_planning"


def with_fee(*fees: Fee) -> Fact:
    return replace(fact(1), report_fees=fees)


def fee(amount: str = "80.00", day: date | None = SPRING, code: str = REPORT) -> Fee:
    return Fee(code, Decimal(amount), day)


class TestDuplicateReportFee:
    """国家医保局 self-check list 2025: a report fee beside a whole-body examination is a repeated charge."""

    def test_a_report_fee_on_the_bill_is_a_suspicion_worth_the_fee(self) -> None:
        (found,) = of_person([with_fee(fee())], "duplicate_report_fee")
        assert (found.category, found.amount_at_stake) == ("重复收费", Decimal("80.00"))
        assert found.settlement_ids == ("S00001",)

    def test_the_fee_of_the_next_day_or_without_a_readable_day_counts(self) -> None:
        for day in (SPRING + timedelta(1), None):
            assert of_person([with_fee(fee(day=day))], "duplicate_report_fee")

    def test_the_report_of_another_examination_of_a_long_stay_does_not_count(self) -> None:
        assert of_person([with_fee(fee(day=SPRING - timedelta(5)))], "duplicate_report_fee") == []

    def test_a_fee_that_is_taken_back_on_the_bill_does_not_count(self) -> None:
        assert of_person([with_fee(fee(), fee("-80.00"))], "duplicate_report_fee") == []

    def test_a_fee_whose_amount_cannot_be_read_is_no_charge(self) -> None:
        assert of_person([with_fee(fee("0.00"))], "duplicate_report_fee") == []

    def test_a_bill_whose_examination_was_refunded_does_not_count(self) -> None:
        back = scan(charged="-5300.00", quantity=Decimal(-1), line_no=2)
        assert of_person([replace(fact(1, scan(), back), report_fees=(fee(),))], "duplicate_report_fee") == []

    def test_two_bills_are_two_suspicions(self) -> None:
        other = replace(fact(2), report_fees=(fee(),))
        assert len(of_person([with_fee(fee()), other], "duplicate_report_fee")) == 2


class TestSplitCharge:
    """条例 第三十八条, 分解项目收费."""

    def test_two_examinations_on_one_day_are_a_suspicion_worth_the_second(self) -> None:
        (found,) = of_person([fact(1), fact(2)], "split_charge")
        assert (found.category, found.amount_at_stake) == ("分解项目收费", Decimal("5300.00"))
        assert found.settlement_ids == ("S00001", "S00002")

    def test_a_quantity_of_two_is_two(self) -> None:
        (found,) = of_person([fact(1, scan(charged="10600.00", quantity=Decimal(2)))], "split_charge")
        assert found.amount_at_stake == Decimal("5300.00")

    def test_two_hospitals_on_one_day_are_both_named(self) -> None:
        (found,) = of_person([fact(1), fact(2, hospital="H33010200002")], "split_charge")
        assert found.hospitals == ("H33010200001", "H33010200002")

    def test_one_a_day_says_nothing(self) -> None:
        assert of_person([fact(1), fact(2, day=SPRING + timedelta(1))], "split_charge") == []

    def test_a_part_of_the_body_beside_the_whole_is_a_suspicion_worth_the_part(self) -> None:
        (found,) = of_person([replace(fact(1), partial_scans=(fee("3000.00", SPRING, PARTIAL),))], "split_charge")
        assert found.amount_at_stake == Decimal("3000.00")
        assert measured(found)["partial_scans_on_the_day"] == "1"

    def test_a_part_of_the_body_on_another_day_says_nothing(self) -> None:
        another = fee("3000.00", SPRING - timedelta(1), PARTIAL)
        assert of_person([replace(fact(1), partial_scans=(another,))], "split_charge") == []

    def test_planning_for_two_sites_says_nothing_and_for_three_does(self) -> None:
        planned = [fact(number, indication=PLANNING) for number in range(3)]
        assert of_person(planned[:2], "split_charge") == []
        assert len(of_person(planned, "split_charge")) == 1

    def test_planning_beside_another_purpose_is_looked_at(self) -> None:
        assert of_person([fact(1, indication=PLANNING), fact(2)], "split_charge")

    def test_a_bill_that_was_charged_twice_and_reversed_says_nothing(self) -> None:
        assert of_person([fact(1), fact(2).undo()], "split_charge") == []


def course(*days: int, **changes: str) -> list[Fact]:
    return [fact(number, day=SPRING + timedelta(day), **changes) for number, day in enumerate(days)]


class TestRepeatScan:
    """No public number exists; the installed ones follow Medicare NCD 220.6.17: one initial, three subsequent."""

    def test_the_fifth_within_a_year_is_a_suspicion_worth_the_fifth(self) -> None:
        (found,) = of_person(course(0, 90, 180, 270, 360), "repeat_scan")
        assert (found.category, found.amount_at_stake) == ("过度检查", Decimal("5300.00"))
        assert measured(found)["scans_in_window"] == "5"
        assert found.window == (SPRING, SPRING + timedelta(360))

    def test_restaging_after_treatment_says_nothing(self) -> None:
        assert of_person(course(0, 100, 200, 330), "repeat_scan") == []

    def test_the_fifth_after_a_year_says_nothing(self) -> None:
        assert of_person(course(0, 90, 180, 270, 365), "repeat_scan") == []
        assert of_person(course(0, 90, 180, 270, 364), "repeat_scan") != []

    def test_four_within_two_months_are_a_suspicion_and_three_are_not(self) -> None:
        assert of_person(course(0, 20, 59), "repeat_scan") == []
        assert of_person(course(0, 20, 40, 60), "repeat_scan") == []
        assert len(of_person(course(0, 20, 40, 59), "repeat_scan")) == 1

    def test_hospitals_are_counted_together(self) -> None:
        facts = [replace(one, hospital=f"H{number}") for number, one in enumerate(course(0, 20, 40, 59))]
        (found,) = of_person(facts, "repeat_scan")
        assert found.hospitals == ("H0", "H1", "H2", "H3")

    def test_referral_abroad_and_back_says_nothing(self) -> None:
        facts = course(0, 12, 150)
        facts[1] = replace(facts[1], hospital="H44030400001", hospital_region="440304", city="440300")
        assert of_person(facts, "repeat_scan") == []

    def test_planning_for_several_sites_within_a_fortnight_counts_once(self) -> None:
        facts = [
            *course(0),
            *(
                replace(one, event_id=f"P{at}", settlement_id=f"P{at}", indication=PLANNING)
                for at, one in enumerate(course(20, 25, 30))
            ),
        ]
        assert of_person(facts, "repeat_scan") == []

    def test_planning_again_and_again_counts_again(self) -> None:
        facts = course(0, 16, 32, 48, indication=PLANNING)
        assert len(of_person(facts, "repeat_scan")) == 1

    def test_two_on_one_day_are_one_occasion(self) -> None:
        assert of_person(course(0, 0, 20, 40), "repeat_scan") == []

    def test_a_year_has_one_finding_of_a_person_told_by_the_strongest(self) -> None:
        found = of_person(course(0, 50, 100, 150, 200, 250), "repeat_scan")
        assert [measured(one)["scans_in_window"] for one in found] == ["6"]

    def test_a_late_examination_does_not_rename_the_finding(self) -> None:
        before, after = (
            of_person(course(*days), "repeat_scan")[0] for days in ((50, 90, 150, 200, 250), (0, 50, 90, 150, 200, 250))
        )
        assert (before.subject, before.period) == (after.subject, after.period)


class TestContradiction:
    """杭医保〔2021〕30号, 一: what is paid for is limited by indication."""

    @pytest.fixture
    def contradicted(self) -> Fact:
        one = scan(outcome="needs_review", reasons=("indication_contradicted",))
        return replace(fact(1, one), contradicted=True)

    def test_a_contradicted_indication_is_a_suspicion_worth_the_examination(self, contradicted: Fact) -> None:
        (found,) = of_person([contradicted], "contradiction")
        assert (found.category, found.severity) == ("超医保支付范围", "info")
        assert found.amount_at_stake == Decimal("5300.00")

    def test_doubt_of_another_kind_says_nothing(self) -> None:
        one = scan(outcome="needs_review", reasons=("benefit_rule_missing",))
        assert of_person([fact(1, one)], "contradiction") == []

    def test_an_undone_bill_says_nothing(self, contradicted: Fact) -> None:
        assert of_person([contradicted.undo()], "contradiction") == []


def test_before_the_thresholds_hold_the_rules_are_silent() -> None:
    early = date(2021, 6, 29)
    assert of_person([fact(1, day=early), fact(2, day=early)], "split_charge") == []
    assert of_person([fact(1, day=early + timedelta(1)), fact(2, day=early + timedelta(1))], "split_charge")


def test_every_suspicion_looked_no_further_back_than_its_threshold_says() -> None:
    (found,) = of_person(course(0, 90, 180, 270, 360), "repeat_scan")
    threshold = installed().of("repeat_scan", "330100", SPRING)
    assert threshold is not None
    assert found.looked_from == date(2024, 1, 1) - timedelta(threshold.reach_days)
