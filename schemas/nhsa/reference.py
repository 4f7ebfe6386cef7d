"""What no message says and a deployment knows: its hospitals, and how its local item codes extend the national ones.

Two tables, CSV in UTF-8. They are read as text here; whoever runs us reads the files.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from io import StringIO
from typing import Any, Final, TypeVar

from schemas.moments import read_day

T = TypeVar("T")

_REGION: Final = re.compile(r"[0-9]{6}")
_HOSPITAL_COLUMNS: Final = ("code", "name", "region", "level", "ownership", "designated", "valid_from", "valid_to")
_CODE_COLUMNS: Final = ("local", "national", "match")
_ESCAPED: Final = frozenset('"\\/')
_LEVELS: Final = ("tertiary", "secondary", "primary", "ungraded")
_OWNERSHIPS: Final = ("public", "public_equivalent", "private")


class TableError(Exception):
    """A table cannot be used. All its mistakes, each with its line and what was expected."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = tuple(mistakes)


@dataclass(frozen=True, slots=True)
class Hospital:
    """What holds of a hospital from `valid_from` to before `valid_to`; None: without that end, or not known."""

    code: str
    name: str | None
    region: str | None
    level: str | None
    ownership: str | None
    designated: bool | None
    valid_from: date | None
    valid_to: date | None

    def holds_on(self, day: date) -> bool:
        return (self.valid_from is None or self.valid_from <= day) and (self.valid_to is None or day < self.valid_to)


@dataclass(frozen=True, slots=True)
class Codes:
    """Local item codes that mean a national one: by the whole code, or by how it begins, longest first."""

    exact: Mapping[str, str] = field(default_factory=dict)
    prefixes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Reference:
    """Both tables. Without a row nothing is known of a hospital, and every code means itself."""

    hospitals: Mapping[str, tuple[Hospital, ...]] = field(default_factory=dict)
    codes: Codes = field(default_factory=Codes)

    def hospital(self, code: object, day: date | None) -> Hospital | None:
        """What is known of it on a day."""
        if day is None or not isinstance(code, str):
            return None
        return next((row for row in self.hospitals.get(code, ()) if row.holds_on(day)), None)

    def national(self, code: Any) -> Any:
        """The code that is meant; the same where no row says otherwise."""
        if type(code) is not str:
            return code
        exact = self.codes.exact.get(code)
        if exact is not None:
            return exact
        return next((meant for prefix, meant in self.codes.prefixes if code.startswith(prefix)), code)

    def written_as(self, codes: Collection[str]) -> set[str]:
        """`codes` and all that may stand for one of them in a message: one of these lies in every such code."""
        rows = (*self.codes.exact.items(), *self.codes.prefixes)
        return {*codes, *(local for local, meant in rows if meant in codes)}


NO_REFERENCE: Final = Reference()


def read_hospitals(table: str) -> dict[str, tuple[Hospital, ...]]:
    """`code,name,region,level,ownership,designated,valid_from,valid_to`; all but the code may be absent or empty.

    Raises TableError. Rows of one hospital may follow one another in time, but not overlap.
    """
    hospitals: dict[str, list[Hospital]] = {}

    def add(row: dict[str, str]) -> None:
        told = _Row(row)
        hospital = Hospital(
            told.text("code", required=True) or "",
            told.text("name"),
            told.read("region", _region),
            told.read("level", _one_of(_LEVELS)),
            told.read("ownership", _one_of(_OWNERSHIPS)),
            told.read("designated", _truth),
            told.read("valid_from", read_day),
            told.read("valid_to", read_day),
        )
        told.end()
        if hospital.valid_from and hospital.valid_to and hospital.valid_from >= hospital.valid_to:
            raise ValueError("valid_to: expected after valid_from")
        others = hospitals.setdefault(hospital.code, [])
        if any(_overlap(hospital, other) for other in others):
            raise ValueError("code: expected once at a time; give the rows of a hospital valid_from and valid_to")
        others.append(hospital)

    _read_table(table, _HOSPITAL_COLUMNS, ("code",), add)
    return {code: tuple(rows) for code, rows in hospitals.items()}


