"""The coverage map as a picture, and as a page around it."""

from __future__ import annotations

from datetime import date
from itertools import groupby
from typing import Any, Final

from markupsafe import Markup

from streams.pages import render
from streams.rulebook.coverage import CoverageMap, Row, Span
from streams.rulebook.index import Rulebook

_LEFT: Final = 110.0
_PLOT: Final = 820.0
_ROW: Final = 19.0
_HEAD: Final = 24.0
_LEGEND: Final = (
    ("price", "price", False),
    ("coverage", "coverage", False),
    ("benefit", "benefit", False),
    ("price inherited", "of a wider region", False),
    ("gap", "no rule", False),
    ("price", "past its review", True),
)


def coverage_svg(map: CoverageMap, today: date | None = None, *, alone: bool = True) -> str:
    """A picture. `today` None: without that line, so that the same rulebook gives the same bytes.

    `alone`: with its style in it; a page that forbids that has the style elsewhere.
    """
    y = _HEAD
    groups: list[dict[str, Any]] = []
    for (region, exam), rows in groupby(map.rows, key=lambda row: (row.region, row.exam)):
        y += 18
        group: dict[str, Any] = {"label": f"{region} {exam}", "y": round(y - 4, 1), "rows": []}
        for row in rows:
            group["rows"].append(
                {"label": row.kind, "y": round(y, 1), "spans": [_span(map, row, s) for s in row.spans]}
            )
            y += _ROW
        groups.append(group)
    return render(
        "coverage.svg.j2",
        alone=alone,
        width=round(_LEFT + _PLOT + 10),
        height=round(y + 44),
        years=[{"x": _x(map, day), "label": day.year} for day in map.years],
        groups=groups,
        today=None if today is None or not map.start <= today < map.end else _x(map, today),
        legend=[
            {"class": shown, "label": label, "stale": stale, "x": 150 * at}
            for at, (shown, label, stale) in enumerate(_LEGEND)
        ],
    )


def coverage_page(book: Rulebook, map: CoverageMap, today: date | None = None) -> str:
    """HTML with the picture, every gap and every review."""
    return render(
        "coverage.html.j2",
        map=map,
        svg=Markup(coverage_svg(map, today)),  # noqa: S704 - made by a template that escapes
        reviews=sorted(book.rules, key=lambda rule: (rule.reviewed_until, rule.id)),
        today=today,
    )


def tells(row: Row, span: Span, map: CoverageMap) -> str:
    """A span in words."""
    since = "" if span.start <= map.start else f" from {span.start}"
    until = "" if span.end >= map.end else f" to before {span.end}"
    if span.rule is None:
        return f"no {row.kind} rule{since}{until}"
    rule = span.rule
    whose = f", a rule of {rule.region}" if row.inherited(span) else ""
    review = f"reviewed until {rule.reviewed_until}"
    return f"{rule.id}{whose}: {rule.says} ({rule.source}, {rule.clause}){since}{until}; {review}"


def _span(map: CoverageMap, row: Row, span: Span) -> dict[str, Any]:
    due = span.reviewed_until
    return {
        "class": "gap" if span.rule is None else f"{row.kind} inherited" if row.inherited(span) else row.kind,
        "x": _x(map, span.start),
        "width": _width(map, span.start, span.end),
        "tells": tells(row, span, map),
        "stale": None if due is None else {"x": _x(map, due), "width": _width(map, due, span.end)},
    }


def _x(map: CoverageMap, day: date) -> float:
    return round(_LEFT + _PLOT * map.share(day), 1)


def _width(map: CoverageMap, start: date, end: date) -> float:
    return round(max(_PLOT * (map.share(end) - map.share(start)) - 1, 1), 1)
