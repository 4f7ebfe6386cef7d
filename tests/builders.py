"""Events as a platform would send them, with only what a test is about said out loud. All data are synthetic."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson

from streams.processors.form import PassesOver
from streams.processors.settlement import Answer, SettlementProcessor
from streams.rulebook import Rulebook, load_rulebook

Event = dict[str, Any]
SECRET = b"not a secret"
NATIONAL = "002304000070000"
ZHEJIANG = "23040000700"

_EVENT: Event = {
    "schema_version": "1.0",
    "event_id": "H33010200001202107010930000001",
    "event_type": "settlement.completed",
    "settlement_id": "S2021070100001",
    "occurred_at": "2021-07-01T09:30:00+08:00",
    "claim_channel": "direct",
    "hospital": {
        "code": "H33010200001",
        "name": "示例医院",
        "region": "330102",
        "level": "tertiary",
        "ownership": "public",
        "designated": True,
    },
    "patient": {
        "person_id": "P1",
        "name": "欧阳某某",
        "birth_date": "1960-01-02",
        "insured_region": "330100",
        "scheme": "employee",
        "status": "in_service",
        "tier": None,
        "insurance_active": True,
        "assistance": "none",
    },
    "account": {
        "own_paid_ytd": "24000.00",
        "fund_paid_ytd": "0.00",
        "benefit_ratio": None,
        "assistance_ratio": None,
    },
    "filing": None,
    "request": {"indication": "staging", "purpose": "肿瘤分期", "clinical_basis": "pathology_confirmed"},
    "diagnoses": [{"code": "C34.900", "name": "肺恶性肿瘤", "main": True}],
    "line_items": [],
    "manual_claim": None,
}


def line(amount: str = "5300.00", **changes: Any) -> Event:
    """One whole-body PET-CT; the unit price follows the amount unless it is given."""
    return {
        "line_no": 1,
        "item_code": NATIONAL,
        "item_name": "肿瘤全身断层显像",
        "service_date": "2021-07-01",
        "quantity": "1",
        "unit_price": amount.lstrip("-"),
        "amount": amount,
        "out_of_catalogue_amount": "0.00",
        "refunds_line_no": None,
        **changes,
    }


def refund(amount: str = "-5300.00", **changes: Any) -> Event:
    """A line with a negative quantity."""
    return line(amount, **{"line_no": 2, "quantity": "-1", **changes})


def event(*lines: Event, **changes: Any) -> Event:
    """The contract's example; `changes` replace a field, or some fields of an object: `hospital={"region": …}`."""
    made = deepcopy(_EVENT)
    made["line_items"] = list(lines) or [line()]
    for name, value in changes.items():
        if isinstance(value, dict) and isinstance(made.get(name), dict):
            made[name].update(value)
        else:
            made[name] = value
    return made


def shenzhen(*lines: Event, ratio: str | None = "0.70", status: str = "in_service", **changes: Any) -> Event:
    """An employee of Shenzhen at a hospital of Shenzhen in mid-2023."""
    made = event(
        *(lines or (line("8000.00"),)),
        occurred_at="2023-06-01T10:00:00+08:00",
        hospital={"code": "H44030400001", "region": "440304"},
        patient={"insured_region": "440300", "status": status},
        account={"own_paid_ytd": None, "benefit_ratio": ratio},
    )
    for item in made["line_items"]:
        item["service_date"] = "2023-06-01"
    for name, value in changes.items():
        if isinstance(value, dict) and isinstance(made.get(name), dict):
            made[name].update(value)
        else:
            made[name] = value
    return made


def reversal(**changes: Any) -> Event:
    return {
        "schema_version": "1.0",
        "event_id": "H33010200001202107020930000002",
        "event_type": "settlement.reversed",
        "settlement_id": "S2021070200002",
        "occurred_at": "2021-07-02T09:30:00+08:00",
        "insured_region": "330100",
        "reverses": {"event_id": "H33010200001202107010930000001", "settlement_id": "S2021070100001"},
        "reason": "duplicate",
        **changes,
    }


def void(**changes: Any) -> Event:
    return reversal(**{"event_type": "settlement.voided", "settlement_id": "S2021070100001", **changes})


@dataclass(frozen=True)
class InputRecord:
    """A consumed record as far as the processor looks at it."""

    value: bytes | None
    key: bytes | None = b"S2021070100001"
    headers: tuple[tuple[str, bytes | None], ...] = ()
    topic: str = "settlement.events"
    partition: int = 3
    offset: int = 42
    timestamp: int = 1625103000000


@cache
def installed_rulebook() -> Rulebook:
    return load_rulebook()


@cache
def processor() -> SettlementProcessor:
    return SettlementProcessor(installed_rulebook(), SECRET, "test")


def every(passes_over: PassesOver, values: Sequence[bytes | None]) -> bool:
    """Whether all are passed over, laid end to end as a record batch of keys and values lays them."""
    data = b"\x00key".join(value or b"" for value in values)
    return passes_over.every(values, data, 0, len(data))


def process(made: Event | bytes | None, **record: Any) -> Answer:
    """What the processor answers to an event or to raw bytes."""
    value = orjson.dumps(made) if isinstance(made, dict) else made
    return processor()(InputRecord(value, **record))


def adjusted(made: Event) -> dict[str, Any]:
    answer = process(made)
    assert answer.adjusted is not None, answer.detail
    return answer.adjusted


def first_line(made: Event) -> dict[str, Any]:
    found: dict[str, Any] = adjusted(made)["lines"][0]
    return found


def dead_letter(made: Event | bytes | None) -> tuple[str, str]:
    """(reason, detail); fails where the record was no dead letter."""
    answer = process(made)
    assert answer.dead_letter_reason is not None, answer
    assert answer.detail is not None
    return answer.dead_letter_reason.value, answer.detail
