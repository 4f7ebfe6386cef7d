"""Examples of every record: events made up here, and what the processor really answers to them.

They are decided by the rulebook of the newest release, kept beside its golden events, so that a notice that is added
changes no example.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any, Final

import orjson

from schemas.codec import dumps
from schemas.events import SettlementCompleted
from schemas.identity import output_event_id
from schemas.topics import DISCLOSURES
from streams.contract import releases
from streams.processors import envelope
from streams.processors.settlement import Answer, Header, SettlementProcessor
from streams.replay.correction import correction
from streams.replay.ledger import Progress, RunRecord, Tally, letter_output
from streams.replay.plans import Plan, Stretch
from streams.rulebook import Rulebook
from streams.surveillance.facts import Fact, fact_of
from streams.surveillance.findings import Held, reconcile
from streams.surveillance.findings import headers as finding_headers
from streams.surveillance.judge import judge_person
from streams.surveillance.thresholds import Threshold, Thresholds

SECRET: Final = b"not a secret"
"""Keys the ids of disclosures in examples and golden outputs. A real one is 32 random bytes and told nobody."""
WORKER_VERSION: Final = "1.0.0"

Plain = dict[str, Any]

_HOSPITAL: Final = {
    "code": "H33010200001",
    "name": "示例医院",
    "region": "330102",
    "level": "tertiary",
    "ownership": "public",
    "designated": True,
}
_LINE: Final = {
    "line_no": 1,
    "item_code": "002304000070000",
    "item_name": "肿瘤全身断层显像",
    "service_date": "2021-07-01",
    "quantity": "1",
    "unit_price": "6500.00",
    "amount": "6500.00",
}
_PLAIN: Final[Plain] = {
    "schema_version": "1.0",
    "event_id": "H33010200001202107010930000001",
    "event_type": "settlement.completed",
    "settlement_id": "S2021070100001",
    "occurred_at": "2021-07-01T09:30:00+08:00",
    "hospital": _HOSPITAL,
    "patient": {
        "person_id": "P1",
        "name": "欧阳某某",
        "birth_date": "1960-01-02",
        "insured_region": "330100",
        "scheme": "employee",
        "status": "in_service",
        "insurance_active": True,
    },
    "account": {"own_paid_ytd": "24000.00", "fund_paid_ytd": "0.00"},
    "request": {"indication": "staging", "clinical_basis": "pathology_confirmed"},
    "diagnoses": [{"code": "C34.900", "name": "肺恶性肿瘤", "main": True}],
    "line_items": [_LINE, {"item_code": "330100001", "item_name": "他项", "amount": "12.00"}],
}
_FULL: Final[Plain] = {
    "schema_version": "1.0",
    "event_id": "H44030400001202306011000000002",
    "event_type": "settlement.completed",
    "settlement_id": "S2023060100002",
    "occurred_at": "2023-06-01T10:00:00",
    "claim_channel": "manual",
    "hospital": {**_HOSPITAL, "code": "H44030400001", "region": "440304"},
    "patient": {
        **_PLAIN["patient"],
        "person_id": "P2",
        "name": "示例",
        "insured_region": "440300",
        "tier": None,
        "assistance": "none",
    },
    "account": {"own_paid_ytd": None, "fund_paid_ytd": None, "benefit_ratio": 0.7, "assistance_ratio": None},
    "filing": {"kind": "referral", "valid_from": "2023-01-01", "valid_to": "2023-12-31"},
    "request": {"indication": "staging", "purpose": "肿瘤分期", "clinical_basis": "pathology_confirmed"},
    "diagnoses": [{"code": "C34.900x001", "name": "肺恶性肿瘤", "main": None}],
    "line_items": [
        {
            **_LINE,
            "service_date": "2023-06-01",
            "quantity": 1,
            "unit_price": 8000,
            "amount": 8000.00,
            "out_of_catalogue_amount": 0,
            "refunds_line_no": None,
        }
    ],
    "manual_claim": {
        "submitted_on": "2023-06-10",
        "documents": [
            "insurance_card",
            "identity_card",
            "invoice",
            "itemised_list",
            "examination_report",
            "diagnosis_proof",
        ],
    },
}
_REFUND: Final[Plain] = {
    **_PLAIN,
    "event_id": "H33010200001202107010930000003",
    "settlement_id": "S2021070100003",
    "line_items": [
        _LINE,
        {**_LINE, "line_no": 2, "quantity": "-1", "amount": "-6500.00", "refunds_line_no": 1},
        {**_LINE, "line_no": 3, "unit_price": "5300.00", "amount": "5300.00"},
    ],
}
_REVERSAL: Final[Plain] = {
    "schema_version": "1.0",
    "event_id": "H33010200001202107020930000004",
    "event_type": "settlement.reversed",
    "settlement_id": "S2021070200004",
    "occurred_at": "2021-07-02T09:30:00+08:00",
    "insured_region": "330100",
    "reverses": {"event_id": _PLAIN["event_id"], "settlement_id": _PLAIN["settlement_id"]},
    "reason": "duplicate",
    "item_codes": [_LINE["item_code"]],
}
_REFUSED: Final[Plain] = {
    **_REVERSAL,
    "event_id": "H44030400001202306020930000005",
    "settlement_id": "S2023060200005",
    "occurred_at": "2023-06-02T09:30:00+08:00",
    "insured_region": "440300",
    "reverses": {"event_id": _FULL["event_id"], "settlement_id": _FULL["settlement_id"]},
    "reason": "benign_result",
}
_VOID: Final[Plain] = {
    **_REVERSAL,
    "event_id": "H33010200001202107020930000006",
    "event_type": "settlement.voided",
    "settlement_id": _PLAIN["settlement_id"],
    "reason": "technical",
}


@dataclass(frozen=True, slots=True)
class ExampleRecord:
    """An input record, as the processor looks at it."""

    value: bytes
    topic: str = "settlement.events"
    partition: int = 3
    offset: int = 42
    timestamp: int = 1_625_103_000_000
    key: bytes | None = b"S2021070100001"
    headers: tuple[Header, ...] = ()


@cache
def processor() -> SettlementProcessor:
    return SettlementProcessor(Rulebook.from_canonical(releases.newest().rulebook), SECRET, WORKER_VERSION)


def answer(event: Plain | bytes) -> Answer:
    return processor()(ExampleRecord(event if isinstance(event, bytes) else dumps(event)))


def examples() -> dict[str, dict[str, Any]]:
    """By the name of the record, then by what the example shows."""
    answers = {
        "direct": answer(_PLAIN),
        "manual": answer(_FULL),
        "refund": answer(_REFUND),
        "reversed": answer(_REVERSAL),
        "refused": answer(_REFUSED),
        "voided": answer(_VOID),
    }
    published, withdrawn = answers["direct"], answers["reversed"]
    letter = answer({**_PLAIN, "hospital": {**_HOSPITAL, "level": "huge"}})
    findings = _findings()
    return {
        "settlement.completed": {"direct": _PLAIN, "manual": _FULL, "refund": _REFUND},
        "settlement.reversed": {"duplicate": _REVERSAL, "benign_result": _REFUSED},
        "settlement.voided": {"technical": _VOID},
        "settlement.adjusted": {
            **{name: _adjusted(answers[name]) for name in ("direct", "manual", "refund")},
            "corrected": _corrected(answers["direct"]),
        },
        "settlement.adjustment_reversed": {"duplicate": _adjusted(answers["reversed"])},
        "settlement.adjustment_voided": {"technical": _adjusted(answers["voided"])},
        "settlement.reversal_refused": {"benign_result": _adjusted(answers["refused"])},
        "disclosure.published": {"direct": published.disclosure},
        "disclosure.withdrawn": {"reversed": withdrawn.disclosure},
        **findings,
        "cloudevents.headers": {
            "adjusted": headers(published.outputs[0].headers),
            "disclosure": headers(next(output.headers for output in published.outputs if output.topic == DISCLOSURES)),
            "finding": headers(finding_headers(findings["finding.raised"]["split_charge"])),
        },
        "deadletter.headers": {"schema": headers(letter.outputs[0].headers)},
        "rulebook.release": {"whole": orjson.loads(releases.newest().rulebook)},
        "rulebook.headers": {
            "release": {
                "content-type": "application/json",
                "rulebook": processor().rulebook.hash,
                "message": "the installed notices",
                "author": "rules-desk",
                "known_from": "2021-07-23T09:00:00+08:00",
            }
        },
        "replay.progress": {"halfway": _progress()},
        "replay.run": {"done": orjson.loads(_RUN.output().value or b"")},
        "replay.letter": {
            "discarded": orjson.loads(letter_output("3:17", "discarded", "rules-desk", "sent twice").value or b"")
        },
        "adjudicate.line": {
            "decided": _line(answers["direct"]),
            "dead_letter": _line(letter),
            "none_of_ours": {"adjusted": None, "disclosure": None, "dead_letter": None},
        },
    }


_THRESHOLDS: Final = Thresholds(
    [
        Threshold(
            id="example/split_charge",
            rule="split_charge",
            region=None,
            effective_from=date(2021, 6, 30),
            effective_to=None,
            origin="an example; the number is the fund's to set",
            severity="warning",
            numbers={"min_scans": Decimal(2), "planning_scans": Decimal(2), "late_days": Decimal(92)},
            codes={"partial_scan_codes": frozenset()},
        )
    ],
    "example",
)


def _findings() -> dict[str, dict[str, Any]]:
    """Two bills of one day, a third that comes late, the reversal of two; and what an officer did meanwhile."""
    bills = [
        {**_PLAIN, "event_id": f"H3301020000120210701093000001{at}", "settlement_id": f"S202107010001{at}"}
        for at in range(3)
    ]
    facts = [_fact(bill) for bill in bills]
    held: dict[str, Held] = {}
    told: list[Plain] = []
    for known in (facts[:2], facts, facts[:1]):
        suspicions = judge_person(known, _THRESHOLDS)
        records, held = reconcile(held, suspicions, secret=SECRET, version=_THRESHOLDS.hash)
        told += records
    raised, revised, withdrawn = told
    return {
        "finding.raised": {"split_charge": raised},
        "finding.revised": {"split_charge": revised},
        "finding.withdrawn": {"split_charge": withdrawn},
        "finding.acknowledged": {"seen": _handled(raised, "finding.acknowledged", 1, "both bills asked for", None)},
        "finding.closed": {"duplicate": _handled(raised, "finding.closed", 2, "one bill was sent twice", "duplicate")},
    }


def _fact(event: Plain) -> Fact:
    rulebook = processor().rulebook
    read = envelope.read(event, rulebook.codes, rulebook.dated_codes)
    assert isinstance(read, SettlementCompleted)
    return fact_of(read, event, _adjusted(answer(event)), SECRET, _THRESHOLDS.item_codes)


def _handled(finding: Plain, event_type: str, revision: int, note: str, closed_as: str | None) -> Plain:
    id = finding["finding_id"]
    return {
        "schema_version": finding["schema_version"],
        "event_id": output_event_id(id, event_type, revision),
        "event_type": event_type,
        "revision": revision,
        "finding_id": id,
        "by": "officer-1",
        "note": note,
        "at": "2021-07-05T09:00:00+08:00",
        "of_revision": finding["revision"],
        "closed_as": closed_as,
    }


_REPLAY: Final = Plan(
    source="events",
    group="petct-settle",
    topic_prefix="",
    since="2021-07-01T00:00:00+08:00",
    until="2021-07-24T00:00:00+08:00",
    rulebook="sha256:" + "1" * 64,
    partitions=(Stretch(partition=3, start=42, end=2_042),),
)
_RUN: Final = RunRecord(
    run="0123456789ab",
    plan=_REPLAY.hash,
    who="rules-desk",
    why="notice of 2021-07-23",
    rulebook=_REPLAY.rulebook,
    source=_REPLAY.source,
    worker_version=WORKER_VERSION,
    started="2021-07-24T10:00:00+08:00",
    ended="2021-07-24T10:05:00+08:00",
    status="done",
)


def headers(written: list[Header]) -> dict[str, str | None]:
    return {name: None if value is None else value.decode() for name, value in written}


def _progress() -> Any:
    tally = Tally(1_000, 2, Counter({"amounts_changed": 2, "unchanged": 998}))
    tally.moved.update(fund=Decimal("120.00"), patient=Decimal("-120.00"))
    return orjson.loads(Progress(1_042, False, {_RUN.run: tally}).output(_REPLAY, 3).value or b"")


def _corrected(given: Answer) -> Any:
    """As a replay would write it again after a change of the rulebook."""
    first = _adjusted(given)
    supersedes = output_event_id(first["source_event_id"], first["event_type"], 1)
    revised = correction(given.outputs[0], dict(first), revision=2, supersedes=supersedes, reason="rulebook_change")
    return orjson.loads(revised.value or b"")


def _adjusted(given: Answer) -> Mapping[str, Any]:
    assert given.adjusted is not None, given.detail
    return given.adjusted


def _line(given: Answer) -> Plain:
    reason = given.dead_letter_reason
    return {
        "adjusted": given.adjusted,
        "disclosure": given.disclosure,
        "dead_letter": reason and {"reason": str(reason), "detail": given.detail},
    }
