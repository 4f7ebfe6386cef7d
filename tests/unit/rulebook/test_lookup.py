"""The dated index answers what looking at every rule would answer."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.rulebook.dated import DatedIndex
from streams.rulebook.model import MonitoringRule
from streams.rulebook.regions import city_of, lookup_chain, province_of

REGIONS = ["330102", "330100", "330000", "320399", "310115", "310000"]
EXAMS = ["petct_whole_body", "petct_brain"]
START = date(2021, 1, 1)
DAYS = st.integers(0, 60).map(lambda days: START + timedelta(days))


def rule(region: str, exam: str, start: date, end: date | None) -> MonitoringRule:
    id = f"{region}-{exam}-{start}/monitoring"
    return MonitoringRule(id, "某号", "三", "监测", "official", region, exam, start, end, date(2026, 12, 31), None)


@st.composite
def rules(draw: st.DrawFn) -> list[MonitoringRule]:
    """Rules as the loader lets them through: within a region and examination they never overlap."""
    held = []
    for region in REGIONS:
        for exam in EXAMS:
            edges = sorted(draw(st.sets(DAYS, max_size=6)))
            for at in range(0, len(edges), draw(st.sampled_from([1, 2]))):
                last = at + 1 >= len(edges)
                held.append(rule(region, exam, edges[at], None if last else edges[at + 1]))
    return draw(st.permutations(held))


def by_looking_at_all(held: list[MonitoringRule], region: str, exam: str, day: date) -> MonitoringRule | None:
    places = [region, city_of(region), province_of(region)]
    found = [
        rule
        for rule in held
        if rule.region in places
        and rule.exam == exam
        and rule.effective_from <= day
        and (rule.effective_to is None or day < rule.effective_to)
    ]
    return min(found, key=lambda rule: places.index(rule.region), default=None)


@given(rules(), st.sampled_from([*REGIONS, "330199", "310101", "110000"]), st.sampled_from([*EXAMS, "other"]), DAYS)
def test_the_index_finds_what_a_scan_finds(held: list[MonitoringRule], region: str, exam: str, day: date) -> None:
    assert DatedIndex(held).find(region, exam, day) == by_looking_at_all(held, region, exam, day)


def test_an_interval_holds_its_first_day_and_not_its_end() -> None:
    index = DatedIndex([rule("330100", EXAMS[0], date(2021, 6, 30), date(2022, 1, 1))])
    found = [index.find("330102", EXAMS[0], day) is not None for day in (date(2021, 6, 29), date(2021, 6, 30))]
    assert found == [False, True]
    found = [index.find("330102", EXAMS[0], day) is not None for day in (date(2021, 12, 31), date(2022, 1, 1))]
    assert found == [True, False]


def test_a_district_whose_rule_has_ended_falls_back_to_its_city() -> None:
    city = rule("330100", EXAMS[0], date(2021, 1, 1), None)
    index = DatedIndex([rule("330102", EXAMS[0], date(2021, 1, 1), date(2021, 2, 1)), city])
    assert index.find("330102", EXAMS[0], date(2021, 2, 1)) == city


@pytest.mark.parametrize(
    ("region", "chain"),
    [
        ("330102", ("330102", "330100", "330000")),
        ("330100", ("330100", "330000")),
        ("330000", ("330000",)),
        ("320399", ("320399", "320300", "320000")),
        ("310115", ("310115", "310000")),
        ("500101", ("500101", "500000")),
        ("120000", ("120000",)),
    ],
)
def test_rules_are_looked_for_from_the_district_outwards(region: str, chain: tuple[str, ...]) -> None:
    assert lookup_chain(region) == chain


@pytest.mark.parametrize(("region", "city"), [("110108", "110000"), ("330102", "330100"), ("440300", "440300")])
def test_a_municipality_is_one_city(region: str, city: str) -> None:
    assert city_of(region) == city
    assert province_of(region) == region[:2] + "0000"
