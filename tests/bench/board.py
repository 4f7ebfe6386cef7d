"""`python -m tests.bench.board`: the watch worker with 200,000 disclosures over 300 hospitals; writes docs/board.md.

How fast disclosures are taken in; how long it takes to start again without its folder and with it, what memory it has
then, and how long the largest list takes from the store. The tables of the 200,000 are written to Kafka as the worker
writes them, by its own folds, rather than taken in one by one. Times of the clock depend on what else the machine does;
processor time does not.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from random import Random
from statistics import median
from typing import Any, Final

import orjson
import psutil
from aiokafka.partitioner import DefaultPartitioner

from ops.kafka.broker import CHECKOUT, RealKafka
from schemas.topics import DISCLOSURES
from streams.bus.topics import create_own_topics
from streams.processors.board import Signboard, enter, place, rename
from streams.settings import Settings
from streams.watch.app import CHANGELOG
from streams.watch.board import entry_key
from tests.broker.settling import Scene
from tests.broker.watching import Watch, create_watched_topics
from tests.kafka import Broker

PARTITIONS: Final = 4
HOSPITALS: Final = 300
LARGEST_DAY: Final = 500
"""Rows of the largest list: more than ten scanners do on one day."""
FIRST: Final = date(2025, 1, 1)
DAYS: Final = 365
BEGIN: Final = "<!-- measured: make bench-board -->"
END: Final = "<!-- end of what was measured -->"
_SURNAMES: Final = "王李张刘陈杨黄赵吴周徐孙马朱胡"
_READS: Final = 30


@dataclass(slots=True)
class Stage:
    """One measured start, or the taking in."""

    what: str
    seconds: float
    processor: float
    memory: float
    """Resident, in MiB, at its end."""


def records(count: int) -> Iterator[dict[str, Any]]:
    """Disclosures of one row each. A few hospitals have most of them, and one has LARGEST_DAY on one day."""
    dice = Random(1)
    weights = [1 / (rank + 10) for rank in range(HOSPITALS)]
    of = dice.choices(range(HOSPITALS), weights, k=count)
    for number in range(count):
        largest = number < LARGEST_DAY
        hospital = 0 if largest else of[number]
        day = FIRST if largest else FIRST + timedelta(days=dice.randrange(DAYS))
        region = f"3302{hospital % 12 + 1:02d}"
        yield {
            "schema_version": "1.0",
            "event_id": f"00000000-0000-5000-8000-{number:012x}",
            "event_type": "disclosure.published",
            "disclosure_id": f"{dice.getrandbits(128):032x}",
            "status": "published",
            "revision": 1,
            "hospital": {"code": f"H{region}{hospital:05d}", "name": f"示例第{hospital}医院", "region": region},
            "rule": "zj-2021-31/disclosure",
            "rulebook": "sha256:" + "0" * 64,
            "exams": [
                {
                    "service_date": day.isoformat(),
                    "exam": "petct_whole_body",
                    "surname": dice.choice(_SURNAMES),
                    "age": dice.randrange(20, 90),
                    "diagnosis": "肺恶性肿瘤",
                    "charged_price": "5300.00",
                }
            ],
        }


async def send(on: Scene, made: dict[str, list[list[tuple[bytes | None, bytes | None]]]]) -> None:
    """By topic, by partition."""
    for topic, by_partition in made.items():
        for partition, pairs in enumerate(by_partition):
            for start in range(0, len(pairs), 5_000):
                await on.send_pairs(pairs[start : start + 5_000], partition=partition, topic=topic)


def disclosures(count: int) -> dict[str, list[list[tuple[bytes | None, bytes | None]]]]:
    made = _empty(DISCLOSURES)
    for number, record in enumerate(records(count)):
        made[DISCLOSURES][number % PARTITIONS].append((record["disclosure_id"].encode(), orjson.dumps(record)))
    return made


def tables(count: int) -> dict[str, list[list[tuple[bytes | None, bytes | None]]]]:
    """What the tables' topics hold after these disclosures."""
    made = _empty(*(f"petct-watch-{name}-changelog" for name in ("disclosures", "lists", "hospitals")))
    of_disclosures, of_lists, of_hospitals = made.values()
    partition_of = DefaultPartitioner()
    signs: dict[str, Signboard] = {}
    for number, record in enumerate(records(count)):
        placed, told = place(None, record, 1_735_689_600_000 + number)
        of_disclosures[number % PARTITIONS].append((record["disclosure_id"].encode(), placed.value()))
        for one in told:
            there = partition_of(one.hospital.encode(), list(range(PARTITIONS)), list(range(PARTITIONS)))
            if (sign := rename(signs.get(one.hospital), one)) is not None:
                signs[one.hospital] = sign
                of_hospitals[there].append((one.hospital.encode(), sign.value()))
            for day in one.days:
                key = entry_key(one.hospital, day, one.disclosure_id)
                of_lists[there].append((key, enter(None, one, day).value()))
    return made


