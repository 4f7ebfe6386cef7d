"""A record as a replay emits it: the processor's own, with the revision it has here. Pure."""

from __future__ import annotations

from typing import Literal

from schemas.codec import dumps
from schemas.identity import output_event_id
from streams.processors.settlement import Header, Output
from streams.replay.difference import Plain

Reason = Literal["rulebook_change", "code_change", "dead_letter_retry"]


def correction(first: Output, record: Plain, *, revision: int, supersedes: str | None, reason: Reason) -> Output:
    """`first` and `record` are one answer of the processor, as bytes and plain.

    The answer to a reversal has a `reason` already, the platform's; ours stands beside it as `revision_reason`.
    """
    revised = {
        **record,
        "event_id": output_event_id(record["source_event_id"], record["event_type"], revision),
        "revision": revision,
        "supersedes": supersedes,
        "revision_reason" if "reason" in record else "reason": reason,
    }
    return _output(first, revised)


def disclosure_correction(first: Output, record: Plain, *, revision: int) -> Output:
    """What is published says nothing of why: its reader is the public."""
    event_id = output_event_id(record["disclosure_id"], record["event_type"], revision)
    return _output(first, {**record, "event_id": event_id, "revision": revision})


def _output(first: Output, record: Plain) -> Output:
    id = record["event_id"].encode()
    headers: list[Header] = [(name, id if name == "ce_id" else value) for name, value in first.headers]
    return Output(first.topic, first.key, dumps(record), headers)
