"""`petct worker settle` as a process: how it starts, what it says, how it ends."""

import asyncio
import json
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ops.kafka.broker import RealKafka
from schemas.topics import ADJUSTED, DEADLETTERS
from streams.bus.topics import SETTLE
from streams.exit_codes import ExitCode
from streams.processors.settlement import Fate
from streams.rulebook import load_rulebook
from streams.simulate import events
from tests.broker.expected import expected_fates, expected_outputs, load
from tests.broker.settling import Scene, scene
from tests.broker.workers import PATIENCE, Worker, environment
from tests.kafka import Broker

NOWHERE = "127.0.0.1:1"


@pytest.fixture
async def on_any(broker: Broker, prefix: str) -> Scene:
    made = scene(broker, prefix)
    await made.create_topics()
    return made


@pytest.fixture
async def on_kafka(real_kafka: RealKafka, prefix: str) -> Scene:
    made = scene(Broker("real", real_kafka.bootstrap_servers), prefix)
    await made.create_topics()
    return made


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_with_status_0_and_what_it_took_in_hand_is_done(
    on_any: Scene, tmp_path: Path, number: signal.Signals
) -> None:
    await load(on_any, list(events(1, 200, petct_share=1.0, invalid_share=0.0)))
    # Not about its budget, which a loaded machine may need more of.
    with Worker(tmp_path / "log", environment(on_any.settings) | {"PETCT_SHUTDOWN_SECONDS": "60"}) as worker:
        worker.until_ready()
        await on_any.until(1)
        worker.signal(number)

        assert worker.exit_code() == ExitCode.OK
        assert worker.events()[-1] == "settle worker stopped"
        assert "Traceback" not in worker.said()


def test_settings_that_are_missing_are_named_and_nothing_starts(tmp_path: Path) -> None:
    with Worker(tmp_path / "log") as worker:
        assert worker.exit_code() == ExitCode.USAGE

    assert "PETCT_KAFKA_BOOTSTRAP_SERVERS is not set" in worker.said()
    assert "PETCT_DISCLOSURE_SECRET or PETCT_DISCLOSURE_SECRET_FILE is not set" in worker.said()
    assert "Traceback" not in worker.said()


def test_without_a_broker_it_says_so_tries_again_and_gives_up_with_a_status_of_its_own(tmp_path: Path) -> None:
    given = {
        "PETCT_KAFKA_BOOTSTRAP_SERVERS": NOWHERE,
        "PETCT_DISCLOSURE_SECRET": "s",
        "PETCT_BROKER_WAIT_SECONDS": "4",
    }
    with Worker(tmp_path / "log", given) as worker:
        _until(lambda: worker.get("/livez")[0] == 200)
        assert worker.get("/readyz") == (503, "no broker has answered yet\n")

        assert worker.exit_code() == ExitCode.BROKER

    assert f"no broker answers at {NOWHERE}" in worker.said()
    assert worker.events().count("waiting for the broker") > 1
    assert "Traceback" not in worker.said()


def test_a_signal_ends_the_wait_for_a_broker_with_status_0(tmp_path: Path) -> None:
    given = {"PETCT_KAFKA_BOOTSTRAP_SERVERS": NOWHERE, "PETCT_DISCLOSURE_SECRET": "s"}
    with Worker(tmp_path / "log", given) as worker:
        _until(lambda: "waiting for the broker" in worker.said())
        worker.signal(signal.SIGTERM)

        assert worker.exit_code() == ExitCode.OK


async def test_missing_topics_are_named_with_the_mend(broker: Broker, prefix: str, tmp_path: Path) -> None:
    with Worker(tmp_path / "log", environment(scene(broker, prefix).settings)) as worker:
        assert await asyncio.to_thread(worker.exit_code) == ExitCode.TOPICS

    for name in SETTLE:
        assert f"{prefix}{name} does not exist; create it (petct topics create)" in worker.said()


def test_notices_that_cannot_be_used_are_told(tmp_path: Path) -> None:
    (tmp_path / "notices").mkdir()
    (tmp_path / "notices" / "bad.yaml").write_text("id: [\n")
    given = {
        "PETCT_KAFKA_BOOTSTRAP_SERVERS": NOWHERE,
        "PETCT_DISCLOSURE_SECRET": "s",
        "PETCT_NOTICES": str(tmp_path / "notices"),
        "PETCT_RULEBOOK_FALLBACK": "installed",
    }
    with Worker(tmp_path / "log", given) as worker:
        assert worker.exit_code() == ExitCode.RULEBOOK

    assert "bad.yaml" in worker.said()
    assert "Traceback" not in worker.said()


