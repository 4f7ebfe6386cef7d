"""What a run of the suite found, and the ratios it is after."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

from tests.bench.latency import Latency
from tests.bench.throughput import Throughput


@dataclass(frozen=True, slots=True)
class Case:
    """One contender on one workload."""

    share: str
    processes: int
    contender: str


@dataclass(slots=True)
class Results:
    """One entry a round; the entries of one round stand beside each other in time."""

    throughput: dict[Case, list[Throughput]] = field(default_factory=lambda: defaultdict(list))
    latency: dict[tuple[str, str], list[Latency]] = field(default_factory=lambda: defaultdict(list))
    """By pace and contender."""

    def ratio(self, of: Case, to: Case) -> float | None:
        """The median over the rounds of the ratio of rates within a round; None where one was not measured."""
        return self._ratio(of, to, lambda run: run.rate)

    def cpu_ratio(self, of: Case, to: Case) -> float | None:
        """Likewise of the events a second of processor time."""
        return self._ratio(of, to, lambda run: 1 / run.cpu_microseconds)

    def _ratio(self, of: Case, to: Case, value: Callable[[Throughput], float]) -> float | None:
        ours, theirs = self.throughput.get(of), self.throughput.get(to)
        if not ours or not theirs:
            return None
        return median(value(a) / value(b) for a, b in zip(ours, theirs, strict=True))
