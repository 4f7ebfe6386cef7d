"""Surveillance end to end: it finds what the judges find offline, whoever is killed, and writes none twice."""

import asyncio
import json
import os
import random
import re
import time
from collections import defaultdict
from pathlib import Path

import pytest

from ops.kafka.broker import RealKafka
from schemas.alerts import Finding
from schemas.headers import CloudEventHeaders
from schemas.topics import ADJUSTED, ALERTS, CITIES, PERSONS
from tests.broker.expected import Records
from tests.broker.settling import PATIENCE, Scene, scene, until_true
from tests.broker.supervised import (
    SECRET,
    SURVEILLED,
    Plain,
    create_surveilled_topics,
    newest,
    offline,
    open_findings,
    records,
    settle,
    settlements,
    undoing,
)
from tests.broker.watching import Watch, create_watched_topics
from tests.kafka import Broker

pytestmark = [pytest.mark.real_kafka, pytest.mark.slow, pytest.mark.timeout(600)]

LONG = os.environ.get("PETCT_LONG_TESTS") == "1"
KILLING_SECONDS = 120.0 if LONG else 20.0
PERSONS_SCANNED = 200 if LONG else 40


@pytest.fixture
async def on_kafka(real_kafka: RealKafka, prefix: str) -> Scene:
    made = scene(Broker("real", real_kafka.bootstrap_servers), prefix)
    await create_surveilled_topics(made)
    return made


async def _until_found(on: Scene, wanted: dict[str, Plain], *watches: Watch) -> None:
    """Raises TimeoutError, with what differs in the output of the test."""
    found: dict[str, Plain] = {}
    try:
        async with asyncio.timeout(3 * PATIENCE):
            while (found := await open_findings(on)) != wanted:
                assert all(watch.running for watch in watches), "\n".join(watch.said() for watch in watches)
                await asyncio.sleep(0.3)
    except TimeoutError:
        differing = [id for id in {*found, *wanted} if found.get(id) != wanted.get(id)]
        print(f"{len(found)} instead of {len(wanted)}; {len(differing)} differ")
        for id in differing[:3]:
            print(found.get(id), wanted.get(id), sep="\n")
        raise


async def _written_once(on: Scene) -> int:
    """How many records are exact repeats. Asserts that the others of a finding are its revisions, one by one."""
    seen: dict[str, tuple[object, ...]] = {}
    places: dict[str, tuple[int, int]] = {}
    revisions: defaultdict[str, list[int]] = defaultdict(list)
    repeats = 0
    for one in await on.records(ALERTS):
        record = json.loads(one.value)
        held = one.partition, one.key, one.value, one.headers
        first = seen.setdefault(record["event_id"], held)
        before = places.setdefault(record["event_id"], (one.offset, one.timestamp))
        assert first == held, "two records of one event id differ"
        if first is not held:
            print("repeated:", record["rule"], one.partition, before, (one.offset, one.timestamp))
            repeats += 1
            continue
        assert one.key == record["finding_id"].encode()
        revisions[record["finding_id"]].append(record["revision"])
    assert all(found == list(range(1, len(found) + 1)) for found in revisions.values())
    return repeats


async def test_findings_are_those_of_the_judges_offline_a_reversal_withdraws_and_nobody_is_told(
    on_kafka: Scene, tmp_path: Path
) -> None:
    on = on_kafka
    made = list(settlements(3, 40, 6))
    events = records(made)
    await settle(on, events)
    wanted = offline(events)
    assert {found["rule"] for found in wanted.values()} >= {"overcharge", "repeat_scan", "split_charge"}
    with Watch.of(on, tmp_path, PETCT_LOG_LEVEL="debug", **SURVEILLED) as watch:
        await _until_found(on, wanted, watch)
        persons = {record.key.decode(): record.partition for record in await on.records(PERSONS)}
        for one in await on.records(ALERTS):
            finding = Finding.model_validate_json(one.value)
            names = dict(one.headers)
            CloudEventHeaders.model_validate({name: value.decode() for name, value in names.items()})
            assert names["ce_id"] == finding.event_id.encode()
            assert names["rulebook"] == finding.threshold.version.encode()
            # At the partition number of what it was judged by.
            assert finding.person is None or one.partition == persons[finding.person]

        undone = records(undoing(one) for one in made[::17])
        await settle(on, undone)
        after = offline(events + undone)
        assert len(wanted.keys() - after.keys()) > 3
        await _until_found(on, after, watch)
        withdrawn = {id for id, record in (await newest(on)).items() if record["status"] == "withdrawn"}
        assert withdrawn >= wanted.keys() - after.keys()
        assert await _written_once(on) == 0

        for subjects in ("persons", "cities"):
            await _looks_far_enough_back(on, subjects)

        facts = 'petct_surveillance_held_facts{subjects="cities"}'
        await until_true(lambda: watch.metric(facts) == len(made))
        assert watch.metric("petct_surveillance_findings_total") == len(await on.records(ALERTS))
        assert watch.metric("petct_surveillance_unreadable_total") == 0
        told = watch.said() + watch.get("/metrics")[1]
    told += "".join(f"{record.key!r} {record.value.decode()} {record.headers}" for record in await on.records(ALERTS))
    told += "".join(f"{record.key!r} {record.headers}" for record in await on.records(PERSONS))
    assert not re.search(f"[魑魅魍魉]|MARKPERSON|1947|{SECRET}", told)
    assert "MARKEVENT" not in told
    assert re.search("[魑魅魍魉]", events[0][1].decode("unicode_escape", "replace")) or b"\\u9b51" in events[0][1]


