"""docs/capacity.md and its plot, made of docs/capacity.json alone: no number on the page was typed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, StrictUndefined
from ruamel.yaml import YAML

from ops.kafka.broker import CHECKOUT

MEASURED: Final = CHECKOUT / "docs" / "capacity.json"
PAGE: Final = CHECKOUT / "docs" / "capacity.md"
PLOT: Final = CHECKOUT / "docs" / "capacity.svg"
TEMPLATE: Final = Path(__file__).with_name("capacity.md.j2")
SCALER: Final = CHECKOUT / "ops" / "kubernetes" / "scaledobject.yaml"
BUSY: Final = 0.5
"""Of a core's time that a worker should use at the peak; the rest is for catching up, and for a worker that is lost."""
_THROUGHPUT: Final = (
    "ours",
    "workers",
    "events/s here",
    "cores it got",
    "µs of CPU an event",
    "events/s of a full core",
)
_MEMORY: Final = ("partitions of one worker", "at rest, MB", "behind a backlog of all, MB")
_SETUP: Final = (
    "events/s at the peak",
    "ours",
    "cores in use",
    "workers",
    "partitions",
    "memory of a worker, MB",
    "input, MB/s",
)
_INCIDENT: Final = (
    "what happened",
    "lasted, s",
    "longest wait seen, s",
    "oldest answer at most, s",
    "fewest partitions with a worker",
    "calm again after, s",
    "what was counted",
)
ASKED: Final = ((1_000, 0.01), (1_000, 0.1), (10_000, 0.01), (10_000, 0.1), (100_000, 0.01), (100_000, 0.1))


def measured() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(MEASURED.read_text("utf-8"))
    return found


def keep(part: dict[str, Any]) -> None:
    """Put a part measured anew in place of the one before."""
    before = measured() if MEASURED.is_file() else {}
    MEASURED.write_text(json.dumps({**before, **part}, indent=1, sort_keys=True) + "\n", "utf-8")


def rendered(found: dict[str, Any]) -> dict[Path, str]:
    return {PAGE: _page(found), PLOT: _plot(found["incidents"]["runs"])}


@dataclass(frozen=True, slots=True)
class Cost:
    """Processor time of an event, in microseconds: each one's, and what one of ours adds."""

    each: float
    ours: float

    def of(self, share: float) -> float:
        return self.each + share * self.ours


def cost(runs: Iterable[dict[str, Any]]) -> Cost:
    """From one process, by the least and the greatest share of ours that were measured."""
    alone = sorted((run for run in runs if run["processes"] == 1), key=lambda run: float(run["share"]))
    few, many = alone[0], alone[-1]
    ours = (many["cpu_microseconds"] - few["cpu_microseconds"]) / (many["share"] - few["share"])
    return Cost(few["cpu_microseconds"] - few["share"] * ours, ours)


@dataclass(frozen=True, slots=True)
class Setup:
    """What to set for so many events a second, of which `share` are ours."""

    rate: int
    share: float
    cores: float

    @property
    def workers(self) -> int:
        """Two at least, so that one can fail."""
        return max(2, ceil(self.cores / BUSY))

    @property
    def partitions(self) -> int:
        """Twice the workers, in dozens: a dozen divides evenly among 2, 3, 4, 6 and 12 workers."""
        return 12 * ceil(2 * self.workers / 12)


