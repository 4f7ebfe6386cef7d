"""Dates and times on the wire. A time without an offset is China Standard Time (+08:00)."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone
from typing import Any, Final, NamedTuple

CHINA: Final = timezone(timedelta(hours=8))

_DAY_LENGTH: Final = 10
_MOMENT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?"
    r"(Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])?"
)


def read_day(value: Any) -> date:
    """A calendar day written YYYY-MM-DD; ValueError says so without the value."""
    try:
        # The length and the dashes keep out the other ISO forms that fromisoformat takes.
        if type(value) is str and len(value) == _DAY_LENGTH and value[4] == "-" == value[7] and value.isascii():
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise ValueError("expected a date YYYY-MM-DD")


class Moment(NamedTuple):
    """`text` as the producer wrote it; `day` is its date in China."""

    text: str
    day: date

    @property
    def with_offset(self) -> str:
        """As written, `+08:00` appended where it has no offset (CloudEvents `time` needs one)."""
        return self.text if self.text[-1] == "Z" or self.text[-6] in "+-" else f"{self.text}+08:00"


def read_moment(value: Any) -> Moment:
    """`YYYY-MM-DDThh:mm:ss` with optional fraction and offset, in the years 1-9999 at +08:00; else ValueError."""
    match = _MOMENT.fullmatch(value) if type(value) is str else None
    if match is not None:
        try:
            if match[1] is None or match[1] == "+08:00":
                return Moment(value, datetime.fromisoformat(value).date())
            if value.startswith("0000"):
                return Moment(value, _first_day_of_year_1(value))
            return Moment(value, datetime.fromisoformat(value).astimezone(CHINA).date())
        except (ValueError, OverflowError):
            pass
    raise ValueError("expected a time YYYY-MM-DDThh:mm:ss, optionally with a fraction and an offset")


def _first_day_of_year_1(text: str) -> date:
    """The last hours of year 0 elsewhere are year 1 in China; Python's calendar begins there. Else ValueError.

    Reckoned in the year 2000, a leap year like the year 0.
    """
    day = datetime.fromisoformat(f"2000{text[4:]}").astimezone(CHINA).date()
    if day != date(2001, 1, 1):
        raise ValueError("before the year 1")
    return date.min


def midnight(day: date) -> str:
    """The start of a day in China, as an RFC 3339 time."""
    return f"{day.isoformat()}T00:00:00+08:00"
