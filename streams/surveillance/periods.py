"""Weeks, months, quarters and years: the fixed periods by which findings are named, so that no fact renames one."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from typing import Final

from streams.surveillance.suspicion import Days

_WEEK: Final = 7
_FIRST_MONTH: Final = 12


def day_of(day: date) -> Days:
    return Days(day, day)


def month_number(day: date) -> int:
    """Counts months, so that the one after is one more."""
    return day.year * 12 + day.month - 1


def months(first: int, last: int) -> Days:
    """From the first day of one numbered month to the last of another, as far as the calendar goes."""
    begin = date(first // 12, first % 12 + 1, 1) if first >= _FIRST_MONTH else date.min
    year, at = last // 12, last % 12 + 1
    return Days(begin, date(year, at, monthrange(year, at)[1]))


def week_number(day: date) -> int:
    """Counts weeks from Monday to Sunday. (The first day of the calendar, in the year 1, is a Monday.)"""
    return (day.toordinal() - 1) // _WEEK


def weeks(first: int, last: int) -> Days:
    """From the Monday of one numbered week to the Sunday of another, as far as the calendar goes."""
    begin, end = first * _WEEK + 1, (last + 1) * _WEEK
    return Days(date.fromordinal(max(begin, 1)), date.fromordinal(min(end, date.max.toordinal())))


def quarter_of(day: date) -> Days:
    first = month_number(day) // 3 * 3
    return months(first, first + 2)


def year_of(day: date) -> Days:
    return Days(date(day.year, 1, 1), date(day.year, 12, 31))


def before(day: date, days: int) -> date:
    """`days` earlier; the first day of the calendar where there is none."""
    return day - timedelta(days) if days < day.toordinal() else date.min
