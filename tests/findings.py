"""Findings as the watch writes them on settlement.alerts, with only what a test is about said out loud. Synthetic."""

from __future__ import annotations

from typing import Any

from schemas.alerts import Finding
from schemas.codec import dumps
from schemas.identity import output_event_id

Record = dict[str, Any]

HOSPITAL = "H33010200001"
OTHER_HOSPITAL = "H33020300001"
PERSON = "ab" * 16
RULEBOOK = "sha256:" + "0" * 64


def name_of(number: int) -> str:
    return f"{number:08x}{'0' * 24}"


def finding(number: int = 1, revision: int = 1, **changes: Any) -> Record:
    """The first one is raised, a later revision revises it; `status="withdrawn"` withdraws."""
    withdrawn = changes.get("status") == "withdrawn"
    kind = "finding.withdrawn" if withdrawn else "finding.raised" if revision == 1 else "finding.revised"
    made: Record = {
        "schema_version": "1.0",
        "event_id": output_event_id(name_of(number), kind, revision),
        "event_type": kind,
        "revision": revision,
        "finding_id": name_of(number),
        "rule": "repeat_scan",
        "severity": "warning",
        "category": "过度检查",
        "status": "open",
        "window": {"from": "2021-07-01", "to": "2021-07-20"},
        "city": "330100",
        "hospitals": [HOSPITAL],
        "person": PERSON,
        "evidence": {
            "settlement_ids": ["S1", "S2"],
            "settlements": 2,
            "measures": [{"name": "scans", "value": "2", "threshold": "1"}],
        },
        "threshold": {"id": "default/repeat_scan", "origin": "a test", "version": RULEBOOK},
        "amount_at_stake": "5300.00",
        "says": "2 scans of one person in 20 days, more than 1",
        **changes,
    }
    Finding.model_validate(made)
    return made


def of_hospital(number: int, rule: str, *measures: tuple[str, str, str | None], **changes: Any) -> Record:
    """About a hospital in a window, not about a person."""
    made = [{"name": name, "value": value, "threshold": threshold} for name, value, threshold in measures]
    evidence = {"settlement_ids": ["S3"], "settlements": 41, "measures": made}
    return finding(number, **{"rule": rule, "category": "monitoring", "person": None, "evidence": evidence, **changes})


def value(made: Record) -> bytes:
    return dumps(made)
