"""Findings of one hospital as pictures: where things lie, in the units of their SVG. The same is told as tables beside.

What is drawn is what the findings' evidence holds, and no more: windows in which nothing was found have no bar.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Final

from streams.surveillance.desk import Standing

WIDTH: Final = 860
LEFT: Final = 150
_PLOT: Final = WIDTH - LEFT - 10
_ROW: Final = 16
_MOST_LANES: Final = 8
_MOST_TICKS: Final = 13
_BARS: Final = 120
_MOST_BARS: Final = 24


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


@dataclass(frozen=True, slots=True)
class Bar:
    """One window. `mark`: where the value was held against, None where it was not against a number."""

    held: Standing
    value: str
    threshold: str | None
    x: float
    y: float
    width: float
    height: float
    mark: float | None


@dataclass(frozen=True, slots=True)
class Plot:
    """One measure of one rule over the windows in which it was found, the oldest first."""

    rule: str
    name: str
    bars: tuple[Bar, ...]


def plots(found: Iterable[Standing], rules: Sequence[str]) -> list[Plot]:
    """Of the newest windows of these rules, each measure that is a number. What is withdrawn has no bar."""
    made = []
    standing = sorted((held for held in found if held.state != "withdrawn"), key=lambda held: (held.end, held.id))
    for rule in rules:
        of_rule = [held for held in standing if held.rule == rule][-_MOST_BARS:]
        for name in dict.fromkeys(measure.name for held in of_rule for measure in held.measures):
            points = [
                (held, measure.value, measure.threshold)
                for held in of_rule
                for measure in held.measures
                if measure.name == name and _number(measure.value) is not None
            ]
            if points:
                made.append(Plot(rule, name, _bars(points)))
    return made


def _bars(points: list[tuple[Standing, str, str | None]]) -> tuple[Bar, ...]:
    most = max(max(abs(_number(text) or Decimal(0)) for text in (value, mark)) for _, value, mark in points)
    scale = Decimal(_BARS) / (most or Decimal(1))
    wide = min(60.0, round(_PLOT / len(points), 1))
    bars = []
    for at, (held, value, threshold) in enumerate(points):
        height = round(float(abs(_number(value) or Decimal(0)) * scale), 1)
        limit = _number(threshold)
        mark = None if limit is None else round(_BARS + 10 - float(abs(limit) * scale), 1)
        x = round(LEFT + at * wide, 1)
        bars.append(Bar(held, value, threshold, x, round(_BARS + 10 - height, 1), round(wide * 0.7, 1), height, mark))
    return tuple(bars)


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
