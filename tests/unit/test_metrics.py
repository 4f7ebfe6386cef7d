"""The metrics: one catalogue, closed labels that stand at 0, numbers that count committed records only."""

import re
from decimal import Decimal
from pathlib import Path

import prometheus_client
import pytest
from prometheus_client import CollectorRegistry, Histogram

from schemas.deadletters import DeadLetterReason
from schemas.topics import ADJUSTED
from streams.adjudication.settlement import Money
from streams.bus.lane import LaneState
from streams.metrics import CATALOGUE, LANE_STATES, Instruments, Metrics, WatchMetrics
from streams.metrics_reference import reference
from streams.processors.settlement import OTHER, Answer, Fate
from streams.replay.meter import ReplayMetrics
from streams.tally import Tally
from tests.builders import installed_rulebook

CHECKOUT = Path(__file__).parents[2]
BASE_UNITS = {"seconds", "yuan", "records", "settlements", "reasons", "partitions", "lanes", "rebalances", "fencings"}
BASE_UNITS |= {"reopenings", "state", "lists", "rows", "hospitals", ""}


@pytest.fixture
def metrics() -> Metrics:
    return Metrics("1.2.3")


def _value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def _names(metrics: Instruments) -> set[str]:
    return {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in metrics.registry.collect()
        if family.name.startswith("petct_")
    }


def test_the_registries_hold_exactly_the_catalogue(metrics: Metrics) -> None:
    replay = ReplayMetrics("0123456789ab", emit=True, planned=1, now=1.0)
    for process, served in (("worker", metrics), ("replay", replay), ("watch", WatchMetrics())):
        assert _names(served) == {name for name, metric in CATALOGUE.items() if metric.process == process}


def test_the_labels_of_the_registry_are_those_of_the_catalogue(metrics: Metrics) -> None:
    metrics.lag(3, 17, 1.5)
    metrics.progress(3, 1.0)
    metrics.rulebook(installed_rulebook())
    for family in metrics.registry.collect():
        name = f"{family.name}_total" if family.type == "counter" else family.name
        if name in CATALOGUE:
            assert family.samples, name
            for sample in family.samples:
                assert sample.labels.keys() - {"le"} == CATALOGUE[name].labels.keys()


def test_names_units_and_labels_keep_to_the_rules_of_prometheus() -> None:
    for name, metric in CATALOGUE.items():
        assert re.fullmatch(r"petct(_[a-z]+)+", name)
        assert metric.unit in BASE_UNITS, name
        assert name.endswith("_total") == (metric.kind == "counter"), name
        assert name.endswith("_info") == (metric.kind == "info"), name
        if metric.unit in {"seconds", "yuan"}:
            assert metric.unit in name.split("_"), name
        assert metric.help.endswith("."), name
        assert metric.question.endswith("?"), name
        assert bool(metric.buckets) == (metric.kind == "histogram"), name


def test_no_label_can_hold_a_person_a_settlement_or_a_hospital() -> None:
    open_ended = {
        label for metric in CATALOGUE.values() for label, bound in metric.labels.items() if type(bound) is str
    }

    assert open_ended == {"partition", "city", "hash", "version", "python", "plan"}


def test_the_page_in_the_docs_is_that_of_the_catalogue() -> None:
    written = (CHECKOUT / "docs" / "metrics.md").read_text("utf-8")
    assert written == reference(), "python -m streams.metrics_reference > docs/metrics.md"


def test_every_closed_label_stands_at_0_before_anything_happened(metrics: Metrics) -> None:
    for reason in DeadLetterReason:
        assert _value(metrics, "petct_dead_letters_total", reason=reason) == 0
    assert _value(metrics, "petct_money_yuan_total", bearer="fund", outcome="covered", direction="refunded") == 0
    assert _value(metrics, "petct_transaction_seconds_count", result="aborted") == 0
    assert _value(metrics, "petct_age_at_commit_seconds_count") == 0
    assert _value(metrics, "petct_reopenings_total", cause="fenced") == 0
    assert _value(metrics, "petct_settlements_total", outcome="covered", city=OTHER) == 0


