"""All differences of a run in little room: totals, a histogram, the largest. Memory does not grow with them."""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from typing import Any, Final

from streams.replay.difference import BEARERS, Difference
from streams.rulebook.regions import city_of

LARGEST: Final = 20
EDGES: Final = tuple(map(Decimal, (-5000, -2000, -1000, -500, -100, 0, 100, 500, 1000, 2000, 5000)))
"""Of the histogram, in yuan the fund bears more or less. 0 has a bar of its own."""
_ZERO: Final = Decimal("0.00")


@dataclass(slots=True)
class Moves:
    """How many settlements, and how much more each bearer bears, in yuan."""

    settlements: int = 0
    moved: dict[str, Decimal] = field(default_factory=lambda: dict.fromkeys(BEARERS, _ZERO))

    def add(self, moved: dict[str, Decimal]) -> None:
        self.settlements += 1
        for bearer, amount in moved.items():
            self.moved[bearer] += amount

    def plain(self) -> dict[str, Any]:
        return {
            "settlements": self.settlements,
            "moved": {bearer: str(moved) for bearer, moved in self.moved.items()},
        }


class Report:
    """Give it every difference; what is left alone is counted apart and moves no money."""

    def __init__(self) -> None:
        self.total = Moves()
        self.by_kind: Counter[str] = Counter()
        self.left_alone: Counter[str] = Counter()
        self.by_outcome: defaultdict[str, Moves] = defaultdict(Moves)
        self.by_city: defaultdict[str, Moves] = defaultdict(Moves)
        self.histogram: Counter[int] = Counter()
        self.differs = False
        self._largest: list[tuple[Decimal, int, Difference]] = []
        self._number = count()

    def add(self, difference: Difference) -> None:
        self.differs |= difference.counts
        self.by_kind[str(difference.kind)] += 1
        if difference.left_alone is not None:
            self.left_alone[str(difference.left_alone)] += 1
            return
        moved = difference.moved
        self.total.add(moved)
        before, after = difference.outcome_before or "nothing", difference.outcome_after or "nothing"
        self.by_outcome[f"{before} → {after}"].add(moved)
        self.by_city[_city(difference.region)].add(moved)
        self.histogram[_bar(moved["fund"])] += 1
        # The number keeps differences themselves from being compared, and the first of equals in.
        entry = (max(map(abs, moved.values())), -next(self._number), difference)
        if len(self._largest) < LARGEST:
            heapq.heappush(self._largest, entry)
        else:
            heapq.heappushpop(self._largest, entry)

    @property
    def largest(self) -> list[Difference]:
        return [difference for _, _, difference in sorted(self._largest, key=lambda entry: entry[:2], reverse=True)]

    def bars(self) -> list[tuple[str, int]]:
        """The histogram of what the fund bears more (or less), as label and number of settlements."""
        return [(_label(bar), self.histogram[bar]) for bar in range(2 * len(EDGES) + 1) if _shown(bar)]

    def plain(self) -> dict[str, Any]:
        return {
            "differs": self.differs,
            "total": self.total.plain(),
            "by_kind": dict(sorted(self.by_kind.items())),
            "left_alone": dict(sorted(self.left_alone.items())),
            "by_outcome": {name: moves.plain() for name, moves in sorted(self.by_outcome.items())},
            "by_city": {name: moves.plain() for name, moves in sorted(self.by_city.items())},
            "histogram_of_the_fund": dict(self.bars()),
            "largest": [
                {
                    **{k: str(v) if isinstance(v, Decimal) else v for k, v in difference.row().items()},
                    "before": difference.before,
                    "after": difference.after,
                }
                for difference in self.largest
            ],
        }


def _city(region: str | None) -> str:
    return "unknown" if region is None or len(region) != 6 or not region.isdigit() else city_of(region)


_AT_ZERO: Final = 2 * EDGES.index(Decimal(0)) + 1


def _bar(amount: Decimal) -> int:
    """Even numbers are the ranges between edges; nothing moved is the odd one at 0."""
    return _AT_ZERO if amount == 0 else 2 * bisect_right(EDGES, amount)


def _shown(bar: int) -> bool:
    return bar % 2 == 0 or bar == _AT_ZERO


def _label(bar: int) -> str:
    if bar == _AT_ZERO:
        return "0"
    low = EDGES[bar // 2 - 1] if bar else None
    high = EDGES[bar // 2] if bar // 2 < len(EDGES) else None
    if low is None:
        return f"below {high}"
    return f"{low} and more" if high is None else f"{low} to {high}"
