"""The disclosure board as folds over plain data: from disclosure records to the list of one hospital and day.

A withdrawn disclosure does not say where it stood, so there are two steps. `place` keeps of each disclosure what
stands and every place where it ever stood, and tells each of these hospitals its rows of each known day, none where it
no longer stands. `enter` keeps of one disclosure on one list its rows and how often they changed after the day.

Everything is set by key. Of two records the one that ranks higher stands, whatever came first; one that was seen before
changes nothing and is handed on again, since its first copy may have been lost with the process that had it. Time is
that of the record (milliseconds since 1970), never a clock's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from hashlib import sha256
from operator import itemgetter
from typing import Any, Final, NamedTuple, Self

from schemas.board import DailyList, ListedExam, ListUpdate
from schemas.codec import dumps
from schemas.disclosures import DisclosingHospital
from schemas.moments import CHINA

WITHDRAWN: Final = "withdrawn"
Row = dict[str, Any]
"""A disclosed examination without its day."""


class Rank(NamedTuple):
    """Which of two records of a disclosure stands. The withdrawal of a reversal or void is final."""

    final: bool
    revision: int

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Self:
        revision: int = record["revision"]
        # A replay withdraws too, where a notice no longer orders to publish: a later one may order it again.
        return cls(record["status"] == WITHDRAWN and revision == 1, revision)


@dataclass(frozen=True, slots=True)
class Told:
    """What one hospital is told of one disclosure: its rows of each day on which it ever stood there."""

    hospital: str
    disclosure_id: str
    rank: Rank
    at: int
    days: Mapping[str, list[Row]]
    name: str | None = None
    region: str | None = None

    def value(self) -> bytes:
        return dumps(
            {
                "disclosure_id": self.disclosure_id,
                "rank": list(self.rank),
                "at": self.at,
                "days": self.days,
                "name": self.name,
                "region": self.region,
            }
        )

    @classmethod
    def read(cls, hospital: str, told: Mapping[str, Any]) -> Self:
        """Raises KeyError, TypeError or ValueError for what `value` did not write."""
        final, revision = told["rank"]
        rank = Rank(final, revision)
        return cls(hospital, told["disclosure_id"], rank, told["at"], told["days"], told["name"], told["region"])


@dataclass(frozen=True, slots=True)
class Placed:
    """What is known of one disclosure. `places`: of each hospital where it ever stood, the days."""

    rank: Rank
    at: int
    places: Mapping[str, tuple[str, ...]]

    def value(self) -> bytes:
        return dumps({"rank": list(self.rank), "at": self.at, "places": self.places})

    @classmethod
    def read(cls, held: Mapping[str, Any]) -> Self:
        final, revision = held["rank"]
        return cls(Rank(final, revision), held["at"], {code: tuple(days) for code, days in held["places"].items()})


def place(held: Placed | None, record: Mapping[str, Any], at: int) -> tuple[Placed, list[Told]]:
    """What is known of a disclosure after `record`, and what each hospital is told.

    `held` is None for the first record. Raises KeyError, TypeError or ValueError for what is no disclosure record.
    """
    rank, disclosure_id = Rank.of(record), record["disclosure_id"]
    if held is not None and rank < held.rank:
        return held, []
    hospital = record.get("hospital")
    rows: dict[str, list[Row]] = {}
    for exam in record["exams"]:
        rows.setdefault(date.fromisoformat(exam["service_date"]).isoformat(), []).append(_row(exam))
    if held is not None and rank == held.rank:
        at = held.at
    places = dict(held.places) if held is not None else {}
    if hospital is not None and rows:
        code = hospital["code"]
        places[code] = tuple(sorted({*places.get(code, ()), *rows}))
    told = []
    for code, days in sorted(places.items()):
        if hospital is not None and hospital["code"] == code:
            there = {day: rows.get(day, []) for day in days}
            told.append(Told(code, disclosure_id, rank, at, there, hospital["name"], hospital["region"]))
        else:
            told.append(Told(code, disclosure_id, rank, at, {day: [] for day in days}))
    return Placed(rank, at, places), told


def _row(exam: Mapping[str, Any]) -> Row:
    row = {name: exam[name] for name in ("exam", "surname", "age", "diagnosis", "charged_price")}
    if exam.get("age_or_over"):
        row["age_or_over"] = True
    return row


@dataclass(frozen=True, slots=True)
class Entry:
    """One disclosure on one list. `changes`: by day in China, how many of its rows changed after the list's own day."""

    rank: Rank
    rows: tuple[Row, ...]
    changes: Mapping[str, int] = field(default_factory=dict)

    def value(self) -> bytes:
        return dumps({"rank": list(self.rank), "rows": list(self.rows), "changes": self.changes})

    @classmethod
    def read(cls, held: Mapping[str, Any]) -> Self:
        final, revision = held["rank"]
        return cls(Rank(final, revision), tuple(held["rows"]), held["changes"])