def test_every_city_of_the_rulebook_stands_at_0_and_stays_when_another_rulebook_comes(metrics: Metrics) -> None:
    metrics.rulebook(installed_rulebook())

    for city in ("330000", "330100", "330200", "330600", "440300", OTHER):
        assert _value(metrics, "petct_settlements_total", outcome="needs_review", city=city) == 0
        assert _value(metrics, "petct_reasons_total", reason="submitted_late", city=city) == 0


def test_the_states_of_the_catalogue_are_those_of_a_lane() -> None:
    assert list(LANE_STATES) == list(LaneState)


def test_a_committed_batch_is_counted(metrics: Metrics) -> None:
    tally = Tally()
    tally.records, tally.decide_seconds = 10, 0.25
    money = Money(Decimal(90), Decimal(0), Decimal(100), Decimal(0), Decimal(-10))
    decided = Answer(Fate.DECIDED, (), "covered", ("annual_cap_reached",) * 2, money, city="330100")
    tally.add(decided, timestamp=1_000_000)
    tally.add(Answer(Fate.DEAD_LETTER, dead_letter_reason=DeadLetterReason.SCHEMA), timestamp=1_001_000)

    metrics.committed(tally, {ADJUSTED: 3}, now=1_002.0)

    assert _value(metrics, "petct_records_total", fate="decided") == 1
    assert _value(metrics, "petct_records_total", fate="passed_over") == 8
    assert _value(metrics, "petct_settlements_total", outcome="covered", city="330100") == 1
    assert _value(metrics, "petct_settlements_total", outcome="covered", city=OTHER) == 0
    assert _value(metrics, "petct_reasons_total", reason="annual_cap_reached", city="330100") == 2
    assert _value(metrics, "petct_dead_letters_total", reason="schema") == 1
    assert _value(metrics, "petct_money_yuan_total", bearer="fund", outcome="covered", direction="charged") == 100
    assert _value(metrics, "petct_money_yuan_total", bearer="patient", outcome="covered", direction="refunded") == 10
    assert _value(metrics, "petct_outputs_total", topic=ADJUSTED) == 3
    assert _value(metrics, "petct_batch_records_sum") == 10
    assert _value(metrics, "petct_decide_seconds_sum") == 0.25
    assert _value(metrics, "petct_age_at_commit_seconds_sum") == 3
    assert _value(metrics, "petct_age_at_commit_seconds_count") == 2


def test_ages_fall_into_the_same_buckets_as_the_client_librarys(metrics: Metrics) -> None:
    ages = [0.0, 0.01, 0.011, 0.5, 1.0, 59.0, 3600.0, 90_000.0, 1e9]
    tally = Tally()
    tally.records = len(ages)
    for age in ages:
        tally.add(Answer(Fate.REVERSED), timestamp=round((1e9 - age) * 1_000))
    theirs = CollectorRegistry()
    name = "petct_age_at_commit_seconds"
    histogram = Histogram(name, CATALOGUE[name].help, registry=theirs, buckets=CATALOGUE[name].buckets)
    for timestamp in tally.timestamps:
        histogram.observe(1e9 - timestamp / 1_000)

    metrics.committed(tally, {}, now=1e9)

    ours = prometheus_client.generate_latest(metrics.registry).decode().splitlines()
    for line in prometheus_client.generate_latest(theirs).decode().splitlines():
        assert line in ours


def test_a_partition_that_was_let_go_is_another_workers_to_tell_of(metrics: Metrics) -> None:
    metrics.lag(3, 17, 2.5)
    metrics.progress(3, 1.0)
    assert _value(metrics, "petct_lag_records", partition="3") == 17
    assert _value(metrics, "petct_lag_seconds", partition="3") == 2.5

    metrics.let_go(3)
    metrics.let_go(4)

    for name in ("petct_lag_records", "petct_lag_seconds", "petct_last_progress_timestamp_seconds"):
        assert _value(metrics, name, partition="3") is None


def test_a_fencing_is_counted_as_such_and_as_a_cause(metrics: Metrics) -> None:
    metrics.reopening("fenced")
    metrics.reopening("timeout")

    assert _value(metrics, "petct_fencings_total") == 1
    assert _value(metrics, "petct_reopenings_total", cause="fenced") == 1
    assert _value(metrics, "petct_reopenings_total", cause="timeout") == 1
