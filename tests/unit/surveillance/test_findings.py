"""Records of findings: raised, revised, withdrawn; never twice for the same facts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from pydantic import TypeAdapter

from schemas.alerts import MOST_SETTLEMENTS_NAMED, AlertRecord
from schemas.codec import dumps
from streams.surveillance.facts import Fact
from streams.surveillance.findings import Held, headers, reconcile
from streams.surveillance.judge import judge_city, judge_person
from streams.surveillance.suspicion import Suspicion
from tests.facts import ABOVE, SECRET, SPRING, fact, installed, scan

READ = TypeAdapter[Any](AlertRecord)
VERSION = "sha256:" + "0" * 64


class Desk:
    """Holds what was written, as a table would."""

    def __init__(self) -> None:
        self.held: dict[str, Held] = {}

    def say(self, suspicions: Sequence[Suspicion], *, version: str = VERSION, since: date = date.min) -> list[Any]:
        records, held = reconcile(self.held, suspicions, secret=SECRET, version=version, since=since)
        self.held = {id: Held.read(one.value()) for id, one in held.items()}
        for record in records:
            READ.validate_json(dumps(record))
        return records


def split(*facts: Fact) -> list[Suspicion]:
    return judge_person(facts, installed())


TWO = (fact(1), fact(2))


def kinds(records: Sequence[Any]) -> list[tuple[str, int]]:
    return [(record["event_type"], record["revision"]) for record in records]


def test_a_new_suspicion_is_raised_once() -> None:
    desk = Desk()
    assert kinds(desk.say(split(*TWO))) == [("finding.raised", 1)]
    assert desk.say(split(*TWO)) == []
    assert desk.say(split(*reversed(TWO))) == []


def test_more_evidence_revises_it_under_the_same_id() -> None:
    desk = Desk()
    (first,) = desk.say(split(*TWO))
    (second,) = desk.say(split(*TWO, fact(3)))
    assert kinds([second]) == [("finding.revised", 2)]
    assert (first["finding_id"], len(second["evidence"]["settlement_ids"])) == (second["finding_id"], 3)


def test_an_undoing_withdraws_what_rested_on_it() -> None:
    desk = Desk()
    desk.say(split(*TWO))
    (gone,) = desk.say(split(fact(1), fact(2).undo()))
    assert (gone["event_type"], gone["status"], gone["revision"]) == ("finding.withdrawn", "withdrawn", 2)
    assert desk.say(split(fact(1), fact(2).undo())) == []


def test_what_comes_back_is_raised_again_with_a_higher_revision() -> None:
    desk = Desk()
    desk.say(split(*TWO))
    desk.say(split(fact(1)))
    assert kinds(desk.say(split(*TWO))) == [("finding.raised", 3)]


def test_every_record_has_an_id_of_its_own_that_is_the_same_each_time() -> None:
    def life() -> list[str]:
        desk = Desk()
        steps = (TWO, (*TWO, fact(3)), (fact(1),), TWO)
        return [record["event_id"] for step in steps for record in desk.say(split(*step))]

    assert life() == life()
    assert len(set(life())) == 4


def test_new_thresholds_that_say_the_same_write_nothing() -> None:
    desk = Desk()
    desk.say(split(*TWO))
    assert desk.say(split(*TWO), version="sha256:" + "1" * 64) == []


def test_what_rests_on_expired_facts_stays_as_it_was_and_is_forgotten() -> None:
    desk = Desk()
    desk.say(split(*TWO))
    assert desk.say([], since=SPRING + timedelta(1)) == []
    assert desk.held == {}


def test_what_only_some_of_the_facts_say_is_not_said() -> None:
    """A part of the facts it looks at was expired: all of them might have said otherwise."""
    assert Desk().say(split(*TWO), since=SPRING + timedelta(1)) == []
    assert Desk().say(split(*TWO), since=SPRING) != []


def test_a_finding_holds_nothing_that_tells_a_person() -> None:
    (record,) = Desk().say(split(*TWO))
    assert record["person"] == fact(1).person
    assert set(record) == {
        "schema_version", "event_id", "event_type", "revision", "finding_id", "rule", "severity", "category", "status",
        "window", "city", "hospitals", "person", "evidence", "threshold", "amount_at_stake", "says",
    }  # fmt: skip


def test_of_very_many_settlements_the_first_are_named_and_all_are_counted() -> None:
    facts = [fact(number, scan(charged="6500.00", reasons=(ABOVE,)), person=f"{number:032x}") for number in range(250)]
    (record,) = Desk().say(judge_city(facts, installed(), SPRING))
    evidence = record["evidence"]
    assert (len(evidence["settlement_ids"]), evidence["settlements"]) == (MOST_SETTLEMENTS_NAMED, 250)
    assert evidence["settlement_ids"] == sorted(one.settlement_id for one in facts)[:MOST_SETTLEMENTS_NAMED]


def test_the_id_depends_on_the_secret() -> None:
    ids = {
        record["finding_id"]
        for secret in (SECRET, b"another")
        for record in reconcile({}, split(*TWO), secret=secret, version=VERSION)[0]
    }
    assert len(ids) == 2


def test_headers_are_those_of_cloud_events() -> None:
    (record,) = Desk().say(split(*TWO))
    told = dict(headers(record))
    assert (told["ce_id"], told["ce_time"]) == (record["event_id"].encode(), b"2023-03-06T00:00:00+08:00")
    assert told["rulebook"] == VERSION.encode()
