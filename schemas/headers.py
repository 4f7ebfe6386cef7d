"""The headers of the records we write, as a reader finds them: names, and values as UTF-8 text."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from schemas.cloudevents import SOURCE
from schemas.deadletters import DeadLetterReason
from schemas.outputs import EventId, RulebookHash

_Number = Annotated[str, StringConstraints(pattern=r"^-?[0-9]+$")]
_Moment = Annotated[
    str,
    StringConstraints(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})$"
    ),
]


class _Headers(BaseModel):
    """Others may stand beside them."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", populate_by_name=True, serialize_by_alias=True)


class CloudEventHeaders(_Headers):
    """CloudEvents 1.0 in binary mode, and the hash of the rulebook, of a finding of the thresholds, that decided."""

    ce_specversion: Literal["1.0"]
    ce_id: EventId
    ce_source: Annotated[Literal["/petct-settlement"], Field(description="who wrote the record")] = SOURCE
    ce_type: Annotated[str, Field(description="the record's event_type")]
    ce_time: Annotated[
        _Moment,
        Field(
            description="when the settlement occurred; of a disclosure the day, of a finding its last day, at midnight"
        ),
    ]
    content_type: Annotated[Literal["application/json"], Field(alias="content-type")]
    rulebook: RulebookHash


class DeadLetterHeaders(_Headers):
    """Why a record could not be decided and where it lay. No header holds a value of the event.

    The input's own headers travel along; those of these names are replaced.
    """

    dlq_reason: Annotated[DeadLetterReason, Field(strict=False)]
    dlq_detail: Annotated[str, Field(description="which field, and what was expected")]
    dlq_topic: str
    dlq_partition: _Number
    dlq_offset: _Number
    dlq_timestamp: Annotated[_Number, Field(description="the input's, milliseconds since 1970")]
    dlq_rulebook: RulebookHash
    dlq_worker_version: str
    dlq_body: Annotated[
        Literal["withheld"] | None, Field(description="given where the body was over 7 MiB: the value is null then")
    ] = None
    dlq_retries: Annotated[
        str | None, Field(description="how often it was retried; a header of that name is kept as it came")
    ] = None


class RulebookHeaders(_Headers):
    """Of a release of the rulebook: who released it, when it was known, and why."""

    content_type: Annotated[Literal["application/json"], Field(alias="content-type")]
    rulebook: RulebookHash
    message: str
    author: str
    known_from: _Moment
