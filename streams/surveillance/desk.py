"""The desk: where each finding stands, folded from the records of `settlement.alerts`, and what may be done with it.

Pure: it is fed records in the order of their partition, and knows no broker and no clock. All records of a finding lie
in one partition, so their order there is what everybody agrees on:

- Of what the watch writes the highest revision counts; an older or equal one is a repeat.
- What an officer does counts for the revision that the officer saw, and only as the next handling of the finding: of
  two at once the first counts, and what was done to a revision that had gone by is as if it had not been written.
- A finding revised after it was closed, or raised again after it was withdrawn, is open **again**. One that was
  acknowledged stays acknowledged: somebody is at it.

What is kept of a finding is small, and does not grow with its evidence, its revisions or the times it was handled; the
record itself is read again where it is shown. Of more than `most` findings those that ended longest ago are let go.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from sys import intern
from typing import Any, Final, Literal, NamedTuple, get_args

import orjson

from schemas.alerts import ACKNOWLEDGED, CLOSED, RAISED, REVISED, WITHDRAWN, ClosedAs, FindingHandled
from schemas.identity import output_event_id
from schemas.moments import CHINA
from streams.rulebook.regions import lookup_chain

State = Literal["open", "acknowledged", "closed", "withdrawn"]
Place = tuple[int, int]
"""Partition and offset on settlement.alerts."""

STATES: Final[tuple[State, ...]] = get_args(State)
CLOSED_AS: Final[tuple[ClosedAs, ...]] = get_args(ClosedAs)
SEVERITIES: Final = ("serious", "warning", "info")
ENDED: Final[frozenset[State]] = frozenset({"closed", "withdrawn"})
RAISING: Final = frozenset({RAISED, REVISED, WITHDRAWN})
HANDLING: Final = frozenset({ACKNOWLEDGED, CLOSED})
MOST_FINDINGS: Final = 100_000
MOST_MEASURES: Final = 24
LONGEST_NOTE: Final = 500
LONGEST_NAME: Final = 100


class DeskError(Exception):
    """What was asked cannot be done: what is wrong, and the mend. Neither holds anything of a person."""

    def __init__(self, problem: str, mend: str, code: str = "") -> None:
        super().__init__(f"{problem}. {mend}")
        self.problem = problem
        self.mend = mend
        self.code = code
        """The kind of problem, for pages that say it in another language."""


class UnknownFinding(DeskError):
    """No finding of this id stands."""


class Refused(DeskError):
    """The finding does not stand so that this could be done; or has changed since it was looked at."""


@dataclass(frozen=True, slots=True)
class Handling:
    """What an officer did last. `at` as written; `number` counts the handlings of the finding from 1."""

    event_type: str
    by: str
    note: str
    at: str
    of_revision: int
    number: int
    closed_as: ClosedAs | None


class Measured(NamedTuple):
    """One number the rule looked at, and what it was held against, as texts."""

    name: str
    value: str
    threshold: str | None


@dataclass(frozen=True, slots=True)
class Standing:
    """One finding as it stands. Times are the broker's, in milliseconds since 1970; `place` is its newest revision's.

    `measures`, the first few, are kept of findings about hospitals, for plots; of a person nothing is kept.
    """

    id: str
    rule: str
    severity: str
    category: str
    begin: date
    end: date
    city: str
    hospitals: tuple[str, ...]
    at_stake: Decimal
    says: str
    revision: int
    place: Place
    state: State
    raised: int
    changed: int
    reopened: int | None = None
    ended: int | None = None
    handling: Handling | None = None
    handlings: int = 0
    measures: tuple[Measured, ...] = ()

    @property
    def again(self) -> bool:
        """Open once more, after it was closed or withdrawn."""
        return self.state not in ENDED and self.reopened is not None

    @property
    def revised_since(self) -> bool:
        """Revised after the officer who has it acknowledged it."""
        return self.state == "acknowledged" and self.handling is not None and self.handling.of_revision < self.revision

    def plain(self) -> dict[str, Any]:
        """For machines. Without the note, which stands beside the finding alone."""
        done = self.handling
        return {
            "finding_id": self.id,
            "rule": self.rule,
            "severity": self.severity,
            "category": self.category,
            "window": {"from": self.begin.isoformat(), "to": self.end.isoformat()},
            "city": self.city,
            "hospitals": list(self.hospitals),
            "amount_at_stake": str(self.at_stake),
            "says": self.says,
            "revision": self.revision,
            "status": self.state,
            "again": self.again,
            "revised_since": self.revised_since,
            "raised": moment(self.raised),
            "changed": moment(self.changed),
            "handled": None
            if done is None
            else {
                "what": done.event_type.removeprefix("finding."),
                "as": done.closed_as,
                "by": done.by,
                "at": done.at,
                "of_revision": done.of_revision,
            },
        }


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which findings. A region means all in it; `since` and `until` are days, and a window that touches them counts."""

    rules: frozenset[str] = frozenset()
    hospital: str = ""
    city: str = ""
    states: frozenset[str] = frozenset()
    severities: frozenset[str] = frozenset()
    since: date | None = None
    until: date | None = None

    def has(self, held: Standing) -> bool:
        return (
            (not self.rules or held.rule in self.rules)
            and (not self.hospital or self.hospital in held.hospitals)
            and (not self.city or self.city in lookup_chain(held.city))
            and (not self.states or held.state in self.states)
            and (not self.severities or held.severity in self.severities)
            and (self.since is None or held.end >= self.since)
            and (self.until is None or held.begin <= self.until)
        )


