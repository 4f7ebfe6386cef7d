"""What is kept of one subject, a person or a city, and how it changes: facts in, what to write and what to keep out.

A step is decided whole before any of it is written, so that whoever writes it can begin again after a crash and write
the same: it holds the records as they are sent, not what they were made from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Self

import orjson

from schemas.codec import dumps
from streams.surveillance.facts import Fact, newer
from streams.surveillance.findings import Held, Record, reconcile
from streams.surveillance.suspicion import Suspicion

Judge = Callable[[Iterable[Fact]], list[Suspicion]]


@dataclass(slots=True)
class Kept:
    """Facts by their key, and what was last written of each finding by its id."""

    facts: dict[str, Fact] = field(default_factory=dict)
    held: dict[str, Held] = field(default_factory=dict)

    def apply(self, step: Step) -> None:
        self.facts.update(step.facts)
        self.held.update(step.held)
        for key in step.expired:
            self.facts.pop(key, None)
        for id in step.forgotten:
            self.held.pop(id, None)


@dataclass(frozen=True, slots=True)
class Step:
    """What changes of a subject. `records` are to be written; `facts` and `held` are set by key, the rest goes."""

    subject: str
    facts: Mapping[str, Fact] = field(default_factory=dict)
    expired: tuple[str, ...] = ()
    records: tuple[Record, ...] = ()
    held: Mapping[str, Held] = field(default_factory=dict)
    forgotten: tuple[str, ...] = ()

    @property
    def changes(self) -> bool:
        return bool(self.facts or self.expired or self.held or self.forgotten)

    def value(self) -> bytes:
        return dumps(
            {
                "subject": self.subject,
                "facts": [orjson.Fragment(fact.value()) for fact in self.facts.values()],
                "expired": self.expired,
                "records": self.records,
                "held": {id: orjson.Fragment(held.value()) for id, held in self.held.items()},
                "forgotten": self.forgotten,
            }
        )

    @classmethod
    def read(cls, value: bytes) -> Self:
        """Raises KeyError, TypeError or ValueError for what `value` did not write."""
        told = orjson.loads(value)
        facts = [Fact.read(orjson.dumps(fact)) for fact in told["facts"]]
        return cls(
            told["subject"],
            {fact.key: fact for fact in facts},
            tuple(told["expired"]),
            tuple(told["records"]),
            {id: Held.read(orjson.dumps(held)) for id, held in told["held"].items()},
            tuple(told["forgotten"]),
        )


def step(
    subject: str, kept: Kept, come: Iterable[Fact], judge: Judge, *, since: date, secret: bytes, version: str
) -> Step:
    """What `come` changes of a subject; nothing where it was all there. Facts older than `since` are none any more."""
    facts: dict[str, Fact] = {}
    for fact in come:
        before = facts.get(fact.key, kept.facts.get(fact.key))
        stands = newer(before, fact)
        if fact.occurred_on >= since and stands != before:
            facts[fact.key] = stands
    expired = tuple(key for key, fact in kept.facts.items() if fact.occurred_on < since)
    if not facts and not expired:
        return Step(subject)
    return judged(subject, kept, facts, expired, judge, since=since, secret=secret, version=version)


def judged(
    subject: str,
    kept: Kept,
    facts: Mapping[str, Fact],
    expired: tuple[str, ...],
    judge: Judge,
    *,
    since: date,
    secret: bytes,
    version: str,
) -> Step:
    """The step to what all facts give that are kept after it, whether any of them is new or not."""
    gone = frozenset(expired)
    after = {key: fact for key, fact in {**kept.facts, **facts}.items() if key not in gone}
    records, held = reconcile(kept.held, judge(after.values()), secret=secret, version=version, since=since)
    forgotten = tuple(id for id in kept.held if id not in held)
    changed = {id: one for id, one in held.items() if kept.held.get(id) != one}
    return Step(subject, facts, expired, tuple(records), changed, forgotten)


def aged(subject: str, kept: Kept, since: date) -> Step:
    """What goes of a subject of whom nothing comes any more. Its findings stay on the topic as they were written."""
    expired = tuple(key for key, fact in kept.facts.items() if fact.occurred_on < since)
    return Step(subject, expired=expired, forgotten=tuple(id for id, one in kept.held.items() if one.since < since))


def again(kept: Kept, begun: Step) -> Step:
    """A step that was begun and, by what is kept, not finished. Whatever was written since stands."""
    facts = {key: newer(kept.facts.get(key), fact) for key, fact in begun.facts.items()}
    held = {id: one for id, one in begun.held.items() if id not in kept.held or kept.held[id].revision < one.revision}
    records = tuple(record for record in begun.records if record["finding_id"] in held)
    return Step(begun.subject, facts, begun.expired, records, held, begun.forgotten)
