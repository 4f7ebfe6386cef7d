"""How busy hospitals are on a day: the week, the public holidays, and what is caught up after them."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from typing import Final

from chinese_calendar import get_holiday_detail

FIRST: Final = date(2021, 7, 1)
"""The notices took effect the day before."""
DAYS: Final = 365
GROWTH: Final = 0.25
"""By so much more is done at the end of the year than at its beginning."""

_WEEK: Final = (1.15, 1.1, 1.0, 1.0, 0.95, 0.35, 0.15)
_ON_HOLIDAY: Final = 0.1
_MAKE_UP_DAY: Final = 0.85
_CATCHING_UP: Final = (1.4, 1.35, 1.25, 1.15, 1.1)
_EVE_DAYS: Final = 6
_BEFORE_SPRING_FESTIVAL: Final = 0.65


def day_of(number: int) -> date:
    """The day `number` of the year, the first being 0."""
    return FIRST + timedelta(days=number)


@cache
def rhythm(number: int) -> float:
    """What is done on a day, an ordinary Wednesday of the first week being 1.

    Mainland China's public calendar: make-up days (调休) are working days. Few come in the days before Spring Festival.
    """
    day = day_of(number)
    growth = 1 + GROWTH * number / DAYS
    off, holiday = get_holiday_detail(day)
    if off:
        return growth * (_ON_HOLIDAY if holiday else _WEEK[day.weekday()])
    busy = _WEEK[day.weekday()] if day.weekday() < 5 else _MAKE_UP_DAY
    if any(_holiday(day + timedelta(days=ahead)) == "Spring Festival" for ahead in range(1, _EVE_DAYS + 1)):
        busy *= _BEFORE_SPRING_FESTIVAL
    return growth * busy * _catching_up(day)


def _catching_up(day: date) -> float:
    """More than usual on the first working days after a public holiday."""
    worked = 0
    for back in range(1, 2 * len(_CATCHING_UP)):
        before = day - timedelta(days=back)
        if _holiday(before) is not None:
            return _CATCHING_UP[worked] if worked < len(_CATCHING_UP) else 1.0
        worked += not get_holiday_detail(before)[0]
    return 1.0


def _holiday(day: date) -> str | None:
    off, holiday = get_holiday_detail(day)
    return str(holiday) if off and holiday else None
