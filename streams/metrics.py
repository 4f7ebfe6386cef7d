"""Every metric of the worker, in one catalogue, and the registry made of it.

Names begin with `petct_`, units are base units, every label has a closed set of values that stands at 0 from the start
(partition numbers apart). No label holds anything of a settlement. What a batch adds is gathered in a `Tally` and
written once, after its transaction: numbers never count a record whose batch was thrown away.
"""

from __future__ import annotations

import contextlib
import platform
import time
from bisect import bisect_left
from collections import Counter as Counts
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import accumulate, product
from typing import Final, Literal, TypeVar, get_args

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

from schemas.adjusted import LineOutcome, LineReason
from schemas.deadletters import DeadLetterReason
from streams.processors.settlement import Answer, Fate

BEARERS: Final = ("fund", "assistance", "patient", "hospital")
# A counter cannot fall, and a refund gives money back: the net is charged minus refunded.
DIRECTIONS: Final = ("charged", "refunded")
RESULTS: Final = ("committed", "failed")
LANE_STATES: Final = ("opening", "running", "reopening", "closing")

M = TypeVar("M", Counter, Gauge, Histogram)

# The time at which a counter began says nothing the scraper does not know, and doubles the page.
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `labels` gives each label its closed set of values; None where it is bounded but not known here."""

    name: str
    kind: Literal["counter", "gauge", "histogram", "info"]
    unit: str
    help: str
    question: str
    labels: dict[str, tuple[str, ...] | None] = field(default_factory=dict)
    buckets: tuple[float, ...] = ()


_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

CATALOGUE: Final[dict[str, Metric]] = {
    metric.name: metric
    for metric in (
        Metric(
            "petct_records_total",
            "counter",
            "records",
            "Input records committed, by what became of them.",
            "Is the stream moving, and how much of it is ours?",
            {"fate": tuple(Fate)},
        ),
        Metric(
            "petct_settlements_total",
            "counter",
            "settlements",
            "Settlements decided, by outcome.",
            "What do we decide?",
            {"outcome": get_args(LineOutcome)},
        ),
        Metric(
            "petct_reasons_total",
            "counter",
            "lines",
            "Reasons given on lines of decided settlements.",
            "Why do we decide so?",
            {"reason": get_args(LineReason)},
        ),
        Metric(
            "petct_dead_letters_total",
            "counter",
            "records",
            "Records that could not be decided, by reason.",
            "What comes in broken, or what have we broken?",
            {"reason": tuple(DeadLetterReason)},
        ),
        Metric(
            "petct_money_yuan_total",
            "counter",
            "yuan",
            "Money of decided settlements, by who bears it; what a refund gives back is counted apart.",
            "Who pays how much?",
            {"bearer": BEARERS, "direction": DIRECTIONS},
        ),
        Metric(
            "petct_transaction_seconds",
            "histogram",
            "seconds",
            "Transactions, from begin to committed or given up. The count is the number of transactions.",
            "Do transactions succeed, and how near are they to their limit?",
            {"result": RESULTS},
            _SECONDS,
        ),
        Metric(
            "petct_age_at_commit_seconds",
            "histogram",
            "seconds",
            "Age of a record that was answered when its answer was committed: wall clock minus the record's timestamp.",
            "How long does a settlement wait for its answer?",
            {},
            (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 86400.0),
        ),
        Metric(
            "petct_lag_records",
            "gauge",
            "records",
            "Records of an input partition after the last one committed.",
            "How far behind are we?",
            {"partition": None},
        ),
        Metric(
            "petct_assigned_partitions",
            "gauge",
            "partitions",
            "Input partitions this worker owns.",
            "Is the work spread?",
        ),
        Metric(
            "petct_lanes",
            "gauge",
            "lanes",
            "Lanes of this worker, by state.",
            "Are all partitions being worked on?",
            {"state": LANE_STATES},
        ),
        Metric(
            "petct_rebalances_total",
            "counter",
            "rebalances",
            "Times the group gave this worker its partitions anew.",
            "Is the group at rest?",
        ),
        Metric(
            "petct_fencings_total",
            "counter",
            "fencings",
            "Times a lane found that another worker had taken its partition.",
            "Do two workers fight over a partition?",
        ),
        Metric(
            "petct_reopenings_total",
            "counter",
            "reopenings",
            "Times a lane failed and threw its producer away.",
            "Is something failing again and again?",
        ),
        Metric(
            "petct_breaker_open",
            "gauge",
            "state",
            "1 when too many dead letters have stopped the worker.",
            "Have we stopped ourselves?",
        ),
        Metric(
            "petct_last_progress_timestamp_seconds",
            "gauge",
            "seconds",
            "When a lane last committed, or found nothing new to do.",
            "Is anything moving?",
        ),
        Metric(
            "petct_rulebook_info",
            "info",
            "",
            "The rulebook in force.",
            "Do all workers decide by the same notices?",
            {"hash": None},
        ),
        Metric(
            "petct_rulebook_newest_release_refused",
            "gauge",
            "state",
            "1 while a release newer than the rulebook in force cannot be used.",
            "Is there a newer rulebook that this worker cannot read?",
        ),
        Metric(
            "petct_rulebook_review_seconds",
            "gauge",
            "seconds",
            "Time until the first entry of the rulebook in force runs out of review; negative when it has.",
            "When must someone look at the notices again?",
        ),
        Metric(
            "petct_build_info",
            "info",
            "",
            "What is running.",
            "Which version is this?",
            {"version": None, "python": None},
        ),
    )
}


@dataclass(slots=True)
class Tally:
    """What one batch will add to the metrics once it is committed."""

    records: int = 0
    fates: Counts[str] = field(default_factory=Counts)
    outcomes: Counts[str] = field(default_factory=Counts)
    reasons: Counts[str] = field(default_factory=Counts)
    dead_letters: Counts[str] = field(default_factory=Counts)
    money: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    timestamps: list[int] = field(default_factory=list)

    def add(self, answer: Answer, timestamp: int) -> None:
        """Count one answered record; `timestamp` in milliseconds since 1970. Passed-over ones only add to `records`."""
        self.timestamps.append(timestamp)
        self.fates[answer.fate] += 1
        if answer.dead_letter_reason is not None:
            self.dead_letters[answer.dead_letter_reason] += 1
        if answer.outcome is not None:
            self.outcomes[answer.outcome] += 1
            self.reasons.update(answer.reasons)
        if answer.money is not None:
            for bearer in BEARERS:
                amount = getattr(answer.money, bearer)
                if amount:
                    key = (bearer, DIRECTIONS[amount < 0])
                    self.money[key] = self.money.get(key, Decimal(0)) + abs(amount)


class _BulkHistogram(Collector):
    """A histogram that takes many values at once: one bisection each, where the client library walks its buckets."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        self._counts = [0] * (len(metric.buckets) + 1)
        self._sum = 0.0

    def observe(self, values: Iterable[float]) -> None:
        buckets, counts = self._metric.buckets, self._counts
        for value in values:
            counts[bisect_left(buckets, value)] += 1
            self._sum += value

    def collect(self) -> Iterator[HistogramMetricFamily]:
        bounds = [*map(str, self._metric.buckets), "+Inf"]
        cumulative = list(zip(bounds, map(float, accumulate(self._counts)), strict=True))
        yield HistogramMetricFamily(self._metric.name, self._metric.help, buckets=cumulative, sum_value=self._sum)


