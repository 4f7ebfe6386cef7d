"""The records of `settlement.disclosures`: what hospitals publish daily, and its withdrawal."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from schemas.outputs import EventId, IsoDay, Money, RulebookHash, RuleId, SchemaVersion, Written

DisclosureId = Annotated[
    str, StringConstraints(pattern=r"^[0-9a-f]{32}$"), Field(description="keyed hash of the source event's id")
]


class DisclosingHospital(Written):
    code: str
    name: str
    region: str


class DisclosedExam(Written):
    """One row. `age` in whole years on the day of service; `surname` ＊ where it cannot be told apart.

    `age_or_over` is there only where the notice's rule top-codes ages: `age` is then its limit, and the patient's age
    that or more.
    """

    service_date: IsoDay
    exam: str
    surname: str
    age: Annotated[int, Field(ge=0)]
    diagnosis: str
    charged_price: Money
    age_or_over: Literal[True] | None = None


class _Disclosing(Written):
    schema_version: SchemaVersion
    event_id: EventId
    disclosure_id: DisclosureId
    revision: Annotated[int, Field(ge=1)]
    rulebook: RulebookHash


class DisclosurePublished(_Disclosing):
    event_type: Literal["disclosure.published"]
    status: Literal["published"]
    hospital: DisclosingHospital
    rule: RuleId
    exams: Annotated[list[DisclosedExam], Field(min_length=1)]


class DisclosureWithdrawn(_Disclosing):
    event_type: Literal["disclosure.withdrawn"]
    status: Literal["withdrawn"]
    exams: Annotated[list[DisclosedExam], Field(max_length=0)]


DisclosureRecord = Annotated[DisclosurePublished | DisclosureWithdrawn, Field(discriminator="event_type")]