@dataclass(slots=True)
class Desk:
    """All findings that stand. `unread`: records that this version cannot read; `let_go`: findings beyond `most`.

    `before`: records written from then on (milliseconds since 1970) are left out: how it stood at that moment.
    """

    most: int = MOST_FINDINGS
    before: int | None = None
    findings: dict[str, Standing] = field(default_factory=dict)
    unread: int = 0
    let_go: int = 0

    def take(self, place: Place, value: bytes | None, written: int) -> None:
        """One record of the topic. Within a partition they must come in order."""
        if value is None or (self.before is not None and written >= self.before):
            return
        try:
            told = orjson.loads(value)
            kind = told["event_type"]
            if kind in RAISING:
                self._raised(told, place, written)
            elif kind in HANDLING:
                self._handled(told, written)
            else:
                self.unread += 1
        except (ValueError, KeyError, TypeError, InvalidOperation):
            self.unread += 1

    def forget_before(self, partition: int, offset: int) -> None:
        """Retention has deleted what lay before `offset`: a desk that began to read now would not know it either."""
        gone = [held.id for held in self.findings.values() if held.place[0] == partition and held.place[1] < offset]
        for name in gone:
            del self.findings[name]

    def find(self, name: str) -> Standing:
        """By its id, or the first eight and more digits of it where only one finding begins so. Raises DeskError."""
        if (held := self.findings.get(name)) is not None:
            return held
        found = [held for key, held in self.findings.items() if key.startswith(name)] if len(name) >= 8 else []
        if len(found) == 1:
            return found[0]
        if found:
            raise UnknownFinding(f"{len(found)} findings begin like this", "Give more of the id")
        raise UnknownFinding("There is no finding of this id", "Look: petct surveillance list")

    def select(self, wanted: Wanted) -> list[Standing]:
        """The newest change first."""
        found = [held for held in self.findings.values() if wanted.has(held)]
        return sorted(found, key=lambda held: (-held.changed, held.id))

    def _raised(self, told: dict[str, Any], place: Place, written: int) -> None:
        name = str(told["finding_id"])
        held = self.findings.get(name)
        revision = int(told["revision"])
        if held is not None and revision <= held.revision:
            return
        withdrawn = told["status"] == "withdrawn"
        new = Standing(
            id=name,
            # A few texts that a hundred thousand findings share.
            rule=intern(told["rule"]),
            severity=intern(told["severity"]),
            category=intern(told["category"]),
            begin=date.fromisoformat(told["window"]["from"]),
            end=date.fromisoformat(told["window"]["to"]),
            city=intern(told["city"]),
            hospitals=tuple(map(intern, told["hospitals"])),
            at_stake=Decimal(told["amount_at_stake"]),
            says=str(told["says"]),
            revision=revision,
            place=place,
            state="withdrawn" if withdrawn else "open",
            raised=written,
            changed=written,
            ended=written if withdrawn else None,
            measures=_measures(told) if told["person"] is None else (),
        )
        if held is not None:
            new = replace(new, raised=held.raised, reopened=held.reopened, handling=held.handling)
            new = replace(new, handlings=held.handlings)
            if not withdrawn and held.state in ENDED:
                new = replace(new, reopened=written)
            elif not withdrawn:
                new = replace(new, state=held.state)
        self.findings[name] = new
        if len(self.findings) > self.most:
            self._let_go()

    def _handled(self, told: dict[str, Any], written: int) -> None:
        held = self.findings.get(told["finding_id"])
        done = Handling(
            event_type=told["event_type"],
            by=str(told["by"]),
            note=str(told["note"]),
            at=str(told["at"]),
            of_revision=int(told["of_revision"]),
            number=int(told["revision"]),
            closed_as=told["closed_as"],
        )
        if held is None or not _counts(held, done):
            return
        state: State = "acknowledged" if done.event_type == ACKNOWLEDGED else "closed"
        self.findings[held.id] = replace(
            held,
            state=state,
            changed=written,
            ended=written if state == "closed" else None,
            handling=done,
            handlings=done.number,
        )

    def _let_go(self) -> None:
        """A tenth at a time: looking for them is work over all of them."""
        number = max(1, self.most // 10)
        order = sorted(self.findings.values(), key=lambda held: (held.state not in ENDED, held.changed))
        for held in order[:number]:
            del self.findings[held.id]
        self.let_go += number


def _measures(told: dict[str, Any]) -> tuple[Measured, ...]:
    return tuple(
        Measured(intern(one["name"]), str(one["value"]), one["threshold"])
        for one in told["evidence"]["measures"][:MOST_MEASURES]
    )


def _counts(held: Standing, done: Handling) -> bool:
    if done.of_revision != held.revision or done.number != held.handlings + 1 or held.state == "withdrawn":
        return False
    if done.event_type == ACKNOWLEDGED:
        return held.state == "open"
    return held.state != "closed" or (held.handling is not None and held.handling.closed_as != done.closed_as)


@dataclass(frozen=True, slots=True)
class Deed:
    """What an officer wants done. `at`: RFC 3339, from outside. `closed_as` None: acknowledge, else close as that.

    `seen`: the revision that the officer looked at; None: whatever is newest.
    """

    by: str
    note: str
    at: str
    closed_as: ClosedAs | None = None
    seen: int | None = None

    @property
    def event_type(self) -> str:
        return ACKNOWLEDGED if self.closed_as is None else CLOSED


def handle(held: Standing, deed: Deed) -> Handling | None:
    """What is to be written; None where the finding stands so already, and nothing is. Raises Refused."""
    _readable("the name of who does it", deed.by, LONGEST_NAME)
    _readable("the note", deed.note, LONGEST_NOTE)
    look = f"Look again: petct surveillance show {held.id}"
    if deed.seen is not None and deed.seen != held.revision:
        raise Refused(
            f"The finding was revised meanwhile: it is at revision {held.revision}, not {deed.seen}", look, "revised"
        )
    if held.state == "withdrawn":
        raise Refused(
            "The finding is withdrawn: what it rested on was undone", "There is nothing to do any more", "withdrawn"
        )
    if deed.closed_as is None:
        if held.state == "acknowledged":
            return None
        if held.state == "closed":
            raise Refused(f"The finding is closed already, as {_closed_as(held)}", look, "closed")
    elif held.state == "closed" and _closed_as(held) == deed.closed_as:
        return None
    return Handling(
        deed.event_type, deed.by.strip(), deed.note.strip(), deed.at, held.revision, held.handlings + 1, deed.closed_as
    )


def record_of(held: Standing, done: Handling) -> dict[str, Any]:
    """What is written on settlement.alerts. Its `revision` is the number of the handling."""
    made = FindingHandled(
        schema_version="1.0",
        event_id=output_event_id(held.id, done.event_type, done.number),
        event_type=done.event_type,  # type: ignore[arg-type] # one of the two
        revision=done.number,
        finding_id=held.id,
        by=done.by,
        note=done.note,
        at=done.at,
        of_revision=done.of_revision,
        closed_as=done.closed_as,
    )
    return made.model_dump(mode="json")


def stands(held: Standing | None, done: Handling) -> None:
    """Whether what was written counts, as the topic tells afterwards. Raises Refused with what came before it."""
    if held is not None and held.handling == done:
        return
    if held is None or held.revision != done.of_revision:
        why, code = "The finding was revised at the same moment", "revised"
    else:
        why, code = "Somebody else handled the finding at the same moment", "handled"
    raise Refused(f"{why}; what you did does not count", "Look again: petct surveillance show", code)


def moment(milliseconds: int) -> str:
    """RFC 3339 in China, to the second.

    >>> moment(1625103000000)
    '2021-07-01T09:30:00+08:00'
    """
    return _moment(milliseconds).isoformat(timespec="seconds")


def day_of(milliseconds: int) -> date:
    """In China."""
    return _moment(milliseconds).date()


def end_of(day: date) -> int:
    """The first millisecond after a day in China."""
    after = datetime(day.year, day.month, day.day, tzinfo=CHINA) + timedelta(days=1)
    return int(after.timestamp() * 1000)


def amounts(found: Iterable[Standing]) -> Decimal:
    """At stake in all of them, in yuan, two places."""
    return sum((held.at_stake for held in found), Decimal("0.00"))


def hospitals(found: Iterable[Standing]) -> Iterator[str]:
    """Each once, in order."""
    yield from sorted({code for held in found for code in held.hospitals})


def _moment(milliseconds: int) -> datetime:
    return (datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds)).astimezone(CHINA)


def _closed_as(held: Standing) -> str | None:
    return held.handling.closed_as if held.handling is not None else None


def _readable(what: str, text: str, most: int) -> None:
    if not text.strip():
        raise Refused(f"{what[:1].upper()}{what[1:]} is empty", "Say it in a few words", "empty")
    if len(text) > most or not text.isprintable():
        raise Refused(
            f"{what[:1].upper()}{what[1:]} is too long, or holds characters that cannot be printed",
            f"Give one line of at most {most} characters",
            "unreadable",
        )
