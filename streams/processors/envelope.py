"""From the bytes of a record to an event of ours: what is none of ours is passed over, what cannot be read refused.

The cheapest test comes first.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any, Final, cast

import orjson
import stringzilla

from schemas.deadletters import DeadLetterReason
from schemas.events import REVERSED, VOIDED, SettlementCompleted, SettlementUndone
from schemas.moments import read_day
from schemas.reading import DeadLetter, read_completed, read_undone
from schemas.upcast import CURRENT, EVENTS
from streams.rulebook.codes import DatedCodes

MAX_BYTES: Final = 1024 * 1024
MAX_LINES: Final = 1000
MAX_NESTING: Final = 64

_UNDO: Final = (REVERSED, VOIDED)
_VERSION: Final = re.compile(r"([0-9]+)\.[0-9]+")
_REGION: Final = re.compile(r"[0-9]{6}")
_STRING: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_BRACKET: Final = re.compile(rb"[\[\]{}]")
_OPEN_BRACE, _CLOSE_BRACE = b"{}"


class Searching:
    """Tells by the bytes of a value, unparsed, that the event is none of ours: what most records of the bus meet.

    `words` are what an event of ours may hold in plain; an escape may hide them, so whatever holds one is looked at.
    """

    def __init__(self, words: Collection[str]) -> None:
        # A word that holds another one need not be sought itself.
        shortest = [word for word in words if not any(other != word and other in word for other in words)]
        self._sought: Final = (*(word.encode() for word in sorted(shortest)), rb"\u")

    def __call__(self, value: bytes | None) -> bool:
        """True only if the processor would pass the record over."""
        if not value:
            return False
        return looks_like_an_object(value) and self.hides_nothing(value, 0, len(value))

    def every(self, values: Sequence[bytes | None], data: bytes, start: int, end: int) -> bool:
        """Whether each of `values` is passed over: quickly for the many that hold nothing of ours.

        Their bytes lie in `data` from `start` to `end`, which is searched once. What is found there may be of something
        else, so False is not certain.
        """
        for value in values:
            if not value or value[0] != _OPEN_BRACE or value[-1] != _CLOSE_BRACE:
                return False
        return self.hides_nothing(data, start, end)

    def hides_nothing(self, data: bytes, start: int, end: int) -> bool:
        """Whether nothing from `start` to `end` could make an event one of ours."""
        for word in self._sought:  # noqa: SIM110 - a generator would cost as much as the search
            if stringzilla.find(data, word, start, end) >= 0:
                return False
        return True


class PassingOver(Searching):
    """An event of ours holds an examination code or the word of an undoing."""

    def __init__(self, codes: Collection[str]) -> None:
        super().__init__((*codes, *_UNDO))


def looks_like_an_object(value: bytes) -> bool:
    """Of a value that is not empty, whether the first and last non-blank bytes are the braces of a JSON object."""
    if value[0] == _OPEN_BRACE and value[-1] == _CLOSE_BRACE:
        return True
    bare = value.strip()
    return bool(bare) and bare[0] == _OPEN_BRACE and bare[-1] == _CLOSE_BRACE


def parse(value: bytes) -> dict[str, Any]:
    """Size, UTF-8, nesting, JSON, object; else DeadLetter."""
    if len(value) > MAX_BYTES:
        raise DeadLetter(DeadLetterReason.TOO_LARGE, f"expected at most {MAX_BYTES} bytes")
    try:
        event = orjson.loads(value)
    except orjson.JSONDecodeError:
        raise _why_not_json(value) from None
    # Fewer opening brackets than levels allowed: no need to look where they stand.
    if stringzilla.count(value, b"{") + stringzilla.count(value, b"[") > MAX_NESTING and _nests_too_deep(value):
        raise _too_deep()
    if type(event) is not dict:
        raise DeadLetter(DeadLetterReason.NOT_AN_EVENT, "expected a JSON object")
    return event


def _why_not_json(value: bytes) -> DeadLetter:
    try:
        value.decode()
    except UnicodeDecodeError:
        return DeadLetter(DeadLetterReason.NOT_UTF8, "expected UTF-8")
    if _nests_too_deep(value):
        return _too_deep()
    return DeadLetter(DeadLetterReason.NOT_JSON, "expected one JSON document, RFC 8259")


def _too_deep() -> DeadLetter:
    return DeadLetter(DeadLetterReason.TOO_LARGE, f"expected at most {MAX_NESTING} levels of nesting")


def _nests_too_deep(value: bytes) -> bool:
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", value)):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_NESTING:
            return True
    return False


def read(
    event: dict[str, Any], codes: Collection[str], dated: DatedCodes
) -> SettlementCompleted | SettlementUndone | None:
    """Ours, version, number of lines, schema, line rules; None when it is none of ours; else DeadLetter.

    `dated` are those of `codes` that do not hold everywhere and always. A reversal does not say where and when what it
    undoes was examined, so any of `codes` makes it ours. An event of an older version is brought up to date first.
    """
    if event.get("schema_version") != CURRENT:
        event = EVENTS(event)
    if event.get("event_type") in _UNDO:
        reversed_codes = event.get("item_codes")
        if isinstance(reversed_codes, list) and not any(_is_one_of(code, codes) for code in reversed_codes):
            return None
        _check_version(event)
        return read_undone(event)
    lines = event.get("line_items")
    if not isinstance(lines, list):
        return None
    ours: list[tuple[int, Any]] = []
    unreadable: int | None = None
    for i, line in enumerate(lines):
        code = line.get("item_code") if type(line) is dict else None
        if type(code) is not str:
            unreadable = i if unreadable is None else unreadable
        elif code in codes:
            ours.append((i, line))
    if dated:
        ours = _in_force(ours, event.get("hospital"), dated)
    if not ours:
        return None
    _check_version(event)
    if len(lines) > MAX_LINES:
        raise DeadLetter(DeadLetterReason.TOO_LARGE, f"line_items: expected at most {MAX_LINES} lines")
    if unreadable is not None:
        expected = "expected an object with a string item_code"
        raise DeadLetter(DeadLetterReason.SCHEMA, f"line_items[{unreadable}]: {expected}")
    return read_completed(event, ours)


def _in_force(ours: list[tuple[int, Any]], hospital: Any, dated: DatedCodes) -> list[tuple[int, Any]]:
    """Without the lines whose code, at this hospital and on their day, names no examination.

    Only where region and day can be read: else the line stays, and validation tells what is wrong with it. A refund
    that names a line of ours is ours too, since it must bear the code of that line, on whatever day it is made.
    """
    region = hospital.get("region") if type(hospital) is dict else None
    if type(region) is not str or not _REGION.fullmatch(region):
        return ours
    kept = {i: line for i, line in ours if not _has_no_meaning(line, region, dated)}
    numbers = {number for line in kept.values() if type(number := line.get("line_no")) is int}
    return [(i, line) for i, line in ours if i in kept or _refunds_one_of(line, numbers)]


def _has_no_meaning(line: dict[str, Any], region: str, dated: DatedCodes) -> bool:
    code: str = line["item_code"]
    if code not in dated:
        return False
    try:
        return not dated.in_force(code, region, read_day(line.get("service_date")))
    except ValueError:
        return False


def _refunds_one_of(line: dict[str, Any], numbers: Collection[int]) -> bool:
    named, quantity = line.get("refunds_line_no"), line.get("quantity")
    if type(quantity) is str:
        negative = quantity.startswith("-")
    else:
        negative = type(quantity) in (int, float) and cast(float, quantity) < 0
    return negative and type(named) is int and named in numbers


def _is_one_of(code: Any, codes: Collection[str]) -> bool:
    return type(code) is str and code in codes


def _check_version(event: dict[str, Any]) -> None:
    """A version that is none at all is a matter of the schema, tested later."""
    version = event.get("schema_version")
    if version == CURRENT:
        return
    match = _VERSION.fullmatch(version) if type(version) is str else None
    if match is not None and match[1].lstrip("0") != "1":
        raise DeadLetter(DeadLetterReason.UNSUPPORTED_VERSION, "schema_version: expected major 1")
