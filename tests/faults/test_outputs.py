"""What the worker cannot decide, and where it cannot write: dead letters, the breaker, output topics that refuse."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic, ResourceType

from schemas.topics import ADJUSTED, DEADLETTERS, DISCLOSURES, MAX_OUTPUT_BYTES, TOPICS
from streams.bus.topics import config
from streams.exit_codes import ExitCode
from streams.simulate import events
from tests.broker.workers import Worker
from tests.faults.feed import PARTITIONS
from tests.faults.form import long_form
from tests.faults.stage import Result, Stage
from tests.kafka import writing_forbidden

pytestmark = [pytest.mark.real_kafka, pytest.mark.slow, pytest.mark.timeout(900)]

MakeStage = Callable[..., Stage]
Show = Callable[[Result], None]

POISON = (
    b"not json",
    b"\xff\xfe not utf-8",
    b" ",
    b"[]",
    b'{"event_type": "settlement.completed", "line_items": [{"item_code": "002304000070000"}]}',
    b"[" * 100_000,
    b'{"item_code": "002304000070000", "x": "' + b"x" * 1_200_000 + b'"}',
)
"""Each a dead letter, and each for another reason; the last is above the broker's limit before it is compressed."""
SMALL_POISON = POISON[:5]


def _mixed(run: int, poison: tuple[bytes, ...], seed: int) -> Iterator[tuple[bytes, bytes]]:
    """Events, and between them runs of `run` records nobody can decide, each run in one partition."""
    good = events(seed, None, 0.5, 0.0)
    for number in itertools.count():
        yield from itertools.islice(good, 1_000)
        for value in itertools.islice(itertools.cycle(SMALL_POISON), run - len(poison)):
            yield bytes([number % PARTITIONS]), value
        for value in poison:
            yield bytes([number % PARTITIONS]), value


def test_runs_of_records_nobody_can_decide_become_dead_letters_and_stop_nothing(stage: MakeStage, show: Show) -> None:
    with stage("poison", records=_mixed(200, POISON, seed=43), compression="gzip") as on:
        worker = on.worker()
        on.begin(worker)
        for _ in range(max(1, on.form.rounds // 2)):
            on.progress.until_moved(1_000)
            worker.kill()
            since = time.monotonic()
            worker.start()
            on.recovered(since)
        show(on.finish())


@pytest.mark.parametrize(
    ("name", "limits", "why", "go_on"),
    [
        pytest.param(
            "breaker_run",
            {"PETCT_BREAKER_RUN": "300", "PETCT_BREAKER_SHARE": "1"},
            "300 dead letters in a row",
            {"PETCT_BREAKER_RUN": "0", "PETCT_BREAKER_SHARE": "1"},
        ),
        pytest.param(
            "breaker_share",
            {"PETCT_BREAKER_RUN": "0", "PETCT_BREAKER_SHARE": "0.2", "PETCT_BREAKER_WINDOW": "200"},
            "answered records",
            {"PETCT_BREAKER_RUN": "0", "PETCT_BREAKER_SHARE": "1"},
            marks=long_form,
        ),
    ],
)
def test_an_open_breaker_is_seen_from_outside_ends_with_its_status_and_is_gone_on_from(
    stage: MakeStage, show: Show, name: str, limits: dict[str, str], why: str, go_on: dict[str, str]
) -> None:
    """docs/operations.md says how to go on: the batch that opened it is not committed, and comes out then."""
    with stage(name, records=_mixed(400, SMALL_POISON, seed=44)) as on:
        stopped = on.worker(**limits, PETCT_BREAKER_HOLD_SECONDS="5")
        on.feed.at_once(4 * (1_000 + 400))
        on.until(lambda: stopped.metric("petct_breaker_open") == 1, "the breaker opens")
        status, told = stopped.get("/readyz")
        assert status == 503
        assert told.startswith("the breaker is open: ")
        assert why in told
        assert stopped.get("/livez")[0] == 200
        assert stopped.exit_code() == ExitCode.BREAKER
        assert why in stopped.said()
        # As a scheduler would start it again: nothing has changed, and it says so again.
        again = on.worker(**limits, PETCT_BREAKER_HOLD_SECONDS="0")
        assert again.exit_code() == ExitCode.BREAKER
        on.feed.start()
        since = time.monotonic()
        on.worker(**go_on)
        on.recovered(since)
        show(on.finish())


def test_an_output_above_its_topics_limit_waits_for_the_limit_to_be_raised(stage: MakeStage, show: Show) -> None:
    with stage("too_large") as on:
        worker = on.worker()
        on.begin(worker)
        _set(on, ADJUSTED, "max.message.bytes", "300")
        on.until(lambda: "MessageSizeTooLarge" in worker.get("/readyz")[1], "the worker says what is wrong")
        assert worker.get("/livez")[0] == 200
        _set(on, ADJUSTED, "max.message.bytes", str(MAX_OUTPUT_BYTES))
        on.recovered(time.monotonic())
        worker.until_ready()
        show(on.finish())


@long_form
def test_an_output_topic_that_refuses_writes_is_waited_for(stage: MakeStage, show: Show) -> None:
    """Somebody forbids the worker to write to one of its topics, and allows it again."""
    with stage("refused") as on:
        worker = on.worker()
        on.begin(worker)
        with writing_forbidden(on.bootstrap_servers, on.settings.topic(DISCLOSURES)):
            on.until(lambda: "TopicAuthorizationFailed" in worker.get("/readyz")[1], "the worker says what is wrong")
            assert worker.get("/livez")[0] == 200
        on.recovered(time.monotonic())
        worker.until_ready()
        show(on.finish())


@long_form
def test_an_output_topic_that_is_missing_is_told_and_waited_for(stage: MakeStage, show: Show) -> None:
    """Deleted before anything was written to it, and made again as the catalogue says."""
    with stage("missing") as on:
        worker = on.worker()
        worker.until_ready()
        admin = AdminClient({"bootstrap.servers": on.bootstrap_servers})
        name = on.settings.topic(DEADLETTERS)
        for done in admin.delete_topics([name]).values():
            done.result(timeout=30)
        on.feed.at_once(on.form.rate)
        on.feed.start()
        on.until(lambda: worker.get("/readyz")[0] == 503, "the worker says what is wrong")
        assert worker.get("/livez")[0] == 200
        _refused_at_start(on)
        made = NewTopic(name, num_partitions=PARTITIONS, replication_factor=1, config=config(TOPICS[DEADLETTERS]))
        for done in admin.create_topics([made]).values():
            done.result(timeout=30)
        on.recovered(time.monotonic())
        worker.until_ready()
        show(on.finish())


def _refused_at_start(on: Stage) -> None:
    other: Worker = on.worker("other")
    assert other.exit_code() == ExitCode.TOPICS
    assert f"{on.settings.topic(DEADLETTERS)} does not exist" in other.said()


def _set(on: Stage, topic: str, key: str, value: str) -> None:
    admin = AdminClient({"bootstrap.servers": on.bootstrap_servers})
    entry = ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
    change = ConfigResource(ResourceType.TOPIC, on.settings.topic(topic), incremental_configs=[entry])
    changed: Any = admin.incremental_alter_configs([change])
    for done in changed.values():
        done.result(timeout=30)
