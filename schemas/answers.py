"""What `petct adjudicate` writes of each event: the records the bus would carry, or why there are none."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas.adjusted import AdjustedRecord
from schemas.deadletters import DeadLetterReason
from schemas.disclosures import DisclosureRecord, DisclosureWithdrawn
from schemas.outputs import Written


class Undecided(Written):
    """Why the event cannot be decided. `detail` names fields and expectations, never a value."""

    reason: Annotated[DeadLetterReason, Field(strict=False)]
    detail: str


class AdjudicatedLine(Written):
    """One line a document. All three null: the event is none of ours."""

    adjusted: AdjustedRecord | None
    disclosure: DisclosureRecord | None
    dead_letter: Undecided | None
    also_withdrawn: Annotated[
        list[DisclosureWithdrawn] | None,
        Field(description="withdrawals under the other ids of the settlement, after a rotation of the secret"),
    ] = None
