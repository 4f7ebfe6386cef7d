"""Settlements as the platform puts them on the bus: bytes, with everything else that was billed in them."""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import Any, Final

import orjson

from schemas.events import COMPLETED, REVERSED, VOIDED
from streams.simulate import DAY_MARK, OTHER_ITEMS, SURNAMES, Event, basket, scan_line
from streams.simulate_year.province import Hospital
from streams.simulate_year.rhythm import day_of
from streams.simulate_year.scan import Beside, Codes, Patient, Scan, Undo

Record = tuple[bytes, bytes]
"""Key and value."""

_BASKETS: Final = 96
_LINES: Final = (3, 11)
_FIRST_OTHER_LINE: Final = 11
"""Lines before it are those of the case."""
_NAMES_BESIDE: Final = {"report_fee": "计算机图文报告", "partial_scan": "肿瘤局部断层显像"}


class Desk:
    """Writes settlements. Numbers are counted over the year, so that no id occurs twice."""

    def __init__(self, rng: Random, seed: int, codes: Codes) -> None:
        self._rng = rng
        self._seed = seed
        self._codes = codes
        self._number = 0
        self._baskets = [basket(rng, 1, rng.randint(*_LINES)) for _ in range(_BASKETS)]
        self._baskets_beside = [
            basket(rng, _FIRST_OTHER_LINE, _FIRST_OTHER_LINE + rng.randint(*_LINES)) for _ in range(_BASKETS)
        ]
        self._hospitals: dict[str, bytes] = {}
        self._day = -1
        self._baskets_of_day: list[bytes] = []
        self._date = b""

    def completed(self, scan: Scan, second: int) -> Event:
        """The settlement of an examination at a second of the day, without what else was billed: see `written`."""
        day = day_of(scan.day + scan.after)
        clock = _clock(second)
        hospital, patient, reason = scan.hospital, scan.patient, scan.reason
        self._number += 1
        code, name = reason.diagnoses[self._number % len(reason.diagnoses)]
        lines = [
            _billed(number, scan, line.billing.amount, line.billing.out_of_catalogue, line.quantity, line.refunds)
            for number, line in enumerate(scan.lines, 1)
        ]
        for number, beside in enumerate(scan.beside, len(lines) + 1):
            lines.append(self._beside(number, scan, beside))
        request = {
            "indication": reason.indication,
            "purpose": reason.purpose,
            "clinical_basis": "pathology_confirmed",
        }
        return {
            "schema_version": "1.0",
            "event_id": f"{hospital.code}{day:%Y%m%d}{clock.replace(':', '')}{self._number % 10_000:04d}-{self._seed}",
            "event_type": COMPLETED,
            "settlement_id": self._settlement_id(),
            "occurred_at": f"{day}T{clock}+08:00",
            "claim_channel": "direct",
            "hospital": _hospital(hospital),
            "patient": _patient(patient),
            "account": {"own_paid_ytd": patient.own_paid, "fund_paid_ytd": "0.00"},
            "filing": None,
            "request": request if reason.indication is not None else None,
            "diagnoses": [{"code": code, "name": name, "main": True}],
            "line_items": lines,
            "manual_claim": None,
        }

    def written(self, event: Event) -> Record:
        others = self._rng.choice(self._baskets_beside).replace(DAY_MARK, event["occurred_at"][:10].encode())
        own = [orjson.dumps(line) for line in event["line_items"]]
        lines = orjson.Fragment(b"[" + b",".join((*own, others)) + b"]")
        return event["settlement_id"].encode(), orjson.dumps({**event, "line_items": lines})

    def undone(self, target: Event, undo: Undo, day: int, second: int) -> Record:
        """Keyed by what it undoes: it must lie behind it in the same partition."""
        self._number += 1
        settlement_id = target["settlement_id"]
        event = {
            "schema_version": "1.0",
            "event_id": f"U{self._number:08d}-{target['event_id']}",
            "event_type": VOIDED if undo.void else REVERSED,
            "settlement_id": settlement_id if undo.void else self._settlement_id(),
            "occurred_at": f"{day_of(day)}T{_clock(second)}+08:00",
            "insured_region": target["patient"]["insured_region"],
            "reverses": {"event_id": target["event_id"], "settlement_id": settlement_id},
            "reason": undo.reason,
            "item_codes": [line["item_code"] for line in target["line_items"]],
        }
        return settlement_id.encode(), orjson.dumps(event)

    def other(self, hospital: Hospital, day: int, second: int) -> Record:
        """Somebody else's settlement: nearly everything on the bus. Made of bytes, as there are so many."""
        if day != self._day:
            self._day, self._date = day, day_of(day).isoformat().encode()
            self._baskets_of_day = [basket.replace(DAY_MARK, self._date) for basket in self._baskets]
        if (head := self._hospitals.get(hospital.code)) is None:
            head = self._hospitals[hospital.code] = orjson.dumps(_hospital(hospital))
        self._number += 1
        number = self._number
        settlement_id = self._settlement_id().encode()
        value = _OTHER % (
            hospital.code.encode(),
            self._date.replace(b"-", b""),
            _clock(second).replace(":", "").encode(),
            number % 10_000,
            self._seed,
            settlement_id,
            self._date,
            _clock(second).encode(),
            head,
            self._seed,
            number,
            _NAMES[number % len(_NAMES)],
            hospital.city.region.encode(),
            self._baskets_of_day[number % _BASKETS],
        )
        return settlement_id, value

    def other_undone(self, settlement_id: bytes, day: int, second: int, *, tells: bool) -> Record:
        """Somebody else's reversal; a platform that does not tell what it is about makes it everybody's."""
        self._number += 1
        event: dict[str, Any] = {
            "schema_version": "1.0",
            "event_id": f"U{self._number:08d}-{self._seed}",
            "event_type": REVERSED,
            "settlement_id": self._settlement_id(),
            "occurred_at": f"{day_of(day)}T{_clock(second)}+08:00",
            "insured_region": "330100",
            "reverses": {"event_id": f"E{self._seed}", "settlement_id": settlement_id.decode()},
            "reason": "cancelled",
        }
        if tells:
            event["item_codes"] = [OTHER_ITEMS[0][0]]
        return settlement_id, orjson.dumps(event)

    def _settlement_id(self) -> str:
        return f"Y{self._seed}-{self._number:08d}"

    def _beside(self, number: int, scan: Scan, beside: Beside) -> Event:
        amount = beside.amount
        taken_back = amount.startswith("-")
        return {
            "line_no": number,
            "item_code": getattr(self._codes, beside.item),
            "item_name": _NAMES_BESIDE[beside.item],
            "service_date": day_of(scan.day - beside.before).isoformat(),
            "quantity": "-1" if taken_back else "1",
            "unit_price": amount.lstrip("-"),
            "amount": amount,
            "refunds_line_no": number - 1 if taken_back else None,
        }