def _empty(*topics: str) -> dict[str, list[list[tuple[bytes | None, bytes | None]]]]:
    return {topic: [[] for _ in range(PARTITIONS)] for topic in topics}


async def scene(kafka: RealKafka, prefix: str) -> Scene:
    settings = Settings(
        kafka_bootstrap_servers=kafka.bootstrap_servers, disclosure_secret="s", topic_prefix=prefix, group_id=prefix
    )
    on = Scene(Broker("real", kafka.bootstrap_servers), settings)
    await create_watched_topics(on)
    return on


async def measure(kafka: RealKafka, folder: Path, count: int, taken: int) -> tuple[list[Stage], list[float], int]:
    stages: list[Stage] = []
    on = await scene(kafka, "taking.")
    await send(on, disclosures(taken))
    with Watch.of(on, folder, "taking") as watch:
        stages.append(await asyncio.to_thread(_until, watch, taken, f"take in {taken:,}, from the start on"))

    on = await scene(kafka, "bench.")
    made = tables(count)
    names = [on.settings.topic(name) for name in made]
    await create_own_topics(on.settings, names, PARTITIONS, 1, CHANGELOG)
    await send(on, made)
    with Watch.of(on, folder) as watch:
        stages.append(await asyncio.to_thread(_until, watch, count, f"start with {count:,}, without a folder"))
        await asyncio.to_thread(watch.kill)
        watch.start()
        stages.append(await asyncio.to_thread(_until, watch, count, f"start with {count:,}, its folder there"))
        code = f"H330201{0:05d}"
        reads = []
        for _ in range(_READS):
            began = time.perf_counter()
            status, answer = await asyncio.to_thread(watch.ask, f"/v1/board/hospitals/{code}/days/{FIRST}")
            reads.append(time.perf_counter() - began)
            assert status == 200
        rows = len(answer["list"]["rows"])
        assert rows >= LARGEST_DAY
    return stages, reads, rows


def _until(watch: Watch, count: int, what: str) -> Stage:
    """Until every row is on a list."""
    began = time.perf_counter()
    while True:
        assert watch.running, watch.said()[-2_000:]
        if watch.get("/readyz")[0] == 200 and watch.metric("petct_board_rows") == count:
            break
        time.sleep(0.2)
    taken = time.perf_counter() - began
    process = psutil.Process(watch.pid)
    used = process.cpu_times()
    stage = Stage(what, taken, used.user + used.system, process.memory_info().rss / 2**20)
    print(stage, flush=True)
    return stage


def written(stages: list[Stage], reads: list[float], rows: int, count: int, load: float) -> str:
    lines = [
        BEGIN,
        f"{count:,} disclosures of {HOSPITALS} hospitals in one year, one process, {PARTITIONS} partitions, on "
        f"{psutil.cpu_count()} processors shared with the broker; {load:.0f} processes wanted them at the end:",
        "",
        "| | by the clock | processor time | resident memory then |",
        "|---|---:|---:|---:|",
    ]
    lines += [
        f"| {stage.what} | {stage.seconds:,.0f} s | {stage.processor:,.0f} s | {stage.memory:,.0f} MiB |"
        for stage in stages
    ]
    lines += [
        "",
        f"The largest list, {rows} rows, from the store through the read API: {1000 * median(reads):,.0f} ms in the "
        f"median of {len(reads)}, {1000 * max(reads):,.0f} ms at most.",
        END,
    ]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.board", description=__doc__)
    parser.add_argument("--disclosures", type=int, default=200_000)
    parser.add_argument("--taken", type=int, default=10_000, help="so many are taken in one by one")
    parser.add_argument("--write", action="store_true", help="write what was measured into docs/board.md")
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="petct-bench-") as folder,
        RealKafka(Path(folder) / "kafka", heap="1g") as kafka,
    ):
        measured = asyncio.run(measure(kafka, Path(folder), given.disclosures, given.taken))
        text = written(*measured, given.disclosures, psutil.getloadavg()[0])
    print(text)
    if given.write:
        page = CHECKOUT / "docs" / "board.md"
        before, _, rest = page.read_text("utf-8").partition(BEGIN)
        page.write_text(before + text + rest.partition(END)[2], "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
