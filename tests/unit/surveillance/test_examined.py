"""Which examinations stand: undone, repeated and refunded ones do not."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from streams.surveillance.examined import event_day, examinations, standing_facts
from streams.surveillance.facts import Fact
from tests.facts import SPRING, fact, many, scan


def left(*facts: Fact) -> list[tuple[str, str, str]]:
    """(settlement, quantity, charged) of what stands."""
    return [
        (one.fact.settlement_id, str(one.quantity), str(one.charged)) for one in examinations(standing_facts(facts))
    ]


def refund(charged: str = "-5300.00", day: date = SPRING, quantity: int = -1) -> Fact:
    return fact(9, scan(day, charged, quantity=Decimal(quantity)))


def test_what_was_undone_does_not_stand() -> None:
    assert left(fact(1).undo(), fact(2)) == [("S00002", "1", "5300.00")]


def test_a_settlement_that_was_voided_and_sent_again_stands_once() -> None:
    again = replace(fact(1), event_id="E00007")
    assert left(fact(1).undo(), again) == [("S00001", "1", "5300.00")]


def test_a_settlement_that_was_sent_twice_is_one() -> None:
    assert left(fact(1), replace(fact(1), event_id="E00007")) == [("S00001", "1", "5300.00")]


def test_a_later_refund_takes_back_the_newest_examination_charged_alike() -> None:
    facts = [fact(1), fact(2, day=SPRING + timedelta(7)), refund(day=SPRING + timedelta(8))]
    assert left(*facts) == [("S00001", "1", "5300.00")]


def test_a_refund_takes_back_nothing_that_came_after_it() -> None:
    assert left(fact(1, day=SPRING + timedelta(1)), refund()) == [("S00001", "1", "5300.00")]


def test_a_refund_at_another_hospital_or_of_another_person_takes_back_nothing() -> None:
    assert len(left(fact(1), replace(refund(), hospital="H33010200002"))) == 1
    assert len(left(fact(1), replace(refund(), person="f" * 32))) == 1


def test_a_refund_of_one_of_two_leaves_one() -> None:
    two = fact(1, scan(charged="10600.00", quantity=Decimal(2)))
    assert left(two, refund()) == [("S00001", "1", "5300.00")]


def test_a_refund_of_a_part_of_the_price_takes_back_no_examination() -> None:
    assert left(fact(1, scan(charged="6500.00")), refund("-1200.00")) == [("S00001", "1", "6500.00")]


def test_a_negated_line_of_the_same_bill_does_not_stand() -> None:
    back = scan(charged="-5300.00", quantity=Decimal(-1), line_no=2)
    assert left(fact(1, scan(), back)) == []


def test_one_wrong_date_does_not_move_the_day_of_a_city() -> None:
    facts = [*many([SPRING, SPRING, SPRING]), fact(9, day=date(9999, 1, 1))]
    assert event_day(facts) == SPRING


def test_without_any_fact_time_has_not_begun() -> None:
    assert event_day([]) == date.min
