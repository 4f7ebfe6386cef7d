"""The two faults a lane's order of opening is made for: a worker that was away and comes back, a broker that dies."""

import asyncio
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from ops.kafka.broker import RealKafka
from streams.processors.settlement import Fate
from streams.simulate import events
from tests.broker.expected import Records, expected_outputs, load, partition_of
from tests.broker.settling import PATIENCE, Scene, scene
from tests.broker.workers import Worker, environment
from tests.kafka import Broker

pytestmark = [pytest.mark.real_kafka, pytest.mark.slow, pytest.mark.timeout(600)]


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            if await asyncio.to_thread(condition):
                return
            await asyncio.sleep(0.1)


def _seen(worker: Worker) -> float:
    return sum(worker.metric(f'petct_records_total{{fate="{fate}"}}') for fate in Fate)


async def _until_all_is_committed(on: Scene, records: Records) -> None:
    for partition in range(4):
        await on.until_committed(sum(partition_of(key) == partition for key, _ in records), partition)


async def _assert_exactly_once(on: Scene, records: Records) -> None:
    for topic, outputs in (await asyncio.to_thread(expected_outputs, records)).items():
        assert Counter(await on.outputs(topic)) == outputs, topic


async def test_a_worker_suspended_beyond_its_session_changes_nothing_when_it_comes_back(
    real_kafka: RealKafka, tmp_path: Path, prefix: str
) -> None:
    on = scene(Broker("real", real_kafka.bootstrap_servers), prefix)
    await on.create_topics()
    records = list(events(4, 16_000, petct_share=0.3, invalid_share=0.02))
    await load(on, records)
    given = environment(on.settings) | {"PETCT_BATCH_RECORDS": "200"}
    with Worker(tmp_path / "zombie", given) as zombie:
        await _until(lambda: _seen(zombie) > 1_000)
        zombie.signal(signal.SIGSTOP)
        with Worker(tmp_path / "heir", given) as heir:
            await _until(lambda: _seen(heir) > 1_000)
            zombie.signal(signal.SIGCONT)
            await _until_all_is_committed(on, records)
            await asyncio.to_thread(zombie.until_ready)
            await asyncio.to_thread(heir.until_ready)
            # Both at work again, each with its share.
            assert zombie.metric("petct_assigned_partitions") == heir.metric("petct_assigned_partitions") == 2

    await _assert_exactly_once(on, records)


async def test_a_broker_killed_under_load_and_started_again_loses_and_repeats_nothing(
    real_kafka: RealKafka, tmp_path: Path, prefix: str
) -> None:
    with RealKafka(tmp_path / "kafka") as kafka:
        on = scene(Broker("real", kafka.bootstrap_servers), prefix)
        await on.create_topics()
        records = list(events(5, 16_000, petct_share=0.3, invalid_share=0.02))
        await load(on, records)
        with Worker(tmp_path / "log", environment(on.settings) | {"PETCT_BATCH_RECORDS": "200"}) as worker:
            await _until(lambda: _seen(worker) > 1_000)
            kafka.kill()
            await _until(lambda: worker.get("/readyz")[0] == 503)
            assert worker.get("/livez")[0] == 200
            await asyncio.to_thread(kafka.start)
            await _until_all_is_committed(on, records)
            await asyncio.to_thread(worker.until_ready)
            worker.signal(signal.SIGTERM)
            assert await asyncio.to_thread(worker.exit_code) == 0
            # An outage writes a few lines a kind every ten seconds, not thousands.
            assert len(worker.said().splitlines()) < 500
        await _assert_exactly_once(on, records)
