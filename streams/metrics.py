"""Every metric of ours, in one catalogue, and the registry of the worker made of it.

Names begin with `petct_`, units are base units, every label has a closed set of values that stands at 0 from the start
(partitions apart: whoever owns one tells of it). No label holds anything of a settlement but the city of the insured,
and that only where the rulebook names it. What a batch adds is gathered in a `Tally` and written once, after its
transaction: numbers never count a record whose batch was thrown away.

docs/metrics.md is generated from the catalogue: ``python -m streams.metrics_reference``.
"""

from __future__ import annotations

import contextlib
import math
import platform
from bisect import bisect_right
from collections import Counter as Counts
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, product
from typing import Final, Literal, TypeVar, get_args

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

from schemas.adjusted import LineOutcome, LineReason
from schemas.alerts import Rule
from schemas.deadletters import DeadLetterReason
from schemas.topics import OUTPUTS
from streams.processors.settlement import OTHER, Fate
from streams.rulebook import Rulebook
from streams.rulebook.review import deadline
from streams.tally import BEARERS, DIRECTIONS, Tally

RESULTS: Final = ("committed", "aborted", "in_doubt")
CAUSES: Final = ("fenced", "broker", "timeout", "topics", "unforeseen")
REPLAY_MODES: Final = ("emit", "compare")
REPLAY_PHASES: Final = ("reading", "replaying", "waiting")
BOARD_FATES: Final = ("listed", "withdrawn", "repeated", "unreadable")
SUBJECTS: Final = ("persons", "cities")
FINDING_KINDS: Final = ("raised", "revised", "withdrawn")
FACT_FATES: Final = ("judged", "unchanged", "late")
UNREADABLE: Final = ("adjusted", "persons", "cities")
LANE_STATES: Final = ("opening", "running", "reopening", "closing")

M = TypeVar("M", Counter, Gauge, Histogram)

# The time at which a counter began says nothing the scraper does not know, and doubles the page.
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `labels` gives each label its closed set of values; a text where they are known only at run time:

    then it says what bounds them. `process` is which of our processes serves it.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram", "info"]
    unit: str
    help: str
    question: str
    labels: dict[str, tuple[str, ...] | str] = field(default_factory=dict)
    buckets: tuple[float, ...] = ()
    process: Literal["worker", "replay", "watch"] = "worker"


_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 40.0)
_AGES: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 86400.0)
_BATCHES: Final = (1.0, 10.0, 100.0, 300.0, 1_000.0, 3_000.0, 10_000.0, 30_000.0, 100_000.0)

_PARTITION: Final = "partitions of settlement.events that this worker owns"
_CITY: Final = (
    f"cities the rulebook in force has a rule for, a province's code for its own pool, `{OTHER}` for all else"
)
_DISCLOSING_CITY: Final = (
    "cities of hospitals that the newest rulebook has a rule of their own for, a province's code for its own, "
    f"`{OTHER}` for all else"
)

