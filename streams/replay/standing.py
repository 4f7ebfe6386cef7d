"""Which record stands, among all that were written for one settlement or one disclosure. Pure.

Read in the order of the topic:

1. Of one source event, the higher revision stands; the same revision again is a repeat and changes nothing.
2. A first record (it supersedes nothing) of another source event stands over what was there: it came later on the
   input. A reversal or void is such an event. It stands over the settlement it undoes, whatever revision that has.
3. A correction of a source event that no longer stands changes nothing, wherever it lies on the topic: a replay may
   have written it in the moment in which the live worker wrote something newer. Nor does a repeat of what was undone.
4. A refused reversal withdraws nothing: it stands beside the decision, not over it.

Of a disclosure: the withdrawal of a reversal or void (revision 1) is final; else the higher revision stands.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from schemas.identity import output_event_id

ADJUSTED: Final = "settlement.adjusted"
REFUSED: Final = "settlement.reversal_refused"
WITHDRAWN: Final = "disclosure.withdrawn"
NOT_ON_TOPIC: Final = -1
"""Offset of what a replay has written (or would have) and not yet read back."""


@dataclass(frozen=True, slots=True)
class Emitted:
    """What must be known of one record of settlement.adjusted. `digest` is of its bytes, the rulebook's hash left out.

    `reverses` is the event id a reversal or void undoes. `outcome` is a decision's.
    """

    type: str
    source: str
    revision: int
    occurred_at: str
    offset: int
    digest: bytes
    supersedes: str | None = None
    reverses: str | None = None
    outcome: str | None = None

    @property
    def event_id(self) -> str:
        return output_event_id(self.source, self.type, self.revision)

    @property
    def is_decision(self) -> bool:
        return self.type == ADJUSTED

    @property
    def undoes(self) -> bool:
        return self.type not in {ADJUSTED, REFUSED}


@dataclass(frozen=True, slots=True)
class Held:
    """What stands for one settlement. `undone`: the reversal or void stands, not the decision.

    `last` is the offset of the last record that claims to stand, `last_revision` its revision.
    """

    decision: Emitted | None = None
    undoing: Emitted | None = None
    undone: bool = False
    last: int = NOT_ON_TOPIC
    last_revision: int = 1

    @property
    def standing(self) -> Emitted | None:
        return self.undoing if self.undone else self.decision

    @property
    def buried(self) -> bool:
        """Whether a correction is involved in that what stands is not what a reader of the newest record finds."""
        standing = self.standing
        if standing is None or standing.offset in {NOT_ON_TOPIC, self.last}:
            return False
        return self.last_revision > 1 or standing.revision > 1


NOTHING: Final = Held()


def take(held: Held, new: Emitted) -> Held:
    """What stands after `new`, the next record of this settlement."""
    after = _decision(held, new) if new.is_decision else _undoing(held, new)
    if new.type == REFUSED or new.offset == NOT_ON_TOPIC:
        return after
    return Held(after.decision, after.undoing, after.undone, new.offset, new.revision)


def _decision(held: Held, new: Emitted) -> Held:
    old, undoing = held.decision, held.undoing
    if old is not None and new.source == old.source:
        return replace(held, decision=_newer(old, new))
    if held.undone and undoing is not None and undoing.reverses == new.source:
        # The decision that was undone was compacted away; kept for what it tells, it does not stand.
        return held if old is not None else replace(held, decision=new)
    standing = held.standing
    if standing is None or new.supersedes is None or new.supersedes == standing.event_id:
        return Held(new, held.undoing, False, held.last, held.last_revision)
    return held


def _undoing(held: Held, new: Emitted) -> Held:
    old, decision = held.undoing, held.decision
    if old is not None and new.source == old.source:
        newer = _newer(old, new)
        if newer.revision == old.revision:
            return replace(held, undoing=newer)
    undoes_what_stands = decision is None or decision.source == new.reverses
    if new.type == REFUSED:
        return held if held.undone else replace(held, undoing=new)
    if new.revision == 1 or undoes_what_stands:
        return replace(held, undoing=new, undone=True)
    return held


def _newer(old: Emitted, new: Emitted) -> Emitted:
    if new.revision > old.revision:
        return new
    # A repeat: of two records alike, compaction keeps the later one.
    return replace(old, offset=new.offset) if new.revision == old.revision and new.offset >= 0 else old


@dataclass(frozen=True, slots=True)
class Disclosed:
    """What stands of one disclosure."""

    withdrawn: bool
    revision: int
    offset: int
    digest: bytes
    last: int = NOT_ON_TOPIC
    last_revision: int = 1

    @property
    def final(self) -> bool:
        return self.withdrawn and self.revision == 1

    @property
    def buried(self) -> bool:
        if self.offset in {NOT_ON_TOPIC, self.last}:
            return False
        return self.last_revision > 1 or self.revision > 1


def take_disclosed(held: Disclosed | None, new: Disclosed) -> Disclosed:
    """What stands after `new`, the next record of this disclosure."""
    if held is None:
        after = new
    elif new.final or (new.revision >= held.revision and not held.final):
        after = new if new.offset >= 0 or new.revision > held.revision or new.final else held
    else:
        after = held
    if new.offset == NOT_ON_TOPIC:
        return after
    return Disclosed(after.withdrawn, after.revision, after.offset, after.digest, new.offset, new.revision)


_LINES_END: Final = b'],"occurred_at":'


def emitted(value: bytes, offset: int, digest: bytes) -> Emitted | None:
    """Read a record of settlement.adjusted; None for one that is not ours.

    Keys are sorted, and the lines, nearly all of it, come before what is wanted here. No string can hold the place
    where they end: quotation marks within strings are escaped.
    """
    end = value.rfind(_LINES_END)
    try:
        told: dict[str, Any] = orjson.loads(b"{" + value[end + 2 :] if end > 0 else value)
        return Emitted(
            type=ADJUSTED if end > 0 else told["event_type"],
            source=told["source_event_id"],
            revision=told["revision"],
            occurred_at=told["occurred_at"],
            offset=offset,
            digest=digest,
            supersedes=told.get("supersedes"),
            reverses=told["reverses"]["event_id"] if "reverses" in told else None,
            outcome=told.get("outcome"),
        )
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None


def disclosed(value: bytes, offset: int, digest: bytes) -> Disclosed | None:
    """Read a record of settlement.disclosures; None for one that is not ours."""
    try:
        told = orjson.loads(value)
        return Disclosed(told["status"] == "withdrawn", told["revision"], offset, digest)
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
