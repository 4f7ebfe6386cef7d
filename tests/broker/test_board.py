"""The board end to end: several processes that answer as one, files kept current, and nothing that tells a person."""

import asyncio
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer

from ops.kafka.broker import RealKafka
from schemas.moments import CHINA
from schemas.topics import ADJUSTED, DISCLOSURES, EVENTS
from tests.board import DAY, HOSPITAL, OTHER_HOSPITAL, exam, published, withdrawn
from tests.broker.expected import Records, load
from tests.broker.settling import Scene, scene, until_true
from tests.broker.watching import TOKEN, Watch, create_watched_topics, lists_by_the_topic, until_lists_are
from tests.broker.workers import CHECKOUT, Worker, environment
from tests.builders import adjusted, event, line
from tests.kafka import Broker, read_all

pytestmark = [pytest.mark.real_kafka, pytest.mark.slow, pytest.mark.timeout(900)]

LIST = f"/v1/board/hospitals/{HOSPITAL['code']}/days/{DAY}"


@pytest.fixture
async def on_kafka(real_kafka: RealKafka, prefix: str) -> Scene:
    made = scene(Broker("real", real_kafka.bootstrap_servers), prefix)
    await create_watched_topics(made)
    return made


async def _disclose(on: Scene, *records: dict[str, Any]) -> None:
    for record in records:
        partition = int(record["disclosure_id"], 16) % 4
        await on.send(json.dumps(record).encode(), partition=partition, topic=DISCLOSURES)


def _petct(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "streams.cli", *arguments]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)


def _days_ago(number: int) -> str:
    """A day in China."""
    return (datetime.now(CHINA).date() - timedelta(days=number)).isoformat()


async def test_two_processes_answer_as_one_and_one_goes_on_for_both(on_kafka: Scene, tmp_path: Path) -> None:
    on = on_kafka
    given = {"PETCT_INQUIRY": "true", "PETCT_INQUIRY_TOKEN": TOKEN}
    hospitals = [{**HOSPITAL, "code": f"H3301020000{number}"} for number in range(8)]
    await _disclose(on, *(published(number, hospital=hospital) for number, hospital in enumerate(hospitals)))
    settled = {b"S%d" % number: b"" for number in range(8)}
    record = adjusted(event())
    for number, key in enumerate(settled):
        settled[key] = json.dumps(
            record | {"settlement_id": key.decode()}, sort_keys=True, separators=(",", ":")
        ).encode()
        await on.send(settled[key], key=key, partition=number % 4, topic=ADJUSTED)
    wanted = await lists_by_the_topic(on)
    with Watch.of(on, tmp_path, "w0", **given) as first, Watch.of(on, tmp_path, "w1", **given) as second:
        both = (first, second)
        await until_true(lambda: first.ask("/v1/status")[1] == second.ask("/v1/status")[1] is not None)
        await until_true(lambda: first.ask("/v1/status")[1]["members"] == sorted(watch.url for watch in both))
        for watch in both:
            await until_lists_are(watch, wanted)
        # Each holds some of it and tells of all of it. The metrics follow the lists after a while.
        await until_true(lambda: sum(watch.metric("petct_board_lists") for watch in both) == len(wanted))
        assert min(watch.metric("petct_board_lists") for watch in both) > 0

        bearer = {"Authorization": f"Bearer {TOKEN}"}
        for watch in both:
            await until_true(lambda watch=watch: watch.ask("/v1/settlements/S7", **bearer)[0] == 200)  # type: ignore[misc]
            for key, value in settled.items():
                status, told = watch.ask(f"/v1/settlements/{key.decode()}", **bearer)
                assert (status, told["record"]) == (200, json.loads(value))
            assert watch.ask("/v1/settlements/S99", **bearer)[1]["error"] == "unknown_settlement"
            assert watch.ask("/v1/settlements/S1")[0] == 401
            assert watch.ask("/v1/settlements/S1", Authorization="Bearer x")[0] == 401
            assert watch.ask("/v1/board/hospitals/nobody")[1]["error"] in {"unknown_hospital"}
            assert watch.ask(LIST.replace(DAY, "2021-7-1"))[1]["error"] == "bad_day"
            assert watch.ask(f"/v1/board/hospitals/{hospitals[0]['code']}/months/2021-13")[1]["error"] == "bad_month"
            assert watch.ask("/v1/nothing")[1]["error"] == "unknown_path"

        await asyncio.to_thread(first.kill)
        first.lose_folder()
        await until_lists_are(second, wanted)
        assert second.ask("/v1/settlements/S0", **bearer)[0] == 200