def read_codes(table: str) -> Codes:
    """`local,national,match`: `match` is `exact`, or `prefix` where all codes that begin with `local` are meant.

    A prefix must hold the national code, or be longer than it: a short one would take in other items. Raises
    TableError.
    """
    exact: dict[str, str] = {}
    prefixes: dict[str, str] = {}

    def add(row: dict[str, str]) -> None:
        told = _Row(row)
        local, national = told.text("local", required=True) or "", told.text("national", required=True) or ""
        match = told.read("match", _one_of(("exact", "prefix")), required=True)
        told.end()
        if _ESCAPED & set(local):
            raise ValueError('local: expected none of " \\ /, which JSON writes in more than one way')
        if match == "prefix" and len(local) < len(national):
            raise ValueError("local: expected a prefix no shorter than the national code")
        rows = prefixes if match == "prefix" else exact
        if local in rows:
            raise ValueError("local: expected once")
        rows[local] = national

    _read_table(table, _CODE_COLUMNS, _CODE_COLUMNS, add)
    return Codes(exact, tuple(sorted(prefixes.items(), key=lambda row: -len(row[0]))))


def _read_table(
    table: str, columns: Sequence[str], required: Sequence[str], add: Callable[[dict[str, str]], None]
) -> None:
    mistakes: list[str] = []
    rows = csv.reader(StringIO(table.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        header = [name.strip() for name in next(rows, [])]
        mistakes += [f"line 1: column {name} is missing" for name in required if name not in header]
        unknown = [name for name in header if name not in columns]
        if unknown:
            mistakes.append(f"line 1: expected no columns but {', '.join(columns)}")
        if len(set(header)) < len(header):
            mistakes.append("line 1: a column stands there twice")
        if mistakes:
            raise TableError(mistakes)
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            try:
                if len(row) != len(header):
                    raise ValueError(f"expected {len(header)} fields")
                add(dict(zip(header, (cell.strip() for cell in row), strict=True)))
            except ValueError as mistake:
                mistakes += [f"line {rows.line_num}: {told}" for told in str(mistake).split("\n")]
    except csv.Error:
        mistakes.append(f"line {rows.line_num}: expected CSV: fields between commas, quotation marks in pairs")
    if mistakes:
        raise TableError(mistakes)


class _Row:
    """Reads the cells of a row and remembers what was wrong with each."""

    def __init__(self, cells: Mapping[str, str]) -> None:
        self._cells = cells
        self._mistakes: list[str] = []

    def text(self, name: str, *, required: bool = False) -> str | None:
        return self.read(name, str, required=required)

    def read(self, name: str, reader: Callable[[str], T], *, required: bool = False) -> T | None:
        cell = self._cells.get(name, "")
        if not cell:
            if required:
                self._mistakes.append(f"{name}: required")
            return None
        try:
            return reader(cell)
        except ValueError as mistake:
            self._mistakes.append(f"{name}: {mistake}")
            return None

    def end(self) -> None:
        if self._mistakes:
            raise ValueError("\n".join(self._mistakes))


def _region(cell: str) -> str:
    if not _REGION.fullmatch(cell):
        raise ValueError("expected six digits")
    return cell


def _truth(cell: str) -> bool:
    return _one_of(("true", "false"))(cell) == "true"


def _one_of(values: Sequence[str]) -> Callable[[str], str]:
    def read(cell: str) -> str:
        if cell not in values:
            raise ValueError(f"expected {', '.join(values[:-1])} or {values[-1]}")
        return cell

    return read


def _overlap(one: Hospital, other: Hospital) -> bool:
    begins = max(one.valid_from or date.min, other.valid_from or date.min)
    ends = min(one.valid_to or date.max, other.valid_to or date.max)
    return begins < ends
