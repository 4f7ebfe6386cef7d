"""Dead letters: why a record could not be decided, and the headers that say so.

The record itself stays byte for byte; everything we add stands in headers. No header ever holds a value of the event.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class DeadLetterReason(StrEnum):
    """The tests of a record, by the name of the one it failed."""

    EMPTY_VALUE = "empty_value"
    TOO_LARGE = "too_large"
    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    NOT_AN_EVENT = "not_an_event"
    UNSUPPORTED_VERSION = "unsupported_version"
    SCHEMA = "schema"
    INVALID_LINE = "invalid_line"
    PROCESSING_ERROR = "processing_error"


REASON: Final = "dlq_reason"
DETAIL: Final = "dlq_detail"
TOPIC: Final = "dlq_topic"
PARTITION: Final = "dlq_partition"
OFFSET: Final = "dlq_offset"
TIMESTAMP: Final = "dlq_timestamp"
RULEBOOK: Final = "dlq_rulebook"
WORKER_VERSION: Final = "dlq_worker_version"
BODY: Final = "dlq_body"
RETRIES: Final = "dlq_retries"

OURS: Final = frozenset({REASON, DETAIL, TOPIC, PARTITION, OFFSET, TIMESTAMP, RULEBOOK, WORKER_VERSION, BODY})
"""Headers the worker writes; on the input they are replaced or dropped. `dlq_retries` is kept as it came."""

MAX_BODY_BYTES: Final = 7 * 1024 * 1024
"""A larger body is withheld: `dlq_body: withheld`, value null. Topic, partition and offset say where it lies."""
