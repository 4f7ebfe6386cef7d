"""A replay's metrics: fed by its pulses, served while it runs, and never a reason for it to fail."""

import socket

import aiohttp
import pytest

from streams.metrics import REPLAY_PHASES
from streams.replay.meter import ReplayMetrics, metered
from streams.replay.options import Options, Pulse
from streams.settings import Settings
from tests.broker.workers import free_port
from tests.unit.replay.test_plans import PLAN

READING = Pulse("reading what was answered before", 0, 107, 0, 0, 40)


def _settings(port: int) -> Settings:
    return Settings(kafka_bootstrap_servers="nowhere:1", disclosure_secret="s", replay_http_port=port)


@pytest.fixture
def metrics() -> ReplayMetrics:
    return ReplayMetrics(PLAN.name, emit=True, planned=PLAN.estimate, now=1_000.0)


def _value(metrics: ReplayMetrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"petct_replay_{name}", labels)


def test_a_run_tells_its_plan_its_size_and_when_it_began(metrics: ReplayMetrics) -> None:
    assert _value(metrics, "info", plan=PLAN.name, mode="emit") == 1
    assert _value(metrics, "planned_records") == 107
    assert _value(metrics, "started_timestamp_seconds") == 1_000.0
    assert _value(metrics, "last_progress_timestamp_seconds") == 1_000.0
    assert [_value(metrics, "phase", phase=phase) for phase in REPLAY_PHASES] == [1, 0, 0]


def test_pulses_become_counters_that_never_fall(metrics: ReplayMetrics) -> None:
    metrics.pulse(READING, now=1_001.0)
    metrics.pulse(Pulse("replaying", 50, 107, 3, 2, 40), now=1_002.0)
    metrics.pulse(Pulse("replaying", 40, 107, 3, 2, 40), now=1_003.0)
    metrics.pulse(Pulse("replaying", 60, 107, 3, 2, 40), now=1_004.0)

    told = {name: _value(metrics, f"{name}_total") for name in ("records", "read_before", "differences", "emitted")}
    assert told == {"records": 60, "read_before": 40, "differences": 3, "emitted": 2}
    assert _value(metrics, "phase", phase="replaying") == 1
    assert _value(metrics, "phase", phase="reading") == 0


def test_standing_still_is_no_progress_but_waiting_for_live_traffic_is(metrics: ReplayMetrics) -> None:
    metrics.pulse(Pulse("replaying", 50, 107, 0, 0, 0), now=1_002.0)
    metrics.pulse(Pulse("replaying", 50, 107, 0, 0, 0), now=1_090.0)
    assert _value(metrics, "last_progress_timestamp_seconds") == 1_002.0

    metrics.pulse(Pulse("waiting for live traffic", 50, 107, 0, 0, 0), now=1_100.0)
    assert _value(metrics, "last_progress_timestamp_seconds") == 1_100.0


async def test_they_are_served_while_it_runs_and_not_after() -> None:
    port, notes = free_port(), list[str]()
    url = f"http://127.0.0.1:{port}/metrics"
    async with aiohttp.ClientSession() as session:
        async with metered(PLAN, Options(), _settings(port), notes.append) as pulse:
            pulse(READING)
            async with session.get(url) as answer:
                text = await answer.text()
        with pytest.raises(aiohttp.ClientError):
            await session.get(url)

    assert f'petct_replay_info{{mode="compare",plan="{PLAN.name}"}} 1.0' in text
    assert "petct_replay_read_before_total 40.0" in text
    assert notes == []


async def test_a_port_in_use_is_told_and_done_without() -> None:
    notes: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with metered(PLAN, Options(), _settings(port), notes.append) as pulse:
            pulse(READING)

    assert [f"127.0.0.1:{port} cannot be had" in note for note in notes] == [True]
