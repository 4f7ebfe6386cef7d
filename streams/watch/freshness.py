"""Late or missing lists, by city and never by hospital. Pure: the time comes from outside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta

from schemas.moments import midnight
from streams.processors.shelf import Shelf


def freshness(
    shelf: Shelf, city: Callable[[str], str], now: datetime, due_hour: int
) -> tuple[Mapping[str, float], Mapping[str, int]]:
    """By city: the start of the newest day with a list, in seconds since 1970; and how many of yesterday's are missing.

    `now` in China. Before `due_hour` nothing is missing yet: settlements of the evening come during the night.
    """
    yesterday = (now.date() - timedelta(days=1)).isoformat()
    newest: dict[str, str] = {}
    missing: Counter[str] = Counter()
    for hospital in shelf.hospitals.values():
        if hospital.region is None:
            continue
        where = city(hospital.region)
        day = max((day for day, held in hospital.days.items() if held.ids), default=None)
        if day is not None:
            newest[where] = max(newest.get(where, day), day)
        if now.hour >= due_hour and (held := hospital.days.get(yesterday)) is not None and held.missing:
            missing[where] += 1
    starts = {
        where: datetime.fromisoformat(midnight(date.fromisoformat(day))).timestamp() for where, day in newest.items()
    }
    return starts, missing
