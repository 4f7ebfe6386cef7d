"""The records that are published: which there are, on which topic, made from which model, and who lives on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Final

from pydantic import BaseModel

from schemas.adjusted import AdjustedSettlement, AdjustmentUndone, ReversalRefused
from schemas.alerts import ACKNOWLEDGED, CLOSED, RAISED, REVISED, WITHDRAWN, Finding, FindingHandled
from schemas.answers import AdjudicatedLine
from schemas.disclosures import DisclosurePublished, DisclosureWithdrawn
from schemas.events import COMPLETED, REVERSED, VOIDED, SettlementUndone
from schemas.headers import CloudEventHeaders, DeadLetterHeaders, RulebookHeaders
from schemas.replays import LetterEnded, ReplayProgress, ReplayRun
from schemas.topics import ADJUSTED, ALERTS, DEADLETTERS, DISCLOSURES, EVENTS, REPLAYS, RULEBOOK
from streams.contract.shapes import Schema, completed_event, of_model, released_rulebook

MAJOR: Final = 1
VERSION: Final = "1.0"
"""Of the records as they are now. The minor grows when a field is added; see docs/compatibility.md."""


class Role(StrEnum):
    """Which way a change may go."""

    INPUT = "input"
    """Others write it and we read it: it may only be widened."""
    OUTPUT = "output"
    """We write it and others read it: it may only be narrowed, and gain fields."""
    BOTH = "both"
    """We write it, and a later program of ours reads it too."""


class Part(StrEnum):
    VALUE = "value"
    HEADERS = "headers"
    LINE = "line"
    """Of standard output; on no topic."""


@dataclass(frozen=True, slots=True)
class Contract:
    """One published schema. `schema` makes it; `live_on_it` are those whom an incompatible change would break."""

    name: str
    topic: str | None
    part: Part
    role: Role
    live_on_it: tuple[str, ...]
    schema: Callable[[], Schema]

    @property
    def file(self) -> str:
        return f"{self.name}.schema.json"

    def document(self) -> Schema:
        """The schema as it is published."""
        schema = self.schema()
        return {
            "$schema": schema.pop("$schema"),
            "$id": f"urn:petct-settlement:v{MAJOR}:{self.name}",
            **schema,
            "title": self.name,
        }


_PLATFORMS: Final = ("settlement platforms that send it", "petct nhsa convert and other adapters")
_READERS: Final = (f"platforms that read {ADJUSTED}", "surveillance", "petct replay")
_PUBLIC: Final = (f"whoever publishes from {DISCLOSURES}", "the disclosure board", "petct replay")
_LETTERS: Final = ("whoever watches the dead letters", "petct deadletters", "petct replay")
_WORKERS: Final = ("workers and replays of any version that read the releases",)
_PROGRAMS: Final = ("programs that read what petct adjudicate writes",)
_DESK: Final = (f"whoever reads {ALERTS}", "the desk of surveillance")
_REPLAYS: Final = ("petct replay status and log of any version",)


def _ours(model: type[BaseModel], **fixed: str) -> Callable[[], Schema]:
    return partial(of_model, model, ours=True, **fixed)


CONTRACTS: Final[tuple[Contract, ...]] = (
    Contract(COMPLETED, EVENTS, Part.VALUE, Role.INPUT, _PLATFORMS, completed_event),
    *(
        Contract(name, EVENTS, Part.VALUE, Role.INPUT, _PLATFORMS, partial(of_model, SettlementUndone, event_type=name))
        for name in (REVERSED, VOIDED)
    ),
    *(
        Contract(name, ADJUSTED, Part.VALUE, Role.OUTPUT, _READERS, schema)
        for name, schema in {
            "settlement.adjusted": _ours(AdjustedSettlement),
            "settlement.adjustment_reversed": _ours(AdjustmentUndone, event_type="settlement.adjustment_reversed"),
            "settlement.adjustment_voided": _ours(AdjustmentUndone, event_type="settlement.adjustment_voided"),
            "settlement.reversal_refused": _ours(ReversalRefused),
        }.items()
    ),
    Contract("disclosure.published", DISCLOSURES, Part.VALUE, Role.OUTPUT, _PUBLIC, _ours(DisclosurePublished)),
    Contract("disclosure.withdrawn", DISCLOSURES, Part.VALUE, Role.OUTPUT, _PUBLIC, _ours(DisclosureWithdrawn)),
    *(
        Contract(name, ALERTS, Part.VALUE, Role.BOTH, _DESK, _ours(Finding, event_type=name, status=status))
        for name, status in ((RAISED, "open"), (REVISED, "open"), (WITHDRAWN, "withdrawn"))
    ),
    *(
        Contract(name, ALERTS, Part.VALUE, Role.BOTH, _DESK, _ours(FindingHandled, event_type=name))
        for name in (ACKNOWLEDGED, CLOSED)
    ),
    Contract(
        "cloudevents.headers", None, Part.HEADERS, Role.OUTPUT, (*_READERS, *_PUBLIC[:2]), _ours(CloudEventHeaders)
    ),
    Contract("deadletter.headers", DEADLETTERS, Part.HEADERS, Role.BOTH, _LETTERS, _ours(DeadLetterHeaders)),
    Contract("rulebook.release", RULEBOOK, Part.VALUE, Role.INPUT, _WORKERS, released_rulebook),
    Contract("rulebook.headers", RULEBOOK, Part.HEADERS, Role.BOTH, _WORKERS, _ours(RulebookHeaders)),
    Contract("replay.progress", REPLAYS, Part.VALUE, Role.BOTH, _REPLAYS, _ours(ReplayProgress)),
    Contract("replay.run", REPLAYS, Part.VALUE, Role.BOTH, _REPLAYS, _ours(ReplayRun)),
    Contract("replay.letter", REPLAYS, Part.VALUE, Role.BOTH, _REPLAYS, _ours(LetterEnded)),
    Contract("adjudicate.line", None, Part.LINE, Role.OUTPUT, _PROGRAMS, _ours(AdjudicatedLine)),
)
BY_NAME: Final = {contract.name: contract for contract in CONTRACTS}


@dataclass(frozen=True, slots=True)
class Unsaid:
    """A rule of the events that JSON Schema cannot express, or not in a way that validators agree upon.

    `told` is a regular expression of the dead letter's detail: whatever a schema lets through and the worker does not
    must be one of these, or a test fails.
    """

    rule: str
    why: str
    told: str


UNSAID: Final[tuple[Unsaid, ...]] = (
    Unsaid(
        "Decimal places of a JSON number: 5300.001 is refused, as it is as a string",
        "multipleOf counts in binary fractions, and validators disagree about 0.01",
        r"expected at most \d decimal places",
    ),
    Unsaid(
        "line_no and refunds_line_no are integers as JSON writes them: 1.0 is none, nor is 2^64 or more",
        "for JSON Schema 1.0 is an integer",
        r"line_no: expected an integer",
    ),
    Unsaid(
        "Days exist: February 29 in leap years only. The year 0000 is none",
        "pattern cannot count; `format: date` says it where the validator asserts formats",
        r"expected a date YYYY-MM-DD",
    ),
    Unsaid(
        "occurred_at is on a day that exists, in the years 1 to 9999 at +08:00",
        "pattern cannot count, and format date-time wants an offset, which may be missing here",
        r"occurred_at: expected a time",
    ),
    Unsaid("line_no is unique among the examination lines", "a rule between items", r"expected once among"),
    Unsaid("amount has the sign of quantity, or is 0", "a rule between fields", r"amount: expected the sign of"),
    Unsaid(
        "service_date is not after the date of occurred_at in China",
        "a rule between fields",
        r"service_date: expected not after",
    ),
    Unsaid(
        "out_of_catalogue_amount has the sign of amount and no larger magnitude, or is 0",
        "a rule between fields",
        r"out_of_catalogue_amount: expected the sign",
    ),
    Unsaid(
        "birth_date is not after, and submitted_on not before, any examination's service_date",
        "rules between fields",
        r"expected not (after|before) line_items",
    ),
    Unsaid(
        "A void's settlement_id is that of reverses",
        "a rule between fields",
        r"settlement_id: expected that of reverses",
    ),
    Unsaid(
        "At most 1 MiB and 64 levels of nesting",
        "a schema sees a document, not its bytes",
        r"expected at most \d+ (bytes|levels of nesting)",
    ),
)
LAXER_THAN_THE_SCHEMA: Final = (
    "An event without an examination line, and a reversal whose item_codes hold no examination code, is none of ours: "
    "it is passed over unvalidated, whatever its other fields hold.",
    "The schema knows the examination codes of version 1.0. A rulebook may add codes, or end one from a day on: the "
    "worker validates the lines of the codes in force there and then, and no others.",
)
