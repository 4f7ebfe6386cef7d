"""In what form events lie on the bus: the contract's own, or the messages of the national interface."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final, Protocol

from schemas.deadletters import DeadLetterReason
from schemas.events import SettlementCompleted, SettlementUndone
from schemas.nhsa import NO_REFERENCE, Reference, convert, in_their_terms, problem_of
from schemas.reading import DeadLetter
from streams.processors import envelope
from streams.processors.nhsa import NhsaPassingOver
from streams.rulebook.codes import DatedCodes

_MOST_NAMED: Final = 5

Event = SettlementCompleted | SettlementUndone


class PassesOver(Protocol):
    """Tells by the bytes of a value that it is none of ours.

    `every`: whether none of `values` is, where that is sure. Their bytes lie in `data` from `start` to `end`, among
    others.
    """

    def __call__(self, value: bytes | None, /) -> bool: ...
    def every(self, values: Sequence[bytes | None], data: bytes, start: int, end: int, /) -> bool: ...


class Form(Protocol):
    """How records of ours are told from others, and how events are read from parsed ones."""

    def passing_over(self, codes: Collection[str]) -> PassesOver: ...

    def plain(self, parsed: dict[str, Any], codes: Collection[str]) -> dict[str, Any]:
        """The event as the contract writes it, valid or not; empty where the document holds none. Never raises."""
        ...

    def read(self, parsed: dict[str, Any], codes: Collection[str], dated: DatedCodes) -> Event | None:
        """None when it is none of ours; else DeadLetter."""
        ...


class Contract:
    """The settlement event of this project's contract."""

    def passing_over(self, codes: Collection[str]) -> PassesOver:
        return envelope.PassingOver(codes)

    def plain(self, parsed: dict[str, Any], codes: Collection[str]) -> dict[str, Any]:  # noqa: ARG002 - all is there
        return parsed

    def read(self, parsed: dict[str, Any], codes: Collection[str], dated: DatedCodes) -> Event | None:
        return envelope.read(parsed, codes, dated)


class Nhsa:
    """Messages of the national interface. A dead letter names their fields, not the contract's."""

    def __init__(self, reference: Reference = NO_REFERENCE) -> None:
        self._reference = reference

    def passing_over(self, codes: Collection[str]) -> PassesOver:
        return NhsaPassingOver(self._reference.written_as(codes))

    def plain(self, parsed: dict[str, Any], codes: Collection[str]) -> dict[str, Any]:
        converted = convert(parsed, codes, self._reference)
        return {} if converted is None else converted.event

    def read(self, parsed: dict[str, Any], codes: Collection[str], dated: DatedCodes) -> Event | None:
        if problem := problem_of(parsed):
            raise DeadLetter(DeadLetterReason.SCHEMA, problem)
        converted = convert(parsed, codes, self._reference)
        if converted is None:
            return None
        told = list(converted.problems[:_MOST_NAMED])
        if more := len(converted.problems) - len(told):
            told.append(f"and {more} more")
        try:
            event = envelope.read(converted.event, codes, dated)
        except DeadLetter as letter:
            found = in_their_terms(letter.detail, converted.event["event_type"])
            raise DeadLetter(letter.reason, "; ".join([*told, found])) from None
        if event is not None and told:
            raise DeadLetter(DeadLetterReason.SCHEMA, "; ".join(told))
        return event


CONTRACT: Final = Contract()
