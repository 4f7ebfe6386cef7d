"""The board under kill -9, lost folders and a bus that does not take what is sent: every list is as it must be."""

import asyncio
import json
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import faust
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaTimeoutError
from faust.transport.drivers import aiokafka as driver

from ops.kafka.broker import RealKafka
from schemas.topics import DISCLOSURES
from streams.processors.board import lists
from streams.settings import WatchSettings
from streams.simulate import events
from streams.watch.app import bytes_table, bytes_topic, create_changelogs, make_app
from tests.board import published
from tests.broker.expected import Records, expected_outputs, load, partition_of
from tests.broker.settling import PATIENCE, Scene, scene, until_true
from tests.broker.watching import Watch, create_watched_topics, lists_by_the_topic, until_lists_are
from tests.broker.workers import Worker, environment
from tests.kafka import Broker, create_topics

pytestmark = [pytest.mark.real_kafka, pytest.mark.slow, pytest.mark.timeout(600)]

LONG = os.environ.get("PETCT_LONG_TESTS") == "1"
KILLING_SECONDS = 60.0 if LONG else 18.0
EVENTS = 6_000 if LONG else 1_500


@pytest.fixture
async def on_kafka(real_kafka: RealKafka, prefix: str) -> Scene:
    made = scene(Broker("real", real_kafka.bootstrap_servers), prefix)
    await create_watched_topics(made)
    return made


async def _kill_at_random(dice: random.Random, settle: Worker, watch: Watch, seconds: float) -> int:
    """Kill one of both again and again, at whatever it is doing; every third watch loses its folder too."""
    end, lost, kills = time.monotonic() + seconds, 0, 0
    while time.monotonic() < end:
        await asyncio.sleep(dice.uniform(0.5, 5.0))
        victim: Worker = watch if dice.random() < 0.6 else settle
        assert victim.running, victim.said()
        await asyncio.to_thread(victim.kill)
        kills += 1
        if victim is watch:
            lost += 1
            if lost % 3 == 0:
                watch.lose_folder()
        victim.start()
    return kills


async def _feed(on: Scene, records: Records, seconds: float) -> None:
    """A stream of events over that time, so that every kill falls into work."""
    slices = 40
    for number in range(slices):
        await load(on, records[number::slices])
        await asyncio.sleep(seconds / slices)


async def test_settle_and_watch_killed_at_random_give_the_lists_computed_offline(
    on_kafka: Scene, tmp_path: Path
) -> None:
    on = on_kafka
    records = [
        record for record in events(8, EVENTS, petct_share=1.0, invalid_share=0.02) if b"reverses" not in record[1]
    ]
    undoing = [record for record in events(8, EVENTS, petct_share=1.0, invalid_share=0.02) if b"reverses" in record[1]]
    settle = Worker(tmp_path / "settle", environment(on.settings))
    watch = Watch.of(on, tmp_path)
    with settle, watch:
        feeding = asyncio.create_task(_feed(on, records, 0.7 * KILLING_SECONDS))
        killing = asyncio.create_task(_kill_at_random(random.Random(5), settle, watch, KILLING_SECONDS))
        await feeding
        # What is undone lies before its undoing, as the platform sends it.
        await load(on, undoing)
        kills = await killing
        assert kills > 3

        # What the events say, by the code of the worker offline; each disclosure once, in whatever order.
        wanted = await asyncio.to_thread(expected_outputs, records + undoing)
        for partition in range(4):
            number = sum(partition_of(key) == partition for key, _ in records + undoing)
            await on.until_committed(number, partition)
        offline = [(json.loads(value or b""), 0) for value in wanted[DISCLOSURES].elements()]
        rows = {(held.hospital.code, held.day): held.plain()["rows"] for held in lists(offline)}
        expected = await lists_by_the_topic(on)
        assert {place: held["rows"] for place, held in expected.items() if held["rows"]} == {
            place: json.loads(json.dumps(held)) for place, held in rows.items() if held
        }
        await until_lists_are(watch, expected)

        # Nothing is left but what Kafka has.
        await asyncio.to_thread(watch.kill)
        watch.lose_folder()
        watch.start()
        await until_lists_are(watch, expected)
        assert "Traceback" not in watch.said()


def _settings(on: Scene, folder: Path) -> WatchSettings:
    return WatchSettings(
        kafka_bootstrap_servers=on.settings.kafka_bootstrap_servers,
        topic_prefix=on.settings.topic_prefix,
        session_timeout_ms=6_000,
        watch_folder=folder,
    )


async def _keeping(on: Scene, folder: Path) -> tuple[faust.App, list[bytes]]:
    """An app that keeps what it reads in a table, and what it has taken so far."""
    settings = _settings(on, folder)
    app = make_app(settings, 4, 1)
    table, taken = bytes_table(app, "kept"), list[bytes]()

    async def keep(stream: object) -> None:
        async for event in stream.events():  # type: ignore[attr-defined] # faust's
            table[event.key] = event.value
            taken.append(event.value)

    app.agent(bytes_topic(app, settings.topic(DISCLOSURES)), name="keep")(keep)
    await create_changelogs(app, settings, 4, 1)
    return app, taken


async def _committed(on: Scene) -> int | None:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=on.settings.kafka_bootstrap_servers,
        group_id=on.settings.topic("petct-watch"),
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        offset: int | None = await consumer.committed(TopicPartition(on.settings.topic(DISCLOSURES), 0))
        return offset
    finally:
        await consumer.stop()


