"""Events a second and processor time an event, between two moments in the middle of a run."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from tests.bench.contenders import Contender
from tests.bench.workload import Workload

# Before: start, joining the group, the first fetches. After: partitions end one by one.
FROM: Final = 0.15
TO: Final = 0.90
LONGEST_SECONDS: Final = 30.0
"""A contender that needs longer is measured over this much of its way."""
STALLED_SECONDS: Final = 60.0
_LOOK_EVERY: Final = 0.02


@dataclass(frozen=True, slots=True)
class Throughput:
    """Of all processes of one run together; `peak_bytes` of the largest of them."""

    events: int
    seconds: float
    cpu_seconds: float
    peak_bytes: int

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.seconds

    @property
    def cpu_microseconds(self) -> float:
        """Processor time an event."""
        return self.cpu_seconds / self.events * 1e6


def measure(contender: Contender, workload: Workload, bootstrap_servers: str, processes: int) -> Throughput:
    """One run. Raises RuntimeError when it fails or does not move."""
    with contender.run(bootstrap_servers, workload.prefix, workload.topic, processes) as run:
        first: tuple[int, float, float] | None = None
        before, moved = 0, time.monotonic()
        while True:
            done, now = run.progress(), time.monotonic()
            if done != before:
                before, moved = done, now
                if first is None:
                    if done >= FROM * workload.records:
                        first = done, now, run.cpu_seconds()
                elif done >= TO * workload.records or now - first[1] > LONGEST_SECONDS:
                    cpu = run.cpu_seconds()
                    return Throughput(done - first[0], now - first[1], cpu - first[2], run.peak_bytes())
            elif now - moved > STALLED_SECONDS:
                raise RuntimeError(f"{contender.name} stands still at {done} of {workload.records}:\n{run.tail()}")
            run.check()
            time.sleep(_LOOK_EVERY)
