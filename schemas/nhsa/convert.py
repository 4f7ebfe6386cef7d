"""A record of the national interface as an event of the contract."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from schemas.nhsa import tables
from schemas.nhsa.record import Message, read_record, succeeded
from schemas.nhsa.reference import NO_REFERENCE, Reference
from schemas.nhsa.settlement import settlement
from schemas.nhsa.undoing import reversal, void
from schemas.nhsa.values import text


@dataclass(frozen=True, slots=True)
class Converted:
    """An event as a producer would write it, to be validated like any other.

    What the message does not hold is absent from it, and what cannot be translated stands as it was. `problems` are
    what no validation of the event can see; with one of them it must not be decided.
    """

    event: dict[str, Any]
    problems: tuple[str, ...] = ()


def convert(message: Message, codes: Collection[str], reference: Reference = NO_REFERENCE) -> Converted | None:
    """None: the transaction is no settlement, reverses none and voids none, or it failed. Never raises.

    `codes` are those of examinations: only their lines are translated in full.
    """
    if not succeeded(message):
        return None
    infno = tables.transaction(text(message.get("infno")))
    record = read_record(message)
    event: dict[str, Any] | None
    if infno in tables.SETTLEMENTS:
        event = settlement(record, reference, codes)
    elif infno in tables.REVERSALS:
        event = reversal(record, reference)
    elif infno == tables.VOID:
        event = void(record, reference)
    else:
        return None
    return None if event is None else Converted(event, tuple(record.problems))


def problem_of(message: Message) -> str | None:
    """Why a document is no message of the interface at all; None where it is one."""
    if type(text(message.get("infno"))) is not str:
        return "infno: required, the number of a transaction"
    return None