class Metrics:
    """The registry of one worker. Children are looked up once, here."""

    def __init__(self, version: str) -> None:
        self.registry = CollectorRegistry()
        prometheus_client.ProcessCollector(registry=self.registry)
        prometheus_client.GCCollector(registry=self.registry)
        self._fates = _children("petct_records_total", self._counter("petct_records_total"))
        self._outcomes = _children("petct_settlements_total", self._counter("petct_settlements_total"))
        self._reasons = _children("petct_reasons_total", self._counter("petct_reasons_total"))
        self._dead_letters = _children("petct_dead_letters_total", self._counter("petct_dead_letters_total"))
        self._money = _children("petct_money_yuan_total", self._counter("petct_money_yuan_total"))
        self._transactions = _children("petct_transaction_seconds", self._histogram("petct_transaction_seconds"))
        self._age = _BulkHistogram(CATALOGUE["petct_age_at_commit_seconds"])
        self.registry.register(self._age)
        self._lag = self._gauge("petct_lag_records")
        self._lanes = _children("petct_lanes", self._gauge("petct_lanes"))
        self.assigned_partitions = self._gauge("petct_assigned_partitions")
        self.rebalances = self._counter("petct_rebalances_total")
        self.fencings = self._counter("petct_fencings_total")
        self.reopenings = self._counter("petct_reopenings_total")
        self.breaker_open = self._gauge("petct_breaker_open")
        self._last_progress = self._gauge("petct_last_progress_timestamp_seconds")
        self._rulebook_info = self._gauge("petct_rulebook_info")
        self.newest_release_refused = self._gauge("petct_rulebook_newest_release_refused")
        self._review = self._gauge("petct_rulebook_review_seconds")
        self._gauge("petct_build_info").labels(version, platform.python_version()).set(1)

    def rulebook(self, hash: str, review_deadline: float) -> None:
        """The rulebook from now on in force; `review_deadline` in seconds since 1970."""
        self._rulebook_info.clear()
        self._rulebook_info.labels(hash).set(1)
        self._review.set_function(lambda: review_deadline - time.time())

    def committed(self, tally: Tally, now: float) -> None:
        """A batch is committed; `now` in seconds since 1970."""
        answered = 0
        for fate, count in tally.fates.items():
            answered += count
            self._fates[fate,].inc(count)
        self._fates[Fate.PASSED_OVER,].inc(tally.records - answered)
        for outcome, count in tally.outcomes.items():
            self._outcomes[outcome,].inc(count)
        for reason, count in tally.reasons.items():
            self._reasons[reason,].inc(count)
        for reason, count in tally.dead_letters.items():
            self._dead_letters[reason,].inc(count)
        for bearer_and_direction, amount in tally.money.items():
            self._money[bearer_and_direction].inc(float(amount))
        self._age.observe(now - timestamp / 1000 for timestamp in tally.timestamps)

    def transaction(self, result: Literal["committed", "failed"], seconds: float) -> None:
        self._transactions[result,].observe(seconds)

    def progress(self, now: float) -> None:
        """`now` in seconds since 1970."""
        self._last_progress.set(now)

    def lanes(self, states: Counts[str]) -> None:
        for (state,), gauge in self._lanes.items():
            gauge.set(states[state])

    def lag(self, partition: int, records: int) -> None:
        self._lag.labels(str(partition)).set(records)

    def let_go(self, partition: int) -> None:
        """Another worker tells the lag of this partition from now on."""
        with contextlib.suppress(KeyError):
            self._lag.remove(str(partition))

    def _counter(self, name: str) -> Counter:
        metric = CATALOGUE[name]
        return Counter(name, metric.help, tuple(metric.labels), registry=self.registry)

    def _gauge(self, name: str) -> Gauge:
        metric = CATALOGUE[name]
        return Gauge(name, metric.help, tuple(metric.labels), registry=self.registry)

    def _histogram(self, name: str) -> Histogram:
        metric = CATALOGUE[name]
        return Histogram(name, metric.help, tuple(metric.labels), registry=self.registry, buckets=metric.buckets)


def _children(name: str, metric: M) -> dict[tuple[str, ...], M]:
    """All children of a metric whose labels are closed sets, by their values; each stands at 0 from now on."""
    values = product(*(closed or () for closed in CATALOGUE[name].labels.values()))
    return {labels: metric.labels(*labels) for labels in values}
