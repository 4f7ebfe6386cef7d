"""The parts of judging that need no bus: event time of a partition, and whether a partition is still ours."""

from __future__ import annotations

import time
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any, cast

import faust
import pytest

from streams.surveillance.examined import event_day
from streams.watch import judging
from streams.watch.judging import NoLongerOursError, TooSlowError, day_of, forward
from tests.facts import SPRING, fact

FACTS = [fact(number, day=SPRING + timedelta(days=number)) for number in range(9)]


def test_the_newest_day_of_a_partition_is_that_of_all_its_facts_however_they_come() -> None:
    one_by_one: judging.Clock = ()
    for known in (*FACTS[4:], *FACTS[:4], *FACTS):
        one_by_one = forward(one_by_one, [known])
    assert one_by_one == forward((), FACTS)
    assert day_of(one_by_one) == event_day(FACTS)


def test_one_wrong_date_sent_again_and_again_ends_nothing() -> None:
    wrong = fact(99, day=date(2999, 1, 1))
    clock = forward((), FACTS)
    for _ in range(5):
        clock = forward(clock, [wrong])
    assert day_of(clock) == SPRING + timedelta(days=7)


def test_nothing_is_new_before_the_first_fact() -> None:
    assert day_of(()) == date.min


class App:
    def __init__(self) -> None:
        self.rebalancing_count = 1
        self.consumer_generation_id = 4
        self.active = True
        self.flow_control = SimpleNamespace(is_active=lambda: self.active)

    def hold(self, *, patience: float = 60.0, flowing: bool = True) -> Any:
        return judging._Hold(cast(faust.App, self), patience, flowing=flowing)


@pytest.mark.parametrize(
    "change",
    [{"rebalancing_count": 2}, {"consumer_generation_id": 5}, {"active": False}],
    ids=str,
)
def test_a_partition_is_no_longer_ours_as_soon_as_anything_says_so(change: dict[str, Any]) -> None:
    app = App()
    hold = app.hold()
    hold.confirm()
    vars(app).update(change)
    with pytest.raises(NoLongerOursError):
        hold.confirm()


def test_while_it_recovers_no_record_flows_and_it_is_ours_all_the_same() -> None:
    app = App()
    app.active = False
    app.hold(flowing=False).confirm()


def test_a_process_that_was_frozen_does_not_trust_what_it_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    hold = App().hold(patience=4.0)
    hold.confirm()
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 5.0)
    with pytest.raises(TooSlowError):
        hold.confirm()