async def _looks_far_enough_back(on: Scene, subjects: str) -> None:
    """However much of the changelog a killed process left: whoever finds a begun step finds its records too."""
    begun: set[tuple[int, str]] = set()
    told = 0
    for one in await on.records(f"petct-watch-surveillance-{subjects}-changelog"):
        partition, mark, subject, _ = json.loads(one.key)
        if mark == "begun" and one.value is None:
            begun.discard((partition, subject))
        elif mark == "begun":
            begun.add((partition, subject))
        elif mark == "told":
            told += 1
            assert not {place for place in begun if place[0] == partition}
    assert told > 0
    assert begun == set()


async def _feed(on: Scene, made: Records, seconds: float) -> None:
    slices = 25
    size = len(made) // slices + 1
    for number in range(slices):
        if part := made[number * size : (number + 1) * size]:
            await settle(on, part)
        await asyncio.sleep(seconds / slices)


async def _kill_at_random(dice: random.Random, watches: tuple[Watch, ...], seconds: float) -> int:
    """Kill one of them again and again, at whatever it is doing; every other time its folder is lost."""
    end, kills = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        await asyncio.sleep(dice.uniform(0.5, 4.0))
        victim = dice.choice(watches)
        assert victim.running, victim.said()
        await asyncio.to_thread(victim.kill)
        kills += 1
        if kills % 2 == 0:
            victim.lose_folder()
        victim.start()
    return kills


async def test_two_processes_killed_at_random_write_the_same_findings_and_none_of_them_twice(
    on_kafka: Scene, tmp_path: Path
) -> None:
    on = on_kafka
    made = list(settlements(5, PERSONS_SCANNED, 8))
    # What is undone lies behind it, as the platform sends it.
    events = records(made[:-20]) + records(undoing(one) for one in made[:-20:13]) + records(made[-20:])
    first, second = (Watch.of(on, tmp_path, name, **SURVEILLED) for name in ("w0", "w1"))
    with first, second:
        feeding = asyncio.create_task(_feed(on, events, 0.9 * KILLING_SECONDS))
        kills = await _kill_at_random(random.Random(7), (first, second), KILLING_SECONDS)
        await feeding
        assert kills > 3
        await _until_found(on, offline(events), first, second)

        # Nothing is left but what Kafka has, and it is all that is needed.
        for watch in (first, second):
            await asyncio.to_thread(watch.kill)
        last = records(undoing(one) for one in made[5:-20:13])
        await settle(on, last)
        with Watch.of(on, tmp_path, "w2", **SURVEILLED) as third:
            await _until_found(on, offline(events + last), third)
        assert "Traceback" not in first.said() + second.said() + third.said()
        assert await _written_once(on) == 0


async def test_what_is_wrong_with_it_is_told_before_anything_is_judged(on_kafka: Scene, tmp_path: Path) -> None:
    on = on_kafka
    thresholds = tmp_path / "thresholds"
    thresholds.mkdir()
    (thresholds / "ours.yaml").write_text("id: ours\ntitle: ours\nentries: {overcharg: {}}\n", "utf-8")
    with Watch.of(on, tmp_path, "w0", **SURVEILLED, PETCT_SURVEILLANCE_RULES=str(thresholds)) as mistaken:
        assert await asyncio.to_thread(mistaken.exit_code) == 2
        assert "ours.yaml" in mistaken.said()
        assert "overcharg" in mistaken.said()

    events = records(settlements(3, 10, 6))
    await settle(on, events)
    wanted = offline(events)
    with Watch.of(on, tmp_path, "w1", **SURVEILLED) as watch:
        await _until_found(on, wanted, watch)
        await asyncio.to_thread(watch.kill)
        watch.environment["PETCT_SURVEILLANCE_SECRET"] = "another"
        watch.start()
        assert await asyncio.to_thread(watch.exit_code) == 2
        assert "PETCT_SURVEILLANCE_SECRET is not the one that the tables" in watch.said()
    # It wrote nothing under it.
    assert await open_findings(on) == wanted


async def test_a_record_that_cannot_be_read_is_left_out_told_and_stops_nothing(on_kafka: Scene, tmp_path: Path) -> None:
    on = on_kafka
    await on.send(b"no json", b"[]", b'{"event_type": "secret-mark"}', topic=ADJUSTED)
    await on.send(b"no json", b'{"person": "secret-mark"}', topic=PERSONS)
    events = records(settlements(3, 10, 6))
    await settle(on, events)
    with Watch.of(on, tmp_path, **SURVEILLED) as watch:
        await _until_found(on, offline(events), watch)
        assert watch.metric('petct_surveillance_unreadable_total{topic="adjusted"}') == 3
        assert watch.metric('petct_surveillance_unreadable_total{topic="persons"}') == 2
        assert "secret-mark" not in watch.said()


async def test_topics_that_are_not_there_are_told(real_kafka: RealKafka, prefix: str, tmp_path: Path) -> None:
    on = scene(Broker("real", real_kafka.bootstrap_servers), prefix)
    await create_watched_topics(on)
    with Watch.of(on, tmp_path, **SURVEILLED) as watch:
        assert await asyncio.to_thread(watch.exit_code) == 3
        for name in (PERSONS, CITIES, ALERTS):
            assert f"{on.settings.topic(name)} does not exist" in watch.said()
