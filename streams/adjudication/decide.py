"""decide(): one validated event in, the records it gives out. A pure function of event, rulebook and secrets."""

from __future__ import annotations

from typing import Final

from schemas.events import SettlementCompleted, SettlementUndone
from schemas.secrets import DisclosureSecrets
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


class Decision:
    """The records to emit. `settlement` and `money` are None for a reversal or void.

    `also_withdrawn` are the withdrawals of a reversal or void under the other ids that its settlement may bear.
    """

    def __init__(
        self,
        adjusted: Record,
        disclosure: Record | None,
        settlement: Settlement | None = None,
        money: Money | None = None,
        also_withdrawn: tuple[Record, ...] = (),
    ) -> None:
        self.adjusted: Final = adjusted
        self.disclosure: Final = disclosure
        self.settlement: Final = settlement
        self.money: Final = money
        self.also_withdrawn: Final = also_withdrawn


def decide(event: SettlementCompleted | SettlementUndone, rulebook: Rulebook, secrets: DisclosureSecrets) -> Decision:
    """Adjudicate a settlement, or answer its reversal or void. `secrets` key the ids of disclosures."""
    if isinstance(event, SettlementUndone):
        if is_refused(event, rulebook):
            return Decision(undone_record(event, rulebook.hash, refused=True), None)
        ids = secrets.ids(event.reverses.event_id, event.occurred_at.day)
        withdrawn, *others = (withdrawn_record(id, rulebook.hash) for id in ids)
        return Decision(undone_record(event, rulebook.hash, refused=False), withdrawn, also_withdrawn=tuple(others))
    settlement = adjudicate(event, rulebook)
    money = settlement.money
    adjusted = adjusted_record(event, settlement, money, rulebook.hash)
    disclosure = disclose(event, settlement, rulebook)
    published = None
    if disclosure is not None:
        id = secrets.id(event.event_id, event.occurred_at.day)
        published = published_record(event, disclosure, id, rulebook.hash)
    return Decision(adjusted, published, settlement, money)
