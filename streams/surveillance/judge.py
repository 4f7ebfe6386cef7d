"""All rules over the facts of one subject. The result depends on the set of facts alone, not on how they came."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import date
from typing import Final

from streams.surveillance.examined import Examined, examinations, standing_facts
from streams.surveillance.facts import Fact
from streams.surveillance.rules.contradiction import contradiction
from streams.surveillance.rules.duplicate_report_fee import duplicate_report_fee
from streams.surveillance.rules.indication_drift import indication_drift
from streams.surveillance.rules.out_of_scope_share import out_of_scope_share
from streams.surveillance.rules.overcharge import overcharge
from streams.surveillance.rules.repeat_scan import repeat_scan
from streams.surveillance.rules.spend_spike import spend_spike
from streams.surveillance.rules.split_charge import split_charge
from streams.surveillance.suspicion import Suspicion
from streams.surveillance.thresholds import CITY_RULES, PERSON_RULES, Thresholds


def judge_person(
    facts: Iterable[Fact], thresholds: Thresholds, rules: Collection[str] = PERSON_RULES
) -> list[Suspicion]:
    """Facts of one person: separate report fees, split charges, repeated scans, contradicted indications."""
    exams = examinations(standing_facts(facts))
    return [suspicion for rule in PERSON_RULES if rule in rules for suspicion in PERSON[rule](exams, thresholds)]


def judge_city(
    facts: Iterable[Fact], thresholds: Thresholds, today: date, rules: Collection[str] = CITY_RULES
) -> list[Suspicion]:
    """Facts of one city: prices above the regulated one, and hospitals unlike their own past or their city.

    `today` is the newest day of the city by event time (`examined.event_day`): windows are judged when they are over.
    """
    exams = examinations(standing_facts(facts))
    return [suspicion for rule in CITY_RULES if rule in rules for suspicion in CITY[rule](exams, thresholds, today)]


PERSON: Final[dict[str, Callable[[Sequence[Examined], Thresholds], Iterable[Suspicion]]]] = {
    "duplicate_report_fee": duplicate_report_fee,
    "split_charge": split_charge,
    "repeat_scan": repeat_scan,
    "contradiction": contradiction,
}
CITY: Final[dict[str, Callable[[Sequence[Examined], Thresholds, date], Iterable[Suspicion]]]] = {
    "overcharge": overcharge,
    "spend_spike": spend_spike,
    "out_of_scope_share": out_of_scope_share,
    "indication_drift": indication_drift,
}
