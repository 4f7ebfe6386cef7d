"""What surveillance keeps of one settlement: the examinations on it and how they were decided, nothing of a name.

Facts are set by `key`, never counted up: the same fact twice is one, and `newer` says which of two stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NamedTuple, Self

import orjson

from schemas.codec import dumps
from schemas.decimals import ZERO, to_fen
from schemas.events import SettlementCompleted
from schemas.moments import read_day
from streams.rulebook.regions import city_of
from streams.surveillance.persons import person_key

CONTRADICTED: Final = "indication_contradicted"
_LARGEST: Final = Decimal(10) ** 14
_LONGEST: Final = 64


@dataclass(frozen=True, slots=True)
class Scan:
    """One examination line as it was decided. Amounts in yuan, two places; of a refund they are negative."""

    line_no: int
    exam: str
    day: date
    quantity: Decimal
    charged: Decimal
    regulated: Decimal | None
    """The regulated price of one examination; given where a rule exists, whether it binds the hospital or not."""
    disallowed: Decimal
    fund: Decimal
    outcome: str
    reasons: tuple[str, ...] = ()


class Fee(NamedTuple):
    """A line that is no examination of ours but was sought by its exact code. `day` where the line has a readable one.

    An amount that cannot be read is 0: such lines are somebody else's business and may hold anything.
    """

    item_code: str
    amount: Decimal
    day: date | None = None


@dataclass(frozen=True, slots=True)
class ItemCodes:
    """Which other lines to keep, by exact item code: separate fees for a report, and scans of a part of the body."""

    report_fees: frozenset[str] = frozenset()
    partial_scans: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Fact:
    """One settlement. `city` is the hospital's; `person` a keyed hash; `undone` by a reversal or void, for good."""

    settlement_id: str
    event_id: str
    occurred_on: date
    hospital: str
    hospital_name: str
    hospital_region: str
    ownership: str
    insured_region: str
    city: str
    person: str
    indication: str | None
    contradicted: bool
    scans: tuple[Scan, ...]
    report_fees: tuple[Fee, ...] = ()
    partial_scans: tuple[Fee, ...] = ()
    undone: bool = False
    revision: int = 1
    """Of the adjusted record it was made from: a correction by a replay has a higher one."""

    @property
    def key(self) -> str:
        """What it is set by: the event. A settlement that was voided and sent again has two."""
        return self.event_id

    @property
    def newest_day(self) -> date:
        """How far it moves event time on."""
        return self.occurred_on

    def expired(self, since: date) -> bool:
        """Whether no rule looks at it any more, where none looks at a day before `since`."""
        return self.occurred_on < since

    def undo(self) -> Fact:
        return replace(self, undone=True)

    def value(self) -> bytes:
        return dumps(
            {
                "settlement_id": self.settlement_id,
                "event_id": self.event_id,
                "occurred_on": self.occurred_on,
                "hospital": self.hospital,
                "hospital_name": self.hospital_name,
                "hospital_region": self.hospital_region,
                "ownership": self.ownership,
                "insured_region": self.insured_region,
                "city": self.city,
                "person": self.person,
                "indication": self.indication,
                "contradicted": self.contradicted,
                "scans": [_scan_plain(scan) for scan in self.scans],
                "report_fees": [_fee_plain(fee) for fee in self.report_fees],
                "partial_scans": [_fee_plain(fee) for fee in self.partial_scans],
                "undone": self.undone,
                "revision": self.revision,
            }
        )

    @classmethod
    def read(cls, value: bytes) -> Self:
        """Raises KeyError, TypeError or ValueError for what `value` did not write."""
        held = orjson.loads(value)
        return cls(
            **{
                **held,
                "occurred_on": date.fromisoformat(held["occurred_on"]),
                "scans": tuple(_scan_of(scan) for scan in held["scans"]),
                "report_fees": tuple(_fee_of(fee) for fee in held["report_fees"]),
                "partial_scans": tuple(_fee_of(fee) for fee in held["partial_scans"]),
            }
        )


def newer(held: Fact | None, come: Fact) -> Fact:
    """Which of two facts of one key stands, whatever came first. An undoing is for good."""
    if held is None:
        return come
    standing = come if come.revision > held.revision else held
    return standing.undo() if held.undone or come.undone else standing