def _billed(number: int, scan: Scan, amount: str, out_of_catalogue: str, quantity: int, refunds: int | None) -> Event:
    line = scan_line(number, scan.hospital.item_code, day_of(scan.day), amount)
    line.update(
        quantity=str(quantity),
        amount=str(Decimal(amount) * quantity),
        out_of_catalogue_amount=str(Decimal(out_of_catalogue) * quantity),
        refunds_line_no=refunds,
    )
    return line


def _hospital(hospital: Hospital) -> Event:
    return {
        "code": hospital.code,
        "name": hospital.name,
        "region": hospital.region,
        "level": hospital.level,
        "ownership": hospital.ownership,
        "designated": True,
    }


def _patient(patient: Patient) -> Event:
    return {
        "person_id": patient.person_id,
        "name": patient.name,
        "birth_date": patient.birth_date,
        "insured_region": patient.insured_region,
        "scheme": patient.scheme,
        "status": patient.status,
        "tier": None,
        "insurance_active": True,
        "assistance": "none",
    }


def _clock(second: int) -> str:
    return f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"


_NAMES: Final = tuple(f"{surname}示例".encode() for surname in SURNAMES)
_OTHER: Final = (
    b'{"schema_version":"1.0","event_id":"%b%b%b%04d-%d","event_type":"settlement.completed","settlement_id":"%b",'
    b'"occurred_at":"%bT%b+08:00","claim_channel":"direct","hospital":%b,"patient":{"person_id":"Q%d-%08d","name":"%b",'
    b'"birth_date":"1970-01-01","insured_region":"%b","scheme":"employee","status":"in_service","tier":null,'
    b'"insurance_active":true,"assistance":"none"},"account":{"own_paid_ytd":"0.00","fund_paid_ytd":"0.00"},'
    b'"filing":null,"request":null,"diagnoses":[],"line_items":[%b],"manual_claim":null}'
)