CATALOGUE: Final[dict[str, Metric]] = {
    metric.name: metric
    for metric in (
        # What comes in, and what becomes of it.
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
            "Settlements decided, by outcome and city of the insured.",
            "What do we decide, and is one city unlike the others?",
            {"outcome": get_args(LineOutcome), "city": _CITY},
        ),
        Metric(
            "petct_reasons_total",
            "counter",
            "reasons",
            "Reasons given on lines of decided settlements, by city of the insured.",
            "Why do we decide so, and where do hospitals charge too much?",
            {"reason": get_args(LineReason), "city": _CITY},
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
            "Money of decided settlements, by who bears it and how the settlement was decided; what a refund gives "
            "back is counted apart.",
            "Who pays how much?",
            {"bearer": BEARERS, "outcome": get_args(LineOutcome), "direction": DIRECTIONS},
        ),
        Metric(
            "petct_outputs_total",
            "counter",
            "records",
            "Records committed to the output topics.",
            "Does every topic get what it should?",
            {"topic": OUTPUTS},
        ),
        Metric(
            "petct_records_missed_total",
            "counter",
            "records",
            "Records that retention deleted before they were read, as found when a partition was opened.",
            "Have we lost money for good?",
        ),
        # How long it takes.
        Metric(
            "petct_batch_records",
            "histogram",
            "records",
            "Input records of a committed batch, passed-over ones too.",
            "Do we work in gulps, or record by record?",
            {},
            _BATCHES,
        ),
        Metric(
            "petct_decide_seconds",
            "histogram",
            "seconds",
            "Time that deciding the records of a committed batch took, all waiting left out.",
            "How busy is the one core we have, and is a batch too long for it?",
            {},
            _SECONDS,
        ),
        Metric(
            "petct_transaction_seconds",
            "histogram",
            "seconds",
            "Transactions, from begin to their end as far as we know it: committed; aborted, given up before the "
            "commit was asked for; in_doubt, given up after. The count is the number of transactions.",
            "Do transactions succeed, and how near are they to their limit?",
            {"result": RESULTS},
            _SECONDS,
        ),
        Metric(
            "petct_transaction_limit_seconds",
            "gauge",
            "seconds",
            "How long a transaction may take before we give it up.",
            "Near to what?",
        ),
        Metric(
            "petct_age_at_commit_seconds",
            "histogram",
            "seconds",
            "Age of a record that was answered when its answer was committed: wall clock minus the record's timestamp.",
            "How long does a settlement wait for its answer?",
            {},
            _AGES,
        ),
        # How far behind.
        Metric(
            "petct_lag_records",
            "gauge",
            "records",
            "Offsets of an input partition after the last one committed or passed over, up to what read-committed "
            "consumers see.",
            "How far behind are we?",
            {"partition": _PARTITION},
        ),
        Metric(
            "petct_lag_seconds",
            "gauge",
            "seconds",
            "How long the oldest record of an input partition that is neither committed nor passed over has waited, "
            "at most; 0 when there is none.",
            "How late are we?",
            {"partition": _PARTITION},
        ),
        Metric(
            "petct_last_progress_timestamp_seconds",
            "gauge",
            "seconds",
            "When the lane of an input partition last committed, or found nothing new to do; before that, when it "
            "began.",
            "Is anything moving?",
            {"partition": _PARTITION},
        ),
        # The worker in its group.
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
            "Times a lane failed and threw its producer away, by cause: fenced by another worker; the broker refused "
            "or was away; a time limit; topics unlike the catalogue; anything we did not foresee.",
            "What is failing again and again?",
            {"cause": CAUSES},
        ),
        Metric(
            "petct_broker_seen_timestamp_seconds",
            "gauge",
            "seconds",
            "When a broker last answered this worker; 0: never yet.",
            "Is Kafka there for us?",
        ),
        Metric(
            "petct_breaker_open",
            "gauge",
            "state",
            "1 when too many dead letters have stopped the worker; so for PETCT_BREAKER_HOLD_SECONDS, then it ends.",
            "Have we stopped ourselves?",
        ),
        # What is running.
        Metric(
            "petct_rulebook_info",
            "info",
            "",
            "The rulebook in force.",
            "Do all workers decide by the same notices?",
            {"hash": "the one rulebook in force"},
        ),
        Metric(
            "petct_rulebook_newest_release_refused",
            "gauge",
            "state",
            "1 while a release newer than the rulebook in force cannot be used.",
            "Is there a newer rulebook that this worker cannot read?",
        ),
        Metric(
            "petct_rulebook_review_deadline_timestamp_seconds",
            "gauge",
            "seconds",
            "When the first entry of the rulebook in force runs out of review; NaN before there is a rulebook.",
            "When must someone look at the notices again?",
        ),
        Metric(
            "petct_build_info",
            "info",
            "",
            "What is running.",
            "Which version is this?",
            {"version": "the one that runs", "python": "the one that runs"},
        ),
        # A replay. It is a command, not a service: it serves these while it runs.
        Metric(
            "petct_replay_info",
            "info",
            "",
            "The run: the first digits of its plan's hash, and whether it emits or only compares.",
            "Which run is this?",
            {"plan": "the one plan of the run", "mode": REPLAY_MODES},
            process="replay",
        ),
        Metric(
            "petct_replay_planned_records",
            "gauge",
            "records",
            "Offsets of the plan; at most so many records are read.",
            "How much is there to do?",
            process="replay",
        ),
        Metric(
            "petct_replay_records_total",
            "counter",
            "records",
            "Offsets of the plan that this run is done with, read or passed over.",
            "How far is it, and how fast?",
            process="replay",
        ),
        Metric(
            "petct_replay_read_before_total",
            "counter",
            "records",
            "Earlier answers read to know what stands.",
            "Is it still reading, before it replays?",
            process="replay",
        ),
        Metric(
            "petct_replay_differences_total",
            "counter",
            "settlements",
            "Settlements and disclosures that come out unlike what stands.",
            "How much does it change?",
            process="replay",
        ),
        Metric(
            "petct_replay_emitted_total",
            "counter",
            "records",
            "Corrections written; stays 0 where the run only compares.",
            "How much has it written?",
            process="replay",
        ),
        Metric(
            "petct_replay_phase",
            "gauge",
            "state",
            "1 for what the run does now, 0 for the others.",
            "Does it work, or wait for live traffic?",
            {"phase": REPLAY_PHASES},
            process="replay",
        ),
        Metric(
            "petct_replay_started_timestamp_seconds",
            "gauge",
            "seconds",
            "When the run began.",
            "Is it running too long?",
            process="replay",
        ),
        Metric(
            "petct_replay_last_progress_timestamp_seconds",
            "gauge",
            "seconds",
            "When the run was last done with a record, or waited for live traffic; before that, when it began.",
            "Does it hang?",
            process="replay",
        ),
        # The disclosure board, kept by the watch worker.
        Metric(
            "petct_board_disclosures_total",
            "counter",
            "records",
            "Disclosure records taken by the board, by what became of them; after a crash some are counted again.",
            "Does the board move, and can it read what it gets?",
            {"fate": BOARD_FATES},
            process="watch",
        ),
        Metric(
            "petct_board_lists",
            "gauge",
            "lists",
            "Daily lists that this process holds.",
            "Is anything there, and is it spread?",
            process="watch",
        ),
        Metric(
            "petct_board_rows",
            "gauge",
            "rows",
            "Rows on all daily lists that this process holds.",
            "Does it grow as examinations do?",
            process="watch",
        ),
        Metric(
            "petct_board_newest_day_timestamp_seconds",
            "gauge",
            "seconds",
            "Start, in China, of the newest day that a hospital of the city has a list of; 0: of none.",
            "How fresh is what the hospitals of a city can publish?",
            {"city": _DISCLOSING_CITY},
            process="watch",
        ),
        Metric(
            "petct_board_missing_lists",
            "gauge",
            "hospitals",
            "Hospitals of the city with examinations yesterday that must be disclosed, and no list of that day; 0 "
            "before PETCT_BOARD_DUE_HOUR.",
            "Does a hospital break its duty to publish because of us?",
            {"city": _DISCLOSING_CITY},
            process="watch",
        ),
        # Surveillance, of the watch worker too.
        Metric(
            "petct_surveillance_findings_total",
            "counter",
            "records",
            "Records of findings written to settlement.alerts; after a crash one may be counted again.",
            "What does surveillance find, and what does it take back?",
            {"rule": get_args(Rule), "kind": FINDING_KINDS},
            process="watch",
        ),
        Metric(
            "petct_surveillance_facts_total",
            "counter",
            "settlements",
            "Facts of settlements that reached their person or their city, by what became of them: `unchanged` was "
            "known already, `late` is older than what is kept and left out.",
            "Does surveillance move?",
            {"subjects": SUBJECTS, "fate": FACT_FATES},
            process="watch",
        ),
        Metric(
            "petct_surveillance_held_facts",
            "gauge",
            "settlements",
            "Facts of settlements that this process holds, of its persons and of its cities.",
            "Does its memory stay bounded?",
            {"subjects": SUBJECTS},
            process="watch",
        ),
        Metric(
            "petct_surveillance_unreadable_total",
            "counter",
            "records",
            "Records of settlement.adjusted, or of its own topics, that this version of surveillance cannot read.",
            "Is anything left out of what is judged?",
            {"topic": UNREADABLE},
            process="watch",
        ),
    )
}


