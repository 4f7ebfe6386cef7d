"""Item codes that begin and end: whether one names its examination at a hospital on a day.

Provinces move imaging to new national items, each on a day of its own (from 2025 on), so a code has a period in a
region. It is the hospital that bills by the code: its region counts, and the day of the service.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from typing import Final

from streams.rulebook.model import Exam, ItemCode
from streams.rulebook.regions import lookup_chain


class DatedCodes:
    """The codes that do not hold everywhere and always; empty, and false, where all of them do."""

    __slots__ = ("_periods",)

    def __init__(self, exams: Iterable[Exam]) -> None:
        listed: defaultdict[str, defaultdict[str | None, list[ItemCode]]] = defaultdict(lambda: defaultdict(list))
        for exam in exams:
            for item in exam.codes:
                listed[item.code][item.region].append(item)
        self._periods: Final = {code: dict(places) for code, places in listed.items() if _may_end(places)}

    def __bool__(self) -> bool:
        return bool(self._periods)

    def __contains__(self, code: str) -> bool:
        return code in self._periods

    def in_force(self, code: str, region: str, day: date) -> bool:
        """Whether a hospital of `region` bills by a dated `code` on `day`.

        The most specific place for which the code is listed decides: district, city, province, and last the entries
        without a region. So a province may end a code that goes on elsewhere.
        """
        places = self._periods[code]
        for place in (*lookup_chain(region), None):
            if place in places:
                return any(_covers(item, day) for item in places[place])
        return False


def _may_end(places: dict[str | None, list[ItemCode]]) -> bool:
    return places.keys() != {None} or any(item.effective_from or item.effective_to for item in places[None])


def _covers(item: ItemCode, day: date) -> bool:
    return (item.effective_from is None or item.effective_from <= day) and (
        item.effective_to is None or day < item.effective_to
    )
