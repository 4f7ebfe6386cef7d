"""Settlement events, as the platform puts them on the bus.

Reading tolerates: unknown fields are ignored at any depth, null counts as absent where a default exists. Only the
envelope and the lines that carry an examination code are validated; what else was billed is somebody else's business.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PlainValidator,
    StringConstraints,
    WithJsonSchema,
)

from schemas.decimals import exact_decimal
from schemas.moments import Moment, read_day, read_moment

Indication = Literal[
    "staging",
    "post_treatment_recurrence_or_metastasis",
    "unknown_primary_search",
    "radiotherapy_planning",
    "diagnosis",
    "efficacy_evaluation",
    "recurrence_monitoring",
    "check_up",
    "non_tumour",
]
ReversalReason = Literal["duplicate", "wrong_amount", "cancelled", "benign_result", "technical"]

COMPLETED: Final = "settlement.completed"
REVERSED: Final = "settlement.reversed"
VOIDED: Final = "settlement.voided"


_ZERO_TEXT: Final = r"-?0+(\.0+)?"


def _decimal_schema(description: str, text: str, number: dict[str, Any], **more: Any) -> WithJsonSchema:
    """What JSON Schema can say of a decimal: of a string everything, of a number not how many places it has."""
    as_text: dict[str, Any] = {"type": "string", "pattern": f"^{text}$"}
    as_number: dict[str, Any] = {"type": "number", **number}
    if more.get("not_zero"):
        as_text["not"], as_number["not"] = {"pattern": f"^{_ZERO_TEXT}$"}, {"const": 0}
    return WithJsonSchema({"anyOf": [as_text, as_number], "description": description})


def _signed(description: str, places: int, *, not_zero: bool = False) -> WithJsonSchema:
    text = rf"-?0*[0-9]{{1,14}}(\.[0-9]{{1,{places}}}0*)?"
    number = {"exclusiveMinimum": -(10**12), "exclusiveMaximum": 10**12}
    return _decimal_schema(f"{description}, at most {places} places", text, number, not_zero=not_zero)


Amount = Annotated[Decimal, PlainValidator(exact_decimal(2)), _signed("yuan", 2)]
Accumulator = Annotated[
    Decimal,
    PlainValidator(exact_decimal(2, low=0)),
    _decimal_schema(
        "yuan, at most 2 places, not negative",
        rf"({_ZERO_TEXT}|0*[0-9]{{1,14}}(\.[0-9]{{1,2}}0*)?)",
        {"minimum": 0, "exclusiveMaximum": 10**12},
    ),
]
UnitPrice = Annotated[Decimal, PlainValidator(exact_decimal(6)), _signed("yuan", 6)]
Quantity = Annotated[Decimal, PlainValidator(exact_decimal(4)), _signed("not 0", 4, not_zero=True)]
Ratio = Annotated[
    Decimal,
    PlainValidator(exact_decimal(4, low=0, high=1)),
    _decimal_schema(
        "0 to 1, at most 4 places",
        rf"({_ZERO_TEXT}|0*(0(\.[0-9]{{1,4}}0*)?|1(\.0+)?))",
        {"minimum": 0, "maximum": 1},
    ),
]
Day = Annotated[
    date,
    PlainValidator(read_day),
    WithJsonSchema({"type": "string", "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}),
]
OccurredAt = Annotated[
    Moment,
    PlainValidator(read_moment),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
            r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])?$",
            "description": "without an offset: China Standard Time, +08:00",
        }
    ),
]
SchemaVersion = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9]+\.[0-9]+$"),
    # Another major is a dead letter too, for a reason of its own.
    WithJsonSchema({"type": "string", "pattern": r"^0*1\.[0-9]+$", "description": "major 1, any minor"}),
]
Region = Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$"), Field(description="6-digit division or pool code")]


class _OrNull(BeforeValidator):
    """A validator that takes null for a default; the JSON Schema says that it may be null."""

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [handler(schema), {"type": "null"}]}


def _null_means(default: Any) -> BeforeValidator:
    return _OrNull(lambda value: default if value is None else value)


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", hide_input_in_errors=True)


class Hospital(_Read):
    code: str
    name: str
    region: Region
    level: Literal["tertiary", "secondary", "primary", "ungraded"]
    ownership: Literal["public", "public_equivalent", "private"]
    designated: bool


class Patient(_Read):
    person_id: str
    name: str
    birth_date: Day
    insured_region: Region
    scheme: Literal["employee", "resident"]
    status: Literal["in_service", "retired", "minor", "adult", "senior"]
    tier: str | None = None
    insurance_active: bool
    assistance: Annotated[Literal["none", "low_income", "extreme_poverty", "other"], _null_means("none")] = "none"


class Account(_Read):
    """The platform's snapshot of the calendar year before this settlement."""

    own_paid_ytd: Accumulator | None = None
    fund_paid_ytd: Accumulator | None = None
    benefit_ratio: Ratio | None = None
    assistance_ratio: Ratio | None = None


class DatedFiling(_Read):
    """异地就医备案, valid from the first to the last day, both included."""

    kind: Literal["long_term", "referral", "temporary"]
    valid_from: Day
    valid_to: Day


class EmergencyFiling(_Read):
    """An emergency counts as filed; its dates are never read."""

    kind: Literal["emergency"]


class Request(_Read):
    indication: Indication | None = None
    purpose: str | None = None
    clinical_basis: Literal["pathology_confirmed", "highly_suspected"] | None = None


class Diagnosis(_Read):
    code: str
    name: str
    main: Annotated[bool, _null_means(False)] = False


class LineItem(_Read):
    """One examination line. A negative quantity is a refund."""

    line_no: int
    item_code: str
    item_name: str
    service_date: Day
    quantity: Quantity
    unit_price: UnitPrice
    amount: Amount
    out_of_catalogue_amount: Annotated[Amount, _null_means("0")] = Decimal("0.00")
    refunds_line_no: int | None = None


class ManualClaim(_Read):
    submitted_on: Day
    documents: list[str]


NO_ACCOUNT: Final = Account()
NO_REQUEST: Final = Request()


class SettlementCompleted(_Read):
    """One settled bill. `line_items` holds its examination lines only, in the order of the event."""

    schema_version: SchemaVersion
    event_id: str
    event_type: Literal["settlement.completed"]
    settlement_id: str
    occurred_at: OccurredAt
    claim_channel: Annotated[Literal["direct", "manual"], _null_means("direct")] = "direct"
    hospital: Hospital
    patient: Patient
    account: Annotated[Account, _null_means(NO_ACCOUNT)] = NO_ACCOUNT
    filing: Annotated[DatedFiling | EmergencyFiling, Field(discriminator="kind")] | None = None
    request: Annotated[Request, _null_means(NO_REQUEST)] = NO_REQUEST
    diagnoses: Annotated[list[Diagnosis], _null_means([])] = Field(default_factory=list)
    line_items: list[LineItem]
    manual_claim: ManualClaim | None = None


class Reverses(_Read):
    event_id: str
    settlement_id: str


class SettlementUndone(_Read):
    """A reversal (NHSA 2208/2305: a new settlement that undoes one) or a void (2601: the message never happened)."""

    schema_version: SchemaVersion
    event_id: str
    event_type: Literal["settlement.reversed", "settlement.voided"]
    settlement_id: str
    occurred_at: OccurredAt
    insured_region: Region
    reverses: Reverses
    reason: ReversalReason
    item_codes: list[str] | None = None
