"""One event tried out: decided as it is, and as it would be in another place, for another purpose, on another day.

Everything happens in memory; nothing is kept, and no id of a disclosure is made, since no secret is known here.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final, Literal

import orjson

from streams.processors.settlement import Answer, Fate, Header, SettlementProcessor
from streams.rulebook.index import Rulebook

Event = dict[str, Any]
What = Literal["given", "insured", "hospital", "indication", "day", "release", "all"]
_KEYED: Final = ("disclosure_id", "event_id")
_DATED: Final = 10
"""Characters of YYYY-MM-DD."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What would be otherwise; None: as it is."""

    insured: str | None = None
    hospital: str | None = None
    indication: str | None = None
    day: date | None = None
    release: Rulebook | None = None

    def each(self) -> list[tuple[What, Changes]]:
        """Every change by itself, and all together where there are several."""
        single: list[tuple[What, Changes]] = []
        if self.insured is not None:
            single.append(("insured", Changes(insured=self.insured)))
        if self.hospital is not None:
            single.append(("hospital", Changes(hospital=self.hospital)))
        if self.indication is not None:
            single.append(("indication", Changes(indication=self.indication)))
        if self.day is not None:
            single.append(("day", Changes(day=self.day)))
        if self.release is not None:
            single.append(("release", Changes(release=self.release)))
        return [*single, ("all", self)] if len(single) > 1 else single


@dataclass(frozen=True, slots=True)
class Column:
    """One decision of the event. `same`: its outcome and shares are those of the event as given."""

    what: What
    answer: Answer
    rulebook: str
    same: bool


@dataclass(frozen=True, slots=True)
class Trial:
    """`comparable`: only completed settlements of ours can be asked what if. `codes` are the examinations'."""

    columns: list[Column]
    comparable: bool
    codes: list[str]

    @property
    def answer(self) -> Answer:
        return self.columns[0].answer

    @property
    def disclosure(self) -> Event | None:
        made = self.answer.disclosure
        return made and {name: value for name, value in made.items() if name not in _KEYED}


@dataclass(frozen=True, slots=True)
class _Record:
    value: bytes
    topic: str = ""
    partition: int = 0
    offset: int = 0
    timestamp: int = 0
    key: bytes | None = None
    headers: tuple[Header, ...] = ()


def trial(value: bytes, book: Rulebook, changes: Changes) -> Trial:
    """Decide `value` by `book`, then with each of `changes`."""
    answer = _decide(value, book)
    columns = [Column("given", answer, book.hash, same=True)]
    comparable = answer.fate is Fate.DECIDED
    for what, change in changes.each() if comparable else ():
        used = change.release or book
        other = _decide(orjson.dumps(changed(orjson.loads(value), change, used.codes)), used)
        columns.append(Column(what, other, used.hash, same=_shares(other) == _shares(answer)))
    return Trial(columns, comparable, sorted(book.codes))


def changed(event: Event, change: Changes, codes: frozenset[str]) -> Event:
    """The event as it would be. With another day its examinations and its own time move together; all else stays."""
    made = deepcopy(event)
    if change.insured is not None:
        made["patient"]["insured_region"] = change.insured
    if change.hospital is not None:
        made["hospital"]["region"] = change.hospital
    if change.indication is not None:
        made["request"] = {**(made.get("request") or {}), "indication": change.indication}
    if change.day is not None:
        ours = [line for line in made["line_items"] if line.get("item_code") in codes]
        first = min(date.fromisoformat(line["service_date"]) for line in ours)
        moved = _moved(change.day - first)
        for line in ours:
            line["service_date"] = moved(line["service_date"])
        made["occurred_at"] = moved(made["occurred_at"])
    return made


def _moved(by: timedelta) -> Callable[[str], str]:
    def move(written: str) -> str:
        try:
            return (date.fromisoformat(written[:_DATED]) + by).isoformat() + written[_DATED:]
        except OverflowError:
            return written

    return move


def _decide(value: bytes, book: Rulebook) -> Answer:
    return SettlementProcessor(book, b"", "")(_Record(value))


def _shares(answer: Answer) -> object:
    adjusted = answer.adjusted or {}
    return answer.fate, answer.outcome, answer.reasons, adjusted.get("totals"), answer.detail
