"""The page of metrics, made from the catalogue: ``python -m streams.metrics_reference``."""

from __future__ import annotations

from typing import Final

from streams.metrics import CATALOGUE, Metric

_HEAD: Final = """# Metrics

<!-- Generated: `python -m streams.metrics_reference > docs/metrics.md`. A test fails when it is out of date. -->

All are served as `/metrics` in the text format of Prometheus, with those the client library gives of any process
(`process_cpu_seconds_total`, `process_resident_memory_bytes`, `process_start_time_seconds`, `python_gc_…`).

- Names begin with `petct_`; units are base units: seconds, yuan, records.
- Counters count what is committed. A batch that was thrown away has counted nothing, so that over all workers since
  their start the numbers are those of the topics.
- Labels whose values are listed here stand at 0 from the start: `rate()` and `increase()` miss no first event.
- No label holds a person, a settlement or a hospital. `city` is that of the insured (of the board: of the hospital),
  and only where the rulebook in force has a rule of the city's own; all the others are `other`.
- What is told by partition, its owner tells. A partition nobody tells of is one nobody owns.
- A histogram has the buckets of its last column, and `+Inf`.

"""
_SECTIONS: Final = (
    (
        "worker",
        "The settle worker",
        "Port `PETCT_HTTP_PORT` (9464), on `PETCT_HTTP_HOST` (loopback). How it is doing in words: `/livez`, "
        "`/readyz`, `/status`.\n\n",
    ),
    (
        "replay",
        "A replay",
        "`petct replay run` and `diff` serve these on port `PETCT_REPLAY_HTTP_PORT` (9465) while they run, and not "
        "after: what a run did for good stands in `petct replay log`. A run shorter than the scrape "
        "interval is not seen.\n\n",
    ),
    (
        "watch",
        "The watch worker",
        "Port `PETCT_HTTP_PORT` (9464), on `PETCT_HTTP_HOST` (loopback), as of any worker. Each process tells of the "
        "hospitals it holds: sum over them, or take the largest.\n\n",
    ),
)
_TAIL: Final = """## Not there, and why

- No finding of a hospital or a city: how many there are of a rule is told, and whose they are stands on
  `settlement.alerts`, for whoever may read that.
- No lag of a partition that no worker owns, and none of a worker that is down: that is for `up` and
  `sum(petct_assigned_partitions)` to tell.
- Nothing of the brokers: Kafka has an exporter of its own.
- `petct_lag_seconds` trusts the clocks of whoever wrote the events, as `petct_age_at_commit_seconds` does.

## What it costs

`make bench-overhead` settles one topic with all of this in half of the batches, and with nothing counted, timed or
asked for in the other half; neighbours make a pair. Processor time an event with instruments, by that without, measured
on two cores that did nothing else, the modules not compiled:

| events | without, an event | ratio, median of the pairs | lower quartiles |
|---|---|---|---|
| all ours, 168 pairs | 100.6 µs | 1.014 (95 %: 1.008 to 1.018) | 1.014 (95 %: 1.009 to 1.020) |
| all ours, another run, 168 pairs | 98.0 µs | 1.015 (95 %: 1.009 to 1.023) | 1.014 (95 %: 1.005 to 1.022) |
| 1 % ours, 49 pairs | 3.6 µs | 1.008 (95 %: 0.999 to 1.023) | 1.012 (95 %: 0.996 to 1.025) |
| 1 % ours, another run, 48 pairs | 3.4 µs | 1.009 (95 %: 1.003 to 1.011) | 1.006 (95 %: 0.998 to 1.015) |

So 1.5 % where everything is ours, and 1 % where little is. Nearly all of it is laying each answer beside those of its
kind and counting them at the commit; asking for the ends of partitions takes 1 ms every five seconds, a scrape 2 ms.
"""


def reference() -> str:
    """The whole page, Markdown."""
    parts = [_HEAD]
    for process, title, words in _SECTIONS:
        parts.append(f"## {title}\n\n{words}| metric | type | labels | what it is | question it answers | buckets |\n")
        parts.append("|---|---|---|---|---|---|\n")
        for metric in CATALOGUE.values():
            if metric.process == process:
                parts.append(_row(metric))
        parts.append("\n")
    return "".join([*parts, _TAIL])


def _row(metric: Metric) -> str:
    labels = "<br>".join(f"`{name}`: {_values(bound)}" for name, bound in metric.labels.items())
    buckets = " ".join(f"{bucket:g}" for bucket in metric.buckets)
    unit = f", {metric.unit}" if metric.unit else ""
    return f"| `{metric.name}` | {metric.kind}{unit} | {labels} | {metric.help} | {metric.question} | {buckets} |\n"


def _values(bound: tuple[str, ...] | str) -> str:
    return bound if isinstance(bound, str) else ", ".join(f"`{value}`" for value in bound)


if __name__ == "__main__":
    print(reference(), end="")
