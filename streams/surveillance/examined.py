"""The examinations that stand: not undone, not sent twice, not taken back by a later refund.

What is doubtful is left out: a finding is about what was done and charged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from operator import attrgetter
from typing import Final, NamedTuple

from schemas.decimals import times
from streams.surveillance.facts import Fact, Scan

EVENT_DAY_QUORUM: Final = 3


class Examined(NamedTuple):
    """One examination that stands. `quantity` and `charged` are what is left of them after partial refunds."""

    fact: Fact
    scan: Scan
    quantity: Decimal
    charged: Decimal

    @property
    def day(self) -> date:
        return self.scan.day


def standing_facts(facts: Iterable[Fact]) -> list[Fact]:
    """Of each settlement the newest event that was not undone, in the order of event ids.

    A settlement that was voided and sent again, or sent twice under two event ids, is one settlement.
    """
    newest: dict[str, Fact] = {}
    for fact in facts:
        if fact.undone:
            continue
        held = newest.get(fact.settlement_id)
        if held is None or _age(held) < _age(fact):
            newest[fact.settlement_id] = fact
    return sorted(newest.values(), key=attrgetter("event_id"))


def examinations(facts: Iterable[Fact]) -> list[Examined]:
    """The examinations of standing facts (`standing_facts`), by day, then by settlement and line.

    A refund takes back the newest examination of the same person, hospital and kind, of its day or earlier, that was
    charged alike; so does a part of one. A refund of something else (a part of a price) takes back nothing.
    """
    charged: list[Examined] = []
    refunds: list[tuple[Fact, Scan]] = []
    for fact in facts:
        for scan in fact.scans:
            if scan.quantity > 0:
                charged.append(Examined(fact, scan, scan.quantity, scan.charged))
            else:
                refunds.append((fact, scan))
    charged.sort(key=_order)
    if refunds:
        charged = _after(refunds, charged)
    return charged


def event_day(facts: Iterable[Fact]) -> date:
    """The newest day of a city by event time: so new that a few settlements are as new or newer.

    One event with a wrong date must not end all windows. Without that many facts it is the oldest of them; without
    any, the first day of the calendar.
    """
    days = sorted((fact.occurred_on for fact in facts), reverse=True)[:EVENT_DAY_QUORUM]
    return days[-1] if days else date.min


def _after(refunds: list[tuple[Fact, Scan]], charged: list[Examined]) -> list[Examined]:
    left: dict[int, Examined] = dict(enumerate(charged))
    # Refunds are rare, and a city is judged often.
    patients = {fact.person for fact, _ in refunds}
    by_place: defaultdict[tuple[str, str, str], list[int]] = defaultdict(list)
    for at, one in left.items():
        if one.fact.person in patients:
            by_place[one.fact.person, one.fact.hospital, one.scan.exam].append(at)
    for fact, scan in sorted(refunds, key=lambda refund: (refund[1].day, refund[0].event_id, refund[1].line_no)):
        for at in reversed(by_place.get((fact.person, fact.hospital, scan.exam), [])):
            taken = left.get(at)
            if taken is None or taken.day > scan.day or not _alike(taken, scan):
                continue
            if taken.quantity == -scan.quantity:
                del left[at]
            else:
                rest = taken.quantity + scan.quantity, taken.charged + scan.charged
                left[at] = taken._replace(quantity=rest[0], charged=rest[1])
            break
    return list(left.values())


def _alike(one: Examined, refund: Scan) -> bool:
    """At the same price for one, and not more than was charged."""
    return one.quantity >= -refund.quantity and times(one.charged, refund.quantity) == times(
        refund.charged, one.quantity
    )


def _age(fact: Fact) -> tuple[date, str]:
    return fact.occurred_on, fact.event_id


def _order(one: Examined) -> tuple[date, str, int, str]:
    return one.scan.day, one.fact.settlement_id, one.scan.line_no, one.fact.event_id
