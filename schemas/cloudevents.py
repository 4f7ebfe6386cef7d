"""CloudEvents 1.0, binary mode on Kafka: the envelope in headers, the record itself in the value."""

from __future__ import annotations

from typing import Final

SOURCE: Final = "/petct-settlement"

_VERSION: Final = ("ce_specversion", b"1.0")
_SOURCE: Final = ("ce_source", SOURCE.encode())
_CONTENT: Final = ("content-type", b"application/json")

Headers = list[tuple[str, bytes | None]]


def headers(*, event_id: str, event_type: str, time: str, rulebook: str) -> Headers:
    """`time` is RFC 3339 with an offset, `rulebook` the hash of the rulebook that decided."""
    return [
        _VERSION,
        ("ce_id", event_id.encode()),
        _SOURCE,
        ("ce_type", event_type.encode()),
        ("ce_time", time.encode()),
        _CONTENT,
        ("rulebook", rulebook.encode()),
    ]
