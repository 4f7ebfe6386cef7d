"""Surveillance without a bus: events in, findings out, by the very functions of the worker."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from schemas.events import SettlementCompleted
from streams import __version__
from streams.processors.envelope import parse
from streams.processors.form import CONTRACT, Form
from streams.processors.settlement import Fate, Header, SettlementProcessor
from streams.rulebook import Rulebook
from streams.surveillance.examined import event_day
from streams.surveillance.facts import Fact, fact_of, newer
from streams.surveillance.findings import Record, reconcile
from streams.surveillance.judge import judge_city, judge_person
from streams.surveillance.suspicion import Suspicion
from streams.surveillance.thresholds import CITY_RULES, PERSON_RULES, RULES, Thresholds


class _Document(NamedTuple):
    """A record as the processor wants it. Nothing but `value` has a bearing on the answer."""

    value: bytes
    topic: str = ""
    partition: int = 0
    offset: int = 0
    timestamp: int = 0
    key: bytes | None = None
    headers: tuple[Header, ...] = ()


class Offline:
    """Feed it events as they lie on the topic, in any order and repeated as you like; then ask for the findings.

    Holds the facts of examinations, the ids of what was undone, and nothing of the other events. Nothing expires.
    """

    def __init__(self, rulebook: Rulebook, thresholds: Thresholds, secret: bytes, form: Form = CONTRACT) -> None:
        self.rulebook: Final = rulebook
        self.thresholds: Final = thresholds
        self.events = 0
        self.dead_letters = 0
        self._secret: Final = secret
        # Disclosures are made on the way and thrown away, so their secret may be anything.
        self._decide: Final = SettlementProcessor(rulebook, secret, __version__, form)
        self._facts: Final[dict[str, Fact]] = {}
        self._undone: Final[set[str]] = set()

    def take(self, value: bytes) -> None:
        """One event, reversal or void; anything that is none of ours, or cannot be decided, changes nothing."""
        self.events += 1
        answer = self._decide(_Document(value))
        adjusted = answer.adjusted
        if answer.fate is Fate.DEAD_LETTER:
            self.dead_letters += 1
        elif adjusted is None:
            return
        elif answer.fate is Fate.REVERSED:
            self._undone.add(adjusted["reverses"]["event_id"])
        elif answer.fate is Fate.DECIDED:
            fact = self._fact(value, adjusted)
            self._facts[fact.key] = newer(self._facts.get(fact.key), fact)

    @property
    def settlements(self) -> int:
        """How many events with an examination were taken, undone or not."""
        return len(self._facts)

    @property
    def facts(self) -> list[Fact]:
        """All that are kept, by event id, with what was undone marked."""
        return [fact.undo() if key in self._undone else fact for key, fact in sorted(self._facts.items())]

    def findings(self) -> dict[str, Record]:
        """The open findings by id, as the first revision of each would be written."""
        suspicions = suspicions_of(subjects_of(self.facts), self.thresholds)
        records, _ = reconcile({}, suspicions, secret=self._secret, version=self.thresholds.hash)
        return {record["finding_id"]: record for record in records}

    def _fact(self, value: bytes, adjusted: Mapping[str, Any]) -> Fact:
        form, rulebook = self._decide.form, self.rulebook
        event = form.read(parse(value), rulebook.codes, rulebook.dated_codes)
        assert isinstance(event, SettlementCompleted), "only these are decided"
        plain = self._decide.plain(value)
        return fact_of(event, plain, adjusted, self._secret, self.thresholds.item_codes)


class Subjects(NamedTuple):
    """Facts by whom they are about."""

    persons: Mapping[str, list[Fact]]
    cities: Mapping[str, list[Fact]]


def subjects_of(facts: Iterable[Fact]) -> Subjects:
    persons, cities = defaultdict[str, list[Fact]](list), defaultdict[str, list[Fact]](list)
    for fact in facts:
        persons[fact.person].append(fact)
        cities[fact.city].append(fact)
    return Subjects(persons, cities)


def suspicions_of(subjects: Subjects, thresholds: Thresholds, rules: Iterable[str] = RULES) -> list[Suspicion]:
    """What all rules, or some, say of all subjects."""
    wanted = frozenset(rules)
    found: list[Suspicion] = []
    if not wanted.isdisjoint(PERSON_RULES):
        for held in subjects.persons.values():
            found += judge_person(held, thresholds, wanted)
    if not wanted.isdisjoint(CITY_RULES):
        for held in subjects.cities.values():
            found += judge_city(held, thresholds, event_day(held), wanted)
    return found