def enter(held: Entry | None, told: Told, day: str) -> Entry:
    """The entry of a disclosure on its hospital's list of `day`, after what the hospital was told."""
    if held is not None and told.rank <= held.rank:
        return held
    rows = tuple(told.days[day])
    changed = _changed(held.rows if held is not None else (), rows)
    entry = Entry(told.rank, rows, held.changes if held is not None else {})
    on = day_of(told.at)
    if not changed or on <= day:
        return entry
    return replace(entry, changes={**entry.changes, on: entry.changes.get(on, 0) + changed})


def _changed(before: Iterable[Row], after: Iterable[Row]) -> int:
    """How many rows came, went or are others now; one that is another now counts once."""
    old, new = Counter(map(dumps, before)), Counter(map(dumps, after))
    return max((old - new).total(), (new - old).total())


@dataclass(frozen=True, slots=True)
class Signboard:
    """What a hospital is called, by the newest of its disclosures."""

    name: str
    region: str
    at: int
    by: str

    def value(self) -> bytes:
        return dumps({"name": self.name, "region": self.region, "at": self.at, "by": self.by})

    @classmethod
    def read(cls, held: Mapping[str, Any]) -> Self:
        return cls(held["name"], held["region"], held["at"], held["by"])


def rename(held: Signboard | None, told: Told) -> Signboard | None:
    """The signboard after what the hospital was told; None while nothing ever stood there."""
    if told.name is None or told.region is None:
        return held
    new = Signboard(told.name, told.region, told.at, told.disclosure_id)
    return new if held is None or (held.at, held.by) <= (new.at, new.by) else held


def daily_list(code: str, sign: Signboard, day: str, entries: Mapping[str, Entry]) -> DailyList:
    """The list as it is published; `entries` by disclosure id."""
    placed = sorted(
        (
            (_order(code, day, disclosure_id, at), row)
            for disclosure_id, entry in entries.items()
            for at, row in enumerate(entry.rows)
        ),
        key=itemgetter(0),
    )
    changes: Counter[str] = Counter()
    for entry in entries.values():
        changes.update(entry.changes)
    return DailyList(
        hospital=DisclosingHospital(code=code, name=sign.name, region=sign.region),
        day=day,
        rows=tuple(ListedExam(**row) for _, row in placed),
        updates=tuple(ListUpdate(on=on, rows=number) for on, number in sorted(changes.items())),
    )


def _order(code: str, day: str, disclosure_id: str, at: int) -> bytes:
    """Where a row stands. The id is a keyed hash that no list tells, so nobody can compute the order of a guess."""
    return sha256(f"{code}\0{day}\0{disclosure_id}\0{at}".encode()).digest()


def day_of(at: int) -> str:
    """The day in China of a record's time."""
    return _in_china(at).date().isoformat()


def moment_of(at: int) -> str:
    """A record's time as RFC 3339, in China."""
    return _in_china(at).isoformat(timespec="milliseconds")


def _in_china(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC).astimezone(CHINA)


def lists(records: Iterable[tuple[Mapping[str, Any], int]]) -> Iterator[DailyList]:
    """Every list, from disclosure records with their time: the same answer as the agents', without Kafka.

    In the order of hospital and day.
    """
    placed: dict[str, Placed] = {}
    entries: dict[tuple[str, str], dict[str, Entry]] = {}
    signs: dict[str, Signboard] = {}
    for record, at in records:
        id = record["disclosure_id"]
        placed[id], all_told = place(placed.get(id), record, at)
        for told in all_told:
            if (sign := rename(signs.get(told.hospital), told)) is not None:
                signs[told.hospital] = sign
            for day in told.days:
                on_list = entries.setdefault((told.hospital, day), {})
                on_list[id] = enter(on_list.get(id), told, day)
    for (code, day), on_list in sorted(entries.items()):
        yield daily_list(code, signs[code], day, on_list)
