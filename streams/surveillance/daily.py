"""The daily summary for the bureau: what was new, what is open, what was closed and withdrawn, and what is at stake.

It counts findings and adds up yuan. It holds no person, keyed or not, no settlement, no note and no officer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Final, Literal

from streams.surveillance.desk import Desk, Standing, day_of

By = Literal["all", "rule", "city", "hospital"]
COUNTED: Final = ("new", "reopened", "open", "acknowledged", "closed", "withdrawn")
_ZERO: Final = Decimal("0.00")


@dataclass(slots=True)
class Tally:
    """`open` includes what is acknowledged. `at_stake`: of what is open, in yuan; `new_at_stake`: of what is new."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTED, 0))
    at_stake: Decimal = _ZERO
    new_at_stake: Decimal = _ZERO

    def add(self, held: Standing, on: date) -> None:
        counts = self.counts
        if _on(held.raised, on):
            counts["new"] += 1
            self.new_at_stake += held.at_stake
        if held.again and _on(held.reopened, on):
            counts["reopened"] += 1
        if held.state in ("open", "acknowledged"):
            counts["open"] += 1
            counts["acknowledged"] += held.state == "acknowledged"
            self.at_stake += held.at_stake
        elif _on(held.ended, on):
            counts[held.state] += 1

    @property
    def says_something(self) -> bool:
        return any(self.counts.values())

    def plain(self) -> dict[str, Any]:
        return {
            **self.counts,
            "new_amount_at_stake": str(self.new_at_stake),
            "open_amount_at_stake": str(self.at_stake),
        }


@dataclass(frozen=True, slots=True)
class Summary:
    """Of one day in China. A finding that names several hospitals counts at each: those rows do not add up to all."""

    on: date
    tables: dict[By, dict[str, Tally]]

    @property
    def all(self) -> Tally:
        return self.tables["all"]["all"]

    def rows(self) -> Iterable[tuple[By, str, Tally]]:
        for by, table in self.tables.items():
            for of, tally in table.items():
                yield by, of, tally

    def plain(self) -> dict[str, Any]:
        return {
            "schema_version": "1.0",
            "on": self.on.isoformat(),
            **self.all.plain(),
            **{
                f"by_{by}": [{by: of, **tally.plain()} for of, tally in table.items()]
                for by, table in self.tables.items()
                if by != "all"
            },
        }


def summary(desk: Desk, on: date) -> Summary:
    """`desk` must have been read as it stood at the end of that day (`Desk.before`)."""
    keys: dict[By, Callable[[Standing], Iterable[str]]] = {
        "all": lambda _: ("all",),
        "rule": lambda held: (held.rule,),
        "city": lambda held: (held.city,),
        "hospital": lambda held: held.hospitals,
    }
    tables: dict[By, dict[str, Tally]] = {by: {} for by in keys}
    tables["all"]["all"] = Tally()
    for held in desk.findings.values():
        for by, of in keys.items():
            for key in of(held):
                tables[by].setdefault(key, Tally()).add(held, on)
    return Summary(
        on,
        {
            by: {of: tally for of, tally in sorted(table.items()) if by == "all" or tally.says_something}
            for by, table in tables.items()
        },
    )


def _on(milliseconds: int | None, day: date) -> bool:
    return milliseconds is not None and day_of(milliseconds) == day
