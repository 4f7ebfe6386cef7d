"""decide(): one validated event in, the records it gives out. A pure function of event, rulebook and secret."""

from __future__ import annotations

from typing import NamedTuple

from schemas.events import SettlementCompleted, SettlementUndone
from schemas.identity import disclosure_id
from streams.adjudication.disclosure import disclose
from streams.adjudication.records import (
    Record,
    adjusted_record,
    published_record,
    undone_record,
    withdrawn_record,
)
from streams.adjudication.reversal import is_refused
from streams.adjudication.settlement import Money, Settlement, adjudicate
from streams.rulebook.index import Rulebook


class Decision(NamedTuple):
    """The records to emit. `settlement` and `money` are None for a reversal or void."""

    adjusted: Record
    disclosure: Record | None
    settlement: Settlement | None = None
    money: Money | None = None


def decide(event: SettlementCompleted | SettlementUndone, rulebook: Rulebook, secret: bytes) -> Decision:
    """Adjudicate a settlement, or answer its reversal or void. `secret` keys the ids of disclosures."""
    if isinstance(event, SettlementUndone):
        if is_refused(event, rulebook):
            return Decision(undone_record(event, rulebook.hash, refused=True), None)
        withdrawn = withdrawn_record(disclosure_id(secret, event.reverses.event_id), rulebook.hash)
        return Decision(undone_record(event, rulebook.hash, refused=False), withdrawn)
    settlement = adjudicate(event, rulebook)
    money = settlement.money
    adjusted = adjusted_record(event, settlement, money, rulebook.hash)
    disclosure = disclose(event, settlement, rulebook)
    published = None
    if disclosure is not None:
        published = published_record(event, disclosure, disclosure_id(secret, event.event_id), rulebook.hash)
    return Decision(adjusted, published, settlement, money)
