"""CloudEvents 1.0, binary mode on Kafka: the envelope in headers, the record itself in the value."""

from __future__ import annotations

from typing import Final

SOURCE: Final = "/petct-settlement"

Headers = list[tuple[str, bytes | None]]


def headers(*, event_id: str, event_type: str, time: str, rulebook: str) -> Headers:
    """`time` is RFC 3339 with an offset, `rulebook` the hash of the rulebook that decided."""
    return [
        ("ce_specversion", b"1.0"),
        ("ce_id", event_id.encode()),
        ("ce_source", SOURCE.encode()),
        ("ce_type", event_type.encode()),
        ("ce_time", time.encode()),
        ("content-type", b"application/json"),
        ("rulebook", rulebook.encode()),
    ]
