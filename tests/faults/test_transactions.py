"""Faults inside transactions, at each step of one, and the controls: what the suite says of lanes that open wrongly."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import psutil
import pytest
from confluent_kafka import IsolationLevel, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from schemas.topics import ADJUSTED
from tests.broker.crashing import POINTS
from tests.broker.workers import Worker
from tests.faults.faulty import PAUSING, STOPPING
from tests.faults.feed import PARTITIONS
from tests.faults.form import FORM, long_form
from tests.faults.stage import Result, Stage

pytestmark = [pytest.mark.real_kafka, pytest.mark.slow, pytest.mark.timeout(900)]

MakeStage = Callable[..., Stage]
Show = Callable[[Result], None]

_LATEST = OffsetSpec.latest()  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("point", [*POINTS, "each"] if FORM.long else ["each"])
def test_a_failure_at_any_step_of_a_transaction_loses_and_repeats_nothing(
    stage: MakeStage, show: Show, point: str
) -> None:
    """Every seventh transaction of each lane fails, beginning with its first."""
    with stage(point) as on:
        worker = on.worker(FAULT_POINT=point, FAULT_EVERY="7")
        on.begin(worker)
        least = 4 * len(POINTS) * (4 if on.form.long else 1)
        on.until(lambda: worker.metric("petct_reopenings_total") >= least, f"{least} failed transactions")
        on.feed.finish()
        on.progress.until_done(on.ends())
        on.faults = int(worker.metric("petct_reopenings_total"))
        show(on.finish())


def test_the_first_batch_of_each_partition_may_fail(stage: MakeStage, show: Show) -> None:
    """Three times over. Where nothing is committed yet, or offset 0, there is nothing for a client to go back to."""
    with stage("first_batch") as on:
        show(_first_batches_fail(on))


def test_control_by_seek_to_committed_the_first_batch_of_each_partition_is_lost(stage: MakeStage, show: Show) -> None:
    with stage("control_seek") as on:
        result = _first_batches_fail(on, FAULT_OPEN="by_seek_to_committed")
        assert result.verdict.lost > 0
        show(result)


def _first_batches_fail(on: Stage, **given: str) -> Result:
    on.feed.at_once(on.form.rate)
    # The first transaction of a partition only says where it begins; the second is its first batch.
    worker = on.worker(FAULT_POINT="before_send", FAULT_TIMES="3", **given)
    on.feed.start()
    on.until(lambda: worker.metric("petct_reopenings_total") >= 3 * PARTITIONS, "each partition's first batch failing")
    on.recovered(time.monotonic())
    on.faults = int(worker.metric("petct_reopenings_total"))
    return on.finish()


def test_control_without_a_fence_a_zombie_repeats_what_its_heir_has_done(stage: MakeStage, show: Show) -> None:
    with stage("control_fence") as on:
        result = _zombie(on, FAULT_OPEN="without_fence")
        assert result.verdict.repeated > 0
        show(result)


@long_form
def test_a_zombie_that_comes_back_while_its_heir_opens_changes_nothing(stage: MakeStage, show: Show) -> None:
    """The heir stalls in the middle of opening: behind the fence, before it reads the offset."""
    with stage("sigstop_opening") as on:
        show(_back_while_the_heir_opens(on))


@long_form
def test_control_with_the_offset_read_before_the_fence_the_zombies_last_batch_is_repeated(
    stage: MakeStage, show: Show
) -> None:
    with stage("control_order") as on:
        result = _back_while_the_heir_opens(on, FAULT_OPEN="offset_before_fence")
        assert result.verdict.repeated > 0
        show(result)


def _zombie(on: Stage, **given: str) -> Result:
    """Stopped with outputs and offset sent, and the commit not; the heir is at work when it goes on."""
    zombie, heir = _stopped_in_a_transaction(on, **given)
    on.recovered(time.monotonic())
    assert heir.metric("petct_assigned_partitions") == PARTITIONS
    zombie.signal(signal.SIGCONT)
    on.until(lambda: zombie.metric("petct_assigned_partitions") == 2, "the zombie has its part again")
    return on.finish()


def _back_while_the_heir_opens(on: Stage, **given: str) -> Result:
    zombie, heir = _stopped_in_a_transaction(on, FAULT_PAUSE="1", **given)
    on.until(lambda: heir.said().count(PAUSING) >= PARTITIONS, "the heir in the middle of opening")
    since = time.monotonic()
    zombie.signal(signal.SIGCONT)
    on.recovered(since)
    return on.finish()


def _stopped_in_a_transaction(on: Stage, **given: str) -> tuple[Worker, Worker]:
    """A worker that has stopped itself, alone with all partitions, and the one that is to have them."""
    on.feed.at_once(on.form.rate)
    zombie = on.worker("zombie", FAULT_STOP="unknown_lost", FAULT_STOP_AFTER="40", **given | {"FAULT_PAUSE": "0"})
    zombie.until_ready()
    on.feed.start()
    _until_stopped(on, zombie)
    return zombie, on.worker("heir", **({"FAULT_PAUSE": "0"} | given))


def _until_stopped(on: Stage, worker: Worker) -> None:
    process = psutil.Process(worker.pid)
    on.until(lambda: process.status() == psutil.STATUS_STOPPED, f"the worker says: {STOPPING}")


def test_a_transaction_that_timed_out_while_its_worker_stood_still_is_done_anew(stage: MakeStage, show: Show) -> None:
    """The broker has ended it when the worker goes on, with outputs and offset sent."""
    with stage("timeout") as on:
        timeout = "45000" if on.form.long else "3000"
        on.feed.at_once(on.form.rate)
        worker = on.worker(FAULT_STOP="unknown_lost", FAULT_STOP_AFTER="40", FAULT_TRANSACTION_TIMEOUT_MS=timeout)
        worker.until_ready()
        on.feed.start()
        _until_stopped(on, worker)
        topic = on.settings.topic(ADJUSTED)
        on.until(lambda: _held_back(on.bootstrap_servers, topic), "an open transaction")
        on.until(lambda: not _held_back(on.bootstrap_servers, topic), "the broker ending the transaction")
        since = time.monotonic()
        worker.signal(signal.SIGCONT)
        on.recovered(since)
        on.note = f"after {int(timeout) // 1000} s"
        assert worker.metric("petct_reopenings_total") > 0
        show(on.finish())


def _held_back(bootstrap_servers: str, topic: str) -> bool:
    """Whether an open transaction keeps readers from the end of a partition."""
    admin = AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0})
    wanted = {TopicPartition(topic, partition): _LATEST for partition in range(PARTITIONS)}
    ends = []
    for level in (IsolationLevel.READ_COMMITTED, IsolationLevel.READ_UNCOMMITTED):
        found = admin.list_offsets(wanted, isolation_level=level, request_timeout=10)
        ends.append([future.result().offset for future in found.values()])
    return ends[0] != ends[1]