class _BulkHistogram(Collector):
    """A histogram that takes many values at once: a bisection a bucket, where the client library walks all for each."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        self._counts = [0] * (len(metric.buckets) + 1)
        self._sum = 0.0

    def observe(self, values: Iterable[float]) -> None:
        ordered = sorted(values)
        below = 0
        for place, bound in enumerate(self._metric.buckets):
            until = bisect_right(ordered, bound)
            self._counts[place] += until - below
            below = until
        self._counts[-1] += len(ordered) - below
        self._sum += sum(ordered)

    def collect(self) -> Iterator[HistogramMetricFamily]:
        bounds = [*map(str, self._metric.buckets), "+Inf"]
        cumulative = list(zip(bounds, map(float, accumulate(self._counts)), strict=True))
        yield HistogramMetricFamily(self._metric.name, self._metric.help, buckets=cumulative, sum_value=self._sum)


class Children(dict[tuple[str, ...], M]):
    """The children of a metric by the values of its labels; those of closed labels stand at 0 from the start."""

    def __init__(self, metric: M, labels: Mapping[str, tuple[str, ...] | str]) -> None:
        super().__init__()
        self._metric: M = metric
        if all(isinstance(values, tuple) for values in labels.values()):
            self.begin(*labels.values())

    def begin(self, *values: Iterable[str]) -> None:
        """Let all combinations of these values stand at 0, where they do not stand already."""
        for labels in product(*values):
            self[labels]

    def __missing__(self, labels: tuple[str, ...]) -> M:
        made: M = self._metric.labels(*labels)
        self[labels] = made
        return made


class Instruments:
    """A registry that holds the metrics of one process of ours, made as the catalogue says."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        prometheus_client.ProcessCollector(registry=self.registry)
        prometheus_client.GCCollector(registry=self.registry)

    def counter(self, name: str) -> Counter:
        return Counter(name, CATALOGUE[name].help, tuple(CATALOGUE[name].labels), registry=self.registry)

    def gauge(self, name: str) -> Gauge:
        return Gauge(name, CATALOGUE[name].help, tuple(CATALOGUE[name].labels), registry=self.registry)

    def histogram(self, name: str) -> Histogram:
        metric = CATALOGUE[name]
        return Histogram(name, metric.help, tuple(metric.labels), registry=self.registry, buckets=metric.buckets)

    def counters(self, name: str) -> Children[Counter]:
        return Children(self.counter(name), CATALOGUE[name].labels)

    def gauges(self, name: str) -> Children[Gauge]:
        return Children(self.gauge(name), CATALOGUE[name].labels)

    def histograms(self, name: str) -> Children[Histogram]:
        return Children(self.histogram(name), CATALOGUE[name].labels)


