"""`python -m tests.bench` (`make bench`): measure on a real Kafka of its own and print the ratios."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Final

from rich.console import Console
from rich.table import Table

from ops.kafka.broker import KafkaFailedError, KafkaUnavailableError, RealKafka
from tests.bench.contenders import Contender, Plain, Settle
from tests.bench.throughput import Throughput, measure
from tests.bench.workload import Workload, fill

# A run begins when all its processes are there; by default a group begins with the first.
PROPERTIES: Final = {"group.initial.rebalance.delay.ms": "2500"}
FIREHOSE_FLOOR: Final = 0.5
ALL_OURS_FLOOR: Final = 0.1

Results = dict[tuple[str, str, int], list[Throughput]]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under two minutes, one process, without peers")
    parser.add_argument("--rounds", type=int, help="how often everything is measured (medians are printed)")
    given = parser.parse_args()
    rounds = given.rounds or (3 if given.quick else 5)
    scale = 1 if given.quick else 3
    workloads = [Workload(1.0, 30_000 * scale), Workload(0.01, 100_000 * scale)]
    if not given.quick:
        workloads.append(Workload(0.001, 100_000 * scale))
    console = Console()
    try:
        with (
            tempfile.TemporaryDirectory(prefix="petct-bench-") as folder,
            RealKafka(Path(folder), properties=PROPERTIES, heap="1g") as kafka,
        ):
            results = _throughput(console, kafka.bootstrap_servers, workloads, rounds, [1] if given.quick else [1, 2])
    except KafkaUnavailableError as error:
        print(f"no benchmark without a broker: {error}", file=sys.stderr)
        return 1
    except KafkaFailedError as error:
        print(f"the broker failed: {error}", file=sys.stderr)
        return 1
    console.print(_table(results, workloads))
    return 0


def _throughput(
    console: Console, bootstrap_servers: str, workloads: list[Workload], rounds: int, processes: list[int]
) -> Results:
    """All contenders take turns in every round, so that what else the machine does meets all of them."""
    contenders: list[Contender] = [Plain(), Settle()]
    for workload in workloads:
        size = fill(workload, bootstrap_servers)
        console.print(f"{workload.label} ours: {workload.records:,} events of {size:,} bytes")
    results: Results = defaultdict(list)
    for number in range(rounds):
        for workload in workloads:
            for count in processes:
                for contender in contenders:
                    found = measure(contender, workload, bootstrap_servers, count)
                    results[contender.name, workload.label, count].append(found)
                    console.print(
                        f"round {number + 1}: {workload.label:>5} ours, {count} x {contender.name}: "
                        f"{found.rate:,.0f}/s, {found.cpu_microseconds:.1f} µs"
                    )
    return results


def _table(results: Results, workloads: list[Workload]) -> Table:
    table = Table("ours", "contender", "processes", "events/s", "CPU µs/event", "peak MB", "x plain", "x one process")
    for (name, label, count), found in results.items():
        plain = results[Plain.name, label, count]
        one = results[name, label, 1]
        table.add_row(
            label,
            name,
            str(count),
            f"{median(run.rate for run in found):,.0f}",
            f"{median(run.cpu_microseconds for run in found):.1f}",
            f"{max(run.peak_bytes for run in found) / 1e6:.0f}",
            f"{_ratio(found, plain):.2f}",
            f"{_ratio(found, one):.2f}",
        )
    return table


def _ratio(ours: list[Throughput], theirs: list[Throughput]) -> float:
    """The median over the rounds of the ratio within the round."""
    return median(a.rate / b.rate for a, b in zip(ours, theirs, strict=True))


if __name__ == "__main__":
    sys.exit(main())
