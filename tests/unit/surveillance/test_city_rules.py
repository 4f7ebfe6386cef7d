"""Rules over the facts of one city: what fires, and what comes near and does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import cycle, islice

from streams.surveillance.facts import Fact
from tests.facts import ABOVE, BESIDE, EXCLUDED, SPRING, fact, installed, many, measured, of_city, scan, steady

LATER = SPRING + timedelta(400)


def ended(*facts: Sequence[Fact], day: date = LATER) -> list[Fact]:
    """With enough other settlements of a later day, at a hospital of their own, for all windows to be over."""
    return [*(one for held in facts for one in held), *many([day] * 3, start=90_000, hospital="H33010200099")]


class TestOvercharge:
    """浙医保发〔2021〕31号, 二: a public hospital may not charge above the regulated price."""

    def above(self, number: int, charged: str, day: date = SPRING, reason: str = ABOVE) -> Fact:
        return fact(number, scan(day, charged, reasons=(reason,)), person=f"{number:032x}")

    def test_a_month_is_one_finding_with_how_often_and_how_much(self) -> None:
        facts = [self.above(1, "6500.00"), self.above(2, "5300.01", SPRING + timedelta(3)), fact(3)]
        (found,) = of_city(facts, "overcharge")
        assert (found.category, found.amount_at_stake) == ("超标准收费", Decimal("1200.01"))
        assert (measured(found)["scans_above_price"], measured(found)["scans"]) == ("2", "3")
        assert found.window == (date(2023, 3, 1), date(2023, 3, 31))

    def test_months_and_hospitals_are_findings_of_their_own(self) -> None:
        facts = [self.above(1, "6500.00"), self.above(2, "6500.00", date(2023, 4, 1))]
        facts.append(fact(3, scan(charged="6500.00", reasons=(ABOVE,)), hospital="H33010200002"))
        assert len(of_city(facts, "overcharge")) == 3

    def test_a_charge_split_into_a_part_out_of_catalogue_counts(self) -> None:
        (found,) = of_city([self.above(1, "6500.00", reason=BESIDE)], "overcharge")
        assert found.amount_at_stake == Decimal("1200.00")

    def test_a_part_out_of_catalogue_within_the_price_says_nothing(self) -> None:
        assert of_city([self.above(1, "5300.00", reason=BESIDE)], "overcharge") == []

    def test_a_private_hospital_above_the_price_says_nothing(self) -> None:
        """The adjudication gives no reason where the price does not bind."""
        assert of_city([fact(1, scan(charged="9000.00"), ownership="private")], "overcharge") == []

    def test_two_examinations_at_the_price_say_nothing(self) -> None:
        two = scan(charged="10600.00", quantity=Decimal(2), reasons=(ABOVE,))
        assert of_city([fact(1, two)], "overcharge") == []

    def test_an_overcharge_that_was_taken_back_says_nothing(self) -> None:
        back = fact(2, scan(charged="-6500.00", quantity=Decimal(-1)), person=f"{1:032x}")
        assert of_city([self.above(1, "6500.00"), back], "overcharge") == []


class TestSpendSpike:
    """浙医保发〔2021〕31号, 三: watch what is spent."""

    def test_a_hospital_that_triples_is_told_with_what_was_usual(self) -> None:
        usual = many(steady(26, 10))
        spike = many(steady(4, 20, since=SPRING + timedelta(7 * 22)), start=1_000)
        (found,) = of_city(ended(usual, spike), "spend_spike")
        assert (found.category, found.severity) == ("monitoring", "info")
        assert (measured(found)["scans_in_window"], measured(found)["usual_scans"]) == ("120", "40")
        assert found.window == (SPRING + timedelta(7 * 22), SPRING + timedelta(7 * 26 - 1))
        assert found.amount_at_stake == 80 * Decimal("5300.00")

    def test_a_holiday_week_and_the_catching_up_after_it_say_nothing(self) -> None:
        """Spring Festival: two weeks of nearly nothing, then two of nearly twice as many."""
        weeks = [10] * 20 + [1, 2, 19, 18] + [10] * 8 + [0, 20] + [10] * 6
        days = [day for week, each in enumerate(weeks) for day in steady(1, each, since=SPRING + timedelta(7 * week))]
        assert of_city(ended(many(days)), "spend_spike") == []

    def test_a_long_closure_before_does_not_make_ordinary_weeks_a_spike(self) -> None:
        weeks = [10] * 16 + [0] * 9 + [10] * 10
        days = [day for week, each in enumerate(weeks) for day in steady(1, each, since=SPRING + timedelta(7 * week))]
        assert of_city(ended(many(days)), "spend_spike") == []

    def test_a_small_hospital_says_nothing_whatever_its_ratio(self) -> None:
        usual = many(steady(26, 1))
        spike = many(steady(4, 3, since=SPRING + timedelta(7 * 22)), start=1_000)
        assert of_city(ended(usual, spike), "spend_spike") == []

    def test_a_new_hospital_has_no_past_to_differ_from(self) -> None:
        assert of_city(ended(many(steady(12, 30))), "spend_spike") == []

    def test_growth_below_the_ratio_says_nothing(self) -> None:
        usual = many(steady(26, 50))
        more = many(steady(4, 40, since=SPRING + timedelta(7 * 22)), start=10_000)
        assert of_city(ended(usual, more), "spend_spike") == []

    def test_prices_that_triple_are_a_spike_of_spending(self) -> None:
        usual = many(steady(22, 10))
        dear = many(steady(4, 10, since=SPRING + timedelta(7 * 22)), start=1_000, charged="15900.00")
        (found,) = of_city(ended(usual, dear), "spend_spike")
        assert measured(found)["scans_in_window"] == "40"

    def test_a_window_is_judged_only_when_it_is_over(self) -> None:
        usual = many(steady(22, 10))
        spike = many(steady(4, 30, since=SPRING + timedelta(7 * 22)), start=1_000)
        sunday = SPRING + timedelta(7 * 26 - 1)
        threshold = installed().of("spend_spike", "330100", sunday)
        assert threshold is not None
        grace = threshold.whole("grace_days")
        assert of_city(ended(usual, spike, day=sunday + timedelta(grace - 28)), "spend_spike") == []
        assert of_city(ended(usual, spike, day=sunday + timedelta(grace + 1)), "spend_spike") != []


def mix(count: int, indications: Sequence[str | None], *, start: int, since: date, days: int) -> list[Fact]:
    """Examinations spread over some days, with indications in turn."""
    made = []
    for at, indication in enumerate(islice(cycle(indications), count)):
        outcome, reasons = EXCLUDED if indication == "check_up" else ("covered", ())
        day = since + timedelta(at * days // count)
        made.append(
            fact(
                start + at,
                scan(day, outcome=outcome, reasons=reasons),
                person=f"{start + at:032x}",
                indication=indication,
            )
        )
    return made


QUARTER = date(2023, 4, 1)
USUAL = ["staging"] * 9 + ["check_up"]


def at(facts: list[Fact], hospital: str) -> list[Fact]:
    return [replace(one, hospital=hospital) for one in facts]


class TestOutOfScopeShare:
    """杭医保〔2021〕30号, 一 and 三: what is paid for is limited by indication, and that is watched."""

    city = at(mix(120, USUAL, start=0, since=QUARTER, days=91), "H33010200001")

    def test_a_hospital_far_above_its_city_is_told_with_both_shares(self) -> None:
        there = at(mix(40, ["staging", "check_up"], start=1_000, since=QUARTER, days=91), "H33010200002")
        found = of_city(ended(self.city, there), "out_of_scope_share")
        assert {one.hospitals for one in found} == {("H33010200002",)}
        strongest = max(found, key=lambda one: one.amount_at_stake)
        assert (strongest.category, measured(strongest)["share"]) == ("超医保支付范围", "0.500")
        assert measured(strongest)["share_of_the_others"] == "0.100"
        assert strongest.amount_at_stake == 20 * Decimal("5300.00")

    def test_a_share_somewhat_above_says_nothing(self) -> None:
        there = at(mix(40, ["staging"] * 3 + ["check_up"], start=1_000, since=QUARTER, days=91), "H33010200002")
        assert of_city(ended(self.city, there), "out_of_scope_share") == []

    def test_few_examinations_say_nothing(self) -> None:
        there = at(mix(14, ["check_up"], start=1_000, since=QUARTER, days=91), "H33010200002")
        assert of_city(ended(self.city, there), "out_of_scope_share") == []

    def test_a_city_of_one_hospital_has_nobody_to_compare_with(self) -> None:
        alone = mix(90, ["check_up"], start=0, since=QUARTER, days=91)
        assert of_city(ended(alone), "out_of_scope_share") == []

    def test_what_lies_with_the_insured_or_with_unknown_terms_does_not_count(self) -> None:
        """Referral abroad without a filing, and a benefit that nobody published, are not the hospital's."""
        there = [
            fact(1_000 + n, scan(QUARTER + timedelta(n * 2), outcome=outcome, reasons=(reason,)), hospital="H2")
            for n in range(40)
            for outcome, reason in [("not_covered", "out_of_area_not_filed"), ("needs_review", "benefit_rule_missing")][
                n % 2 : n % 2 + 1
            ]
        ]
        assert of_city(ended(self.city, there), "out_of_scope_share") == []

    def test_a_month_is_judged_only_when_it_is_over(self) -> None:
        there = at(mix(40, ["staging", "check_up"], start=1_000, since=QUARTER, days=30), "H33010200002")
        city = at(mix(120, USUAL, start=0, since=QUARTER, days=30), "H33010200001")
        assert of_city(ended(city, there, day=date(2023, 5, 14)), "out_of_scope_share") == []
        assert of_city(ended(city, there, day=date(2023, 5, 15)), "out_of_scope_share") != []


