"""One scenario: its topics, its events, its workers, and what came of it."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import Self
from zlib import crc32

from aiokafka import AIOKafkaConsumer

from schemas.topics import EVENTS
from streams.bus.topics import SETTLE, create_topics
from streams.settings import Settings
from streams.simulate import events
from tests.broker.settling import scene
from tests.broker.workers import Worker, environment
from tests.faults import faulty
from tests.faults.feed import PARTITIONS, Feed
from tests.faults.form import FORM, Form
from tests.faults.progress import PATIENCE, Progress
from tests.faults.scenarios import SCENARIOS, Scenario
from tests.faults.verdict import Verdict, judge
from tests.kafka import Broker

OURS = 0.4
BROKEN = 0.02


@dataclass(frozen=True, slots=True)
class Result:
    """What one scenario showed. `recoveries` in seconds, one a fault."""

    scenario: Scenario
    form: Form
    verdict: Verdict
    faults: int
    recoveries: tuple[float, ...]
    note: str = ""

    def __str__(self) -> str:
        control = "control, " if self.scenario.control else ""
        noted = f" ({self.note})" if self.note else ""
        return (
            f"{control}{self.scenario.title}: {self.faults} faults, {self.verdict}; recovery {self.recovery} s{noted}"
        )

    @property
    def recovery(self) -> str:
        """Median and worst, in seconds."""
        if not self.recoveries:
            return "–"
        if len(self.recoveries) == 1:
            return f"{self.recoveries[0]:.1f}"
        return f"{median(self.recoveries):.1f} / {max(self.recoveries):.1f}"


@dataclass
class Stage:
    """Topics of 4 partitions under `prefix`, a feed that keeps sending, workers that are gone when the stage is left.

    `name` is that of the scenario in the catalogue. `records` are what is fed; a mixture of which about `OURS` concern
    an examination and `BROKEN` cannot be decided, when not given. `rate`: other than the form's.
    """

    name: str
    bootstrap_servers: str
    prefix: str
    folder: Path
    replication: int = 1
    form: Form = FORM
    records: Iterator[tuple[bytes, bytes]] | None = None
    compression: str = "none"
    rate: int | None = None
    faults: int = 0
    note: str = ""
    recoveries: list[float] = field(default_factory=list)
    workers: list[Worker] = field(default_factory=list)
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        self.settings = scene(Broker("real", self.bootstrap_servers), self.prefix).settings
        asyncio.run(create_topics(self.settings, PARTITIONS, self.replication, SETTLE))
        self.feed = Feed(
            self.bootstrap_servers,
            self.settings.topic(EVENTS),
            self.records or events(crc32(self.name.encode()), None, OURS, BROKEN),
            least=self.form.events,
            rate=self.rate or self.form.rate,
            compression=self.compression,
        )
        self.progress = Progress(self.bootstrap_servers, self.settings.topic(EVENTS), self.settings.group_id)
        self.progress.start()
        self._stack.callback(self.progress.close)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            for worker in self.workers:
                sys.stdout.write(f"--- {worker.log.name}\n{worker.said()[-6_000:]}\n")
        self._stack.close()

    def worker(self, name: str = "worker", servers: str | None = None, **given: str) -> Worker:
        """A started `petct worker settle` of that name in the group; with a FAULT_… variable, one that is faulty."""
        variables = environment(self.settings) | {
            "PETCT_BATCH_RECORDS": "200",
            "PETCT_OFFSET_COMMIT_SECONDS": "0.3",
            "PETCT_GROUP_INSTANCE_ID": name,
            **({"PETCT_KAFKA_BOOTSTRAP_SERVERS": servers} if servers else {}),
            **given,
        }
        made = Worker(self.folder / f"{name}.log", variables)
        if any(variable.startswith("FAULT_") for variable in given):
            made.command = faulty.COMMAND
        self.workers.append(made)
        return self._stack.enter_context(made)

    def begin(self, worker: Worker) -> None:
        """Some events are there, the worker is at work on all partitions, and the feed goes on."""
        self.feed.at_once(self.form.rate)
        worker.until_ready()
        self.feed.start()
        self.progress.until_all_moved(time.monotonic())

    def recovered(self, since: float, partitions: tuple[int, ...] = tuple(range(PARTITIONS))) -> None:
        """One fault is over when every partition (of these) moves again; the time since `since` is its recovery."""
        self.faults += 1
        self.recoveries.append(self.progress.until_all_moved(since, partitions))

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Raises AssertionError when that takes longer than the suite's patience."""
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, f"not within {PATIENCE:.0f} s: {what}"
            time.sleep(0.05)

    def ends(self) -> dict[int, int]:
        """The offset after the last event, by partition."""
        return asyncio.run(_ends(self.settings))

    def finish(self) -> Result:
        """Feed the rest, wait until all of it is committed, and compare."""
        self.feed.finish()
        self.progress.until_done(self.ends())
        verdict = judge(self.settings)
        result = Result(SCENARIOS[self.name], self.form, verdict, self.faults, tuple(self.recoveries), self.note)
        print(f"\n{result}")
        return result


async def _ends(settings: Settings) -> dict[int, int]:
    consumer = AIOKafkaConsumer(settings.topic(EVENTS), bootstrap_servers=settings.kafka_bootstrap_servers)
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        return {partition.partition: offset for partition, offset in ends.items()}
    finally:
        await consumer.stop()
