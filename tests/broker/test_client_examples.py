"""The clients of examples/: each sends events and takes in what comes back, once, whatever is repeated."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from ops.kafka.broker import CACHE, CHECKOUT, RealKafka, find_java
from schemas.topics import ADJUSTED, EVENTS
from streams.simulate import events
from tests.broker.expected import expected_outputs
from tests.broker.settling import PATIENCE, Scene, scene
from tests.broker.workers import Worker, environment
from tests.conftest import no_toolchain
from tests.kafka import Broker

CLIENTS: Final = CHECKOUT / "examples" / "clients"
BUILD_SECONDS: Final = 280

pytestmark = [pytest.mark.kafka, pytest.mark.real_kafka]


@dataclass(frozen=True)
class Client:
    """A built example: what to run, before `produce` or `consume`."""

    command: tuple[str, ...]
    settings: dict[str, str]

    async def __call__(self, *arguments: str) -> None:
        """Raises AssertionError with what it said when it fails, and TimeoutError."""
        process = await asyncio.create_subprocess_exec(
            *self.command, *arguments, env=os.environ | self.settings, stderr=asyncio.subprocess.PIPE
        )
        try:
            async with asyncio.timeout(PATIENCE):
                _, said = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
        assert process.returncode == 0, said.decode()


def _python() -> tuple[str, ...]:
    return sys.executable, str(CLIENTS / "python" / "platform_client.py")


def _java() -> tuple[str, ...]:
    if shutil.which("mvn") is None or shutil.which("javac") is None:
        raise LookupError("Maven and a JDK (Debian: apt-get install maven default-jdk-headless)")
    built = CACHE / "client-java"
    goals = ["compile", "dependency:copy-dependencies", "-DincludeScope=runtime", f"-Dclient.output={built}"]
    maven = ["mvn", "-q", "-B", "-f", str(CLIENTS / "java" / "pom.xml"), f"-Dmaven.repo.local={CACHE / 'maven'}"]
    subprocess.run([*maven, *goals], check=True, timeout=BUILD_SECONDS)
    classes = f"{built / 'classes'}{os.pathsep}{built / 'dependency' / '*'}"
    return str(find_java()), "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", classes, "PlatformClient"


def _go() -> tuple[str, ...]:
    if shutil.which("go") is None:
        raise LookupError("Go (Debian: apt-get install golang-go)")
    built = CACHE / "client-go"
    inside = {
        "GOMODCACHE": str(CACHE / "go" / "mod"),
        "GOCACHE": str(CACHE / "go" / "build"),
        "GOFLAGS": "-modcacherw -buildvcs=false",
        "CGO_ENABLED": "0",
    }
    command = ["go", "build", "-o", str(built), "."]
    subprocess.run(command, cwd=CLIENTS / "go", env=os.environ | inside, check=True, timeout=BUILD_SECONDS)
    return (str(built),)


BUILDERS: Final[dict[str, Callable[[], tuple[str, ...]]]] = {"Python": _python, "Java": _java, "Go": _go}


@pytest.fixture(params=BUILDERS)
def command(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """How the example of a language is run. Without its toolchain: skipped, or with REQUIRE_CLIENTS=1 failed."""
    built: tuple[str, ...] = ()
    missing = ""
    try:
        built = BUILDERS[request.param]()
    except LookupError as error:
        missing = f"{request.param}: {error.args[0]}"
    if missing:
        no_toolchain(request.config, missing)
    return built


def rows(path: Path) -> list[list[str]]:
    return sorted(row.split("\t") for row in path.read_text("utf-8").splitlines())


async def send_and_abort(on: Scene, value: bytes) -> None:
    """A record of a transaction that came to nothing, in every partition of the adjusted settlements."""
    producer = AIOKafkaProducer(
        bootstrap_servers=on.broker.bootstrap_servers, transactional_id=f"{on.settings.topic_prefix}aborted"
    )
    async with producer:
        await producer.begin_transaction()
        for partition in range(4):
            await producer.send_and_wait(on.settings.topic(ADJUSTED), value, key=b"S", partition=partition)
        await producer.abort_transaction()


@pytest.mark.timeout(2 * BUILD_SECONDS)
async def test_a_client_takes_in_every_answer_once(
    command: tuple[str, ...], real_kafka: RealKafka, prefix: str, tmp_path: Path
) -> None:
    on = scene(Broker("real", real_kafka.bootstrap_servers), prefix)
    await on.create_topics()
    sent = list(events(3, 60, petct_share=0.8, invalid_share=0.0))
    (tmp_path / "events.jsonl").write_bytes(b"\n".join(value for _, value in sent))
    answers = [orjson.loads(value or b"") for value in expected_outputs(sent)[ADJUSTED].elements()]
    expected = sorted(
        [
            answer["event_id"],
            answer["settlement_id"],
            answer["event_type"],
            answer.get("totals", {}).get("fund_amount", "-"),
        ]
        for answer in answers
    )
    assert {row[2] for row in expected} > {"settlement.adjusted", "settlement.adjustment_voided"}
    ledger = tmp_path / "ledger.tsv"
    settings = {"KAFKA_BOOTSTRAP_SERVERS": on.broker.bootstrap_servers, "TOPIC_PREFIX": prefix, "GROUP_ID": prefix}
    client = Client(command, settings)
    aborted = orjson.dumps(answers[0] | {"event_id": "of a transaction that was aborted"})

    with Worker(tmp_path / "log", environment(on.settings)) as worker:
        worker.until_ready()
        await send_and_abort(on, aborted)
        await client("produce", str(tmp_path / "events.jsonl"))
        await client("consume", str(ledger), str(len(answers)))
        assert rows(ledger) == expected

        # The platform sends all of it again, and so the worker answers again: under the same ids.
        await client("produce", str(tmp_path / "events.jsonl"))
        await client("consume", str(ledger), str(len(answers)))
        assert rows(ledger) == expected
        assert worker.running

    assert len(await on.outputs(ADJUSTED)) == 2 * len(answers)
    keys = {(record.key, record.value): record.partition for record in await on.records(EVENTS)}
    assert keys.keys() == {(key, value) for key, value in sent}
    by_key: dict[bytes, set[int]] = {}
    for (key, _), partition in keys.items():
        by_key.setdefault(key, set()).add(partition)
    assert all(len(partitions) == 1 for partitions in by_key.values())
