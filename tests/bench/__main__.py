"""`python -m tests.bench` (`make bench`): measure on a real Kafka of its own and print the ratios.

Without `--quick` or `--only` it takes about half an hour and writes docs/benchmarks.md. Other work on the machine
shows.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console

from ops.kafka.broker import KafkaFailedError, KafkaUnavailableError, RealKafka
from tests.bench import latency, report, share, throughput
from tests.bench.contenders import CannedSettle, Contender, HalfCore, Plain, Settle
from tests.bench.latency import Pace
from tests.bench.peers import CannedFaust, CannedQuix, Faust, KafkaStreams, Quix
from tests.bench.results import Case, Results
from tests.bench.workload import Workload, fill

# A run begins when all its processes are there; by default a group begins with the first.
PROPERTIES: Final = {"group.initial.rebalance.delay.ms": "2500"}
PACES: Final = (Pace(500, 1.0), Pace(5_000, 0.1))
# The lane alone is fast: of fewer events, most would be read between two commits of a peer.
BEFOREHAND_EVENTS: Final = 150_000


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured: contenders with numbers of processes on each workload, and who is asked for its latency."""

    throughput: list[tuple[Workload, list[tuple[Contender, int]]]]
    latency: list[Contender]

    def only(self, labels: Collection[str]) -> Plan:
        """The workloads named by `labels` alone, and no latency."""
        return Plan([(workload, who) for workload, who in self.throughput if workload.label in labels], [])


def quick_plan() -> Plan:
    three: list[tuple[Contender, int]] = [(Plain(), 1), (Settle(), 1), (Settle(report.PURE, pure=True), 1)]
    return Plan([(Workload(1.0, 40_000), three), (Workload(0.01, 400_000), three)], [])


def full_plan() -> Plan:
    plain, settle, streams = Plain(), Settle(), KafkaStreams()
    pure = Settle(report.PURE, pure=True)
    ours: list[tuple[Contender, int]] = [(plain, 1), (settle, 1), (pure, 1), (plain, 2), (settle, 2)]
    no_sieve = (Settle(report.NO_SIEVE, {"PETCT_SIEVE": "false"}), 1)
    peers: list[tuple[Contender, int]] = [(Faust(), 1), (Quix(), 1), (streams, 1)]
    half = HalfCore()
    halves: list[tuple[Contender, int]] = [(half, 1), (half, 2)] if share.possible() else []
    beforehand: list[tuple[Contender, int]] = [(CannedSettle(), 1), (CannedFaust(), 1), (CannedQuix(), 1)]
    return Plan(
        [
            (Workload(1.0, 40_000), [*ours, *halves, *peers]),
            (Workload(1.0, BEFOREHAND_EVENTS), beforehand),
            (Workload(0.01, 600_000), [*ours, no_sieve, *peers]),
            (Workload(0.001, 600_000), [*ours, no_sieve, (streams, 1)]),
        ],
        [settle, streams],
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="the worker beside the plain consumer only; writes nothing"
    )
    parser.add_argument(
        "--only",
        metavar="SHARE[,SHARE]",
        type=lambda text: [f"{part} %" for part in text.split(",")],
        help="these workloads only, by their percentage of ours, such as 100 or 1,0.1; writes nothing",
    )
    parser.add_argument("--rounds", type=int, default=3, help="how often everything is measured (default: 3)")
    given = parser.parse_args()
    console = Console()
    try:
        plan = quick_plan() if given.quick else full_plan()
        if given.only is not None:
            known = {workload.label for workload, _ in plan.throughput}
            if unknown := [label for label in given.only if label not in known]:
                parser.error(f"no workload is {', '.join(unknown)} ours; there are {', '.join(sorted(known))}")
            plan = plan.only(given.only)
        with (
            tempfile.TemporaryDirectory(prefix="petct-bench-") as folder,
            RealKafka(Path(folder), properties=PROPERTIES, heap="1g") as kafka,
        ):
            results = _measure(console, plan, kafka.bootstrap_servers, given.rounds)
    except KafkaUnavailableError as error:
        print(f"no benchmark without a broker: {error}", file=sys.stderr)
        return 1
    except KafkaFailedError as error:
        print(f"the broker failed: {error}", file=sys.stderr)
        return 1
    console.print(*report.tables(results), sep="\n")
    if not given.quick and given.only is None:
        report.write(results, given.rounds, "make bench")
        console.print(f"written: {report.DOCUMENT.name}, {report.PLOT.name}")
    return 0


def _measure(console: Console, plan: Plan, bootstrap_servers: str, rounds: int) -> Results:
    """All take turns in every round, so that what else the machine does meets all of them."""
    results = Results()
    for workload, _ in plan.throughput:
        size = fill(workload, bootstrap_servers)
        console.print(f"{workload.label} ours: {workload.records:,} events of {size:,} bytes")
    for number in range(1, rounds + 1):
        for workload, contenders in plan.throughput:
            for contender, processes in contenders:
                case = Case(workload.label, processes, contender.name)
                run = throughput.measure(contender, workload, bootstrap_servers, processes)
                results.throughput[case].append(run)
                told = f"{run.rate:,.0f}/s, {run.cpu_microseconds:.1f} µs of CPU an event"
                console.print(f"round {number}: {case.share} ours, {processes} x {case.contender}: {told}")
        for pace, contender in _pairs(PACES, plan.latency):
            found = latency.measure(contender, pace, bootstrap_servers)
            results.latency[pace.label, contender.name].append(found)
            console.print(f"round {number}: {pace.label}, {contender.name}: p50 {found.p50:.0f} p99 {found.p99:.0f} ms")
    return results


def _pairs(paces: Iterable[Pace], contenders: list[Contender]) -> list[tuple[Pace, Contender]]:
    return [(pace, contender) for pace in paces for contender in contenders]


if __name__ == "__main__":
    sys.exit(main())
