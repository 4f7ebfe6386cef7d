"""What a difference says, and what a report makes of many."""

from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest

from streams.replay.difference import Difference, Kind, LeftAlone, compare, same_disclosure
from streams.replay.page import page
from streams.replay.report import LARGEST, Report
from tests.builders import adjusted, event, line, process
from tests.unit.replay.test_plans import PLAN

BEFORE = adjusted(event(line()))


def changed(**line_changes: Any) -> dict[str, Any]:
    record = deepcopy(BEFORE)
    record["lines"][0].update(line_changes)
    return record


def difference(fund: str = "3225.00", number: int = 0, **changes: Any) -> Difference:
    after = deepcopy(BEFORE)
    after["totals"].update(fund_amount=fund, patient_amount=str(Decimal("5300.00") - Decimal(fund)))
    given: dict[str, Any] = {
        "partition": 0,
        "offset": number,
        "settlement_id": f"S{number}",
        "source_event_id": f"E{number}",
        "kind": Kind.AMOUNTS,
        "region": "330102",
        "hospital": "H1",
        "before": BEFORE,
        "after": after,
    }
    return Difference(**(given | changes))


@pytest.mark.parametrize(
    ("after", "kind"),
    [
        (changed(), None),
        ({**BEFORE, "rulebook": "sha256:other", "revision": 2, "reason": "code_change"}, None),
        (changed(trace=[], coverage_rule="x/y"), None),
        (changed(reasons=["annual_cap_reached"]), Kind.TERMS),
        ({**BEFORE, "payout_due": {"earliest": "2021-07-01", "latest": "2021-07-02"}}, Kind.TERMS),
        (changed(fund_amount="1.00"), Kind.AMOUNTS),
        (changed(outcome="needs_review"), Kind.OUTCOME),
        ({**BEFORE, "outcome": "not_covered"}, Kind.OUTCOME),
    ],
)
def test_two_decisions_are_compared_by_what_they_say_to_people(after: dict[str, Any], kind: Kind | None) -> None:
    assert compare(BEFORE, after) is kind


def test_a_disclosure_is_the_same_where_the_public_reads_the_same() -> None:
    disclosure = process(event(line())).disclosure
    assert disclosure is not None
    assert same_disclosure(disclosure, {**disclosure, "revision": 2, "rulebook": "x", "rule": "another/notice"})
    assert not same_disclosure(disclosure, {**disclosure, "status": "withdrawn"})


def test_money_moved_is_what_each_bearer_bears_more() -> None:
    moved = difference("4000.00").moved
    assert (moved["fund"], moved["patient"]) == (Decimal("775.00"), Decimal("-775.00"))
    assert difference(after=None).moved["fund"] == Decimal("-3225.00")


def test_the_report_totals_by_outcome_city_and_bearer() -> None:
    report = Report()
    report.add(difference("3325.00", 1))
    report.add(difference("3425.00", 2, region="330204"))
    report.add(difference("9.00", 3, left_alone=LeftAlone.REVERSED))

    told = report.plain()
    assert told["differs"]
    assert told["total"]["settlements"] == 2
    assert told["total"]["moved"]["fund"] == "300.00"
    assert told["left_alone"] == {"reversed": 1}
    assert {city: moves["settlements"] for city, moves in told["by_city"].items()} == {"330100": 1, "330200": 1}
    assert told["by_outcome"]["covered → covered"]["moved"]["patient"] == "-300.00"
    assert {label: number for label, number in told["histogram_of_the_fund"].items() if number} == {"100 to 500": 2}


def test_only_what_is_left_alone_does_not_differ() -> None:
    report = Report()
    report.add(difference("9.00", left_alone=LeftAlone.REVERSED))
    assert not report.differs
    report.add(difference("9.00", left_alone=LeftAlone.FOR_A_PERSON))
    assert report.differs


@pytest.mark.parametrize(
    ("fund", "bar"),
    [("3225.00", "0"), ("3225.01", "0 to 100"), ("3224.99", "-100 to 0"), ("3325.00", "100 to 500")],
)
def test_each_change_has_one_bar(fund: str, bar: str) -> None:
    report = Report()
    report.add(difference(fund))
    assert [label for label, number in report.bars() if number] == [bar]


def test_the_report_keeps_the_largest_and_nothing_else() -> None:
    report = Report()
    for number in range(5 * LARGEST):
        report.add(difference(f"{number}.00", number))

    largest = [abs(held.moved["fund"]) for held in report.largest]
    assert len(largest) == LARGEST
    assert largest == sorted(largest, reverse=True)
    assert largest[0] == Decimal("3225.00")


def test_the_page_shows_both_derivations_and_escapes_what_it_is_given() -> None:
    report = Report()
    report.add(difference("4000.00", settlement_id="<script>alert(1)</script>"))
    shown = page(PLAN, report)

    assert "<script" not in shown
    assert "&lt;script&gt;" in shown
    assert shown.count("杭医保〔2021〕30号") >= 2
    assert "default-src &#39;none&#39;" in shown or "default-src 'none'" in shown