def _page(found: dict[str, Any]) -> str:
    runs, memory, incidents = found["throughput"]["runs"], found["memory"]["runs"], found["incidents"]
    spent = cost(runs)
    a_partition, base = _memory_line(memory)
    size = max(run["event_bytes"] for run in runs)
    lag = int(YAML(typ="safe").load(SCALER)["spec"]["triggers"][0]["metadata"]["lagThreshold"])
    calm = incidents["runs"][0]
    setups = [Setup(rate, share, rate * spent.of(share) / 1e6) for rate, share in ASKED]
    template = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
    return template.from_string(TEMPLATE.read_text("utf-8")).render(
        machines=_machines(found),
        size=f"{size:,}",
        throughput=_table(_THROUGHPUT, _throughput_rows(runs)),
        each=f"{spent.each:.0f}",
        ours=f"{spent.ours:.0f}",
        ratios=_span([_ratio(runs, share) for share in _shares(runs)]),
        memory=_table(_MEMORY, _memory_rows(memory)),
        base=f"{base:.0f}",
        a_partition=f"{a_partition:.1f}",
        busy=f"{BUSY:.0%}",
        setups=_table(_SETUP, _setup_rows(setups, a_partition, base, size)),
        lag=f"{lag:,}",
        lag_rate=f"{lag // 10:,}",
        lag_few=f"{lag * spent.of(0.01) / 1e6:.1f}",
        lag_many=f"{lag * spent.of(0.1) / 1e6:.1f}",
        session=f"{incidents['session_ms']:,}",
        rate=incidents["rate"],
        share=f"{incidents['share']:.0%}",
        live_cores=f"{calm['cores']:.2f}",
        live_cost=f"{calm['cores'] / calm['answered_a_second'] * 1e3:.1f}",
        live_answers=f"{calm['answered_a_second'] / calm['transactions_a_second']:.1f}",
        incidents=_table(_INCIDENT, _incident_rows(incidents["runs"])),
    )


def _shares(runs: Iterable[dict[str, Any]]) -> list[float]:
    return sorted({float(run["share"]) for run in runs}, reverse=True)


def _ratio(runs: Iterable[dict[str, Any]], share: float) -> float:
    """Processor time an event of two workers to that of one."""
    by = {run["processes"]: float(run["cpu_microseconds"]) for run in runs if run["share"] == share}
    return by[2] / by[1]


def _span(values: Sequence[float]) -> str:
    return f"{min(values):.2f} to {max(values):.2f}"


def _throughput_rows(runs: Iterable[dict[str, Any]]) -> list[tuple[str, ...]]:
    return [
        (
            f"{run['share'] * 100:g} %",
            str(run["processes"]),
            f"{run['events_a_second']:,}",
            f"{run['cores']:.2f}",
            f"{run['cpu_microseconds']:.1f}",
            f"{_rounded(1e6 / run['cpu_microseconds']):,}",
        )
        for run in runs
    ]


def _memory_line(runs: Sequence[dict[str, Any]]) -> tuple[float, float]:
    """Megabytes a partition and for none, by the fewest and the most partitions measured."""
    few, many = runs[0], runs[-1]
    slope = (many["peak_bytes"] - few["peak_bytes"]) / 1e6 / (many["partitions"] - few["partitions"])
    return slope, few["peak_bytes"] / 1e6 - slope * few["partitions"]


def _memory_rows(runs: Iterable[dict[str, Any]]) -> list[tuple[str, ...]]:
    return [
        (str(run["partitions"]), f"{run['idle_bytes'] / 1e6:.0f}", f"{run['peak_bytes'] / 1e6:.0f}") for run in runs
    ]


