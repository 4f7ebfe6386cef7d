"""What no entry can see alone: overlaps, and prices above the ceiling of a wider region."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

from streams.rulebook.fields import Path
from streams.rulebook.reader import Document, kind_of
from streams.rulebook.regions import lookup_chain
from streams.rulebook.wire import Entry, PriceEntry, WireNotice


@dataclass(frozen=True, slots=True)
class Placed:
    """An entry, and where it stands."""

    document: Document
    path: Path
    id: str
    kind: str
    entry: Entry

    def meets(self, other: Placed) -> bool:
        """Both are in force on some day."""
        return _starts_before_the_end(self.entry, other.entry) and _starts_before_the_end(other.entry, self.entry)


def placed(document: Document, notice: WireNotice, prefix: Path = ()) -> list[Placed]:
    return [
        Placed(document, (*prefix, "entries", name), f"{notice.header.id}/{name}", kind_of(name), entry)
        for name, entry in notice.entries.items()
    ]


def check_across(entries: Iterable[Placed]) -> None:
    """Tell each mistake on the document of the entry that is the more easily mended: the later or narrower one."""
    in_order = sorted(entries, key=lambda held: (held.entry.effective_from, held.id))
    _overlaps(in_order)
    _above_a_ceiling(in_order)


def _overlaps(entries: list[Placed]) -> None:
    slots: defaultdict[tuple[str, str, str], list[Placed]] = defaultdict(list)
    for held in entries:
        slots[held.kind, held.entry.region, held.entry.exam].append(held)
    for slot in slots.values():
        for before, after in combinations(slot, 2):
            if not before.meets(after):
                continue
            start = after.entry.effective_from
            after.document.tell(
                (*after.path, "effective_from"),
                f"from {start} it overlaps {before.id}, also {before.kind} of {after.entry.exam} in "
                f"{after.entry.region}",
                f"end {before.id} with effective_to: {start}"
                if before.entry.effective_from < start
                else "keep one of them, or let one begin when the other ends",
            )


def _above_a_ceiling(entries: list[Placed]) -> None:
    prices = [(held, held.entry) for held in entries if isinstance(held.entry, PriceEntry)]
    for held, price in prices:
        for wider, ceiling in prices:
            if (
                ceiling.role == "ceiling"
                and ceiling.region in lookup_chain(price.region)[1:]
                and ceiling.exam == price.exam
                and not set(price.binds).isdisjoint(ceiling.binds)
                and price.unit_price > ceiling.unit_price
                and held.meets(wider)
            ):
                held.document.tell(
                    (*held.path, "unit_price"),
                    f"{price.unit_price} is above the ceiling {ceiling.unit_price} of {wider.id}, "
                    f"in force at the same time",
                    f'write at most "{ceiling.unit_price}", or correct the dates or the ceiling',
                )


def _starts_before_the_end(one: Entry, other: Entry) -> bool:
    return other.effective_to is None or one.effective_from < other.effective_to
