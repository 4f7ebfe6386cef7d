"""`python -m tests.bench.capacity` (`make bench-capacity`): measure what docs/capacity.md says, and write it.

Takes about ten minutes. What is measured is kept in docs/capacity.json, from which page and plot are made; `--page`
makes them anew without measuring, `--only` measures some of it and keeps the rest.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Final

import psutil

from ops.kafka.broker import KafkaFailedError, KafkaUnavailableError, RealKafka
from tests.bench import capacity_page, incidents, memory, throughput
from tests.bench.contenders import Settle
from tests.bench.workload import Workload, fill

PROPERTIES: Final = {"group.initial.rebalance.delay.ms": "2500"}
WORKLOADS: Final = (Workload(1.0, 40_000), Workload(0.1, 100_000), Workload(0.01, 600_000))
PROCESSES: Final = (1, 2)
ROUNDS: Final = 3


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.capacity", description=__doc__)
    parser.add_argument("--page", action="store_true", help="only write the page, from what was measured before")
    parser.add_argument("--only", choices=_PARTS, action="append", help="measure only this; may be repeated")
    given = parser.parse_args()
    if not given.page:
        try:
            for part in given.only or _PARTS:
                # Each is kept at once: a part that fails takes nothing from those before.
                capacity_page.keep({part: {"machine": _machine(), **_PARTS[part]()}})
        except (KafkaUnavailableError, KafkaFailedError, RuntimeError) as error:
            print(f"not measured: {error}", file=sys.stderr)
            return 1
    for path, text in capacity_page.rendered(capacity_page.measured()).items():
        path.write_text(text, "utf-8")
        print(f"written: {path.name}")
    return 0


def _throughput() -> dict[str, Any]:
    """All take turns in every round, so that what else the machine does meets all of them."""
    runs: dict[tuple[float, int], list[throughput.Throughput]] = {}
    with _kafka() as kafka:
        sizes = {workload.share: fill(workload, kafka.bootstrap_servers) for workload in WORKLOADS}
        for number in range(1, ROUNDS + 1):
            for workload in WORKLOADS:
                for processes in PROCESSES:
                    run = throughput.measure(Settle(), workload, kafka.bootstrap_servers, processes)
                    runs.setdefault((workload.share, processes), []).append(run)
                    print(f"round {number}: {workload.label} ours, {processes}: {run.rate:,.0f}/s", flush=True)
    return {
        "runs": [
            {
                "share": share,
                "processes": processes,
                "event_bytes": sizes[share],
                "events_a_second": round(median(run.rate for run in found)),
                "cpu_microseconds": round(median(run.cpu_microseconds for run in found), 1),
                "cores": round(median(run.cpu_seconds / run.seconds for run in found), 2),
            }
            for (share, processes), found in runs.items()
        ]
    }


def _memory() -> dict[str, Any]:
    with _kafka() as kafka:
        found = []
        for partitions in memory.PARTITIONS:
            found.append(memory.measure(kafka.bootstrap_servers, partitions))
            print(f"{partitions} partitions: {found[-1].peak_bytes / 1e6:.0f} MB", flush=True)
    return {
        "runs": [
            {"partitions": it.partitions, "idle_bytes": it.idle_bytes, "peak_bytes": it.peak_bytes} for it in found
        ]
    }


def _incidents() -> dict[str, Any]:
    return {
        "rate": incidents.RATE,
        "share": incidents.SHARE,
        "session_ms": incidents.SESSION_MS,
        "runs": incidents.measure(print),
    }


_PARTS: Final[dict[str, Callable[[], dict[str, Any]]]] = {
    "throughput": _throughput,
    "memory": _memory,
    "incidents": _incidents,
}


@contextmanager
def _kafka() -> Iterator[RealKafka]:
    """One node, in a folder of its own."""
    with (
        tempfile.TemporaryDirectory(prefix="petct-capacity-") as folder,
        RealKafka(Path(folder), properties=PROPERTIES, heap="1g") as kafka,
    ):
        yield kafka


def _machine() -> dict[str, Any]:
    return {
        "measured": f"{datetime.now(UTC):%Y-%m-%d}",
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "system": f"{platform.system()} {platform.machine()}",
        "load": round(os.getloadavg()[0], 1),
    }


if __name__ == "__main__":
    sys.exit(main())
