"""Under load for a while, with transactions failing all the time: does the worker grow, does it keep what it opens?"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import linear_regression
from typing import Final

import psutil
import pytest

from tests.faults.stage import Result, Stage

SECONDS: Final = float(os.environ.get("PETCT_SOAK_SECONDS", "20"))
"""`make test-soak`: 1,200. In `make test` shorter, where only a leak of many megabytes a minute would show."""
LONG: Final = SECONDS >= 180
RATE: Final = 250
PERIOD: Final = 0.5
MEGABYTE: Final = 2**20

pytestmark = [pytest.mark.real_kafka, pytest.mark.slow, pytest.mark.timeout(SECONDS + 600)]


@dataclass(frozen=True, slots=True)
class Sample:
    """`at` in minutes since the first, `rss` in megabytes."""

    at: float
    rss: float
    descriptors: int


def test_a_worker_under_load_and_failures_does_not_grow(
    stage: Callable[..., Stage], show: Callable[[Result], None], measured: Callable[[str, str], None]
) -> None:
    """Every twentieth transaction of a lane fails, at each step in turn: each failure throws a producer away."""
    with stage("soak", rate=RATE) as on:
        worker = on.worker(FAULT_POINT="each", FAULT_EVERY="20")
        on.begin(worker)
        samples = _watch(psutil.Process(worker.pid), SECONDS)
        on.faults = int(worker.metric("petct_reopenings_total"))
        result = on.finish()
        assert on.faults > SECONDS / 10, "hardly anything failed"
    # What is loaded and filled at first is no growth.
    settled = samples[len(samples) // 4 :]
    growth = _slope([(sample.at, sample.rss) for sample in settled])
    descriptors = _slope([(sample.at, sample.descriptors) for sample in settled])
    most = max(sample.rss for sample in samples)
    told = (
        f"{on.faults:,} failed transactions; RSS {settled[0].rss:.0f} to {settled[-1].rss:.0f} MB, at most {most:.0f}, "
        f"{growth:+.2f} MB a minute; descriptors {settled[0].descriptors} to {settled[-1].descriptors}, "
        f"{descriptors:+.2f} a minute; {result.verdict}"
    )
    measured(f"soak of {SECONDS / 60:.0f} minutes at {RATE}/s, every twentieth transaction failing", told)
    show(result)
    if LONG:
        assert growth < 0.5, told
        assert descriptors < 0.5, told
    else:
        assert settled[-1].rss < settled[0].rss + 30, told
        assert min(sample.descriptors for sample in samples[-20:]) < settled[0].descriptors + 16, told


def _watch(process: psutil.Process, seconds: float) -> list[Sample]:
    samples = []
    began = time.monotonic()
    while (at := time.monotonic() - began) < seconds:
        samples.append(Sample(at / 60, process.memory_info().rss / MEGABYTE, process.num_fds()))
        time.sleep(PERIOD)
    return samples


def _slope(points: list[tuple[float, float]]) -> float:
    return linear_regression([at for at, _ in points], [value for _, value in points]).slope
