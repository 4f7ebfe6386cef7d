"""What replays leave on settlement.replays: how far each plan has come, what each run did, what ended a dead letter.

The topic is compacted; the key says what a record is about:

    progress|<plan hash>|<partition>    written in the transaction that holds the corrections it speaks of
    run|<plan hash>|<run>               written when an emitting run begins and when it ends
    letter|<partition>|<offset>         what became of a dead letter; in that transaction too

A run's counts stand in the progress records, so those of a killed run are exact too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import orjson

from schemas.codec import dumps
from schemas.topics import REPLAYS
from streams.processors.settlement import Output
from streams.replay.difference import BEARERS, Difference, LeftAlone
from streams.replay.plans import Plan

STILL_OPEN: Final = frozenset({LeftAlone.REVERSED, LeftAlone.ANOTHER_EVENT, "filtered"})
"""What became of a dead letter, and yet it is tried again when asked for: the settlement may stand otherwise then."""
_ZERO: Final = Decimal("0.00")


@dataclass(slots=True)
class Tally:
    """What was counted: records read, what became of them, corrections written, money moved by bearer in yuan."""

    records: int = 0
    emitted: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    moved: dict[str, Decimal] = field(default_factory=lambda: dict.fromkeys(BEARERS, _ZERO))

    def differ(self, differences: Iterable[Difference]) -> None:
        for difference in differences:
            if difference.emits:
                for bearer, amount in difference.moved.items():
                    self.moved[bearer] += amount

    def add(self, other: Tally) -> None:
        self.records += other.records
        self.emitted += other.emitted
        self.counts += other.counts
        for bearer, amount in other.moved.items():
            self.moved[bearer] += amount

    def plain(self) -> dict[str, Any]:
        return {
            "records": self.records,
            "emitted": self.emitted,
            "counts": dict(self.counts),
            "moved": {bearer: str(amount) for bearer, amount in self.moved.items()},
        }

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Tally:
        moved = {bearer: Decimal(told["moved"].get(bearer, "0.00")) for bearer in BEARERS}
        return cls(told["records"], told["emitted"], Counter(told["counts"]), moved)


@dataclass(slots=True)
class Progress:
    """How far one partition of a plan has come. `runs` holds what each run did in it."""

    next_offset: int
    done: bool = False
    runs: dict[str, Tally] = field(default_factory=dict)

    def output(self, plan: Plan, partition: int) -> Output:
        told = {
            "record": "progress",
            "plan": plan.hash,
            "partition": partition,
            "next_offset": self.next_offset,
            "done": self.done,
            "runs": {run: tally.plain() for run, tally in self.runs.items()},
        }
        return Output(REPLAYS, progress_key(plan.hash, partition), dumps(told), [])

    @classmethod
    def of(cls, value: bytes) -> Progress:
        told = orjson.loads(value)
        runs = {run: Tally.of(tally) for run, tally in told["runs"].items()}
        return cls(told["next_offset"], told["done"], runs)


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One emitting run, for the audit. Times are RFC 3339; `ended` is None while it runs, or if it was killed."""

    run: str
    plan: str
    who: str
    why: str
    rulebook: str
    source: str
    worker_version: str
    started: str
    ended: str | None = None
    status: str = "running"

    @property
    def key(self) -> bytes:
        return f"run|{self.plan}|{self.run}".encode()

    def output(self) -> Output:
        told = {name: getattr(self, name) for name in self.__slots__}
        return Output(REPLAYS, self.key, dumps({"record": "run", **told}), [])

    @classmethod
    def of(cls, value: bytes) -> RunRecord:
        told = orjson.loads(value)
        return cls(**{name: told[name] for name in cls.__slots__})


def progress_key(plan_hash: str, partition: int) -> bytes:
    return f"progress|{plan_hash}|{partition}".encode()


def letter_key(name: str) -> bytes:
    """`name` is `partition:offset` on settlement.deadletters."""
    return f"letter|{name.replace(':', '|')}".encode()


def letter_output(name: str, end: str, by: str, why: str) -> Output:
    """`end` says what became of it, `by` which plan or person did it."""
    told = {"record": "letter", "letter": name, "end": end, "by": by, "why": why}
    return Output(REPLAYS, letter_key(name), dumps(told), [])


@dataclass(slots=True)
class Ledger:
    """What settlement.replays holds, newest record of each key."""

    progress: dict[bytes, Progress] = field(default_factory=dict)
    runs: dict[str, RunRecord] = field(default_factory=dict)
    letters: dict[str, dict[str, Any]] = field(default_factory=dict)

    def take(self, key: bytes | None, value: bytes | None) -> None:
        """Skips what it does not know: a newer program may write more."""
        kind = (key or b"").partition(b"|")[0]
        if key is None or value is None:
            return
        if kind == b"progress":
            self.progress[key] = Progress.of(value)
        elif kind == b"run":
            record = RunRecord.of(value)
            self.runs[record.run] = record
        elif kind == b"letter":
            told = orjson.loads(value)
            self.letters[told["letter"]] = told

    def tally(self, run: str) -> Tally:
        """What a run did, over all partitions."""
        total = Tally()
        for progress in self.progress.values():
            if run in progress.runs:
                total.add(progress.runs[run])
        return total