class Metrics(Instruments):
    """The registry of one worker. Children are looked up once, here."""

    def __init__(self, version: str) -> None:
        super().__init__()
        self._fates = self.counters("petct_records_total")
        self._outcomes = self.counters("petct_settlements_total")
        self._reasons = self.counters("petct_reasons_total")
        self._dead_letters = self.counters("petct_dead_letters_total")
        self._money = self.counters("petct_money_yuan_total")
        self._outputs = self.counters("petct_outputs_total")
        self.missed = self.counter("petct_records_missed_total")
        self._batch = self.histogram("petct_batch_records")
        self._decide = self.histogram("petct_decide_seconds")
        self._transactions = self.histograms("petct_transaction_seconds")
        self.transaction_limit = self.gauge("petct_transaction_limit_seconds")
        self._age = _BulkHistogram(CATALOGUE["petct_age_at_commit_seconds"])
        self.registry.register(self._age)
        self._lag = self.gauge("petct_lag_records")
        self._lag_seconds = self.gauge("petct_lag_seconds")
        self._progress = self.gauge("petct_last_progress_timestamp_seconds")
        self._lanes = self.gauges("petct_lanes")
        self.assigned_partitions = self.gauge("petct_assigned_partitions")
        self.rebalances = self.counter("petct_rebalances_total")
        self.fencings = self.counter("petct_fencings_total")
        self._reopenings = self.counters("petct_reopenings_total")
        self.broker_seen = self.gauge("petct_broker_seen_timestamp_seconds")
        self.breaker_open = self.gauge("petct_breaker_open")
        self._rulebook_info = self.gauge("petct_rulebook_info")
        self.newest_release_refused = self.gauge("petct_rulebook_newest_release_refused")
        self._review = self.gauge("petct_rulebook_review_deadline_timestamp_seconds")
        self._review.set(math.nan)
        self.gauge("petct_build_info").labels(version, platform.python_version()).set(1)
        self._begin_cities([OTHER])

    def rulebook(self, book: Rulebook) -> None:
        """The rulebook from now on in force."""
        self._rulebook_info.clear()
        self._rulebook_info.labels(book.hash).set(1)
        self._review.set(deadline(book).timestamp())
        self._begin_cities(sorted(book.cities))

    def _begin_cities(self, cities: Sequence[str]) -> None:
        """Cities of the rulebook before stay: a counter does not vanish."""
        self._outcomes.begin(get_args(LineOutcome), cities)
        self._reasons.begin(get_args(LineReason), cities)

    def committed(self, tally: Tally, outputs: Mapping[str, int], now: float) -> None:
        """A batch is committed, with so many records to each topic; `now` in seconds since 1970."""
        self._fates[Fate.PASSED_OVER,].inc(tally.records - len(tally.timestamps))
        counts = tally.counts()
        for fate, count in counts.fates.items():
            self._fates[fate,].inc(count)
        for outcome, count in counts.outcomes.items():
            self._outcomes[outcome].inc(count)
        for reason, count in counts.reasons.items():
            self._reasons[reason].inc(count)
        for why, count in counts.dead_letters.items():
            self._dead_letters[why,].inc(count)
        for share, amount in tally.shares():
            self._money[share].inc(float(amount))
        for topic, count in outputs.items():
            self._outputs[topic,].inc(count)
        if tally.records:
            self._batch.observe(tally.records)
            self._decide.observe(tally.decide_seconds)
        self._age.observe(now - timestamp / 1000 for timestamp in tally.timestamps)

    def transaction(self, result: Literal["committed", "aborted", "in_doubt"], seconds: float) -> None:
        self._transactions[result,].observe(seconds)

    def reopening(self, cause: Literal["fenced", "broker", "timeout", "topics", "unforeseen"]) -> None:
        self._reopenings[cause,].inc()
        if cause == "fenced":
            self.fencings.inc()

    def progress(self, partition: int, now: float) -> None:
        """`now` in seconds since 1970."""
        self._progress.labels(str(partition)).set(now)

    def lanes(self, states: Counts[str]) -> None:
        for (state,), gauge in self._lanes.items():
            gauge.set(states[state])

    def lag(self, partition: int, records: int, seconds: float) -> None:
        self._lag.labels(str(partition)).set(records)
        self._lag_seconds.labels(str(partition)).set(seconds)

    def let_go(self, partition: int) -> None:
        """Another worker tells of this partition from now on."""
        for gauge in (self._lag, self._lag_seconds, self._progress):
            with contextlib.suppress(KeyError):
                gauge.remove(str(partition))


