"""What a draft of the rulebook would change: the same events decided twice, and the answers compared.

Memory does not grow with the events: totals, one entry a city, and the largest changes with both derivations. Each
event counts by itself; what a later reversal takes back is not taken off.
"""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from streams.processors.form import CONTRACT, Form
from streams.processors.settlement import Answer, Fate, Record, SettlementProcessor
from streams.rulebook.index import Rulebook
from streams.rulebook.regions import city_of

BEARERS: Final = ("fund", "assistance", "patient", "hospital")
LARGEST: Final = 20
_SHARES: Final = (
    "charged_amount",
    "hospital_disallowed_amount",
    "eligible_amount",
    "fund_amount",
    "fund_bucket",
    "assistance_amount",
    "patient_amount",
    "if_approved",
)
_NO_MONEY: Final = dict.fromkeys(BEARERS, Decimal(0))

Plain = dict[str, Any]
Shares = dict[str, Decimal]


@dataclass(slots=True)
class City:
    """People insured in one city: their settlements, and what each bearer pays, in yuan."""

    settlements: int = 0
    changed: int = 0
    before: Shares = field(default_factory=lambda: dict(_NO_MONEY))
    after: Shares = field(default_factory=lambda: dict(_NO_MONEY))


@dataclass(frozen=True, slots=True)
class Change:
    """A settlement that comes out otherwise. `moved` yuan go from one bearer to another."""

    settlement_id: str
    city: str
    moved: Decimal
    outcomes: tuple[str, str]
    shares: tuple[Shares, Shares]
    adjusted: tuple[Plain | None, Plain | None]


class Impact:
    """Feed it records with `add`; everything else is what came of them.

    `outcomes` counts answers before and after: the outcome of a settlement, or the fate of any other record.
    `rewritten` are those whose outcome and amounts stay, but not their rules or reasons.
    """

    def __init__(self, before: Rulebook, after: Rulebook, largest: int = LARGEST, form: Form = CONTRACT) -> None:
        self.before = before
        self.after = after
        # No disclosure id is shown or compared, so no secret is needed.
        self._deciders = tuple(SettlementProcessor(book, b"", "impact", form) for book in (before, after))
        self._most = largest
        self._heap: list[tuple[Decimal, int, Change]] = []
        self.events = 0
        self.changed = 0
        self.rewritten = 0
        self.disclosures_changed = 0
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self.reasons_gone: Counter[str] = Counter()
        self.reasons_new: Counter[str] = Counter()
        self.money: tuple[Shares, Shares] = (dict(_NO_MONEY), dict(_NO_MONEY))
        self.cities: dict[str, City] = {}

    def add(self, record: Record) -> None:
        """Decide one record by both rulebooks. Never raises for what a record holds."""
        self.events += 1
        before, after = (decide(record) for decide in self._deciders)
        if before.fate is after.fate is Fate.PASSED_OVER:
            self.outcomes[Fate.PASSED_OVER, Fate.PASSED_OVER] += 1
            return
        outcomes = (_label(before), _label(after))
        self.outcomes[outcomes] += 1
        self.disclosures_changed += _said(before.disclosure) != _said(after.disclosure)
        if before.money is None and after.money is None and outcomes[0] == outcomes[1]:
            self.rewritten += _said(before.adjusted) != _said(after.adjusted)
            return
        shares = (_shares(before), _shares(after))
        city = self._city(record.value)
        place = self.cities.setdefault(city, City())
        place.settlements += 1
        for totals, held in zip((*self.money, place.before, place.after), (*shares, *shares), strict=True):
            for bearer in BEARERS:
                totals[bearer] += held[bearer]
        if outcomes[0] == outcomes[1] and _amounts(before) == _amounts(after):
            self.rewritten += _said(before.adjusted) != _said(after.adjusted)
            return
        place.changed += 1
        self.changed += 1
        self.reasons_gone.update(set(before.reasons) - set(after.reasons))
        self.reasons_new.update(set(after.reasons) - set(before.reasons))
        moved = sum((abs(shares[1][b] - shares[0][b]) for b in BEARERS), Decimal(0)) / 2
        # Of equal ones the earlier stays.
        entry = (moved, -self.events)
        if len(self._heap) < self._most or entry > self._heap[0][:2]:
            id = str((after.adjusted or before.adjusted or {}).get("settlement_id", ""))
            change = Change(id, city, moved, outcomes, shares, (before.adjusted, after.adjusted))
            (heapq.heappush if len(self._heap) < self._most else heapq.heapreplace)(self._heap, (*entry, change))

    @property
    def largest(self) -> list[Change]:
        """The most yuan first."""
        return [change for *_, change in sorted(self._heap, key=lambda held: held[:2], reverse=True)]

    def document(self) -> Plain:
        """All of it as plain data; amounts in yuan as text."""
        return {
            "before": self.before.hash,
            "after": self.after.hash,
            "events": self.events,
            "changed": self.changed,
            "rewritten": self.rewritten,
            "disclosures_changed": self.disclosures_changed,
            "outcomes": [
                {"before": before, "after": after, "count": count}
                for (before, after), count in sorted(self.outcomes.items())
            ],
            "reasons": {"gone": dict(self.reasons_gone), "new": dict(self.reasons_new)},
            "money": {"before": _written(self.money[0]), "after": _written(self.money[1])},
            "cities": {
                name: {
                    "settlements": city.settlements,
                    "changed": city.changed,
                    "before": _written(city.before),
                    "after": _written(city.after),
                }
                for name, city in sorted(self.cities.items())
            },
            "largest": [
                {
                    "settlement_id": change.settlement_id,
                    "city": change.city,
                    "moved": _yuan(change.moved),
                    "outcomes": {"before": change.outcomes[0], "after": change.outcomes[1]},
                    "before": change.adjusted[0],
                    "after": change.adjusted[1],
                }
                for change in self.largest
            ],
        }

    def _city(self, value: bytes | None) -> str:
        """Where the person is insured. Only for events that were decided, so all of it is there."""
        return city_of(self._deciders[1].plain(value)["patient"]["insured_region"])


def _label(answer: Answer) -> str:
    return answer.outcome or str(answer.fate)


def _shares(answer: Answer) -> Shares:
    money = answer.money
    return dict(_NO_MONEY) if money is None else {bearer: getattr(money, bearer) for bearer in BEARERS}


def _said(record: Plain | None) -> Plain | None:
    """All but which rulebook said it."""
    return record and {name: value for name, value in record.items() if name != "rulebook"}


def _amounts(answer: Answer) -> list[Plain]:
    return [
        {name: line[name] for name in ("line_no", "outcome", *_SHARES)} for line in (answer.adjusted or {})["lines"]
    ]


def _yuan(amount: Decimal) -> str:
    return f"{amount:.2f}"


def _written(shares: Shares) -> dict[str, str]:
    return {bearer: _yuan(amount) for bearer, amount in shares.items()}
