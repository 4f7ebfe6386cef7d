"""What every record we write has in common. Writing is closed: no field that is not stated here."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema

MONEY_PATTERN: Final = r"^-?[0-9]+\.[0-9]{2}$"

SchemaVersion = Annotated[
    Literal["1.0"],
    # What a reader may rely on; the minor grows when a field is added.
    WithJsonSchema(
        {"type": "string", "pattern": r"^1\.[0-9]+$", "description": "major 1; ignore fields you do not know"}
    ),
]
Money = Annotated[str, StringConstraints(pattern=MONEY_PATTERN), Field(description="yuan, two places")]
RulebookHash = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
EventId = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"),
    Field(description="UUIDv5: the same input gives the same id, so that a repeat can be dropped"),
]
IsoDay = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
RuleId = Annotated[str, StringConstraints(pattern=r"^[^/]+/[^/]+$"), Field(description="<notice id>/<entry>")]


class Written(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")