class TestIndicationDrift:
    """浙医保发〔2021〕31号, 三: watch; a mix that changes at once is worth asking about."""

    PAST: Sequence[str | None] = (
        ["staging"] * 5 + ["post_treatment_recurrence_or_metastasis"] * 3 + ["radiotherapy_planning", None]
    )

    def drifted(self, now: Sequence[str | None], count: int = 40) -> list[Fact]:
        past = mix(120, self.PAST, start=0, since=date(2023, 1, 2), days=175)
        return ended(past, mix(count, now, start=1_000, since=date(2023, 7, 1), days=61))

    def test_a_mix_that_changes_sharply_is_told_by_what_grew(self) -> None:
        found = of_city(self.drifted(["unknown_primary_search"] * 4 + ["staging"]), "indication_drift")
        strongest = max(found, key=lambda one: measured(one)["shift"])
        assert (strongest.category, measured(strongest)["grown_most"]) == ("monitoring", "unknown_primary_search")
        assert strongest.amount_at_stake == Decimal("0.00")
        assert {one.hospitals for one in found} == {("H33010200001",)}

    def test_the_same_mix_says_nothing(self) -> None:
        assert of_city(self.drifted(self.PAST), "indication_drift") == []

    def test_a_new_department_that_moves_a_fifth_says_nothing(self) -> None:
        now = [*self.PAST[1:], "radiotherapy_planning", "radiotherapy_planning"]
        assert of_city(self.drifted(now), "indication_drift") == []

    def test_few_examinations_say_nothing(self) -> None:
        assert of_city(self.drifted(["unknown_primary_search"], count=8), "indication_drift") == []

    def test_a_hospital_without_a_past_has_not_changed(self) -> None:
        assert of_city(ended(mix(80, ["check_up"], start=0, since=date(2023, 7, 1), days=61)), "indication_drift") == []