async def test_a_folder_is_exported_and_kept_current(on_kafka: Scene, tmp_path: Path) -> None:
    on = on_kafka
    out = tmp_path / "site"
    day = _days_ago(3)
    listed = out / HOSPITAL["code"] / day[:7] / f"{day}.json"

    def surnames() -> list[str]:
        try:
            return sorted(row["surname"] for row in json.loads(listed.read_text("utf-8"))["rows"])
        except FileNotFoundError:
            return []

    with Watch.of(on, tmp_path) as watch:
        await _disclose(on, published(1, exam("王", day)), published(2, exam("李", day), hospital=OTHER_HOSPITAL))
        await until_true(lambda: len(watch.lists() or {}) == 2)
        only = ("disclosures", "export", "--hospital", HOSPITAL["code"], "--out", str(out), "--api", watch.url)

        done = await asyncio.to_thread(_petct, *only, "--day", day, "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["lists"] == 1
        assert json.loads(listed.read_text("utf-8")) == watch.ask(LIST.replace(DAY, day))[1]["list"]
        assert not (out / OTHER_HOSPITAL["code"]).exists()
        again = await asyncio.to_thread(_petct, *only, "--day", day, "--json")
        assert json.loads(again.stdout)["written"] == []
        nobody = await asyncio.to_thread(
            _petct, "disclosures", "export", "--hospital", "nobody", "--out", str(out), "--api", watch.url
        )
        assert (nobody.returncode, "nobody" in nobody.stderr) == (2, True)

        command = (sys.executable, "-m", "streams.cli", *only, "--since", day, "--watch", "--every", "0.2")
        with Worker(tmp_path / "export", command=command) as keeper:
            await _disclose(
                on, published(1, exam("王", day), exam("张", day), revision=2), published(3, exam("赵", day))
            )
            await until_true(lambda: surnames() == ["张", "王", "赵"])
            await _disclose(on, withdrawn(1))
            await until_true(lambda: surnames() == ["赵"])
            # Every day since is published, those without an examination too, up to yesterday.
            yesterday = _days_ago(1)
            empty = out / HOSPITAL["code"] / yesterday[:7] / f"{yesterday}.html"
            await until_true(empty.exists)
            keeper.signal(signal.SIGTERM)
            assert await asyncio.to_thread(keeper.exit_code) == 0
            assert "Traceback" not in keeper.said()
    away = await asyncio.to_thread(_petct, *only, "--day", day)
    assert (away.returncode, "does not answer" in away.stderr) == (1, True)


async def test_a_hospital_whose_disclosures_do_not_come_is_awaited_late_and_never_published_as_empty(
    on_kafka: Scene, tmp_path: Path
) -> None:
    """Settle does not run: its examinations are on the bus, its disclosures are not."""
    on = on_kafka
    yesterday = _days_ago(1)
    made = [
        event(line(service_date=day), occurred_at=f"{day}T09:30:00+08:00", event_id=f"E{day}")
        for day in (yesterday, _days_ago(0))  # Midnight may pass while we look.
    ]
    await on.send(*(json.dumps(one).encode() for one in made), topic=EVENTS)
    await _disclose(on, published(1))
    late = 'petct_board_missing_lists{city="330100"}'
    with Watch.of(on, tmp_path, PETCT_BOARD_DUE_HOUR="0") as watch:
        await until_true(lambda: watch.metric(late) == 1)
        await until_true(lambda: watch.ask(LIST)[0] == 200)
        awaited = LIST.replace(DAY, yesterday)
        assert watch.ask(awaited)[1]["awaited"] is True
        export = ("disclosures", "export", "--out", str(tmp_path / "site"), "--api", watch.url, "--day", yesterday)
        done = await asyncio.to_thread(_petct, *export)
        assert done.returncode == 1
        assert "have not come yet" in done.stderr
        assert not list((tmp_path / "site").rglob(f"{yesterday}.*"))

        with Worker(tmp_path / "settle", environment(on.settings)):
            await until_true(lambda: watch.metric(late) == 0 and watch.ask(awaited)[1]["awaited"] is False)
        done = await asyncio.to_thread(_petct, *export)
        assert done.returncode == 0, done.stderr


# What must never be found: given names of these characters, ids of these words, births of these years.
_MARKS = "魑魅魍魉饕餮耄耋貔貅麒麟鳏寡孤茕"
_FORBIDDEN = re.compile(
    "|".join(
        [
            *_MARKS,
            *(rf"(?i:\\u{ord(mark):04x})" for mark in _MARKS),
            "MARK[A-Z]{4}",
            r"19[34]\d-[01]\d-[0-3]\d",
            r"(?<![0-9A-Fa-f])19[34]\d[01]\d[0-3]\d(?![0-9A-Fa-f])",
        ]
    ).encode()
)
# Three bytes are in any compressed file by chance, six are not.
_FORBIDDEN_IN_A_STORE = re.compile(f"(?:{'|'.join(_MARKS)}){{2}}|MARK[A-Z]{{4}}".encode())
_SURNAMES = ("王", "李", "欧阳", "司马", "诸葛")


def _marked(count: int) -> Iterator[tuple[bytes, bytes]]:
    """Events in which everything that could tell a person is marked; some name the patient in the diagnosis."""
    given_names = product(_MARKS, repeat=4)
    for number in range(count):
        given = "".join(next(given_names))
        name = f"{_SURNAMES[number % 5]}{given}"
        day = _days_ago(2 + number % 20)
        hospital = (HOSPITAL, OTHER_HOSPITAL)[number % 2]
        diagnosis = f"{name}的肺恶性肿瘤" if number % 10 == 0 else "肺恶性肿瘤"
        made = event(
            line(service_date=day, item_name=f"肿瘤全身断层显像{given}"),
            event_id=f"MARKEVENT{number:06d}",
            settlement_id=f"MARKSETTLEMENT{number:06d}",
            occurred_at=f"{day}T10:00:00+08:00",
            hospital=hospital,
            patient={
                "person_id": f"MARKPERSON{number:06d}",
                "name": name if number % 7 else f"{name} MARKNAME",
                "birth_date": f"19{30 + number % 20}-{number % 12 + 1:02d}-{number % 28 + 1:02d}",
            },
            request={"purpose": f"{name}的检查"},
            diagnoses=[{"code": "C34.900", "name": diagnosis, "main": True}],
        )
        yield made["settlement_id"].encode(), json.dumps(made, ensure_ascii=bool(number % 2)).encode()
        if number % 25 == 0:
            undone = {
                "schema_version": "1.0",
                "event_id": f"MARKREVERSAL{number:06d}",
                "event_type": "settlement.reversed",
                "settlement_id": f"MARKUNDOING{number:06d}",
                "occurred_at": f"{day}T11:00:00+08:00",
                "insured_region": "330100",
                "reverses": {"event_id": made["event_id"], "settlement_id": made["settlement_id"]},
                "reason": "duplicate",
            }
            yield made["settlement_id"].encode(), json.dumps(undone).encode()


async def test_nothing_that_tells_a_person_leaves_settle_and_watch(on_kafka: Scene, tmp_path: Path) -> None:
    """10,000 events; every byte of every file, page, log, metric and record but the events and the adjusted ones."""
    on = on_kafka
    records: Records = list(_marked(10_000))
    await load(on, records)
    verbose = {"PETCT_LOG_LEVEL": "debug"}
    settle = Worker(tmp_path / "settle.log", environment(on.settings) | verbose)
    watch = Watch.of(on, tmp_path, **verbose)
    with settle, watch:
        await on.until(len(records), ADJUSTED)
        wanted = await lists_by_the_topic(on)
        assert sum(len(held["rows"]) for held in wanted.values()) == 10_000 - 400
        async with asyncio.timeout(600):
            while {place: held[0] for place, held in (watch.days() or {}).items()} != {
                place: len(held["rows"]) for place, held in wanted.items()
            }:
                assert watch.running, watch.said()
                await asyncio.sleep(0.5)
        site = tmp_path / "site"
        span = ("--since", _days_ago(30), "--out", str(site), "--api", watch.url, "--json")
        exported = await asyncio.to_thread(_petct, "disclosures", "export", *span)
        assert exported.returncode == 0, exported.stderr
        told = {
            "export": (exported.stdout + exported.stderr).encode(),
            "metrics": "".join(worker.get("/metrics")[1] for worker in (settle, watch)).encode(),
            "status": "".join(
                worker.get("/status")[1] + worker.get("/readyz")[1] for worker in (settle, watch)
            ).encode(),
            "lists": json.dumps(list((watch.lists() or {}).values()), ensure_ascii=False).encode(),
            "hospitals": json.dumps(watch.ask("/v1/board/hospitals"), ensure_ascii=False).encode(),
        }
        for worker in (settle, watch):
            worker.signal(signal.SIGTERM)
            assert await asyncio.to_thread(worker.exit_code) == 0
        told |= {worker.log.name: worker.log.read_bytes() for worker in (settle, watch)}
    told |= {str(path.relative_to(site)): path.read_bytes() for path in site.rglob("*") if path.is_file()}
    stored = {path.name: path.read_bytes() for path in watch.folder.rglob("*") if path.is_file()}
    assert stored
    topics = await _topics(on)
    unspoken = {on.settings.topic(EVENTS), on.settings.topic(ADJUSTED)}
    assert {
        on.settings.topic(name) for name in (DISCLOSURES, "settlement.board", "petct-watch-lists-changelog")
    } <= topics
    for topic in topics - unspoken:
        for record in await read_all(on.settings.kafka_bootstrap_servers, topic, isolation_level="read_uncommitted"):
            parts = [record.key or b"", record.value or b"", *(value or b"" for _, value in record.headers)]
            told[topic] = told.get(topic, b"") + b" ".join(parts)

    # The search finds what it should, and looked at what it should.
    assert _FORBIDDEN.search(records[0][1])
    assert _FORBIDDEN.search(records[1][1])
    assert _FORBIDDEN_IN_A_STORE.search(records[0][1])
    assert sum(name.endswith(".html") for name in told) >= 40
    assert "肺恶性肿瘤".encode() in told[on.settings.topic(DISCLOSURES)]
    found = {name: match[0] for name, data in told.items() if (match := _FORBIDDEN.search(data))}
    assert not found
    assert not [name for name, data in stored.items() if _FORBIDDEN_IN_A_STORE.search(data)]


async def _topics(on: Scene) -> set[str]:
    consumer = AIOKafkaConsumer(bootstrap_servers=on.settings.kafka_bootstrap_servers)
    await consumer.start()
    try:
        return {topic for topic in await consumer.topics() if topic.startswith(on.settings.topic_prefix)}
    finally:
        await consumer.stop()