async def test_no_offset_is_committed_before_what_was_made_of_the_record_has_arrived(
    on_kafka: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrives = asyncio.Event()
    send = driver.Producer.send

    async def held_up(self: driver.Producer, *arguments: Any, **named: Any) -> object:
        await arrives.wait()
        return await send(self, *arguments, **named)

    monkeypatch.setattr(driver.Producer, "send", held_up)
    app, taken = await _keeping(on_kafka, tmp_path)
    await app.start()
    try:
        await on_kafka.send(b"value", topic=DISCLOSURES)
        await until_true(lambda: taken == [b"value"])
        # Some turns of the committing timer.
        await asyncio.sleep(4)
        assert await _committed(on_kafka) is None
        arrives.set()
        async with asyncio.timeout(PATIENCE):
            while await _committed(on_kafka) != 1:  # noqa: ASYNC110 - the broker tells nobody
                await asyncio.sleep(0.2)
        assert [record.value for record in await on_kafka.records("petct-watch-kept-changelog")] == [b"value"]
    finally:
        arrives.set()
        await app.stop()


async def test_what_was_read_and_not_committed_is_read_again_after_a_handing_out_the_first_records_too(
    on_kafka: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.watch.app.COMMIT_SECONDS", 3600.0)
    app, taken = await _keeping(on_kafka, tmp_path)
    await app.start()
    try:
        await on_kafka.send(b"first", b"second", topic=DISCLOSURES)
        await until_true(lambda: taken == [b"first", b"second"])
        assert await _committed(on_kafka) is None
        # As Faust does whenever partitions have been handed out and tables are read.
        await app.consumer.perform_seek()
        # Now it empties its queues: what has come since would be lost.
        await on_kafka.send(b"third", topic=DISCLOSURES)
        await asyncio.sleep(1)
        assert taken == [b"first", b"second"]
        app.flow_control.resume()
        app.consumer.resume_flow()
        await until_true(lambda: taken == [b"first", b"second", b"first", b"second", b"third"])
    finally:
        await app.stop()


async def test_what_does_not_arrive_is_not_committed_and_is_noticed(
    on_kafka: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(self: driver.Producer, *arguments: Any, **named: Any) -> object:
        future = asyncio.get_running_loop().create_future()
        future.set_exception(KafkaTimeoutError("the text of an error may hold the record"))
        return future

    monkeypatch.setattr(driver.Producer, "send", refused)
    app, taken = await _keeping(on_kafka, tmp_path)
    await app.start()
    try:
        await on_kafka.send(b"value", topic=DISCLOSURES)
        await until_true(lambda: taken == [b"value"])
        await until_true(lambda: app.producer.failure == "KafkaTimeoutError")  # type: ignore[attr-defined] # ours
        await until_true(lambda: app.crashed)
        assert await _committed(on_kafka) is None
    finally:
        await app.stop()


async def test_a_record_that_cannot_be_read_is_left_out_told_and_stops_nothing(on_kafka: Scene, tmp_path: Path) -> None:
    bad = [
        b"no json",
        b"[]",
        b"{}",
        b'{"disclosure_id": "../../x", "exams": []}',
        json.dumps({"secret-mark": 1}).encode(),
    ]
    with Watch.of(on_kafka, tmp_path) as watch:
        await on_kafka.send(*bad, None, json.dumps(published(1)).encode(), topic=DISCLOSURES)
        await until_true(lambda: len(watch.lists() or {}) == 1)
        assert watch.metric('petct_board_disclosures_total{fate="unreadable"}') == len(bad) + 1
        assert watch.metric('petct_board_disclosures_total{fate="listed"}') == 1
        assert "secret-mark" not in watch.said()


async def test_a_signal_ends_it_within_its_budget_while_it_works_and_while_it_waits_to_join(
    on_kafka: Scene, tmp_path: Path
) -> None:
    given = {"PETCT_SESSION_TIMEOUT_MS": "60000", "PETCT_SHUTDOWN_SECONDS": "4"}
    with Watch.of(on_kafka, tmp_path, "w0", **given) as first:
        await asyncio.to_thread(first.until_ready)
        # The group waits for a member that does not move: whoever comes now stands in JoinGroup.
        first.signal(signal.SIGSTOP)
        with Watch.of(on_kafka, tmp_path, "w1", **given) as second:
            await until_true(lambda: second.get("/livez")[0] == 200)
            await asyncio.sleep(6)
            assert second.get("/readyz")[0] == 503
            second.signal(signal.SIGTERM)
            assert await asyncio.to_thread(second.exit_code) == 0
        first.signal(signal.SIGCONT)
        first.signal(signal.SIGTERM)
        assert await asyncio.to_thread(first.exit_code) == 0
        assert first.events()[-1] == "watch stopped"


async def test_a_process_that_the_group_does_not_take_back_ends(on_kafka: Scene, tmp_path: Path) -> None:
    """Started again within the session, by the same name and with another URL."""
    with Watch.of(on_kafka, tmp_path, PETCT_SESSION_TIMEOUT_MS="30000") as watch:
        await asyncio.to_thread(watch.until_ready)
        await asyncio.to_thread(watch.kill)
        watch.environment["PETCT_WATCH_API_URL"] = "http://elsewhere:9466"
        watch.start()
        assert await asyncio.to_thread(watch.exit_code) == 1
        assert "the group cannot be kept up with" in watch.said()


async def test_tables_of_another_shape_are_told_before_anything_is_taken(on_kafka: Scene, tmp_path: Path) -> None:
    """The input topic got more partitions since."""
    name = on_kafka.settings.topic("petct-watch-lists-changelog")
    create_topics(on_kafka.settings.kafka_bootstrap_servers, name, partitions=2)
    with Watch.of(on_kafka, tmp_path) as watch:
        assert await asyncio.to_thread(watch.exit_code) == 3
        assert f"{name} has 2 partitions" in watch.said()
