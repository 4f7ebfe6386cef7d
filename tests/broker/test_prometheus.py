"""A real Prometheus scrapes real workers: its numbers are those of the topics, and its alerts fire in their order."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from ops.kafka.broker import RealKafka
from ops.prometheus.server import RULES, RealPrometheus
from schemas.topics import ADJUSTED, DEADLETTERS, EVENTS
from streams.simulate import events
from tests.broker.expected import load, partition_of
from tests.broker.prometheus import Counted, counted, shortened
from tests.broker.settling import Scene, scene
from tests.broker.workers import PATIENCE, Worker, environment, free_port
from tests.kafka import Broker

pytestmark = [pytest.mark.real_kafka, pytest.mark.slow]

EVENTS_OF_THE_NUMBERS = 3_000


@pytest.fixture
async def on_kafka(real_kafka: RealKafka, prefix: str) -> Scene:
    made = scene(Broker("real", real_kafka.bootstrap_servers), prefix)
    await made.create_topics()
    return made


def _workers(on: Scene, folder: Path, number: int) -> list[Worker]:
    given = environment(on.settings) | {"PETCT_OFFSET_COMMIT_SECONDS": "0.5", "PETCT_SESSION_TIMEOUT_MS": "10000"}
    return [
        Worker(folder / f"log-{n}", given | {"PETCT_GROUP_INSTANCE_ID": f"w-{n}"}, port=free_port())
        for n in range(number)
    ]


@asynccontextmanager
async def _scraped(
    on: Scene, folder: Path, number: int, rules: list[Path]
) -> AsyncIterator[tuple[list[Worker], RealPrometheus]]:
    """Workers that share the partitions, and a Prometheus that has seen all of them."""
    workers = _workers(on, folder, number)
    targets = {"petct": [f"127.0.0.1:{worker.port}" for worker in workers]}
    prometheus = RealPrometheus(folder / "prometheus", targets, rules)
    try:
        for worker in workers:
            worker.start()
        await asyncio.to_thread(prometheus.start)
        for worker in workers:
            await asyncio.to_thread(worker.until_ready)
        share = 4 // number
        await _until(lambda: prometheus.by("petct_assigned_partitions", "instance") == _each(workers, share))
        yield workers, prometheus
    finally:
        prometheus.stop()
        for worker in workers:
            worker.__exit__(None, None, None)


def _each(workers: list[Worker], number: int) -> dict[tuple[str, ...], float]:
    return {(f"127.0.0.1:{worker.port}",): number for worker in workers}


async def _until(condition: Callable[[], bool]) -> None:
    """Asked outside the event loop, where it may wait for an answer."""
    end = time.monotonic() + PATIENCE
    while not await asyncio.to_thread(condition):
        assert time.monotonic() < end
        await asyncio.sleep(0.1)


@pytest.mark.usefixtures("prometheus_installed")
async def test_its_numbers_are_those_of_the_topics(on_kafka: Scene, tmp_path: Path) -> None:
    records = list(events(11, EVENTS_OF_THE_NUMBERS, petct_share=0.5, invalid_share=0.05))
    async with _scraped(on_kafka, tmp_path, 2, []) as (_, prometheus):
        await load(on_kafka, records)

        def told(expression: str) -> float:
            return sum(prometheus.by(expression).values())

        await _until(lambda: told("sum(petct_records_total)") == len(records))
        # Measured a second after the last commit, and scraped a second later.
        await _until(lambda: told("sum(petct_lag_records)") == 0)
        found = await counted(on_kafka)
        assert found.records == len(records)
        _compare(prometheus, found)
        assert prometheus.by("sum by (instance) (petct_records_total)", "instance").keys() == {
            tuple(labels) for labels in prometheus.by("up", "instance")
        }
        assert told("sum(petct_transaction_seconds_count{result!='committed'})") == 0
        assert told("count(petct_lag_seconds)") == 4
        assert told("count(count by (hash) (petct_rulebook_info))") == 1


def _compare(prometheus: RealPrometheus, found: Counted) -> None:
    """Each number that Prometheus gives, beside the one the topics give."""

    def by(name: str, *labels: str) -> dict[tuple[str, ...], float]:
        return prometheus.by(f"sum by ({', '.join(labels)}) ({name})", *labels)

    assert by("petct_records_total", "fate") == found.fates
    assert by("petct_outputs_total", "topic") == found.outputs
    assert by("petct_dead_letters_total", "reason") == found.dead_letters
    assert by("petct_settlements_total", "outcome", "city") == found.settlements
    assert by("petct_reasons_total", "reason", "city") == found.reasons
    money = by("petct_money_yuan_total", "bearer", "outcome", "direction")
    assert money.keys() == found.money.keys()
    for labels, yuan in money.items():
        assert math.isclose(yuan, found.money[labels], abs_tol=0.005), labels
    assert prometheus.by("sum(petct_batch_records_sum)") == {(): found.records}
    assert prometheus.by("sum(petct_age_at_commit_seconds_count)") == {(): found.answered}
    assert found.money
    assert len(found.settlements) > 8


class _Load:
    """Events of ours, so many a second, until it is cancelled."""

    def __init__(self, on: Scene) -> None:
        self._on = on
        self.sent = 0
        self.rate = 60

    async def __call__(self) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self._on.broker.bootstrap_servers)
        await producer.start()
        try:
            made: Iterator[tuple[bytes, bytes]] = events(12, None, 1.0, 0.0)
            while True:
                for _ in range(self.rate // 10):
                    key, value = next(made)
                    await producer.send(self._on.settings.topic(EVENTS), value, key=key, partition=partition_of(key))
                    self.sent += 1
                await asyncio.sleep(0.1)
        finally:
            await producer.stop()


@pytest.mark.usefixtures("prometheus_installed")
@pytest.mark.skipif(not RULES.is_dir(), reason="the rules are not in this checkout")
async def test_a_killed_worker_fires_the_alerts_in_their_order(on_kafka: Scene, tmp_path: Path) -> None:
    """First its absence, then that its partitions are nobody's, at last that settlements came late.

    An hour is a minute here, a minute a second, and an answer is late after a second.
    """
    rules = [shortened(path, tmp_path) for path in sorted(RULES.glob("*.yml"))]
    seen: dict[str, dict[str, Any]] = {}
    async with _scraped(on_kafka, tmp_path, 2, rules) as (workers, prometheus):
        load_ = _Load(on_kafka)
        loading = asyncio.create_task(load_())
        try:
            await _until(lambda: sum(prometheus.by("sum(petct_settlements_total)").values()) > 300)
            # A busy machine may be late for a while; of a watch worker nobody has told this Prometheus.
            await _until(lambda: not _firing(prometheus, {}) - {"WatchDown"})
            load_.rate = 200
            killed = workers[0]
            await asyncio.to_thread(killed.kill)
            expected = ["TargetDown", "PartitionsUnattended", "FreshnessBudgetBurnsFast"]
            await _until(lambda: _firing(prometheus, seen) >= set(expected))
        finally:
            loading.cancel()
            with suppress(asyncio.CancelledError):
                await loading
        order = sorted(expected, key=lambda name: (seen[name]["activeAt"], expected.index(name)))
        assert order == expected
        assert seen["TargetDown"]["labels"]["instance"] == f"127.0.0.1:{killed.port}"
        assert seen["TargetDown"]["annotations"]["runbook_url"].endswith("/TargetDown.md")
        # Nothing is lost: the other worker has taken over, and the alert about the partitions ends by itself.
        await _until(lambda: "PartitionsUnattended" not in _firing(prometheus, {}))
        assert not {"RecordsMissed", "BreakerOpen", "RulebookDisagreement"} & seen.keys()
        killed.start()
        await _until(lambda: "TargetDown" not in _firing(prometheus, {}))
    await on_kafka.until(load_.sent - len(await on_kafka.outputs(DEADLETTERS)), ADJUSTED)


def _firing(prometheus: RealPrometheus, seen: dict[str, dict[str, Any]]) -> set[str]:
    """The alerts that fire now, or ever did as far as `seen` knows; each is kept there as it was at first."""
    for alert in prometheus.alerts():
        if alert["state"] == "firing":
            seen.setdefault(alert["labels"]["alertname"], alert)
    return set(seen)
