"""What is to be done about a batch of answers: hold each against what stands, and emit only what changed. No I/O here
but the store; what must be read of the topics is asked for first, in one go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from schemas import cloudevents
from schemas.codec import dumps
from schemas.moments import CHINA, midnight, read_moment
from schemas.secrets import DisclosureSecrets
from schemas.topics import ADJUSTED as ADJUSTED_TOPIC
from schemas.topics import DISCLOSURES
from streams.adjudication.records import withdrawn_record
from streams.processors.settlement import Answer, Fate, Output, Record
from streams.replay.correction import Reason, correction, disclosure_correction
from streams.replay.difference import Difference, Kind, LeftAlone, Plain, compare, same_disclosure
from streams.replay.filters import ReadEvent, hospital_code, insured_region
from streams.replay.plans import Filters
from streams.replay.standing import (
    NOT_ON_TOPIC,
    NOTHING,
    REFUSED,
    Disclosed,
    Emitted,
    Held,
    emitted,
    take,
    take_disclosed,
)
from streams.replay.store import Store, digest

Wanted = dict[str, set[int]]
"""Offsets to read, by topic (without prefix)."""
Read = Mapping[tuple[str, int], bytes]
"""Values by topic and offset."""


class MovedError(Exception):
    """A record that stood is not on the topic any more: compaction took it, so a newer one must be read first."""


@dataclass(frozen=True, slots=True)
class Case:
    """One record of the source, as the processor saw it, with its answer. `offset` is that on the source topic.

    `key` is the settlement's, `digest` of the decision's bytes, `disclosure` the id under which the event is published,
    be it or not. `letter` names the dead letter it came from. Made by `Judge.case`.
    """

    record: Record
    answer: Answer
    offset: int
    letter: str | None
    key: bytes
    digest: bytes
    disclosure: bytes | None


@dataclass(slots=True)
class Verdict:
    """What a batch comes to. Nothing of it is in the store before `Judge.accept`."""

    outputs: dict[str, list[Output]] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    settlements: dict[bytes, Held] = field(default_factory=dict)
    disclosures: dict[bytes, Disclosed] = field(default_factory=dict)
    written: dict[bytes, bytes] = field(default_factory=dict)
    letters: dict[str, str] = field(default_factory=dict)
    """What became of dead letters."""

    @property
    def tells(self) -> bool:
        """Whether anything is to be written, or was told to somebody and is not to be told again."""
        return bool(self.outputs or self.letters or self.differences)


class Judge:
    """Judges one partition's batches, each in two steps: `wanted`, then `judge` with what was read."""

    def __init__(
        self,
        store: Store,
        partition: int,
        rulebook: str,
        secret: bytes | DisclosureSecrets,
        filters: Filters,
        event: ReadEvent,
        *,
        retrying: bool,
    ) -> None:
        self._event = event
        self._store = store
        self._partition = partition
        self._rulebook = rulebook
        self._hash = rulebook.encode()
        self._secrets = DisclosureSecrets.of(secret)
        self._outcomes = frozenset(filters.outcomes)
        self._retrying = retrying

    def case(self, record: Record, answer: Answer, offset: int, letter: str | None = None) -> Case:
        adjusted = answer.adjusted
        if adjusted is None:
            return Case(record, answer, offset, letter, record.key or b"", b"", None)
        first, output = answer.outputs[0], _disclosure_output(answer)
        disclosure = None
        if output is not None:
            disclosure = output.key
        elif answer.fate is Fate.DECIDED:
            day = read_moment(adjusted["occurred_at"]).day
            disclosure = self._secrets.id(adjusted["source_event_id"], day).encode()
        return Case(record, answer, offset, letter, first.key or b"", self._digest(first), disclosure)

    def sift(self, cases: Sequence[Case], kept: set[bytes], counts: Counter[str]) -> list[Case]:
        """Those that may change something; the others, nearly all, are counted and need not be held any longer.

        `kept` are the settlements of cases kept before in this batch, which may change what stands; it grows here.
        What is alike now needs no correction whatever live traffic does until the batch is written.
        """
        if self._retrying or self._outcomes:
            return list(cases)
        settlements = self._store.settlements({case.key for case in cases if self._store.maybe(case.key)})
        disclosures = self._store.disclosures({case.disclosure for case in cases if case.disclosure is not None})
        remaining = []
        for case in cases:
            held = settlements.get(case.key, NOTHING)
            count = None if case.key in kept else self._plain_count(case, held, disclosures.get(case.disclosure or b""))
            if count is None:
                kept.add(case.key)
                remaining.append(case)
            else:
                counts[count] += 1
        return remaining

    def _plain_count(self, case: Case, held: Held, disclosed: Disclosed | None) -> str | None:
        """How to count a case that changes nothing; None where that takes a closer look."""
        if case.answer.fate is not Fate.DECIDED:
            same = case.answer.adjusted is not None and self._plainly_unchanged(case, held)
            return "unchanged" if same else None
        decision = held.decision
        if decision is None or decision.source != _adjusted(case.answer)["source_event_id"] or not _alike(case, held):
            return None
        if held.undone:
            return "reversed"
        output = _disclosure_output(case.answer)
        if output is None:
            return "unchanged" if disclosed is None or disclosed.withdrawn else None
        if disclosed is None:
            return None
        same = disclosed.final or (not disclosed.withdrawn and self._digest(output) == disclosed.digest)
        return "unchanged" if same else None

    def wanted(self, cases: Sequence[Case]) -> tuple[_Batch, Wanted]:
        """What stands for these cases, and which records must be read to compare with."""
        batch = _Batch(
            self._store.settlements({case.key for case in cases if self._store.maybe(case.key)}),
            self._store.disclosures({id for case in cases for id in _disclosures(case)}),
        )
        wanted: Wanted = {ADJUSTED_TOPIC: set(), DISCLOSURES: set()}
        for case in cases:
            held = batch.settlements.get(case.key, NOTHING)
            if not self._plainly_unchanged(case, held):
                wanted[ADJUSTED_TOPIC] |= {r.offset for r in (held.decision, held.undoing) if r and r.offset >= 0}
            disclosed = batch.disclosures.get(case.disclosure or b"")
            output = _disclosure_output(case.answer)
            if disclosed is None or output is None or disclosed.offset < 0 or disclosed.withdrawn:
                continue
            if self._digest(output) != disclosed.digest:
                wanted[DISCLOSURES].add(disclosed.offset)
        return batch, wanted

    def judge(self, cases: Sequence[Case], batch: _Batch, read: Read) -> Verdict:
        """Raises MovedError when something wanted is not among `read`."""
        verdict = Verdict()
        view = _View(batch, read, verdict, self._store)
        for case in cases:
            fate = case.answer.fate
            if fate is Fate.PASSED_OVER or fate is Fate.DEAD_LETTER:
                self._undecided(case, view)
            elif fate is Fate.DECIDED:
                self._decided(case, view)
            else:
                self._undone(case, view)
        return verdict

    def accept(self, verdict: Verdict) -> None:
        """What was judged is written, or would have been: from now on it stands."""
        self._store.put_settlements(verdict.settlements)
        self._store.put_disclosures(verdict.disclosures)
        self._store.keep(verdict.written)

    # One method a fate.

    def _decided(self, case: Case, view: _View) -> None:
        key, after = case.key, _adjusted(case.answer)
        held = view.held(key)
        decision, source = held.decision, after["source_event_id"]
        if self._outcomes and (decision is None or decision.outcome not in self._outcomes):
            view.count("filtered", case)
            return
        if held.undone:
            self._reversed(case, view, held, after)
            return
        if decision is None:
            if held.undoing is not None and held.undoing.reverses == source:
                self._leave(case, view, Kind.TERMS, LeftAlone.UNKNOWN_BEFORE, None, after)
                return
            self._emit(case, view, Kind.NEW, None, after, revision=1, supersedes=None)
            return
        if decision.source != source:
            if not self._retrying:
                view.count("superseded", case)
            elif _moment(after["occurred_at"]) > _moment(decision.occurred_at):
                before = view.adjusted(key, decision)
                standing = (decision.revision + 1, decision.event_id)
                self._emit(case, view, Kind.NEW, before, after, revision=standing[0], supersedes=standing[1])
            else:
                self._leave(case, view, Kind.NEW, LeftAlone.ANOTHER_EVENT, view.adjusted(key, decision), after)
            return
        kind, before = None, after
        if not _alike(case, held):
            before = view.adjusted(key, decision)
            kind = compare(before, after)
        if kind is None:
            published = self._publish(case, view, after)
            if published is None:
                view.count("unchanged", case)
                return
            view.differ(self._difference(case, Kind.DISCLOSURE, after, after, disclosure=published), case)
            return
        self._emit(case, view, kind, before, after, revision=decision.revision + 1, supersedes=decision.event_id)

    def _reversed(self, case: Case, view: _View, held: Held, after: Plain) -> None:
        decision = held.decision
        if decision is not None and decision.source == after["source_event_id"] and not _alike(case, held):
            before = view.adjusted(case.key, decision)
            kind = compare(before, after)
            if kind is not None:
                self._leave(case, view, kind, LeftAlone.REVERSED, before, after)
                return
        elif self._retrying:
            self._leave(case, view, Kind.NEW, LeftAlone.REVERSED, None, after)
            return
        view.count("reversed", case)

    def _undone(self, case: Case, view: _View) -> None:
        key, after = case.key, _adjusted(case.answer)
        held = view.held(key)
        if self._outcomes:
            view.count("filtered", case)
            return
        answered, decision = held.undoing, held.decision
        reverses = after["reverses"]["event_id"]
        stands = decision is None or decision.source == reverses
        if answered is not None and answered.source == after["source_event_id"]:
            if answered.type == after["event_type"]:
                view.count("unchanged", case)
            elif answered.type != REFUSED:
                self._leave(case, view, Kind.OUTCOME, LeftAlone.FOR_A_PERSON, view.adjusted(key, answered), after)
            elif not stands or held.undone:
                view.count("superseded", case)
            else:
                before = view.adjusted(key, answered if decision is None else decision)
                revision, supersedes = answered.revision + 1, answered.event_id
                self._emit(case, view, Kind.OUTCOME, before, after, revision=revision, supersedes=supersedes)
        elif held.undone or not stands:
            view.count("superseded", case)
        else:
            undone = None if decision is None else view.adjusted(key, decision)
            self._emit(case, view, Kind.NEW, undone, after, revision=1, supersedes=None)

    def _undecided(self, case: Case, view: _View) -> None:
        passed_over = case.answer.fate is Fate.PASSED_OVER
        held = view.held(case.key)
        decision = held.decision
        if decision is not None and (not self._outcomes or decision.outcome in self._outcomes):
            event_id = self._event(case.record.value).get("event_id")
            if decision.source == event_id and not held.undone:
                before = view.adjusted(case.key, decision)
                kind = Kind.VANISHED if passed_over else Kind.DEAD_LETTER
                self._leave(case, view, kind, LeftAlone.FOR_A_PERSON, before, None)
                return
        if case.letter is not None and not passed_over:
            for output in case.answer.outputs:
                view.emit(output)
            view.count("failed_again", case)
        else:
            view.count("passed_over" if passed_over else "dead_letter", case)

    # What comes of it.

    def _emit(
        self,
        case: Case,
        view: _View,
        kind: Kind,
        before: Plain | None,
        after: Plain,
        *,
        revision: int,
        supersedes: str | None,
    ) -> None:
        key, first = case.key, case.answer.outputs[0]
        output = correction(first, after, revision=revision, supersedes=supersedes, reason=self._reason(before))
        assert output.value is not None
        made = emitted(output.value, NOT_ON_TOPIC, case.digest)
        assert made is not None
        view.emit(output)
        view.settle(key, take(view.held(key), made), output.value)
        published = self._publish(case, view, after)
        view.differ(self._difference(case, kind, before, after, disclosure=published, revision=revision), case)

    def _publish(self, case: Case, view: _View, after: Plain) -> str | None:
        """Emit the disclosure where what the public reads changes; tells how."""
        id, output, answer = case.disclosure, _disclosure_output(case.answer), case.answer
        if id is None:
            return None
        if output is None:
            held = view.disclosed(id)
            if held is None or held.withdrawn:
                return None
            output = self._withdrawal(id, after)
            return self._emit_disclosure(case, view, output, orjson.loads(output.value or b""))
        assert answer.disclosure is not None
        told = self._emit_disclosure(case, view, output, answer.disclosure)
        for other, record in zip(answer.outputs[2:], answer.also_withdrawn, strict=True):
            told = self._emit_disclosure(case, view, other, record) or told
        return told

    def _emit_disclosure(self, case: Case, view: _View, output: Output, record: Plain) -> str | None:
        id = output.key or b""
        held = view.disclosed(id)
        if held is not None and (held.final or (held.withdrawn and record["status"] == "withdrawn")):
            return None
        if record["status"] == "withdrawn" and case.answer.fate is Fate.REVERSED:
            revision = 1  # that of a reversal is final, whatever was published
        elif held is None:
            revision = 1
        else:
            if (
                not held.withdrawn
                and record["status"] == "published"
                and (self._digest(output) == held.digest or same_disclosure(view.published(id, held), record))
            ):
                return None
            revision = held.revision + 1
        revised = disclosure_correction(output, record, revision=revision)
        assert revised.value is not None
        withdrawn = record["status"] == "withdrawn"
        made = Disclosed(withdrawn, revision, NOT_ON_TOPIC, self._digest(output))
        view.emit(revised)
        view.publish(id, take_disclosed(held, made), revised.value)
        return str(record["status"])

    def _withdrawal(self, id: bytes, after: Plain) -> Output:
        """Of what no rule orders any more."""
        record = withdrawn_record(id.decode(), self._rulebook)
        day = read_moment(after["occurred_at"]).day
        headers = cloudevents.headers(
            event_id=record["event_id"], event_type=record["event_type"], time=midnight(day), rulebook=self._rulebook
        )
        return Output(DISCLOSURES, id, dumps(record), headers)

    def _leave(
        self, case: Case, view: _View, kind: Kind, why: LeftAlone, before: Plain | None, after: Plain | None
    ) -> None:
        view.differ(self._difference(case, kind, before, after, left_alone=why), case)

    def _difference(
        self,
        case: Case,
        kind: Kind,
        before: Plain | None,
        after: Plain | None,
        *,
        left_alone: LeftAlone | None = None,
        disclosure: str | None = None,
        revision: int | None = None,
    ) -> Difference:
        event = self._event(case.record.value)
        known = after or before or {}
        return Difference(
            partition=self._partition,
            offset=case.offset,
            settlement_id=str(known.get("settlement_id", "")),
            source_event_id=str(known.get("source_event_id", "")),
            kind=kind,
            region=insured_region(event),
            hospital=hospital_code(event),
            before=before,
            after=after,
            left_alone=left_alone,
            disclosure=disclosure,
            dead_letter_reason=case.answer.dead_letter_reason and str(case.answer.dead_letter_reason),
            revision=revision,
        )

    def _reason(self, before: Plain | None) -> Reason:
        """What was never answered was passed over for want of a rulebook that knows its code, or is retried."""
        if self._retrying:
            return "dead_letter_retry"
        return "code_change" if before is not None and before["rulebook"] == self._rulebook else "rulebook_change"

    # What is looked up.

    def _plainly_unchanged(self, case: Case, held: Held) -> bool:
        """Whether nothing must be read to see that nothing changes: nearly always."""
        adjusted, decision = case.answer.adjusted, held.decision
        if adjusted is None:
            # Passed over or a dead letter; its source is known when it has been parsed.
            return decision is None
        source = adjusted["source_event_id"]
        if case.answer.fate is not Fate.DECIDED:
            answered = held.undoing
            return answered is not None and answered.source == source and answered.type == adjusted["event_type"]
        if decision is None or (decision.source != source and not self._retrying):
            return True
        return _alike(case, held)

    def _digest(self, output: Output) -> bytes:
        return digest(output.value or b"", self._hash)


