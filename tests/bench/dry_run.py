"""`python -m tests.bench.dry_run`: the live worker and a dry run of a replay, on the same events, in one run.

The dry run's rate counts everything: connecting, reading what was answered before, deciding and comparing. The
worker's counts from its first commit on.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Final

import orjson

from ops.kafka.broker import CHECKOUT, RealKafka
from streams.bus.topics import create_topics
from streams.replay.cluster import live_offsets
from streams.replay.planning import Asked, make_plan
from streams.replay.plans import write
from streams.rulebook import load_rulebook
from streams.settings import Settings
from streams.simulate import events
from tests.broker.settling import Scene
from tests.kafka import Broker

PARTITIONS: Final = 4
SECRET: Final = "benchmark"
JOBS: Final = (1, 2)
_LOOK_EVERY: Final = 0.02


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.dry_run", description=__doc__)
    parser.add_argument("--events", type=int, default=60_000, help="all ours; of 1 in 100 ours ten times as many")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="petct-bench-") as folder,
        RealKafka(Path(folder), heap="1g") as kafka,
    ):
        for share, number in ((1.0, given.events), (0.01, 10 * given.events)):
            rates = measure(kafka.bootstrap_servers, Path(folder), share, number, given.rounds)
            live = median(rates["live"])
            print(f"{share * 100:g} % ours, {number:,} events: live worker {live:,.0f}/s")
            for jobs in JOBS:
                whole, replaying = median(rates[f"{jobs} whole"]), median(rates[f"{jobs} replaying"])
                print(
                    f"  dry run of {jobs} process{'es' if jobs > 1 else ''}: {whole:,.0f}/s all told "
                    f"({whole / live:.2f} x), {replaying:,.0f}/s once what was answered before is read "
                    f"({replaying / live:.2f} x)",
                    flush=True,
                )
    return 0


def measure(bootstrap: str, folder: Path, share: float, number: int, rounds: int) -> dict[str, list[float]]:
    """Events a second: live; dry runs from start to end, and without the reading of earlier answers."""
    rates: defaultdict[str, list[float]] = defaultdict(list)
    for turn in range(rounds):
        prefix = f"dry.{share:g}.{turn}."
        settings = Settings(
            kafka_bootstrap_servers=bootstrap, topic_prefix=prefix, disclosure_secret=SECRET, group_id=prefix
        )
        asyncio.run(_fill(settings, share, number))
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PETCT_")},
            "PETCT_KAFKA_BOOTSTRAP_SERVERS": bootstrap,
            "PETCT_DISCLOSURE_SECRET": SECRET,
            "PETCT_TOPIC_PREFIX": prefix,
            "PETCT_GROUP_ID": prefix,
            "PETCT_HTTP_PORT": "0",
            "PETCT_RULEBOOK_FALLBACK": "installed",
            "PYTHONPATH": str(CHECKOUT),
        }
        rates["live"].append(_live(settings, environment, number))
        plan = folder / "plan.yaml"
        plan.write_text(asyncio.run(_plan(settings)), "utf-8")
        for jobs in JOBS:
            whole, replaying = _dry(environment, plan, number, jobs)
            rates[f"{jobs} whole"].append(whole)
            rates[f"{jobs} replaying"].append(replaying)
    return rates


async def _fill(settings: Settings, share: float, number: int) -> None:
    await create_topics(settings, PARTITIONS, 1)
    scene = Scene(Broker("real", settings.kafka_bootstrap_servers), settings)
    pairs: dict[int, list[tuple[bytes | None, bytes | None]]] = {at: [] for at in range(PARTITIONS)}
    for key, value in events(30, number, share, 0.0):
        pairs[sum(key) % PARTITIONS].append((key, value))
    for partition, held in pairs.items():
        await scene.send_pairs(held, partition=partition)


def _live(settings: Settings, environment: dict[str, str], number: int) -> float:
    command = [sys.executable, "-m", "streams.cli", "worker", "settle"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as worker:
        try:
            return asyncio.run(_watch(settings, number))
        finally:
            worker.terminate()


async def _watch(settings: Settings, number: int) -> float:
    first: tuple[float, int] | None = None
    while True:
        done = sum((await live_offsets(settings, settings.group_id)).values())
        now = time.monotonic()
        if done and first is None:
            first = now, done
        if done >= number and first is not None and now > first[0]:
            return (done - first[1]) / (now - first[0])
        await asyncio.sleep(_LOOK_EVERY)


async def _plan(settings: Settings) -> str:
    now = datetime.now(UTC) + timedelta(minutes=1)
    asked = Asked(datetime(2000, 1, 1, tzinfo=UTC))
    return write((await make_plan(settings, asked, load_rulebook(), now)).plan)


def _dry(environment: dict[str, str], plan: Path, number: int, jobs: int) -> tuple[float, float]:
    command = [sys.executable, "-m", "streams.cli", "replay", "run", str(plan), "--json", "--jobs", str(jobs)]
    done = subprocess.run(command, env=environment, capture_output=True, check=True)
    pulses = [orjson.loads(line) for line in done.stderr.splitlines() if line.startswith(b"{")]
    whole = pulses[-1]["seconds"]
    reading = max([pulse["seconds"] for pulse in pulses if pulse["records"] == 0], default=0.0)
    counted = orjson.loads(done.stdout)["run"]["records"]
    assert counted == number, f"{counted} of {number} records were run again"
    return number / whole, number / max(0.001, whole - reading)


if __name__ == "__main__":
    sys.exit(main())