def _setup_rows(setups: Iterable[Setup], a_partition: float, base: float, size: int) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for setup in setups:
        owned = ceil(setup.partitions / max(1, setup.workers // 2))
        needed = 1.5 * (base + a_partition * owned)
        rows.append(
            (
                f"{setup.rate:,}",
                f"{setup.share * 100:g} %",
                f"{setup.cores:.2f}",
                str(setup.workers),
                str(setup.partitions),
                f"{64 * ceil(needed / 64)}",
                f"{setup.rate * size / 1e6:.0f}",
            )
        )
    return rows


def _incident_rows(runs: Iterable[dict[str, Any]]) -> list[tuple[str, ...]]:
    return [
        (
            run["name"],
            f"{run['seconds']:.0f}",
            f"{run['longest_wait_seconds']:.1f}",
            f"{run['oldest_answer_at_most_seconds']:g}",
            str(run["fewest_attended"]),
            f"{run['until_caught_up_seconds']:.0f}" if run["until_caught_up_seconds"] else "–",
            ", ".join(_counted(key, count) for key, count in run["counts"].items()) or "nothing",
        )
        for run in runs
    ]


def _counted(key: str, count: int) -> str:
    """`reopenings_total broker`, 3 -> `3 reopenings (broker)`."""
    name, _, label = key.partition(" ")
    what = {"transaction_seconds_count": "transactions"}.get(name, name.removesuffix("_total"))
    plural = what if count != 1 else what.removesuffix("s")
    return f"{count} {plural}{f' ({label})' if label else ''}"


def _machines(found: dict[str, Any]) -> str:
    told = {
        f"{it['machine']['cores']} cores, {it['machine']['memory_gib']} GiB, {it['machine']['system']}"
        for it in found.values()
    }
    loads = [it["machine"]["load"] for it in found.values()]
    days = sorted({it["machine"]["measured"] for it in found.values()})
    return (
        f"Measured on {' and '.join(days)} on a machine of {' or '.join(sorted(told))}, with other work beside it\n"
        f"(load average {min(loads):.0f} to {max(loads):.0f})."
    )


def _rounded(value: float) -> int:
    """To two digits that count."""
    return int(float(f"{value:.2g}"))


def _table(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _plot(runs: Sequence[dict[str, Any]]) -> str:
    """One strip an incident: the longest wait as a line, partitions with a worker as an area behind it."""
    left, width, height, gap = 60, 640, 90, 44
    longest = max(20.0, *(wait for run in runs for _, wait, _ in run["curve"]))
    last = max(at for run in runs for at, _, _ in run["curve"])
    most = max(attended for run in runs for _, _, attended in run["curve"])
    lines = []
    for number, run in enumerate(runs):
        top = 30 + number * (height + gap)
        bottom = top + height

        area = [(left + at / last * width, bottom - attended / most * height) for at, _, attended in run["curve"]]
        curve = [(left + at / last * width, bottom - wait / longest * height) for at, wait, _ in run["curve"]]
        lines.append(f'<text x="{left}" y="{top - 8}" font-weight="bold">{escape(run["name"])}</text>')
        lines.append(f'<polygon points="{_points([(left, bottom), *area, (area[-1][0], bottom)])}" fill="#e2e8f0"/>')
        ends = left + run["seconds"] / last * width
        lines.append(f'<line x1="{ends:.1f}" x2="{ends:.1f}" y1="{top}" y2="{bottom}" stroke="#718096"/>')
        lines.append(f'<polyline points="{_points(curve)}" fill="none" stroke="#c53030" stroke-width="1.5"/>')
        lines.append(f'<line x1="{left}" x2="{left + width}" y1="{bottom}" y2="{bottom}" stroke="#a0aec0"/>')
        lines.append(f'<text x="{left - 6}" y="{bottom}" text-anchor="end">0</text>')
        lines.append(f'<text x="{left - 6}" y="{top + 10}" text-anchor="end" fill="#c53030">{longest:.0f} s</text>')
        lines.append(f'<text x="{left + width + 4}" y="{top + 10}" fill="#718096">{most}</text>')
        lines.append(f'<text x="{left + width}" y="{bottom + 14}" text-anchor="end">{last:.0f} s</text>')
    total = 30 + len(runs) * (height + gap) + 16
    key = (
        "red: longest wait of an open settlement (petct_lag_seconds); grey: partitions with a worker; "
        "upright line: the incident is over"
    )
    lines.append(f'<text x="{left}" y="{total - 8}" fill="#4a5568">{key}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 {total}" font-family="sans-serif" font-size="11">\n'
        f'<rect width="760" height="{total}" fill="white"/>\n' + "\n".join(lines) + "\n</svg>\n"
    )


def _points(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