@dataclass(frozen=True, slots=True)
class _Batch:
    """What stands before a batch."""

    settlements: dict[bytes, Held]
    disclosures: dict[bytes, Disclosed]


@dataclass(frozen=True, slots=True)
class _View:
    """What stands within a batch: the same settlement may come twice in it."""

    batch: _Batch
    read: Read
    verdict: Verdict
    store: Store

    def held(self, key: bytes) -> Held:
        return self.verdict.settlements.get(key) or self.batch.settlements.get(key, NOTHING)

    def disclosed(self, id: bytes) -> Disclosed | None:
        return self.verdict.disclosures.get(id) or self.batch.disclosures.get(id)

    def adjusted(self, key: bytes, record: Emitted) -> Plain:
        return self._content(ADJUSTED_TOPIC, key, record.offset)

    def published(self, id: bytes, record: Disclosed) -> Plain:
        return self._content(DISCLOSURES, id, record.offset)

    def _content(self, topic: str, key: bytes, offset: int) -> Plain:
        if offset == NOT_ON_TOPIC:
            value = self.verdict.written.get(key) or self.store.written(key)
        else:
            value = self.read.get((topic, offset))
        if value is None:
            raise MovedError
        record: dict[str, Any] = orjson.loads(value)
        return record

    def emit(self, output: Output) -> None:
        self.verdict.outputs.setdefault(output.topic, []).append(output)

    def settle(self, key: bytes, held: Held, value: bytes) -> None:
        self.verdict.settlements[key] = held
        self.verdict.written[key] = value

    def publish(self, id: bytes, held: Disclosed, value: bytes) -> None:
        self.verdict.disclosures[id] = held
        self.verdict.written[id] = value

    def differ(self, difference: Difference, case: Case) -> None:
        self.verdict.differences.append(difference)
        self.count(str(difference.left_alone or difference.kind), case)

    def count(self, what: str, case: Case) -> None:
        self.verdict.counts[what] += 1
        if case.letter is not None:
            self.verdict.letters[case.letter] = what


def _alike(case: Case, held: Held) -> bool:
    """Whether the answer is, but for the rulebook's hash, byte for byte what the settlement's decision says."""
    decision = held.decision
    return decision is not None and case.answer.fate is Fate.DECIDED and case.digest == decision.digest


def _adjusted(answer: Answer) -> Plain:
    assert answer.adjusted is not None
    return answer.adjusted


def _disclosures(case: Case) -> list[bytes]:
    """Every id under which the event is, or may have been, published."""
    if case.disclosure is None:
        return []
    others = [output.key or b"" for output in case.answer.outputs[2:]]
    return [case.disclosure, *others]


def _disclosure_output(answer: Answer) -> Output | None:
    return answer.outputs[1] if answer.fate is not Fate.DEAD_LETTER and len(answer.outputs) > 1 else None


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=CHINA)
