"""Findings of one hospital as pictures: where things lie, in the units of their SVG. The same is told as tables beside.

Two sources: what a watch worker with surveillance tells of every month, and what the evidence of the findings holds. Of
the latter, windows in which nothing was found have no bar.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Final, NamedTuple

from streams.export.months_client import Month
from streams.surveillance.desk import Standing

WIDTH: Final = 860
LEFT: Final = 150
_PLOT: Final = WIDTH - LEFT - 10
_ROW: Final = 16
_MOST_LANES: Final = 8
_MOST_TICKS: Final = 13
_BARS: Final = 120
_TOP: Final = 10
_MOST_BARS: Final = 24
_MOST_MONTHS: Final = 36


@dataclass(frozen=True, slots=True)
class Tick:
    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Box:
    held: Standing
    x: float
    y: float
    width: float


@dataclass(frozen=True, slots=True)
class Row:
    """All findings of one rule."""

    rule: str
    y: float
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class TimeLine:
    height: int
    ticks: tuple[Tick, ...]
    rows: tuple[Row, ...]


def time_line(found: Sequence[Standing]) -> TimeLine | None:
    """One row a rule, windows that overlap below each other. None where there is nothing."""
    if not found:
        return None
    first, last = _month(min(held.begin for held in found)), max(held.end for held in found)
    days = max((last - first).days + 1, 28)

    def x(day: date, after: int = 0) -> float:
        return round(LEFT + _PLOT * ((day - first).days + after) / days, 1)

    rows, y = [], 28
    for rule in sorted({held.rule for held in found}):
        lanes: list[date] = []
        boxes = []
        for held in sorted((one for one in found if one.rule == rule), key=lambda one: (one.begin, one.end, one.id)):
            lane = _lane(lanes, held)
            begin = x(held.begin)
            boxes.append(Box(held, begin, y + lane * _ROW, max(3.0, round(x(held.end, 1) - begin, 1))))
        rows.append(Row(rule, y + 11, tuple(boxes)))
        y += max(1, len(lanes)) * _ROW + 10
    months = list(_months(first, last))
    step = -(-len(months) // _MOST_TICKS)
    return TimeLine(y, tuple(Tick(x(month), f"{month:%Y-%m}") for month in months[::step]), tuple(rows))


class Measure(NamedTuple):
    """Which number of a rule's evidence to draw, and which other it is held against."""

    rule: str
    name: str
    against: str | None


SPEND: Final = (
    Measure("spend_spike", "charged_in_window", "usually_charged"),
    Measure("spend_spike", "scans_in_window", "usual_scans"),
    Measure("overcharge", "amount_above_price", None),
)
MIX: Final = (
    Measure("indication_drift", "share_of_grown_most", "share_of_grown_most_before"),
    Measure("out_of_scope_share", "share", "share_of_the_others"),
)


@dataclass(frozen=True, slots=True)
class Bar:
    """One window, or one month. `mark`: where the value was held against, None where it was not against a number."""

    label: str
    value: str
    against: str | None
    x: float
    y: float
    width: float
    height: float
    mark: float | None
    held: Standing | None = None


@dataclass(frozen=True, slots=True)
class Plot:
    """One measure over the windows in which it was found, the oldest first."""

    measure: Measure
    bars: tuple[Bar, ...]


def plots(found: Iterable[Standing], measures: Sequence[Measure]) -> list[Plot]:
    """Of the newest windows. What is withdrawn has no bar."""
    made = []
    standing = sorted((held for held in found if held.state != "withdrawn"), key=lambda held: (held.end, held.id))
    for measure in measures:
        points = []
        for held in standing:
            told = {one.name: one.value for one in held.measures if held.rule == measure.rule}
            if _number(told.get(measure.name)) is not None:
                points.append((held, told[measure.name], told.get(measure.against or "")))
        points = points[-_MOST_BARS:]
        if points:
            given = [(f"{held.begin} – {held.end}", value, against) for held, value, against in points]
            bars = [replace(bar, held=held) for bar, (held, _, _) in zip(_bars(given), points, strict=True)]
            made.append(Plot(measure, tuple(bars)))
    return made


def month_bars(months: Sequence[Month]) -> tuple[Bar, ...]:
    """What was charged, month by month."""
    return tuple(_bars([(month.month, f"{month.charged:.2f}", None) for month in months[-_MOST_MONTHS:]]))


class Part(NamedTuple):
    """One indication's share of a month's bar."""

    indication: str
    number: int
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Column:
    """The mix of one month. Without an examination it has no parts."""

    month: Month
    x: float
    width: float
    parts: tuple[Part, ...]


def mix_columns(months: Sequence[Month], order: Sequence[str]) -> tuple[Column, ...]:
    """Shares of the indications, as high together in each month. What `order` does not know comes last."""
    shown = months[-_MOST_MONTHS:]
    rank = {name: at for at, name in enumerate(order)}
    wide = _wide(len(shown))
    columns = []
    for at, month in enumerate(shown):
        whole, y, parts = sum(month.indications.values()), float(_TOP), []
        for name in sorted(month.indications, key=lambda one: (rank.get(one, len(rank)), one)):
            height = round(_BARS * month.indications[name] / whole, 2)
            parts.append(Part(name, month.indications[name], round(y, 2), height))
            y += height
        columns.append(Column(month, round(LEFT + at * wide, 1), round(wide * 0.7, 1), tuple(parts)))
    return tuple(columns)


def _bars(points: Sequence[tuple[str, str, str | None]]) -> Iterator[Bar]:
    """Label, value, and what it was held against."""
    numbers = [abs(number) for _, *texts in points for text in texts if (number := _number(text)) is not None]
    most = max(numbers, default=Decimal(0)) or Decimal(1)
    wide = _wide(len(points))
    for at, (label, value, against) in enumerate(points):
        height, mark = (_height(text, most) for text in (value, against))
        yield Bar(
            label=label,
            value=value,
            against=against,
            x=round(LEFT + at * wide, 1),
            y=round(_TOP + _BARS - (height or 0), 1),
            width=round(wide * 0.7, 1),
            height=height or 0,
            mark=None if mark is None else round(_TOP + _BARS - mark, 1),
        )


def _wide(number: int) -> float:
    return min(60.0, _PLOT / max(number, 1))


def _height(text: str | None, most: Decimal) -> float | None:
    number = _number(text)
    return None if number is None else round(float(abs(number) * _BARS / most), 1)


def _number(text: str | None) -> Decimal | None:
    try:
        made = Decimal(text or "")
    except InvalidOperation:
        return None
    return made if made.is_finite() else None


def _lane(lanes: list[date], held: Standing) -> int:
    """The first lane that is free by then; the last one takes what finds no place."""
    for number, until in enumerate(lanes):
        if until < held.begin:
            lanes[number] = held.end
            return number
    if len(lanes) < _MOST_LANES:
        lanes.append(held.end)
    return len(lanes) - 1


def _month(day: date) -> date:
    return day.replace(day=1)


def _months(first: date, last: date) -> Iterator[date]:
    month = first
    while month <= last:
        yield month
        month = date(month.year + month.month // 12, month.month % 12 + 1, 1)
