"""The results as a table on the terminal and as docs/benchmarks.md with its plot."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from importlib.metadata import version
from statistics import median
from typing import Final

import psutil
from rich.table import Table

from ops.kafka.broker import CHECKOUT, find_java
from tests.bench.contenders import BEFOREHAND, CannedSettle, HalfCore, Plain, Settle
from tests.bench.peers import QUIX, CannedFaust, CannedQuix, Faust, KafkaStreams, Quix
from tests.bench.results import Case, Results

DOCUMENT: Final = CHECKOUT / "docs" / "benchmarks.md"
PLOT: Final = CHECKOUT / "docs" / "benchmarks.svg"
PLAIN: Final = Plain.name
SETTLE: Final = Settle().name
PURE: Final = "the same, not compiled"
NO_SIEVE: Final = "the same, PETCT_SIEVE=false"
CANNED: Final = CannedSettle().name
HALF: Final = HalfCore().name
Rows = list[tuple[str, ...]]
_HEAD: Final = ("ours", "processes", "contender", "events/s", "CPU µs/event", "peak MB", "× plain", "× plain, by CPU")


@dataclass(frozen=True, slots=True)
class Target:
    """A ratio to reach, or (`aim`) to come near; or, where none is wanted, to compare with."""

    name: str
    wanted: float | None
    found: float | None
    aim: bool = False

    @property
    def asked(self) -> str:
        if self.wanted is None:
            return "–"
        return f"{'aim ' if self.aim else ''}≥ {self.wanted:g}"

    @property
    def verdict(self) -> str:
        if self.found is None:
            return "not measured"
        if self.wanted is None:
            return "for comparison"
        return "reached" if self.found >= self.wanted else ("aim missed" if self.aim else "missed")


def targets(results: Results) -> list[Target]:
    """Above 1 is better for the worker."""

    def settle(share: str, processes: int, to: Case) -> float | None:
        return results.ratio(Case(share, processes, SETTLE), to)

    def beforehand(peer: str) -> float | None:
        return results.ratio(Case("100 %", 1, CANNED), Case("100 %", 1, peer))

    halves = results.ratio(Case("100 %", 2, HALF), Case("100 %", 1, HALF))
    return [
        Target("1 % ours: plain consumer", 0.7, settle("1 %", 1, Case("1 %", 1, PLAIN))),
        Target("100 % ours: plain consumer", 0.1, settle("100 %", 1, Case("100 %", 1, PLAIN))),
        Target("100 % ours: Faust", 10, settle("100 %", 1, Case("100 %", 1, Faust.name))),
        Target("100 % ours: Quix Streams", 2, settle("100 %", 1, Case("100 %", 1, Quix.name))),
        Target("100 % ours: two processes to one", 1.7, settle("100 %", 2, Case("100 %", 1, SETTLE))),
        *([Target("100 % ours: two processes to one, half a core each", 1.7, halves)] if halves is not None else []),
        Target("p99 at 500/s: Kafka Streams' to ours", 1, _latency_ratio(results)),
        Target("0.1 % ours: plain consumer", 1.3, settle("0.1 %", 1, Case("0.1 %", 1, PLAIN)), aim=True),
        Target("100 % ours: Kafka Streams", 1, settle("100 %", 1, Case("100 %", 1, KafkaStreams.name)), aim=True),
        Target(f"100 % ours, {BEFOREHAND}: Faust", None, beforehand(CannedFaust.name)),
        Target(f"100 % ours, {BEFOREHAND}: Quix Streams", None, beforehand(CannedQuix.name)),
    ]


def bounds(results: Results) -> str:
    """What a decide may cost for the ratios to the peers that call it too."""

    def cost(contender: str) -> float:
        return median(run.cpu_microseconds for run in results.throughput[Case("100 %", 1, contender)])

    lane, told = cost(CANNED), []
    for peer, canned, wanted in ((Faust.name, CannedFaust.name, 10), (Quix.name, CannedQuix.name, 2)):
        # wanted * (lane + decide) = around + decide
        around = cost(canned)
        most = (around - wanted * lane) / (wanted - 1)
        bound = f"at most {most:.0f} µs" if most > 0 else "less than nothing"
        told.append(f"{wanted} times {peer}, which takes {around:.0f} µs around it, with a decide of {bound}")
    return (
        f"While all call the same decide, it bounds these ratios. Around it the worker takes {lane:.0f} µs of CPU an "
        f"event,\nand would be {', and '.join(told)}.\nIn the worker it takes {cost(SETTLE) - lane:.0f} µs."
    )


def _scaling(results: Results) -> str:
    """Why two processes are compared with one in two ways, or why they are not."""
    if Case("100 %", 1, HALF) not in results.throughput:
        return (
            "Two processes are compared with one on all cores only, which they share with the broker: where this was "
            "measured, no\ncontrol group could be made to hold each process to half a core."
        )
    return (
        "Two processes on all cores take them from each other and from the broker, so their ratio to one says what "
        "this machine\nhas left for a second one. Held to half a core each, by a control group of its own, they leave "
        "each other and the broker\ntheir share, and the ratio says whether the worker itself grows with its processes."
    )


def _latency_ratio(results: Results) -> float | None:
    pace = next((pace for pace, _ in results.latency if pace.startswith("500/s")), None)
    ours, theirs = (results.latency.get((pace or "", name), []) for name in (SETTLE, KafkaStreams.name))
    if not ours or not theirs:
        return None
    return median(b.p99 / a.p99 for a, b in zip(ours, theirs, strict=True))


def rows(results: Results) -> Rows:
    """One a case, as `_HEAD` names them; medians over the rounds, the largest peak."""
    made: Rows = []
    for case, runs in results.throughput.items():
        plain = Case(case.share, case.processes, PLAIN)
        made.append(
            (
                case.share,
                str(case.processes),
                case.contender,
                f"{median(run.rate for run in runs):,.0f}",
                f"{median(run.cpu_microseconds for run in runs):.1f}",
                f"{max(run.peak_bytes for run in runs) / 1e6:.0f}",
                _two_places(None if case.contender == HALF else results.ratio(case, plain)),
                _two_places(results.cpu_ratio(case, plain)),
            )
        )
    return made


def latency_rows(results: Results) -> Rows:
    return [
        (
            pace,
            name,
            f"{median(run.p50 for run in runs):.0f}",
            f"{median(run.p99 for run in runs):.0f}",
            f"{min(run.answered / run.sent for run in runs):.0%}",
        )
        for (pace, name), runs in results.latency.items()
    ]


def target_rows(results: Results) -> Rows:
    return [
        (
            target.name,
            target.asked,
            _two_places(target.found),
            target.verdict,
        )
        for target in targets(results)
    ]


def tables(results: Results) -> list[Table]:
    """For the terminal."""
    made = [
        _table("Throughput", _HEAD, rows(results)),
        _table("Ratios", ("ratio", "wanted", "found", ""), target_rows(results)),
    ]
    if results.latency:
        made.append(_table("Latency", ("pace", "contender", "p50 ms", "p99 ms", "answered"), latency_rows(results)))
    return made


def write(results: Results, rounds: int, command: str) -> None:
    """docs/benchmarks.md and docs/benchmarks.svg."""
    PLOT.write_text(plot(results), "utf-8")
    text = f"""# Benchmarks

