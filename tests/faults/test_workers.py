"""Faults of worker processes: killed, stopped and back, told to end, more and fewer of them, cut off."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable

import pytest

from ops.kafka.broker import RealKafka
from streams.exit_codes import ExitCode
from tests.broker.workers import Worker
from tests.faults.form import long_form
from tests.faults.proxy import Proxy
from tests.faults.stage import Result, Stage

pytestmark = [pytest.mark.real_kafka, pytest.mark.slow, pytest.mark.timeout(900)]

MakeStage = Callable[..., Stage]
Show = Callable[[Result], None]


def test_workers_killed_again_and_again_lose_and_repeat_nothing(stage: MakeStage, show: Show) -> None:
    """kill -9 of one of two at random, in the middle of its transactions; it comes back under its name."""
    dice = random.Random(9)
    with stage("kill") as on:
        pair = [on.worker("one"), on.worker("two")]
        on.begin(pair[0])
        pair[1].until_ready()
        for _ in range(2 * on.form.rounds):
            on.progress.until_moved(dice.randint(1, on.form.rate))
            victim = dice.choice(pair)
            on.until(lambda: victim.metric("petct_assigned_partitions") > 0, "partitions for the next victim")  # noqa: B023
            victim.kill()
            victim.start()
            on.recovered(time.monotonic())
        show(on.finish())


def test_a_zombie_that_comes_back_changes_nothing(stage: MakeStage, show: Show) -> None:
    """SIGSTOP for longer than the session: another has its partitions when it goes on where it was stopped."""
    with stage("sigstop") as on:
        first = on.worker("first")
        on.begin(first)
        second = on.worker("second")
        _share(on, first, second)
        for number in range(max(1, on.form.rounds // 2)):
            zombie, heir = (first, second) if number % 2 == 0 else (second, first)
            zombie.signal(signal.SIGSTOP)
            on.recovered(time.monotonic())
            assert heir.metric("petct_assigned_partitions") == 4
            zombie.signal(signal.SIGCONT)
            _share(on, first, second)
        show(on.finish())


def test_sigterm_under_load_ends_in_order_and_the_next_goes_on(stage: MakeStage, show: Show) -> None:
    with stage("sigterm") as on:
        worker = on.worker()
        on.begin(worker)
        for _ in range(on.form.rounds):
            on.progress.until_moved(100)
            since = time.monotonic()
            worker.signal(signal.SIGTERM)
            assert worker.exit_code() == ExitCode.OK
            worker.start()
            on.recovered(since)
        show(on.finish())


@long_form
def test_from_one_worker_to_four_and_down_to_two(stage: MakeStage, show: Show) -> None:
    with stage("scale") as on:
        workers = [on.worker("1")]
        on.begin(workers[0])
        for _ in range(max(1, on.form.rounds // 2)):
            since = time.monotonic()
            workers += [on.worker(str(number)) for number in range(len(workers) + 1, 5)]
            _share(on, *workers)
            on.recovered(since)
            since = time.monotonic()
            for leaving in (workers.pop(), workers.pop()):
                leaving.signal(signal.SIGTERM)
                assert leaving.exit_code() == ExitCode.OK
            on.recovered(since)
            _share(on, *workers)
        show(on.finish())


def test_a_worker_cut_off_from_the_broker_is_replaced_and_what_it_sent_late_does_not_count(
    kafka: RealKafka, stage: MakeStage, show: Show
) -> None:
    """The cable is out for longer than the session; what the worker had under way arrives when it is back."""
    with (
        Proxy(kafka.advertised("PROXIED"), kafka.bootstrap("PROXIED")) as network,
        stage("cut") as on,
    ):
        far = on.worker("far", kafka.advertised("PROXIED"))
        on.begin(far)
        near = on.worker("near")
        _share(on, far, near)
        for _ in range(max(1, on.form.rounds // 2)):
            since = time.monotonic()
            network.cut()
            on.recovered(since)
            assert near.metric("petct_assigned_partitions") == 4
            network.mend()
            _share(on, far, near)
        show(on.finish())


def _share(on: Stage, *workers: Worker) -> None:
    """Until each has its part of the partitions and is at work on it."""
    part = 4 // len(workers)

    def shared() -> bool:
        return all(worker.metric("petct_assigned_partitions") == part for worker in workers)

    on.until(shared, f"{part} partitions for each of {len(workers)} workers")
    for worker in workers:
        worker.until_ready()
