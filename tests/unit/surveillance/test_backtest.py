"""A backtest: what thresholds would have raised, and a curve of findings against one of them."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from streams.surveillance.backtest import VariationError, by_rule_and_month, curve, read_variation
from streams.surveillance.offline import subjects_of, suspicions_of
from tests.facts import SPRING, fact, installed, person

COURSE = [
    fact(10 * who + at, day=SPRING + timedelta(70 * at), person=person(who)) for who in range(6) for at in range(who)
]
"""Six persons with none to five examinations, ten weeks apart."""


def test_findings_are_counted_by_rule_and_by_the_month_their_window_ends_in() -> None:
    facts = [*COURSE, fact(99, day=SPRING, person=person(5))]
    counted = by_rule_and_month(suspicions_of(subjects_of(facts), installed()))
    assert counted["split_charge"] == {"2023-03": 1}
    assert counted["repeat_scan"] == {"2023-12": 1}
    assert counted["contradiction"] == {}


def test_a_curve_falls_as_the_threshold_rises() -> None:
    variation = read_variation("repeat_scan.max_scans=5,1,2,3,4,2", installed())
    points = list(curve(subjects_of(COURSE), installed(), variation))
    assert [(int(point.value), point.findings) for point in points] == [(1, 4), (2, 3), (3, 2), (4, 1), (5, 0)]
    assert [point.persons for point in points] == [4, 3, 2, 1, 0]
    assert [point.amount for point in points] == [Decimal("5300.00") * n for n in (10, 6, 3, 1, 0)]
    assert [point.in_force for point in points] == [False, False, False, True, False]


def test_only_the_varied_rule_is_on_the_curve() -> None:
    facts = [*COURSE, fact(99, day=SPRING, person=person(1))]
    (point,) = curve(subjects_of(facts), installed(), read_variation("repeat_scan.max_scans=9", installed()))
    assert point.findings == 0


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("repeat_scan", "is no variation"),
        ("repeat_scan=3", "is no variation"),
        ("repeat.max_scans=3", "'repeat' is no rule"),
        ("repeat_scan.most=3", "repeat_scan has no number 'most'"),
        ("repeat_scan.max_scans=", "'' is no number"),
        ("repeat_scan.max_scans=3,four", "'four' is no number"),
        ("repeat_scan.max_scans=NaN", "'NaN' is no number"),
        ("repeat_scan.max_scans=0", "cannot be 0"),
        ("repeat_scan.max_scans=2.5", "cannot be 2.5"),
        ("out_of_scope_share.min_difference=2", "cannot be 2"),
    ],
)
def test_a_variation_that_cannot_be_tried_is_told(text: str, problem: str) -> None:
    with pytest.raises(VariationError, match=problem) as told:
        read_variation(text, installed())
    assert told.value.mend
