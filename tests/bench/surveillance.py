"""`python -m tests.bench.surveillance`: the watch worker with surveillance over a year with planted abuse.

On a real Kafka the year is put on the bus and settled first, so that what is measured is `petct worker watch`: from its
start, with the board that it keeps as well, to the moment when settlement.alerts says what the offline engine says of
the same year. Records a second are those of settlement.events, nearly all of them somebody else's, as on a real bus.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil
from confluent_kafka import Producer

from ops.kafka.broker import CHECKOUT, RealKafka
from schemas.topics import ALERTS, EVENTS
from streams.rulebook import load_rulebook
from streams.settings import Settings
from streams.simulate_year import Year
from streams.surveillance.offline import Offline
from streams.surveillance.thresholds import load_thresholds
from tests.bench.contenders import peak_bytes
from tests.broker.settling import Scene
from tests.broker.supervised import create_surveilled_topics, open_findings, stated
from tests.broker.watching import Watch
from tests.broker.workers import Worker, environment
from tests.kafka import Broker
from tests.planted import SECRET, codes

SEED: Final = 1
PREFIX: Final = "surveillance."
PARTITIONS: Final = 4
PATIENCE_SECONDS: Final = 3_600.0
BEGIN: Final = "<!-- measured: make bench-surveillance -->"
END: Final = "<!-- end of what was measured -->"

Findings = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Measured:
    """`memory` is the largest resident size in MiB, `busy` processor time in seconds."""

    records: int
    scans: int
    findings: int
    seconds: float
    busy: float
    memory: float
    alerts: int
    load: float

    def text(self) -> str:
        return "\n".join(
            (
                f"{self.records:,} records on settlement.events, {self.scans:,} examinations among them; one process, "
                f"{PARTITIONS} partitions, on {psutil.cpu_count()} processors shared with the broker; "
                f"{self.load:.0f} processes wanted them at the end:",
                "",
                "| records a second | examinations a second | seconds | processor seconds | resident at most "
                "| records of findings | open findings |",
                "|---:|---:|---:|---:|---:|---:|---:|",
                f"| {self.records / self.seconds:,.0f} | {self.scans / self.seconds:,.0f} | {self.seconds:,.0f} "
                f"| {self.busy:,.0f} | {self.memory:,.0f} MiB | {self.alerts:,} | {self.findings:,} |",
            )
        )


def measure(kafka: RealKafka, folder: Path, scale: float) -> Measured:
    """Raises RuntimeError when a worker ends or what it says is not what it should say."""
    settings = Settings(
        kafka_bootstrap_servers=kafka.bootstrap_servers,
        disclosure_secret="s",
        topic_prefix=PREFIX,
        group_id=f"{PREFIX}settle",
    )
    on = Scene(Broker("real", kafka.bootstrap_servers), settings)
    asyncio.run(create_surveilled_topics(on))
    thresholds = load_thresholds()
    year = Year(SEED, scale, codes(thresholds))
    offline = Offline(load_rulebook(), thresholds, SECRET)
    records = _fill(kafka.bootstrap_servers, settings.topic(EVENTS), year, offline)
    wanted = {name: stated(record) for name, record in offline.findings().items()}
    print(f"{records:,} records, {len(wanted):,} findings to come", flush=True)
    _settle(folder / "settle.log", environment(settings), records)
    with Watch.of(on, folder, PETCT_SURVEILLANCE="true", PETCT_SURVEILLANCE_SECRET=SECRET.decode()) as watch:
        began = time.perf_counter()
        _until(watch, on, wanted)
        seconds = time.perf_counter() - began
        used = psutil.Process(watch.pid).cpu_times()
        load = psutil.getloadavg()[0]
        memory = peak_bytes(watch.pid) / 2**20
    alerts = len(asyncio.run(on.records(ALERTS)))
    return Measured(records, year.scans, len(wanted), seconds, used.user + used.system, memory, alerts, load)


def _fill(bootstrap_servers: str, topic: str, year: Year, offline: Offline) -> int:
    """Put the year on the bus, and tell it to the offline engine as well."""
    producer = Producer(
        {"bootstrap.servers": bootstrap_servers, "linger.ms": 100, "queue.buffering.max.kbytes": 128 * 1024}
    )
    records = 0
    for key, value in year.records():
        offline.take(value)
        while True:
            try:
                producer.produce(topic, value, key)
                break
            except BufferError:
                producer.poll(0.1)
        records += 1
    producer.flush()
    return records


def _settle(log: Path, given: dict[str, str], records: int) -> None:
    with Worker(log, given) as worker:
        worker.until_ready()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while worker.metric("petct_records_total") < records:
            if not worker.running or time.monotonic() > deadline:
                raise RuntimeError(f"settle did not get through:\n{worker.said()[-2_000:]}")
            time.sleep(0.5)


def _until(watch: Watch, on: Scene, wanted: Findings) -> None:
    """Until the topic says what the offline engine says."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (said := asyncio.run(open_findings(on))) != wanted:
        if not watch.running or time.monotonic() > deadline:
            differing = [name for name in {*said, *wanted} if said.get(name) != wanted.get(name)]
            raise RuntimeError(
                f"{len(said)} findings instead of {len(wanted)}, {len(differing)} differ, such as "
                f"{[(said.get(name), wanted.get(name)) for name in differing[:2]]}\n{watch.said()[-2_000:]}"
            )
        time.sleep(1)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.surveillance", description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="1: 1,000,000 settlements (default)")
    parser.add_argument("--write", action="store_true", help="write what was measured into docs/surveillance.md")
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="petct-bench-") as folder,
        RealKafka(Path(folder) / "kafka", heap="1g") as kafka,
    ):
        text = measure(kafka, Path(folder), given.scale).text()
    print(text)
    if given.write:
        page = CHECKOUT / "docs" / "surveillance.md"
        before, _, rest = page.read_text("utf-8").partition(BEGIN)
        page.write_text(before + "\n".join((BEGIN, text, END)) + rest.partition(END)[2], "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
