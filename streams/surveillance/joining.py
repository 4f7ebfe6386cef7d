"""From the two records of a settlement to its fact: the event tells who and where, the adjusted record the decision.

They lie on two topics, so either may come first, and an undoing before both. What is kept is set by the event's id;
the same record again changes nothing. Of the event no more is kept than a fact holds: no name, no person id.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final, Self

import orjson

from schemas.codec import dumps
from schemas.moments import read_moment
from streams.surveillance.facts import Fact, decided

_ADJUSTED: Final = "settlement.adjusted"
_REFUSED: Final = "settlement.reversal_refused"
_UNDONE: Final = ("settlement.adjustment_reversed", "settlement.adjustment_voided")
_OF_A_LINE: Final = (
    "line_no",
    "exam",
    "service_date",
    "charged_amount",
    "regulated_unit_price",
    "hospital_disallowed_amount",
    "fund_amount",
    "outcome",
    "reasons",
)

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Joined:
    """What is known of one event. `fact` is of revision 0 while only the event came, `early` a decision before it.

    `partition` is where its records lie, `on` the day by which it is forgotten one day.
    """

    partition: int
    on: date
    fact: Fact | None = None
    early: Record | None = None
    undone: bool = False

    @property
    def ready(self) -> Fact | None:
        """The fact to hand on; None while a half is missing."""
        if self.fact is None or self.fact.revision == 0:
            return None
        return self.fact.undo() if self.undone else self.fact

    def value(self) -> bytes:
        return dumps(
            {
                "partition": self.partition,
                "on": self.on,
                "fact": None if self.fact is None else orjson.Fragment(self.fact.value()),
                "early": self.early,
                "undone": self.undone,
            }
        )

    @classmethod
    def read(cls, value: bytes) -> Self:
        """Raises KeyError, TypeError or ValueError for what `value` did not write."""
        held = orjson.loads(value)
        fact = None if held["fact"] is None else Fact.read(orjson.dumps(held["fact"]))
        return cls(held["partition"], date.fromisoformat(held["on"]), fact, held["early"], held["undone"])


def with_event(held: Joined | None, half: Fact, partition: int) -> Joined:
    """`half` is what the event alone tells, of revision 0."""
    if held is None:
        return Joined(partition, half.occurred_on, half)
    if held.fact is not None:
        return held
    fact = half if held.early is None else decided(half, held.early)
    return replace(held, on=half.occurred_on, fact=fact, early=None)


def subject(record: Record) -> str | None:
    """The id of the event that a record of settlement.adjusted is about; None for one that changes no fact.

    Raises KeyError, TypeError or ValueError for what is no such record.
    """
    kind = record["event_type"]
    if kind == _REFUSED:
        return None
    if kind == _ADJUSTED:
        id = record["source_event_id"]
    elif kind in _UNDONE:
        id = record["reverses"]["event_id"]
    else:
        raise ValueError
    if not isinstance(id, str):
        raise TypeError
    return id


def with_adjusted(held: Joined | None, record: Record, partition: int) -> Joined:
    """`record` of settlement.adjusted is about the event of `held`, see `subject`. Raises as that does."""
    if held is None:
        held = Joined(partition, read_moment(record["occurred_at"]).day)
    if record["event_type"] != _ADJUSTED:
        return replace(held, undone=True)
    early = {
        "revision": record["revision"],
        "lines": [{name: line[name] for name in _OF_A_LINE} for line in record["lines"]],
    }
    if held.fact is None:
        return replace(held, early=early) if held.early is None or early["revision"] > held.early["revision"] else held
    return replace(held, fact=decided(held.fact, early)) if early["revision"] > held.fact.revision else held
