"""`petct surveillance list|show|ack|close|daily` on a real Kafka, with findings as the watch writes them."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from typer.testing import CliRunner

from ops.kafka.broker import RealKafka
from schemas.alerts import FindingHandled
from schemas.moments import CHINA
from schemas.topics import ALERTS
from streams.bus.alerts_topic import AlertsTopic
from streams.bus.topics import create_topics
from streams.cli.app import app
from streams.surveillance.desk import Deed, Refused
from streams.watch.alerts import written
from tests.broker.settling import Scene, scene
from tests.findings import (
    HOSPITAL,
    OTHER_HOSPITAL,
    PERSON,
    RULEBOOK,
    Record,
    finding,
    name_of,
    of_hospital,
    value,
)
from tests.kafka import Broker

pytestmark = [pytest.mark.kafka, pytest.mark.real_kafka]

BY = ("--by", "desk-1", "--note", "records asked for")


@pytest.fixture
async def on(real_kafka: RealKafka, prefix: str) -> Scene:
    made = scene(Broker("real", real_kafka.bootstrap_servers), prefix)
    await create_topics(made.settings, 4, 1, (ALERTS,))
    return made


async def write(on: Scene, *records: Record) -> None:
    """Each at the partition of its number, as the watch would put it."""
    producer = AIOKafkaProducer(bootstrap_servers=on.broker.bootstrap_servers)
    await producer.start()
    try:
        for record in records:
            name = record["finding_id"]
            await producer.send_and_wait(
                on.settings.topic(ALERTS),
                value(record),
                key=name.encode(),
                partition=int(name[:8], 16) % 4,
                headers=[("ce_id", record["event_id"].encode()), ("rulebook", RULEBOOK.encode())],
            )
    finally:
        await producer.stop()


async def petct(on: Scene, *arguments: str) -> tuple[int, str, str]:
    settings = {
        "PETCT_KAFKA_BOOTSTRAP_SERVERS": on.settings.kafka_bootstrap_servers,
        "PETCT_TOPIC_PREFIX": on.settings.topic_prefix,
        "COLUMNS": "300",
    }
    done = await asyncio.to_thread(CliRunner().invoke, app, ["surveillance", *arguments], env=settings)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout, done.stderr


async def told(on: Scene, *arguments: str) -> Any:
    code, out, error = await petct(on, *arguments, "--json")
    assert code == 0, error
    return json.loads(out)


async def test_a_finding_is_listed_shown_acknowledged_and_closed_and_open_again_when_revised(on: Scene) -> None:
    others = (
        of_hospital(2, "spend_spike", ("spend", "9.00", "5.00"), hospitals=[OTHER_HOSPITAL], city="330200"),
        finding(3, severity="serious"),
    )
    await write(on, finding(1), *others)
    listed = await told(on, "list")
    assert listed["by_status"] == {"open": 3, "acknowledged": 0, "closed": 0, "withdrawn": 0}
    for arguments, numbers in (
        (("--rule", "spend_spike"), {2}),
        (("--hospital", HOSPITAL), {1, 3}),
        (("--city", "330200"), {2}),
        (("--severity", "serious"), {3}),
        (("--since", "2021-07-21"), set()),
        (("--until", "2021-07-01", "--status", "open"), {1, 2, 3}),
    ):
        found = (await told(on, "list", *arguments))["findings"]
        assert {held["finding_id"] for held in found} == {name_of(number) for number in numbers}, arguments

    code, out, _ = await petct(on, "show", name_of(1)[:8])
    assert code == 0
    for text in (name_of(1), "2 scans of one person", "5300.00", "S1 S2", "a test", PERSON):
        assert text in out

    assert (await told(on, "ack", name_of(1), *BY))["status"] == "acknowledged"
    closed = await told(on, "close", name_of(1), *BY, "--as", "unfounded", "--revision", "1")
    assert (closed["written"], closed["status"], closed["handled"]["as"]) == (True, "closed", "unfounded")

    assert "records asked for" not in json.dumps(await told(on, "list"))
    assert (await told(on, "show", name_of(1)))["note"] == "records asked for"

    (at,) = {record.partition for record in await on.records(ALERTS) if record.key == name_of(1).encode()}
    handled = [record for record in await on.records(ALERTS) if b'"of_revision"' in record.value]
    assert [record.partition for record in handled] == [at, at]
    for record in handled:
        made = FindingHandled.model_validate_json(record.value)
        headers = dict(record.headers)
        assert headers["ce_id"] == made.event_id.encode()
        assert headers["ce_type"] == made.event_type.encode()
        assert headers["rulebook"] == RULEBOOK.encode(), "that of the finding"

    await write(on, finding(1, revision=2, amount_at_stake="10600.00"))
    code, out, _ = await petct(on, "list", "--status", "open")
    assert "open again" in out
    assert "10600.00" in out


async def test_the_same_twice_writes_nothing_and_what_cannot_be_is_told_with_its_mend(on: Scene) -> None:
    await write(on, finding(1), finding(2), finding(2, revision=2, status="withdrawn"))
    assert (await petct(on, "close", name_of(1), *BY, "--as", "confirmed"))[0] == 0
    before = len(await on.records(ALERTS))
    code, out, _ = await petct(on, "close", name_of(1), *BY, "--as", "confirmed")
    assert code == 0
    assert "nothing is written" in out
    assert len(await on.records(ALERTS)) == before

    for arguments, code, said in (
        (("ack", name_of(1), *BY), 1, "closed already, as confirmed"),
        (("close", name_of(2), *BY, "--as", "confirmed"), 1, "withdrawn"),
        (("close", name_of(1), *BY, "--as", "unfounded", "--revision", "7"), 1, "revised meanwhile"),
        (("show", "ffffffff"), 1, "no finding of this id"),
        (("ack", "ffffffff", *BY), 1, "no finding of this id"),
        (("ack", name_of(1), "--by", " ", "--note", "x"), 1, "name of who does it is empty"),
        (("close", name_of(1), *BY, "--as", "guilty"), 2, "confirmed, unfounded, duplicate"),
        (("list", "--rule", "guilt"), 2, "overcharge"),
        (("list", "--since", "2021-7-1"), 2, "--since is no day"),
        (("list", "--city", "33"), 2, "six digits"),
        (("daily", "--on", "2999-01-01", "-o", "x"), 2, "not begun"),
    ):
        found, _, error = await petct(on, *arguments)
        assert (found, said in error) == (code, True), (arguments, error)
    assert len(await on.records(ALERTS)) == before


async def test_of_many_officers_at_once_one_counts_and_the_others_are_told(on: Scene) -> None:
    await write(on, finding(1))
    desks = [AlertsTopic(on.settings) for _ in range(4)]
    try:
        await asyncio.gather(*(desk.read() for desk in desks))
        deeds = [Deed(f"desk-{number}", "at once", "2021-08-01T12:00:00+08:00", None, 1) for number in range(4)]
        ended = await asyncio.gather(
            *(desk.do(name_of(1), deed) for desk, deed in zip(desks, deeds, strict=True)), return_exceptions=True
        )
        assert all(isinstance(one, Refused | tuple) for one in ended), ended
        views = [(await desk.read()).findings[name_of(1)] for desk in desks]
        assert len(set(views)) == 1, "everybody sees the same"
        counted = [number for number, one in enumerate(ended) if isinstance(one, tuple) and one[1]]
        assert len(counted) == 1
        assert views[0].handling is not None
        assert views[0].handling.by == f"desk-{counted[0]}"
    finally:
        for desk in desks:
            await desk.stop()


async def test_a_desk_that_follows_sees_what_came_since_and_begins_anew_after_a_failure(on: Scene) -> None:
    await write(on, *(finding(number) for number in range(1, 9)))
    async with AlertsTopic(on.settings) as desk:
        assert len((await desk.read()).findings) == 8
        await write(on, finding(9), finding(1, revision=2, says="another sentence"))
        held = (await desk.read()).findings[name_of(1)]
        assert (held.revision, (await desk.finding(held))["says"]) == (2, "another sentence")
        assert len((await desk.read()).findings) == 9
        await desk.stop()
        assert len((await desk.read()).findings) == 9


async def test_who_takes_over_learns_what_was_written_to_a_partition_from_an_offset_on(on: Scene) -> None:
    records = [finding(number) for number in (4, 8, 12)]
    await write(on, finding(1), *records)
    ids = [record["event_id"] for record in records]
    for since in range(4):
        assert await written(on.settings, 0, since) == set(ids[since:])


async def test_without_the_topic_it_is_told_how_to_make_it(real_kafka: RealKafka, prefix: str) -> None:
    bare = scene(Broker("real", real_kafka.bootstrap_servers), prefix)
    code, _, error = await petct(bare, "list")
    assert (code, "petct topics create" in error) == (3, True)


async def test_the_daily_summary_is_a_file_named_by_its_day_that_holds_no_person(on: Scene, tmp_path: Path) -> None:
    await write(on, finding(1), finding(2), finding(3), finding(3, revision=2, status="withdrawn"))
    await petct(on, "close", name_of(2), *BY, "--as", "confirmed")
    today = datetime.now(CHINA).date()
    for form in ("csv", "json", "html"):
        code, _, error = await petct(on, "daily", "--on", str(today), "-o", str(tmp_path), "--format", form)
        assert code == 0, error
    texts = {path.name: path.read_text("utf-8") for path in sorted(tmp_path.glob("*"))}  # noqa: ASYNC240 - tiny
    assert texts.keys() == {f"surveillance-{today}.{form}" for form in ("csv", "json", "html")}
    made = json.loads(texts[f"surveillance-{today}.json"])
    # A test that runs over midnight in China has records of two days.
    if datetime.now(CHINA).date() == today:
        assert {name: made[name] for name in ("new", "open", "closed", "withdrawn", "open_amount_at_stake")} == {
            "new": 3,
            "open": 1,
            "closed": 1,
            "withdrawn": 1,
            "open_amount_at_stake": "5300.00",
        }
    for name, text in texts.items():
        for hidden in (PERSON, "desk-1", "records asked for", name_of(1)):
            assert hidden not in text, name
    code, _, _ = await petct(on, "daily", "--on", "2021-07-01", "-o", str(tmp_path / "then.json"), "--format", "json")
    assert json.loads((tmp_path / "then.json").read_text("utf-8"))["open"] == 0, "nothing was known yet"
