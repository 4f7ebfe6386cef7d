"""From suspicions to records: what is new is raised, what changed is revised, what no longer holds is withdrawn.

The id of a finding is a function of rule, subject and period. So the same facts give the same finding, and a replay, a
restart or a repeat writes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Self

import orjson

from schemas import cloudevents
from schemas.alerts import MOST_SETTLEMENTS_NAMED, RAISED, REVISED, WITHDRAWN
from schemas.codec import dumps
from schemas.identity import output_event_id
from schemas.moments import midnight
from streams.surveillance.persons import keyed
from streams.surveillance.suspicion import Days, Suspicion

SCHEMA_VERSION: Final = "1.0"
OPEN: Final = "open"
GONE: Final = "withdrawn"

Record = dict[str, Any]
"""A `schemas.alerts.Finding` as plain data."""

_NO_LONGER: Final = "What this finding rested on was undone or changed; nothing is left to look at."


@dataclass(frozen=True, slots=True)
class Held:
    """What was last written of a finding. `since`: the first day its rule looked at to judge it (see `reconcile`)."""

    revision: int
    digest: str
    status: str
    since: date
    record: Record

    def value(self) -> bytes:
        return dumps(
            {
                "revision": self.revision,
                "digest": self.digest,
                "status": self.status,
                "since": self.since,
                "record": self.record,
            }
        )

    @classmethod
    def read(cls, value: bytes) -> Self:
        """Raises KeyError, TypeError or ValueError for what `value` did not write."""
        held = orjson.loads(value)
        since = date.fromisoformat(held["since"])
        return cls(held["revision"], held["digest"], held["status"], since, held["record"])


def finding_id(secret: bytes, rule: str, subject: str, window: Days) -> str:
    """32 hex digits, keyed: without the secret nobody can tell whether a person has a finding."""
    return keyed(secret, "finding", rule, subject, window.first.isoformat(), window.last.isoformat())


def reconcile(
    before: Mapping[str, Held],
    now: Iterable[Suspicion],
    *,
    secret: bytes,
    version: str,
    since: date = date.min,
) -> tuple[list[Record], dict[str, Held]]:
    """(records to write, what is held afterwards) of one subject: a person, or a city.

    `before` is what was held of the subject, by finding id; `now` all its suspicions by all facts that are kept;
    `version` the hash of the thresholds. Facts older than `since` were expired: a suspicion that looked at older days
    is not what all facts would say, so a finding of that time stays as it was last written, and is forgotten here.
    The same facts give nothing to write; what only the version of the thresholds changes is not written again.
    """
    suspicions = {
        finding_id(secret, suspicion.rule, suspicion.subject, suspicion.period): suspicion
        for suspicion in now
        if suspicion.looked_from >= since
    }
    records: list[Record] = []
    after: dict[str, Held] = {}
    for id in sorted({*before, *suspicions}):
        held, suspicion = before.get(id), suspicions.get(id)
        if suspicion is not None:
            after[id], written = _said(held, suspicion, id, version)
        elif held is None or held.since < since:
            continue
        else:
            after[id], written = _unsaid(held)
        if written:
            records.append(after[id].record)
    return records, after


def _said(held: Held | None, suspicion: Suspicion, id: str, version: str) -> tuple[Held, bool]:
    told = _told(suspicion, version)
    digest = _digest(told)
    if held is not None and held.status == OPEN and held.digest == digest:
        return held, False
    revision = 1 if held is None else held.revision + 1
    event_type = REVISED if held is not None and held.status == OPEN else RAISED
    record = {**_head(id, event_type, revision), **told, "status": OPEN}
    return Held(revision, digest, OPEN, suspicion.looked_from, record), True


def _unsaid(held: Held) -> tuple[Held, bool]:
    if held.status == GONE:
        return held, False
    revision = held.revision + 1
    id: str = held.record["finding_id"]
    record = {**held.record, **_head(id, WITHDRAWN, revision), "status": GONE, "says": _NO_LONGER}
    return Held(revision, held.digest, GONE, held.since, record), True


def _head(id: str, event_type: str, revision: int) -> Record:
    return {
        "schema_version": SCHEMA_VERSION,
        "event_id": output_event_id(id, event_type, revision),
        "event_type": event_type,
        "revision": revision,
        "finding_id": id,
    }


def _told(suspicion: Suspicion, version: str) -> Record:
    threshold = suspicion.threshold
    return {
        "rule": suspicion.rule,
        "severity": suspicion.severity,
        "category": suspicion.category,
        "window": {"from": suspicion.window.first.isoformat(), "to": suspicion.window.last.isoformat()},
        "city": suspicion.city,
        "hospitals": list(suspicion.hospitals),
        "person": suspicion.person,
        "evidence": {
            "settlement_ids": list(suspicion.settlement_ids[:MOST_SETTLEMENTS_NAMED]),
            "settlements": len(suspicion.settlement_ids),
            "measures": [measure._asdict() for measure in suspicion.measures],
        },
        "threshold": {"id": threshold.id, "origin": threshold.origin, "version": version},
        "amount_at_stake": str(suspicion.amount_at_stake),
        "says": suspicion.says,
    }


def _digest(told: Record) -> str:
    """Of what is said, whichever version of the thresholds says it."""
    threshold = {name: value for name, value in told["threshold"].items() if name != "version"}
    return hashlib.sha256(dumps({**told, "threshold": threshold})).hexdigest()


def headers(record: Mapping[str, Any]) -> cloudevents.Headers:
    """CloudEvents headers of a finding. Its time is the end of its window, its `rulebook` the version of thresholds."""
    return cloudevents.headers(
        event_id=record["event_id"],
        event_type=record["event_type"],
        time=midnight(date.fromisoformat(record["window"]["to"])),
        rulebook=record["threshold"]["version"],
    )
