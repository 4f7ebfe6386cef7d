"""Dead letters read back: what became one, why, and the record it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from schemas import deadletters
from streams.processors.settlement import Header, Record

RETRY_LIMIT: Final = 5
"""How often a dead letter is retried unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One record of settlement.deadletters. `topic`, `partition`, `offset`, `timestamp` are the input's, as told by
    its headers; `at` is its own place. A record without our headers is none: `read` gives None."""

    at: tuple[int, int]
    written: int
    """When it became a dead letter, in milliseconds since 1970."""
    reason: str
    detail: str
    retries: int
    withheld: bool
    rulebook: str
    worker_version: str
    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[Header]
    """The input's own, `dlq_retries` among them."""

    @property
    def name(self) -> str:
        return f"{self.at[0]}:{self.at[1]}"

    def retried(self, value: bytes | None) -> Retried:
        """The input again, counting one more retry in the headers it would take into its next dead letter."""
        headers = [header for header in self.headers if header[0] != deadletters.RETRIES]
        headers.append((deadletters.RETRIES, str(self.retries + 1).encode()))
        return Retried(self.topic, self.partition, self.offset, self.timestamp, self.key, value, headers)


@dataclass(frozen=True, slots=True)
class Retried:
    """An input record as the processor wants it."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[Header]


def read(record: Record) -> Letter | None:
    """None for a record that no worker of ours wrote."""
    told = {name: (value or b"").decode("utf-8", "replace") for name, value in record.headers}
    try:
        return Letter(
            at=(record.partition, record.offset),
            written=record.timestamp,
            reason=told[deadletters.REASON],
            detail=told[deadletters.DETAIL],
            retries=_count(told.get(deadletters.RETRIES, "0")),
            withheld=deadletters.BODY in told,
            rulebook=told[deadletters.RULEBOOK],
            worker_version=told[deadletters.WORKER_VERSION],
            topic=told[deadletters.TOPIC],
            partition=int(told[deadletters.PARTITION]),
            offset=int(told[deadletters.OFFSET]),
            timestamp=int(told[deadletters.TIMESTAMP]),
            key=record.key,
            value=record.value,
            headers=[header for header in record.headers if header[0] not in deadletters.OURS],
        )
    except (KeyError, ValueError):
        return None


def _count(text: str) -> int:
    """The platform may have sent a header of that name; what is no number counts as none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
