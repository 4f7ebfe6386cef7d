"""`petct simulate` and the generator behind it."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from itertools import islice

import orjson
import pytest

from schemas.deadletters import DeadLetterReason
from schemas.topics import EVENTS
from streams.bus.embedded import EmbeddedBroker
from streams.cli.pace import Pace
from streams.processors.settlement import Fate
from streams.simulate import events
from tests.builders import process
from tests.kafka import read_all
from tests.unit.cli.conftest import Petct


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    assert list(events(seed=3, count=500)) == list(events(seed=3, count=500))
    assert not set(events(seed=3, count=500)) & set(events(seed=4, count=500))


def test_without_a_count_they_do_not_end() -> None:
    assert list(islice(events(seed=3, count=None), 500)) == list(events(seed=3, count=500))


def test_every_kind_of_answer_occurs() -> None:
    answers = [process(value) for _, value in events(seed=1, count=4_000, petct_share=0.8, invalid_share=0.1)]
    assert {answer.fate for answer in answers} == set(Fate)
    outcomes = {answer.outcome for answer in answers} - {None}
    assert outcomes == {"covered", "not_covered", "needs_review", "no_rule"}
    # An empty record is no line, and a bug of ours cannot be made up.
    made_up = set(DeadLetterReason) - {DeadLetterReason.EMPTY_VALUE, DeadLetterReason.PROCESSING_ERROR}
    assert {answer.dead_letter_reason for answer in answers} - {None} == made_up
    reasons = {reason for answer in answers for reason in answer.reasons}
    assert {"charged_above_regulated_price", "benefit_rule_missing", "indication_excluded"} <= reasons


def test_the_shares_are_kept() -> None:
    count = 5_000
    fates = Counter(process(value).fate for _, value in events(7, count, petct_share=0.25, invalid_share=0.1))
    assert fates[Fate.DEAD_LETTER] == pytest.approx(0.1 * count, rel=0.15)
    assert fates[Fate.PASSED_OVER] == pytest.approx(0.9 * 0.75 * count, rel=0.05)


@pytest.mark.parametrize(("petct_share", "only"), [(0.0, {Fate.PASSED_OVER}), (1.0, set(Fate) - {Fate.PASSED_OVER})])
def test_the_extremes_of_the_share(petct_share: float, only: set[Fate]) -> None:
    fates = {process(value).fate for _, value in events(7, 2_000, petct_share, invalid_share=0.0)}
    assert fates == only - {Fate.DEAD_LETTER}


def test_no_value_holds_a_line_feed_and_no_event_id_occurs_twice() -> None:
    values = [value for _, value in events(2, 3_000, petct_share=0.8, invalid_share=0.05)]
    assert not any(b"\n" in value for value in values)
    ids = [value.split(b'"event_id":"', 1)[1].split(b'"', 1)[0] for value in values if b'"event_id":"' in value]
    assert len(ids) == len(set(ids)) > 2_900


def test_keys_are_those_of_the_contract_and_nothing_is_undone_twice_or_before_it_happened() -> None:
    seen: set[str] = set()
    undone: set[str] = set()
    for key, value in events(2, 3_000, petct_share=0.8, invalid_share=0.0):
        made = orjson.loads(value)
        if "reverses" in made:
            target = made["reverses"]["settlement_id"]
            assert key.decode() == target in seen - undone
            assert (made["settlement_id"] == target) is (made["event_type"] == "settlement.voided")
            undone.add(target)
        else:
            assert key.decode() == made["settlement_id"]
            seen.add(made["settlement_id"])
    assert len(undone) > 50


def test_events_look_like_those_of_a_platform_and_plainly_made_up() -> None:
    values = [value for _, value in events(2, 500, petct_share=0.5, invalid_share=0.0)]
    settled = [made for made in map(orjson.loads, values) if "line_items" in made]
    assert {len(made["line_items"]) for made in settled} <= {10, 11, 12}
    assert 2_000 < sum(map(len, values)) / len(values) < 3_200
    assert all("示例" in made["hospital"]["name"] and "示例" in made["patient"]["name"] for made in settled)


def test_pace_spreads_records_evenly() -> None:
    slow, unbounded = Pace(0.01), Pace(None)
    assert slow.ahead(0) == unbounded.ahead(10**6) == 0.0
    assert slow.ahead(20) - slow.ahead(10) == pytest.approx(1_000, rel=0.01)


def test_they_are_written_one_a_line(petct: Petct) -> None:
    done = petct("simulate", "--count", "50", "--share", "0.5", "--invalid", "0.1", "--seed", "9", "--rate", "100000")
    assert done.returncode == 0
    assert done.stdout.split(b"\n") == [*(value for _, value in events(9, 50, 0.5, 0.1)), b""]


@pytest.mark.parametrize("wrong", [("--share", "1.5"), ("--invalid", "-1"), ("--count", "many"), ("--rate", "0")])
def test_a_wrong_argument_is_told(petct: Petct, wrong: tuple[str, str]) -> None:
    done = petct("simulate", *wrong)
    assert (done.returncode, done.stdout) == (2, b"")
    assert wrong[0].encode() in done.stderr


@pytest.mark.kafka
def test_they_go_to_the_topic_under_their_keys(petct: Petct, embedded_broker: EmbeddedBroker, prefix: str) -> None:
    servers = embedded_broker.bootstrap_servers
    arguments = ("--count", "300", "--share", "0.8", "--invalid", "0.1", "--seed", "9", "--to-topic")
    done = petct("simulate", *arguments, PETCT_KAFKA_BOOTSTRAP_SERVERS=servers, PETCT_TOPIC_PREFIX=prefix)
    assert done.returncode == 0, done.stderr.decode()
    found = asyncio.run(read_all(servers, prefix + EVENTS))
    assert Counter((record.key, record.value) for record in found) == Counter(events(9, 300, 0.8, 0.1))
    # What is undone lies before what undoes it.
    place = {record.value: (record.partition, record.offset) for record in found}
    for record in found:
        if b'"reverses"' in record.value:
            undone = orjson.loads(record.value)["reverses"]["event_id"].encode()
            [before] = [at for value, at in place.items() if b'"event_id":"' + undone + b'"' in value[:120]]
            assert before[0] == record.partition
            assert before[1] < record.offset


def test_no_broker_is_told_with_its_variable(petct: Petct) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
        done = petct("simulate", "--to-topic", PETCT_KAFKA_BOOTSTRAP_SERVERS=address)
    assert done.returncode == 4
    assert f"PETCT_KAFKA_BOOTSTRAP_SERVERS={address}" in done.stderr.decode()


def test_no_setting_is_told_by_its_variable(petct: Petct) -> None:
    done = petct("simulate", "--to-topic")
    assert done.returncode == 2
    assert b"PETCT_KAFKA_BOOTSTRAP_SERVERS" in done.stderr
