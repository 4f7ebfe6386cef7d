"""A rule by region, examination and day."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import date
from functools import lru_cache
from typing import Generic, TypeVar

from streams.rulebook.model import Rule
from streams.rulebook.regions import lookup_chain

R = TypeVar("R", bound=Rule)


class DatedIndex(Generic[R]):
    """The rules of one kind. Within one region and examination they must not overlap (the loader sees to it)."""

    __slots__ = ("_slots", "find")

    def __init__(self, rules: Iterable[R]) -> None:
        slots: defaultdict[tuple[str, str], list[R]] = defaultdict(list)
        for rule in sorted(rules, key=lambda rule: rule.effective_from):
            slots[rule.region, rule.exam].append(rule)
        self._slots = {slot: (tuple(r.effective_from for r in held), tuple(held)) for slot, held in slots.items()}
        # Every line asks four times, and most ask the same: the rules of a few cities on a few days. Bounded, since
        # regions and days come from events.
        self.find: Callable[[str, str, date], R | None] = lru_cache(maxsize=4096)(self._find)
        """The most specific rule in force: district, then city, then province. None: a gap."""

    def _find(self, region: str, exam: str, day: date) -> R | None:
        for place in lookup_chain(region):
            slot = self._slots.get((place, exam))
            if slot is None:
                continue
            at = bisect_right(slot[0], day) - 1
            if at >= 0:
                rule = slot[1][at]
                if rule.effective_to is None or day < rule.effective_to:
                    return rule
        return None
