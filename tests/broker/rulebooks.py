"""Releases for tests: two rulebooks that decide otherwise, and what each makes of the same events."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer

from schemas.topics import ADJUSTED, DEADLETTERS, DISCLOSURES, MAX_OUTPUT_BYTES, RULEBOOK
from streams.bus.rulebook_topic import publish
from streams.processors.settlement import SettlementProcessor
from streams.rulebook import Rulebook, load_rulebook
from streams.rulebook.loader import NOTICES
from streams.rulebook.release import Release
from streams.settings import Settings
from tests.broker.workers import CHECKOUT, environment
from tests.builders import InputRecord

NINGBO = "nb-2021-23.yaml"


def without_ningbo(folder: Path) -> Path:
    """A copy of the installed notices in which Ningbo's is not yet known."""
    shutil.copytree(NOTICES, folder)
    (folder / NINGBO).unlink()
    return folder


def cheaper(folder: Path) -> Path:
    """A copy of the installed notices in which Hangzhou pays by another price."""
    shutil.copytree(NOTICES, folder)
    path = folder / "hz-2021-30.yaml"
    path.write_text(path.read_text("utf-8").replace('unit_price: "5300.00"', 'unit_price: "5200.00"'), "utf-8")
    return folder


async def release(settings: Settings, book: Rulebook, message: str = "for a test") -> Release:
    made = await publish(settings, book, message, "a test", datetime.now(UTC))
    assert made is not None
    return made


async def append(
    settings: Settings,
    key: bytes | None,
    value: bytes | None,
    headers: Sequence[tuple[str, bytes]] = (),
) -> None:
    """A record no `petct rulebook publish` would write."""
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers, max_request_size=MAX_OUTPUT_BYTES)
    await producer.start()
    try:
        await producer.send_and_wait(settings.topic(RULEBOOK), value, key=key, partition=0, headers=list(headers))
    finally:
        await producer.stop()


async def petct(settings: Settings, *arguments: str, fails: bool = False) -> str:
    """What the command writes; a process of its own. Fails the test where it does not end as expected."""

    def run() -> subprocess.CompletedProcess[str]:
        given = {"PATH": "/usr/bin:/bin", "COLUMNS": "200", **environment(settings)}
        command = [sys.executable, "-m", "streams.cli", *arguments]
        return subprocess.run(command, cwd=CHECKOUT, env=given, capture_output=True, text=True, check=False)

    done = await asyncio.to_thread(run)
    assert (done.returncode != 0) is fails, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def hash_of(record: Any) -> str:
    """The rulebook a record was decided by, by its header."""
    headers: dict[str, bytes] = dict(record.headers)
    return (headers.get("rulebook") or headers["dlq_rulebook"]).decode()


def decided_by(records: Iterable[tuple[bytes, bytes]], *books: Rulebook) -> dict[str, dict[str, Counter[bytes | None]]]:
    """By topic and rulebook hash, the values that must come out if all is decided by that one."""
    expected: dict[str, dict[str, Counter[bytes | None]]] = {
        topic: {book.hash: Counter() for book in books} for topic in (ADJUSTED, DISCLOSURES, DEADLETTERS)
    }
    for book in books:
        process = SettlementProcessor(book, b"s", "0")
        for key, value in records:
            for output in process(InputRecord(value, key=key)).outputs:
                expected[output.topic][book.hash][output.value] += 1
    return expected


def identity(topic: str, value: bytes | None) -> str:
    """What of an output does not depend on the rulebook: which event it answers."""
    if topic == DEADLETTERS:
        return (value or b"").hex()
    record = orjson.loads(value or b"")
    return json.dumps([record["event_type"], record.get("source_event_id") or record["disclosure_id"]])


def batches_of(records: Iterable[Any]) -> list[list[Any]]:
    """The records of one topic by transaction: its marker takes the offset after it, so a hole parts two of them."""
    batches: list[list[Any]] = []
    ends: defaultdict[int, int] = defaultdict(lambda: -2)
    for record in sorted(records, key=lambda record: (record.partition, record.offset)):
        if record.offset != ends[record.partition] + 1:
            batches.append([])
        batches[-1].append(record)
        ends[record.partition] = record.offset
    return batches


def installed() -> Rulebook:
    return load_rulebook()