def fact_of(
    event: SettlementCompleted,
    plain_event: Mapping[str, Any],
    adjusted: Mapping[str, Any],
    secret: bytes,
    codes: ItemCodes,
) -> Fact:
    """The fact of an event and of the adjusted record that was made of it.

    `plain_event` is the event as the contract writes it, with the lines that are none of ours; anything may stand in
    those. `secret` is surveillance's own.
    """
    return decided(undecided(event, plain_event, secret, codes), adjusted)


def undecided(event: SettlementCompleted, plain_event: Mapping[str, Any], secret: bytes, codes: ItemCodes) -> Fact:
    """What the event alone tells, of revision 0: its scans are as billed, and nothing is judged by it."""
    hospital = event.hospital
    return Fact(
        settlement_id=event.settlement_id,
        event_id=event.event_id,
        occurred_on=event.occurred_at.day,
        hospital=hospital.code,
        hospital_name=hospital.name,
        hospital_region=hospital.region,
        ownership=hospital.ownership,
        insured_region=event.patient.insured_region,
        city=city_of(hospital.region),
        person=person_key(secret, event.patient.person_id),
        indication=event.request.indication,
        contradicted=False,
        scans=tuple(
            Scan(item.line_no, "", item.service_date, item.quantity, item.amount, None, ZERO, ZERO, "")
            for item in event.line_items
        ),
        report_fees=_fees(plain_event, codes.report_fees),
        partial_scans=_fees(plain_event, codes.partial_scans),
        revision=0,
    )


def decided(fact: Fact, adjusted: Mapping[str, Any]) -> Fact:
    """`fact`, of whatever revision, as an adjusted record of the same event decides it; quantities stay the event's."""
    quantities = {scan.line_no: scan.quantity for scan in fact.scans}
    scans = tuple(
        Scan(
            line_no=line["line_no"],
            exam=line["exam"],
            day=date.fromisoformat(line["service_date"]),
            quantity=quantities.get(line["line_no"], Decimal(1)),
            charged=Decimal(line["charged_amount"]),
            regulated=None if line["regulated_unit_price"] is None else Decimal(line["regulated_unit_price"]),
            disallowed=Decimal(line["hospital_disallowed_amount"]),
            fund=Decimal(line["fund_amount"]),
            outcome=line["outcome"],
            reasons=tuple(line["reasons"]),
        )
        for line in adjusted["lines"]
    )
    contradicted = any(CONTRADICTED in scan.reasons for scan in scans)
    return replace(fact, scans=scans, contradicted=contradicted, revision=adjusted["revision"])


def _fees(plain_event: Mapping[str, Any], codes: frozenset[str]) -> tuple[Fee, ...]:
    lines = plain_event.get("line_items")
    if not codes or not isinstance(lines, list):
        return ()
    return tuple(
        Fee(line["item_code"], _amount(line.get("amount")), _day(line.get("service_date")))
        for line in lines
        if isinstance(line, dict) and isinstance(line.get("item_code"), str) and line["item_code"] in codes
    )


def _amount(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int | float) or len(str(value)) > _LONGEST:
        return ZERO
    try:
        amount = Decimal(str(value))
        return to_fen(amount) if amount.is_finite() and abs(amount) < _LARGEST else ZERO
    except InvalidOperation:
        return ZERO


def _day(value: Any) -> date | None:
    try:
        return read_day(value)
    except ValueError:
        return None


def _scan_plain(scan: Scan) -> list[Any]:
    return [
        scan.line_no,
        scan.exam,
        scan.day,
        str(scan.quantity),
        str(scan.charged),
        None if scan.regulated is None else str(scan.regulated),
        str(scan.disallowed),
        str(scan.fund),
        scan.outcome,
        scan.reasons,
    ]


def _scan_of(held: list[Any]) -> Scan:
    line_no, exam, day, quantity, charged, regulated, disallowed, fund, outcome, reasons = held
    return Scan(
        line_no,
        exam,
        date.fromisoformat(day),
        Decimal(quantity),
        Decimal(charged),
        None if regulated is None else Decimal(regulated),
        Decimal(disallowed),
        Decimal(fund),
        outcome,
        tuple(reasons),
    )


def _fee_plain(fee: Fee) -> list[Any]:
    return [fee.item_code, str(fee.amount), fee.day]


def _fee_of(held: list[Any]) -> Fee:
    code, amount, day = held
    return Fee(code, Decimal(amount), None if day is None else date.fromisoformat(day))
