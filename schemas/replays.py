"""The records of `settlement.replays`: how far a plan has come, what a run did, what became of a dead letter."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from schemas.outputs import Money, RulebookHash, Written

Count = Annotated[int, Field(ge=0)]
PlanHash = Annotated[str, Field(description="names the plan; the same plan has the same")]


class Moved(Written):
    """How much more each bearer bears by the corrections, in yuan."""

    fund: Money
    assistance: Money
    patient: Money
    hospital: Money


class RunTally(Written):
    """What one run did in one partition. `counts`: what became of its records, by name."""

    records: Count
    emitted: Count
    counts: dict[str, Count]
    moved: Moved


class ReplayProgress(Written):
    """How far one partition of a plan has come; written in the transaction that holds the corrections it speaks of."""

    record: Literal["progress"]
    plan: PlanHash
    partition: Count
    next_offset: Count
    done: bool
    runs: Annotated[dict[str, RunTally], Field(description="by the id of the run")]


class ReplayRun(Written):
    """One emitting run: who, why, by which rulebook. `ended` is null while it runs, or if it was killed."""

    record: Literal["run"]
    run: str
    plan: PlanHash
    who: str
    why: str
    rulebook: RulebookHash
    source: Literal["events", "deadletters"]
    worker_version: str
    started: str
    ended: str | None
    status: str


class LetterEnded(Written):
    """What became of a dead letter, by which plan or person, and why."""

    record: Literal["letter"]
    letter: Annotated[
        str, StringConstraints(pattern=r"^[0-9]+:[0-9]+$"), Field(description="partition:offset on the dead letters")
    ]
    end: str
    by: str
    why: str
