"""All rules over the facts of one subject. The result depends on the set of facts alone, not on how they came."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from streams.surveillance.facts import Fact
from streams.surveillance.suspicion import Suspicion
from streams.surveillance.thresholds import Thresholds


def judge_person(facts: Iterable[Fact], thresholds: Thresholds) -> list[Suspicion]:
    """Facts of one person: separate report fees, split charges, repeated scans, contradicted indications."""
    raise NotImplementedError


def judge_city(facts: Iterable[Fact], thresholds: Thresholds, today: date) -> list[Suspicion]:
    """Facts of one city: prices above the regulated one, and hospitals unlike their own past or their city.

    `today` is the newest day seen of the city: windows are judged when they are over by event time.
    """
    raise NotImplementedError
