"""What lists there are: hospitals, their days, and on each day which disclosures. Kept in memory beside the store.

It holds no row. Made again from the store by `put` for whatever is in it; `put` of the same again changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

from streams.processors.board import Entry, Signboard

_NOTHING: Final = 0


@dataclass(slots=True)
class ShelfDay:
    """One list. `rows` how many it has, `updated_on` the last day on which it changed after its own day.

    `awaited`: examinations of that day were settled that must be disclosed. `stamp` changes with what is on the list.
    """

    ids: set[bytes] = field(default_factory=set)
    rows: int = 0
    updated_on: str | None = None
    awaited: bool = False
    stamp: int = _NOTHING

    @property
    def missing(self) -> bool:
        return self.awaited and not self.ids

    @property
    def version(self) -> str:
        return f"{self.stamp ^ self.awaited:016x}"


@dataclass(slots=True)
class ShelfHospital:
    """`sign` None: nothing was disclosed yet. `region` of an awaited list, which may be all that is known."""

    sign: Signboard | None = None
    region: str | None = None
    days: dict[str, ShelfDay] = field(default_factory=dict)

    @property
    def version(self) -> str:
        stamp = _hash(self.sign.value()) if self.sign is not None else _NOTHING
        for day, held in self.days.items():
            stamp ^= _hash(f"{day}{held.version}".encode())
        return f"{stamp:016x}"

    def days_with_a_list(self) -> list[str]:
        return sorted(day for day, held in self.days.items() if held.ids)


class Shelf:
    """All hospitals by code."""

    def __init__(self) -> None:
        self.hospitals: dict[str, ShelfHospital] = {}

    @property
    def size(self) -> tuple[int, int]:
        """How many lists there are, and how many rows on them."""
        rows = [held.rows for hospital in self.hospitals.values() for held in hospital.days.values() if held.ids]
        return len(rows), sum(rows)

    def put(self, code: str, day: str, disclosure_id: str, before: Entry | None, entry: Entry) -> None:
        """`before` is the entry that was put last under this id, None where there was none."""
        held = self._day(code, day)
        id = bytes.fromhex(disclosure_id)
        if id in held.ids:
            if before is not None:
                held.rows -= len(before.rows)
                held.stamp ^= _stamp(id, before)
        else:
            held.ids.add(id)
        held.rows += len(entry.rows)
        held.stamp ^= _stamp(id, entry)
        changed_on = max(entry.changes, default=None)
        if changed_on is not None and (held.updated_on is None or changed_on > held.updated_on):
            held.updated_on = changed_on

    def name(self, code: str, sign: Signboard) -> None:
        hospital = self._hospital(code)
        hospital.sign, hospital.region = sign, sign.region

    def await_list(self, code: str, day: str, region: str) -> None:
        self._day(code, day).awaited = True
        hospital = self.hospitals[code]
        hospital.region = hospital.region or region

    def named(self) -> Iterator[tuple[str, ShelfHospital, Signboard]]:
        """Hospitals that ever disclosed, in the order of their code."""
        for code, hospital in sorted(self.hospitals.items()):
            if hospital.sign is not None:
                yield code, hospital, hospital.sign

    def _hospital(self, code: str) -> ShelfHospital:
        return self.hospitals.setdefault(code, ShelfHospital())

    def _day(self, code: str, day: str) -> ShelfDay:
        return self._hospital(code).days.setdefault(day, ShelfDay())


def _stamp(id: bytes, entry: Entry) -> int:
    return _hash(id + repr(entry.rank).encode())


def _hash(data: bytes) -> int:
    return int.from_bytes(blake2b(data, digest_size=8).digest())
