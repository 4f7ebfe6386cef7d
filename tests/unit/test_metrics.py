"""The metrics: one catalogue, closed labels that stand at 0, numbers that count committed records only."""

from decimal import Decimal

import prometheus_client
import pytest
from prometheus_client import CollectorRegistry, Histogram

from schemas.deadletters import DeadLetterReason
from streams.adjudication.settlement import Money
from streams.bus.lane import LaneState
from streams.metrics import CATALOGUE, LANE_STATES, Metrics, Tally
from streams.processors.settlement import Answer, Fate


@pytest.fixture
def metrics() -> Metrics:
    return Metrics("1.2.3")


def _value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def _names(metrics: Metrics) -> set[str]:
    return {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in metrics.registry.collect()
        if family.name.startswith("petct_")
    }


def test_the_registry_holds_exactly_the_catalogue(metrics: Metrics) -> None:
    assert _names(metrics) == CATALOGUE.keys()


def test_the_labels_of_the_registry_are_those_of_the_catalogue(metrics: Metrics) -> None:
    metrics.lag(3, 17)
    for family in metrics.registry.collect():
        name = f"{family.name}_total" if family.type == "counter" else family.name
        if name in CATALOGUE:
            for sample in family.samples:
                assert sample.labels.keys() - {"le"} == CATALOGUE[name].labels.keys()


def test_every_closed_label_stands_at_0_before_anything_happened(metrics: Metrics) -> None:
    for reason in DeadLetterReason:
        assert _value(metrics, "petct_dead_letters_total", reason=reason) == 0
    assert _value(metrics, "petct_money_yuan_total", bearer="fund", direction="refunded") == 0
    assert _value(metrics, "petct_transaction_seconds_count", result="failed") == 0
    assert _value(metrics, "petct_age_at_commit_seconds_count") == 0


def test_the_states_of_the_catalogue_are_those_of_a_lane() -> None:
    assert list(LANE_STATES) == list(LaneState)


def test_a_committed_batch_is_counted(metrics: Metrics) -> None:
    tally = Tally(records=10)
    money = Money(Decimal(90), Decimal(0), Decimal(100), Decimal(0), Decimal(-10))
    tally.add(Answer(Fate.DECIDED, (), "covered", ("annual_cap_reached",) * 2, money), timestamp=1_000_000)
    tally.add(Answer(Fate.DEAD_LETTER, dead_letter_reason=DeadLetterReason.SCHEMA), timestamp=1_001_000)

    metrics.committed(tally, now=1_002.0)

    assert _value(metrics, "petct_records_total", fate="decided") == 1
    assert _value(metrics, "petct_records_total", fate="passed_over") == 8
    assert _value(metrics, "petct_settlements_total", outcome="covered") == 1
    assert _value(metrics, "petct_reasons_total", reason="annual_cap_reached") == 2
    assert _value(metrics, "petct_dead_letters_total", reason="schema") == 1
    assert _value(metrics, "petct_money_yuan_total", bearer="fund", direction="charged") == 100
    assert _value(metrics, "petct_money_yuan_total", bearer="patient", direction="refunded") == 10
    assert _value(metrics, "petct_age_at_commit_seconds_sum") == 3
    assert _value(metrics, "petct_age_at_commit_seconds_count") == 2


def test_ages_fall_into_the_same_buckets_as_the_client_librarys(metrics: Metrics) -> None:
    ages = [0.0, 0.01, 0.011, 0.5, 1.0, 59.0, 3600.0, 90_000.0, 1e9]
    tally = Tally(records=len(ages))
    for age in ages:
        tally.add(Answer(Fate.REVERSED), timestamp=round((1e9 - age) * 1_000))
    theirs = CollectorRegistry()
    name = "petct_age_at_commit_seconds"
    histogram = Histogram(name, CATALOGUE[name].help, registry=theirs, buckets=CATALOGUE[name].buckets)
    for timestamp in tally.timestamps:
        histogram.observe(1e9 - timestamp / 1_000)

    metrics.committed(tally, now=1e9)

    ours = prometheus_client.generate_latest(metrics.registry).decode().splitlines()
    for line in prometheus_client.generate_latest(theirs).decode().splitlines():
        assert line in ours


def test_the_lag_of_a_partition_that_was_let_go_is_another_workers_to_tell(metrics: Metrics) -> None:
    metrics.lag(3, 17)
    assert _value(metrics, "petct_lag_records", partition="3") == 17

    metrics.let_go(3)
    metrics.let_go(4)

    assert _value(metrics, "petct_lag_records", partition="3") is None
