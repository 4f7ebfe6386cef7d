"""docs/capacity.md is what was measured, and nothing else."""

from __future__ import annotations

import pytest

from tests.bench.capacity_page import Setup, cost, measured, rendered


def test_page_and_plot_are_made_of_what_was_measured() -> None:
    """Else: python -m tests.bench.capacity --page."""
    for path, text in rendered(measured()).items():
        assert path.read_text("utf-8") == text, path.name


def test_the_cost_of_an_event_and_of_one_of_ours_come_from_the_measurements() -> None:
    found = cost(
        [
            {"processes": 1, "share": 1.0, "cpu_microseconds": 210.0},
            {"processes": 1, "share": 0.0, "cpu_microseconds": 10.0},
            {"processes": 2, "share": 0.0, "cpu_microseconds": 99.0},
        ]
    )
    assert (found.each, found.ours) == (10.0, 200.0)
    assert found.of(0.1) == pytest.approx(30.0)


def test_workers_use_half_of_their_core_and_partitions_come_in_dozens() -> None:
    setup = Setup(100_000, 0.01, cores=3.2)
    assert (setup.workers, setup.partitions) == (7, 24)
    alone = Setup(1_000, 0.01, cores=0.03)
    assert (alone.workers, alone.partitions) == (2, 12)
