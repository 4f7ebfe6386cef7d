"""Values as deployments send them: numbers or strings, padded or not, with null or an empty string for none.

What cannot be read stays as it is: the contract's own validation then tells that it is wrong, and where.
"""

from __future__ import annotations

import re
from typing import Any, Final

from schemas.moments import read_moment

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_COMPACT_DAY: Final = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")


def text(value: Any) -> Any:
    """Ids and codes. A whole number counts as its digits; one of more than 64 bits has lost some: it stays a number."""
    if type(value) is str:
        return value.strip() or None
    if type(value) is int:
        return str(value)
    return value


def number(value: Any) -> Any:
    """Amounts, prices and quantities."""
    return (value.strip() or None) if type(value) is str else value


def moment(value: Any) -> Any:
    """`yyyy-MM-dd HH:mm:ss` in China Standard Time as the contract writes it; with a zone of its own, as it is."""
    value = text(value)
    if type(value) is not str:
        return value
    written = value.replace(" ", "T", 1)
    try:
        return read_moment(written).with_offset
    except ValueError:
        return value


def day(value: Any) -> Any:
    """The day of a time in China, or of a date; `yyyyMMdd` is read too."""
    value = text(value)
    if type(value) is not str or _DAY.fullmatch(value):
        return value
    if compact := _COMPACT_DAY.fullmatch(value):
        return "-".join(compact.groups())
    try:
        return read_moment(value.replace(" ", "T", 1)).day.isoformat()
    except ValueError:
        return value


def node(value: Any) -> dict[str, Any]:
    """An object; nothing of it where it is none."""
    return value if type(value) is dict else {}


def nodes(value: Any) -> list[Any]:
    """A list; some deployments send the only entry of one without it."""
    if type(value) is list:
        return value
    return [value] if type(value) is dict else []


def first(*values: Any) -> Any:
    """The first that is not null."""
    return next((value for value in values if value is not None), None)


def without_nulls(**fields: Any) -> dict[str, Any]:
    """So that what is missing is told as missing."""
    return {name: value for name, value in fields.items() if value is not None}
