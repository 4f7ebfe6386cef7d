"""From suspicions to records: what is new is raised, what changed is revised, what no longer holds is withdrawn.

The id of a finding is a function of rule, subject and period. So the same facts give the same finding, and a replay, a
restart or a repeat writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Self

import orjson

from schemas import cloudevents
from schemas.codec import dumps
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
    `version` the hash of the thresholds. Facts older than `since` were expired: a finding that looked at older days
    can no longer be judged, so it stays as it was written. The same facts give nothing to write.
    """
    raise NotImplementedError


def headers(record: Mapping[str, Any]) -> cloudevents.Headers:
    """CloudEvents headers of a finding. Its time is the end of its window, its `rulebook` the version of thresholds."""
    return cloudevents.headers(
        event_id=record["event_id"],
        event_type=record["event_type"],
        time=midnight(date.fromisoformat(record["window"]["to"])),
        rulebook=record["threshold"]["version"],
    )