<!-- Written by `{command}`. Not to be edited by hand. -->

Measured on {datetime.now(UTC):%Y-%m-%d} by `{command}`: one Kafka on the same machine, the same topics for everybody,
all contenders in turn in each of {rounds} rounds. A ratio is the median over the rounds of the ratio within a round;
absolute figures are medians and depend on the machine and its neighbours: here {_machine()}.
Events have about 2.5 KB and twelve lines, in record batches of 16 KB, four partitions. The *plain consumer* is an
aiokafka consumer that does nothing with what it reads. CPU is user and system time of all processes of a contender, the
broker's not among it.

![Events a second as shares of the plain consumer's](benchmarks.svg)

## What was to be reached

{_markdown(("ratio of the worker's rate to", "wanted", "found", ""), target_rows(results))}

## Throughput

{_markdown(_HEAD, rows(results))}

- *{SETTLE}*: the product, real processes, with compiled modules as in the image. *{PURE}*: from a wheel of pure Python.
  *{NO_SIEVE}*: records are passed over one by one, after aiokafka made them.
- *Faust* (`exactly_once`) and *Quix Streams* (`exactly-once`) call the worker's own processor, compiled too.
- *Kafka Streams* (`exactly_once_v2`, one thread) tests what is passed over in the same way, parses the same fields with
  Jackson and writes outputs of the same shape and size; it validates nothing and knows one made-up rule.

Where everything is ours the worker spends three quarters of its time in its processor: reading, validating, deciding
with a trace of every step, and writing two records. Faust and Quix Streams call the same one, so the ratios to them say
as much of it as of what is around it; Kafka Streams validates nothing and traces nothing. What is around it shows with
*{BEFOREHAND}*: there the worker, Faust and Quix Streams ask of each record whether it is passed over,
and answer every other with the same two outputs, which the processor made of one event at the start.

{bounds(results)}

{_scaling(results)}

## Latency

From sending an event to seeing its adjusted settlement read committed, one process, in milliseconds.

{_markdown(("pace", "contender", "p50", "p99", "answered"), latency_rows(results))}

## Versions

{_markdown(("what", "version"), _versions())}
"""
    DOCUMENT.write_text(text, "utf-8")


def plot(results: Results) -> str:
    """Bars: one process of each contender that decides at full speed, as a share of the plain consumer's rate."""
    bars: list[tuple[str, str, float]] = []
    for case in results.throughput:
        ratio = results.ratio(case, Case(case.share, case.processes, PLAIN))
        aside = case.contender == HALF or case.contender.endswith(BEFOREHAND)
        if case.processes == 1 and ratio is not None and not aside:
            bars.append((case.share, case.contender, ratio))
    left, width, step, longest = 270, 420, 24, max(ratio for _, _, ratio in bars)
    lines = []
    for number, (share, name, ratio) in enumerate(bars):
        y = 16 + number * step
        colour = "#2b6cb0" if name == SETTLE else "#a0aec0"
        length = max(1.0, ratio / longest * width)
        lines.append(f'<text x="{left - 8}" y="{y + 13}" text-anchor="end">{escape(share)} ours: {escape(name)}</text>')
        lines.append(f'<rect x="{left}" y="{y}" width="{length:.1f}" height="16" fill="{colour}"/>')
        lines.append(f'<text x="{left + length + 6:.1f}" y="{y + 13}">{ratio:.2f}</text>')
    height = 24 + len(bars) * step
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 {height}" font-family="sans-serif" font-size="12">\n'
        f'<rect width="760" height="{height}" fill="white"/>\n' + "\n".join(lines) + "\n</svg>\n"
    )


def _two_places(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _table(title: str, head: Iterable[str], body: Iterable[Sequence[str]]) -> Table:
    table = Table(*head, title=title)
    for row in body:
        table.add_row(*row)
    return table


def _markdown(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _machine() -> str:
    memory = psutil.virtual_memory().total / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}"


def _versions() -> Rows:
    java = subprocess.run([find_java(), "-version"], capture_output=True, text=True, check=True).stderr.splitlines()[0]
    quix = subprocess.run(
        [QUIX / "bin" / "python", "-c", "import quixstreams; print(quixstreams.__version__)"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    pom = (CHECKOUT / "tests" / "bench" / "kafka-streams" / "pom.xml").read_text()
    kafka = pom.partition("<kafka.version>")[2].partition("<")[0]
    return [
        ("Python", platform.python_version()),
        *((name, version(name)) for name in ("aiokafka", "orjson", "pydantic", "uvloop", "faust-streaming")),
        ("Quix Streams", quix.strip() or "not measured"),
        ("Kafka and Kafka Streams", kafka),
        ("Java", java),
    ]
