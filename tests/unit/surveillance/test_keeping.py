"""Steps of a subject: decided whole, kept as bytes, finished after a crash as they would have been."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from streams.surveillance.facts import Fact
from streams.surveillance.judge import judge_person
from streams.surveillance.keeping import Kept, Step, again, aged, judged, step
from streams.surveillance.suspicion import Suspicion
from tests.facts import SECRET, SPRING, fact, installed

VERSION = "sha256:" + "0" * 64


def judge(facts: Iterable[Fact]) -> list[Suspicion]:
    return judge_person(facts, installed())


def next_step(kept: Kept, *come: Fact, since: date = date.min) -> Step:
    return step("p", kept, come, judge, since=since, secret=SECRET, version=VERSION)


def after(*steps: Step) -> Kept:
    kept = Kept()
    for one in steps:
        kept.apply(Step.read(one.value()))
    return kept


def told(one: Step) -> list[tuple[str, int]]:
    return [(record["event_type"], record["revision"]) for record in one.records]


def test_the_same_facts_again_change_nothing() -> None:
    first = next_step(Kept(), fact(1), fact(2))
    assert told(first) == [("finding.raised", 1)]
    repeated = next_step(after(first), fact(2), fact(1))
    assert not repeated.changes
    assert repeated.records == ()


def test_a_step_is_the_same_when_it_was_bytes() -> None:
    made = next_step(Kept(), fact(1), fact(2))
    assert Step.read(made.value()) == made


def test_facts_that_come_together_are_judged_together() -> None:
    assert told(next_step(Kept(), fact(1), fact(2), fact(2).undo())) == []


def test_an_older_state_of_a_fact_does_not_undo_its_undoing() -> None:
    kept = after(next_step(Kept(), fact(1), fact(2).undo()))
    assert not next_step(kept, fact(2)).changes


def test_a_fact_that_comes_too_late_is_left_out_and_one_that_grew_old_goes() -> None:
    since = SPRING + timedelta(days=1)
    assert not next_step(Kept(), fact(1), since=since).changes
    first = next_step(Kept(), fact(1), fact(2))
    later = next_step(after(first), fact(3, day=since), since=since)
    kept = after(first, later)
    assert list(kept.facts) == [fact(3).key]


def test_what_grew_old_takes_no_finding_back() -> None:
    first = next_step(Kept(), fact(1), fact(2))
    since = SPRING + timedelta(days=400)
    old = aged("p", after(first), since)
    assert (len(old.expired), old.records) == (2, ())
    kept = after(first, old)
    assert (kept.facts, kept.held) == ({}, {})
    assert told(next_step(kept, fact(3, day=since), since=since)) == []


def test_a_step_that_was_begun_and_not_finished_is_finished_with_the_same_records() -> None:
    begun = next_step(Kept(), fact(1), fact(2))
    assert again(Kept(), Step.read(begun.value())) == begun


def test_a_step_that_another_has_passed_by_writes_nothing_and_takes_nothing_back() -> None:
    begun = next_step(Kept(), fact(1), fact(2))
    # Finished by another process, which went on.
    more = next_step(after(begun), fact(3), fact(1).undo())
    kept = after(begun, more)
    rest = again(kept, begun)
    assert (rest.records, rest.held) == ((), {})
    assert rest.facts[fact(1).key].undone
    kept.apply(rest)
    anew = judged("p", kept, {}, (), judge, since=date.min, secret=SECRET, version=VERSION)
    assert not anew.changes


def test_a_begun_step_whose_facts_were_undone_elsewhere_is_withdrawn_when_it_is_judged_anew() -> None:
    begun = next_step(Kept(), fact(1), fact(2))
    kept = after(next_step(Kept(), fact(1), fact(2).undo()))
    rest = again(kept, begun)
    assert told(rest) == [("finding.raised", 1)]
    kept.apply(rest)
    anew = judged("p", kept, {}, (), judge, since=date.min, secret=SECRET, version=VERSION)
    assert told(anew) == [("finding.withdrawn", 2)]
