"""The records of `settlement.alerts`: findings of surveillance, and how officers handled them.

A finding is a suspicion with evidence, never a verdict. It holds no name, no person id and no birth date: `person` is a
keyed hash under a key of its own, so that it cannot be joined with disclosures.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from schemas.outputs import EventId, IsoDay, Money, RulebookHash, RuleId, SchemaVersion, Written

RAISED: Final = "finding.raised"
REVISED: Final = "finding.revised"
WITHDRAWN: Final = "finding.withdrawn"
ACKNOWLEDGED: Final = "finding.acknowledged"
CLOSED: Final = "finding.closed"

Rule = Literal[
    "overcharge",
    "duplicate_report_fee",
    "split_charge",
    "repeat_scan",
    "spend_spike",
    "out_of_scope_share",
    "indication_drift",
    "contradiction",
]
Severity = Literal["info", "warning", "serious"]
Category = Literal["超标准收费", "重复收费", "分解项目收费", "过度检查", "超医保支付范围", "monitoring"]
Status = Literal["open", "withdrawn"]
ClosedAs = Literal["confirmed", "unfounded", "duplicate"]

FindingId = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9a-f]{32}$"),
    Field(description="keyed hash of rule, subject and period: the same facts give the same finding"),
]
PersonKey = Annotated[
    str, StringConstraints(pattern=r"^[0-9a-f]{32}$"), Field(description="keyed hash of the insured person's id")
]
City = Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$"), Field(description="of the hospital")]
MOST_SETTLEMENTS_NAMED: Final = 200


class Window(Written):
    """From the first to the last day of what the finding rests on, both included."""

    # `from` is a word of Python's.
    from_: Annotated[IsoDay, Field(alias="from")]
    to: IsoDay


class Measure(Written):
    """One number the rule looked at, beside what it was held against. Texts: counts, yuan or shares by their name."""

    name: str
    value: str
    threshold: str | None


class Evidence(Written):
    """What the finding rests on. `settlement_ids` in order; of very many only the first are named."""

    settlement_ids: Annotated[list[str], Field(max_length=MOST_SETTLEMENTS_NAMED)]
    settlements: Annotated[int, Field(ge=1, description="how many there are")]
    measures: list[Measure]


class ThresholdUsed(Written):
    """By what the finding was judged. `version` is the SHA-256 of all thresholds in use."""

    id: RuleId
    origin: str
    version: RulebookHash


class _Told(Written):
    schema_version: SchemaVersion
    event_id: EventId
    revision: Annotated[int, Field(ge=1)]
    finding_id: FindingId


class Finding(_Told):
    """A suspicion, as it stands now; of one id the highest revision counts. Withdrawn: its facts were undone."""

    event_type: Literal["finding.raised", "finding.revised", "finding.withdrawn"]
    rule: Rule
    severity: Severity
    category: Category
    status: Status
    window: Window
    city: City
    hospitals: Annotated[list[str], Field(min_length=1)]
    person: PersonKey | None
    evidence: Evidence
    threshold: ThresholdUsed
    amount_at_stake: Money
    says: Annotated[str, Field(description="one sentence for people; it accuses nobody")]


class FindingHandled(_Told):
    """What an officer did about a finding. `at` comes from outside, `of_revision` is what the officer saw.

    `revision` counts what was done about the finding: of two records of the same number the first counts.
    """

    event_type: Literal["finding.acknowledged", "finding.closed"]
    by: Annotated[str, Field(min_length=1, description="the name of the officer's sign-in")]
    note: str
    at: Annotated[str, Field(description="RFC 3339, with offset")]
    of_revision: Annotated[int, Field(ge=1)]
    closed_as: Annotated[ClosedAs | None, Field(description="null where it is acknowledged")]


AlertRecord = Annotated[Finding | FindingHandled, Field(discriminator="event_type")]
