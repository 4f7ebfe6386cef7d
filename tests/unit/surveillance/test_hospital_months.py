"""What one hospital did month by month, as the desk's plots have it."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from schemas.events import SettlementCompleted
from streams.processors.envelope import parse, read
from streams.surveillance.facts import Fact, ItemCodes, fact_of
from streams.surveillance.hospital_months import hospital_months
from tests.builders import adjusted, event, installed_rulebook, line

OURS = "H33010200001"


def fact(number: int, day: str, amount: str = "5300.00", *lines: Any, **changes: Any) -> Fact:
    made = event(
        *(lines or (line(amount, service_date=day),)),
        event_id=f"E{number}",
        settlement_id=f"S{number}",
        occurred_at=f"{day}T09:30:00+08:00",
        **changes,
    )
    plain = parse(json.dumps(made).encode())
    book = installed_rulebook()
    ours = read(plain, book.codes, book.dated_codes)
    assert isinstance(ours, SettlementCompleted)
    return fact_of(ours, plain, adjusted(made), b"s", ItemCodes())


def test_each_month_has_its_examinations_its_charges_and_its_mix() -> None:
    facts = [
        fact(1, "2021-07-01"),
        fact(2, "2021-07-31", "6500.00", request={"indication": "check_up"}),
        fact(3, "2021-09-01", request={"indication": None}),
        fact(4, "2021-07-02", hospital={"code": "ANOTHER"}),
    ]
    assert [month.plain() for month in hospital_months(facts, OURS)] == [
        {"month": "2021-07", "scans": 2, "charged": "11800.00", "indications": {"check_up": 1, "staging": 1}},
        {"month": "2021-08", "scans": 0, "charged": "0.00", "indications": {}},
        {"month": "2021-09", "scans": 1, "charged": "5300.00", "indications": {"not_stated": 1}},
    ]
    assert hospital_months(facts, "NOBODY") == []


def test_what_was_undone_is_in_no_month_and_what_was_sent_twice_once() -> None:
    once = fact(1, "2021-07-01")
    again = fact(9, "2021-07-01")
    twice = type(once).read(again.value().replace(b"S9", b"S1"))
    assert [month.scans for month in hospital_months([once, twice], OURS)] == [1]
    (month,) = hospital_months([once, fact(2, "2021-07-03").undo()], OURS)
    assert (month.scans, month.charged) == (1, Decimal("5300.00"))
