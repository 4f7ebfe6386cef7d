"""What one rulebook says otherwise than another: rules added, ended, changed, removed; amounts, regions, days."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal

import orjson

from streams.rulebook.index import Rulebook
from streams.rulebook.reader import kind_of

How = Literal["added", "ended", "changed", "removed"]
Plain = dict[str, Any]

_AMOUNTS: Final = frozenset({"unit_price", "amount", "ratio", "factor", "low", "high", "lower", "upper"})
_SIGNS: Final[dict[How, str]] = {"added": "+", "ended": "|", "changed": "~", "removed": "-"}
_END: Final = frozenset({"effective_to", "reviewed_until", "reviewed_note"})
_REVIEW: Final = frozenset({"reviewed_until", "reviewed_note"})


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One value of an entry. None: not written there. `path` as in a mistake: `bands[1].ratio`."""

    path: str
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"{self.path}: {_written(self.before)} → {_written(self.after)}"


@dataclass(frozen=True, slots=True)
class Change:
    """One rule, notice header or examination. An ended rule got an end or an earlier one, and nothing else.

    Of an added or removed one, `fields` holds the amounts. `since` and `until` are the days, half-open, on which a
    lookup may answer otherwise; both None where no lookup does.
    """

    what: Literal["rule", "notice", "examination"]
    id: str
    how: How
    fields: tuple[FieldChange, ...]
    kind: str = ""
    region: str = ""
    exam: str = ""
    since: date | None = None
    until: date | None = None

    def __str__(self) -> str:
        where = f", {self.kind} of {self.exam} in {self.region}" if self.region else f" ({self.what})"
        return f"{_SIGNS[self.how]} {self.id}{where}: {self.how}{days(self.since, self.until)}"


@dataclass(frozen=True, slots=True)
class Difference:
    """From one version to another; `before` None: from nothing. False when both say the same."""

    before: str | None
    after: str
    changes: tuple[Change, ...]

    def __bool__(self) -> bool:
        return bool(self.changes)

    @property
    def regions(self) -> tuple[str, ...]:
        return tuple(sorted({change.region for change in self.changes if change.since and change.region}))

    @property
    def since(self) -> date | None:
        return min((change.since for change in self.changes if change.since), default=None)

    @property
    def until(self) -> date | None:
        """None where the change has no end, or touches no day."""
        ends = [change.until for change in self.changes if change.since]
        return None if None in ends else max((end for end in ends if end), default=None)

    @property
    def summary(self) -> str:
        """`2 added, 1 changed`."""
        counts = {how: sum(change.how == how for change in self.changes) for how in _SIGNS}
        return ", ".join(f"{count} {how}" for how, count in counts.items() if count) or "nothing changed"

    def lines(self) -> Iterator[str]:
        """For people, one change after the other, then what all of them touch."""
        for change in self.changes:
            yield str(change)
            for field in change.fields:
                one_side = {"added": field.after, "removed": field.before}.get(change.how)
                yield f"    {field}" if one_side is None else f"    {field.path}: {_written(one_side)}"
        if self.regions:
            yield f"touches {', '.join(self.regions)}{days(self.since, self.until)}"


def compare(before: Rulebook | None, after: Rulebook) -> Difference:
    """What `after` says otherwise than `before`; None: everything `after` says is new."""
    old, new = _plain(before), _plain(after)
    return Difference(
        before.hash if before else None,
        after.hash,
        (
            *_rules(_entries(old), _entries(new)),
            *_whole("notice", _headers(old), _headers(new)),
            *_whole("examination", old["exams"], new["exams"]),
        ),
    )


def days(since: date | None, until: date | None) -> str:
    """`, days from 2021-06-30 to before 2022-01-01`; nothing where there are none."""
    if since is None:
        return ""
    return f", days from {since} on" if until is None else f", days from {since} to before {until}"


def _rules(old: dict[str, Plain], new: dict[str, Plain]) -> Iterator[Change]:
    for id in sorted(old.keys() | new.keys()):
        before, after = old.get(id), new.get(id)
        if before == after:
            continue
        held = after or before or {}
        if before is None or after is None:
            how: How = "added" if before is None else "removed"
            fields = tuple(field for field in _fields(before, after) if _is_amount(field.path))
            since, until = _day(held, "effective_from"), _day(held, "effective_to")
        else:
            fields = tuple(_fields(before, after))
            changed = {field.path for field in fields}
            how = "ended" if changed <= _END and _ends_earlier(before, after) else "changed"
            since, until = _touched(before, after, changed)
        kind = kind_of(id.partition("/")[2])
        yield Change("rule", id, how, fields, kind, held["region"], held["exam"], since, until)


def _whole(what: Literal["notice", "examination"], old: dict[str, Plain], new: dict[str, Plain]) -> Iterator[Change]:
    for id in sorted(old.keys() | new.keys()):
        before, after = old.get(id), new.get(id)
        if before is None or after is None:
            yield Change(what, id, "added" if before is None else "removed", ())
        elif before != after:
            yield Change(what, id, "changed", tuple(_fields(before, after)))


def _ends_earlier(before: Plain, after: Plain) -> bool:
    end, was = after.get("effective_to"), before.get("effective_to")
    return end is not None and (was is None or end < was)


def _touched(before: Plain, after: Plain, changed: set[str]) -> tuple[date | None, date | None]:
    """Where only the dates of a rule move, only the days between are touched; by a review, none."""
    starts = sorted(filter(None, (_day(before, "effective_from"), _day(after, "effective_from"))))
    ends = [_day(before, "effective_to"), _day(after, "effective_to")]
    last = None if None in ends else max(filter(None, ends))
    match changed - _REVIEW:
        case moved if not moved:
            return None, None
        case moved if moved == {"effective_from"}:
            return starts[0], starts[-1]
        case moved if moved == {"effective_to"}:
            return min(filter(None, ends)), last
        case _:
            return starts[0], last


def _fields(before: Any, after: Any, path: str = "") -> Iterator[FieldChange]:
    if before == after:
        return
    if isinstance(before or {}, dict) and isinstance(after or {}, dict) and (before or after):
        for key in sorted({**(before or {}), **(after or {})}):
            where = f"{path}.{key}" if path else key
            yield from _fields((before or {}).get(key), (after or {}).get(key), where)
    elif _holds_mappings(before) or _holds_mappings(after):
        for at in range(max(len(before or ()), len(after or ()))):
            was, held = ((side or [])[at : at + 1] for side in (before, after))
            yield from _fields(was[0] if was else None, held[0] if held else None, f"{path}[{at}]")
    else:
        yield FieldChange(path, before, after)


def _holds_mappings(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(item, dict) for item in value)


def _is_amount(path: str) -> bool:
    return path.rpartition(".")[2] in _AMOUNTS


def _written(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _plain(book: Rulebook | None) -> Plain:
    plain: Plain = orjson.loads(book.canonical) if book is not None else {"exams": {}, "notices": {}}
    return plain


def _entries(plain: Plain) -> dict[str, Plain]:
    return {
        f"{id}/{name}": entry for id, notice in plain["notices"].items() for name, entry in notice["entries"].items()
    }


def _headers(plain: Plain) -> dict[str, Plain]:
    return {
        id: {key: value for key, value in notice.items() if key != "entries"} for id, notice in plain["notices"].items()
    }


def _day(entry: Plain, key: str) -> date | None:
    written = entry.get(key)
    return date.fromisoformat(written) if written is not None else None