class WatchMetrics(Instruments):
    """The registry of one watch process."""

    def __init__(self) -> None:
        super().__init__()
        self._disclosures = self.counters("petct_board_disclosures_total")
        self.lists = self.gauge("petct_board_lists")
        self.rows = self.gauge("petct_board_rows")
        self._newest_day = self.gauges("petct_board_newest_day_timestamp_seconds")
        self._missing = self.gauges("petct_board_missing_lists")
        self._findings = self.counters("petct_surveillance_findings_total")
        self._facts = self.counters("petct_surveillance_facts_total")
        self._held = self.gauges("petct_surveillance_held_facts")
        self._unreadable = self.counters("petct_surveillance_unreadable_total")
        self.cities([OTHER])

    def cities(self, cities: Iterable[str]) -> None:
        """Cities told of from now on; those before stay."""
        cities = tuple(cities)
        self._newest_day.begin(cities)
        self._missing.begin(cities)

    def disclosure(self, fate: str) -> None:
        self._disclosures[fate,].inc()

    def finding(self, rule: str, kind: str) -> None:
        self._findings[rule, kind].inc()

    def facts(self, subjects: str, fates: Mapping[str, int]) -> None:
        for fate, number in fates.items():
            self._facts[subjects, fate].inc(number)

    def facts_held(self, subjects: str, number: int) -> None:
        self._held[subjects,].set(number)

    def unreadable(self, topic: str) -> None:
        self._unreadable[topic,].inc()

    def board(self, newest: Mapping[str, float], missing: Mapping[str, int]) -> None:
        """By city: the start of the newest day with a list, in seconds since 1970, and how many lists are missing."""
        for (city,), gauge in self._newest_day.items():
            gauge.set(newest.get(city, 0))
        for (city,), gauge in self._missing.items():
            gauge.set(missing.get(city, 0))
