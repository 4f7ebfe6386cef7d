"""What a draft would change, as a page with plots."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from streams.impact import BEARERS, Impact
from streams.pages import render

_PLOT: Final = 560.0
_WORDS: Final = {
    "fund": "the fund",
    "assistance": "medical assistance",
    "patient": "patients",
    "hospital": "hospitals",
}


def impact_page(impact: Impact, events: str) -> str:
    """`events` says in words which events these were."""
    before, after = impact.money
    most = max((abs(held) for side in impact.money for held in side.values()), default=Decimal(0)) or Decimal(1)
    bearers = [
        {
            "name": _WORDS[bearer],
            "before": before[bearer],
            "after": after[bearer],
            "change": after[bearer] - before[bearer],
            "before_width": _width(before[bearer], most),
            "after_width": _width(after[bearer], most),
        }
        for bearer in BEARERS
    ]
    return render(
        "impact.html.j2",
        impact=impact,
        events=events,
        bearers=bearers,
        cities=list(_cities(impact)),
        flows=sorted(impact.outcomes.items(), key=lambda item: (item[0][0] == item[0][1], -item[1])),
        largest=[
            {
                "change": change,
                "lines": [_lines(adjusted) for adjusted in change.adjusted],
            }
            for change in impact.largest
        ],
        bearer_names=BEARERS,
    )


def _cities(impact: Impact) -> Iterator[dict[str, Any]]:
    """Those in which something changes, the most money first; bars go left and right of the middle."""
    changes = {name: city.after["fund"] - city.before["fund"] for name, city in impact.cities.items() if city.changed}
    most = max(map(abs, changes.values()), default=Decimal(0)) or Decimal(1)
    for name, change in sorted(changes.items(), key=lambda item: (-abs(item[1]), item[0])):
        city = impact.cities[name]
        width = _width(change, most) / 2
        yield {
            "name": name,
            "city": city,
            "fund": change,
            "patient": city.after["patient"] - city.before["patient"],
            "x": round(_PLOT / 2 - (width if change < 0 else 0), 1),
            "width": round(width, 1),
        }


def _lines(adjusted: dict[str, Any] | None) -> list[dict[str, Any]]:
    return list((adjusted or {}).get("lines", ()))


def _width(amount: Decimal, most: Decimal) -> float:
    return round(float(abs(amount) / most) * _PLOT, 1)