def test_a_port_in_use_is_told_by_its_variable(tmp_path: Path) -> None:
    given = {"PETCT_KAFKA_BOOTSTRAP_SERVERS": NOWHERE, "PETCT_DISCLOSURE_SECRET": "s"}
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        Worker(tmp_path / "log", given, port=taken.getsockname()[1]) as worker,
    ):
        assert worker.exit_code() == ExitCode.USAGE

    assert "PETCT_HTTP_PORT is" in worker.said()
    assert "which another process uses" in worker.said()


async def test_a_misspelt_variable_is_named_in_the_log(on_any: Scene, tmp_path: Path) -> None:
    given = environment(on_any.settings) | {"PETCT_BATCH_RECROD": "1"}
    with Worker(tmp_path / "log", given) as worker:
        worker.until_ready()

    (line,) = [line for line in worker.said().splitlines() if "unknown setting" in line]
    assert json.loads(line)["meant"] == "PETCT_BATCH_RECORDS"


async def test_the_breaker_ends_it_with_a_status_of_its_own(on_any: Scene, tmp_path: Path) -> None:
    await on_any.send(*[b"not json"] * 30)
    given = {"PETCT_BREAKER_RUN": "30", "PETCT_BREAKER_HOLD_SECONDS": "600"}
    with Worker(tmp_path / "log", environment(on_any.settings) | given) as worker:
        await asyncio.to_thread(_until, lambda: worker.metric("petct_breaker_open") == 1)
        assert "30 dead letters in a row" in worker.get("/readyz")[1]
        assert worker.get("/livez") == (200, "ok\n")
        # It would be seen for ten minutes more; whoever tells it to end need not wait.
        worker.signal(signal.SIGTERM)
        assert await asyncio.to_thread(worker.exit_code) == ExitCode.BREAKER

    assert "30 dead letters in a row" in worker.said()
    assert await on_any.outputs(DEADLETTERS) == []


async def test_its_status_tells_what_it_owns_and_how_far_it_is(on_any: Scene, tmp_path: Path) -> None:
    await load(on_any, list(events(4, 40, petct_share=0.5, invalid_share=0.0)))
    with Worker(tmp_path / "log", environment(on_any.settings)) as worker:
        await asyncio.to_thread(worker.until_ready)

        def caught_up() -> bool:
            told = json.loads(worker.get("/status")[1])
            return [held["lag_records"] for held in told["partitions"]] == [0] * 4

        await asyncio.to_thread(_until, caught_up)
        told = json.loads(worker.get("/status")[1])

    assert (told["not_live"], told["not_ready"], told["errors"]) == ([], [], [])
    assert [(held["partition"], held["state"]) for held in told["partitions"]] == [(n, "running") for n in range(4)]
    assert sum(held["position"] for held in told["partitions"]) >= 40
    assert told["rulebook"]["hash"] == load_rulebook().hash
    assert told["versions"]["petct-settlement"] == "0.1.0"


async def test_its_metrics_tell_what_the_topics_hold(on_any: Scene, tmp_path: Path) -> None:
    records = list(events(2, 400, petct_share=0.5, invalid_share=0.1))
    await load(on_any, records)
    expected = expected_outputs(records)
    with Worker(tmp_path / "log", environment(on_any.settings)) as worker:
        worker.until_ready()
        await on_any.until(len(expected[ADJUSTED]))
        await on_any.until(len(expected[DEADLETTERS]), DEADLETTERS)
        fates = expected_fates(records)
        _until(lambda: worker.metric('petct_records_total{fate="passed_over"}') == fates[Fate.PASSED_OVER])

        for fate in Fate:
            assert worker.metric(f'petct_records_total{{fate="{fate}"}}') == fates[fate]
        assert worker.metric("petct_assigned_partitions") == 4
        assert worker.get("/livez") == (200, "ok\n")


@pytest.mark.real_kafka
@pytest.mark.slow
async def test_a_broker_that_comes_late_is_found(real_kafka: RealKafka, tmp_path: Path, prefix: str) -> None:
    with RealKafka(tmp_path / "kafka") as kafka:
        late = scene(Broker("real", kafka.bootstrap_servers), prefix)
        await late.create_topics()
        kafka.kill()
        with Worker(tmp_path / "log", environment(late.settings)) as worker:
            _until(lambda: "waiting for the broker" in worker.said())
            await asyncio.to_thread(kafka.start)
            await asyncio.to_thread(worker.until_ready)
            await late.send(b"not json")
            await late.until(1, DEADLETTERS)
            worker.signal(signal.SIGTERM)
            assert await asyncio.to_thread(worker.exit_code) == ExitCode.OK


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)
