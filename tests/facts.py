"""Facts of surveillance with only what a test is about said out loud. All data are synthetic."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

from streams.rulebook.regions import city_of
from streams.surveillance.examined import event_day
from streams.surveillance.facts import Fact, Scan
from streams.surveillance.judge import judge_city, judge_person
from streams.surveillance.suspicion import Suspicion
from streams.surveillance.thresholds import Thresholds, load_thresholds

SECRET = b"not a secret of surveillance"
PERSON = "0" * 31 + "1"
ABOVE = "charged_above_regulated_price"
BESIDE = "out_of_catalogue_beside_regulated_price"
EXCLUDED = ("not_covered", ("indication_excluded",))
SPRING = date(2023, 3, 6)
"""A Monday without a holiday near it."""


def scan(day: date = SPRING, charged: str = "5300.00", **changes: Any) -> Scan:
    """One whole-body examination at the regulated price."""
    made: dict[str, Any] = {
        "line_no": 1,
        "exam": "petct_whole_body",
        "day": day,
        "quantity": Decimal(1),
        "charged": Decimal(charged),
        "regulated": Decimal("5300.00"),
        "disallowed": Decimal("0.00"),
        "fund": Decimal("0.00"),
        "outcome": "covered",
        "reasons": (),
    }
    return Scan(**{**made, **changes})


def fact(number: int, *scans: Scan, day: date = SPRING, **changes: Any) -> Fact:
    """A settlement of its own for each number, of one scan on `day` unless others are given."""
    region = changes.get("hospital_region", "330102")
    made: dict[str, Any] = {
        "settlement_id": f"S{number:05d}",
        "event_id": f"E{number:05d}",
        "occurred_on": max((one.day for one in scans), default=day),
        "hospital": "H33010200001",
        "hospital_name": "示例医院",
        "hospital_region": region,
        "ownership": "public",
        "insured_region": "330100",
        "city": city_of(region),
        "person": PERSON,
        "indication": "staging",
        "contradicted": False,
        "scans": scans or (scan(day),),
    }
    return Fact(**{**made, **changes})


def person(number: int) -> str:
    return f"{number:032x}"


def many(days: Iterable[date], *, start: int = 0, **changes: Any) -> list[Fact]:
    """One examination of a person of their own on each of `days`; `outcome` and `reasons` are the scan's."""
    of_scan = {name: changes.pop(name) for name in ("outcome", "reasons", "charged") if name in changes}
    return [
        fact(number, scan(day, **of_scan), person=person(number), **changes)
        for number, day in enumerate(days, start=start)
    ]


def steady(weeks: int, each: int, *, since: date = SPRING) -> list[date]:
    """`each` examinations in each of some weeks, from Monday on."""
    return [since + timedelta(7 * week + at % 5) for week in range(weeks) for at in range(each)]


@cache
def installed() -> Thresholds:
    return load_thresholds()


def of_person(facts: Sequence[Fact], rule: str, thresholds: Thresholds | None = None) -> list[Suspicion]:
    return judge_person(facts, thresholds or installed(), (rule,))


def of_city(facts: Sequence[Fact], rule: str, thresholds: Thresholds | None = None) -> list[Suspicion]:
    return judge_city(facts, thresholds or installed(), event_day(facts), (rule,))


def measured(suspicion: Suspicion) -> dict[str, str]:
    return {measure.name: measure.value for measure in suspicion.measures}
