"""Older events are brought up to date by a chain of steps; current ones are not even looked at."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import orjson
import pytest

from schemas.upcast import CURRENT, EVENTS, Chain, Event, Step
from streams.contract.catalogue import VERSION
from streams.contract.releases import all_releases
from streams.processors.settlement import Fate
from tests.builders import event, process, reversal


def _renamed(old: str, new: str) -> Any:
    def step(made: Event) -> Event:
        return {(new if name == old else name): value for name, value in made.items()}

    return step


def _ward_for_hospital(made: Event) -> Event:
    """As if the first versions had called the hospital's code a ward of the settlement."""
    ward = made.get("ward")
    hospital = made.get("hospital")
    if not isinstance(hospital, dict):
        return made
    return {**made, "hospital": {**hospital, "code": ward}}


OLDER = Chain(
    CURRENT,
    [
        Step("0.1", "0.2", _renamed("bill", "line_items")),
        Step("0.2", CURRENT, _ward_for_hospital),
    ],
)


def older() -> Event:
    made = event(schema_version="0.1", ward="H33010200001")
    made["bill"] = made.pop("line_items")
    del made["hospital"]["code"]
    return made


def test_an_event_of_the_oldest_version_goes_through_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the worker's own processor, before it asks whether the event is ours: the lines had another name."""
    monkeypatch.setattr("streams.processors.envelope.EVENTS", OLDER)
    answer, today = process(older()), process(event())
    assert answer.fate is Fate.DECIDED, answer.detail
    assert answer.outputs == today.outputs


def test_one_that_is_wrong_after_all_steps_is_a_dead_letter_like_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.processors.envelope.EVENTS", OLDER)
    made = older()
    made["hospital"] = "H33010200001"
    assert process(made).detail == "hospital: expected an object"


def test_without_the_steps_the_same_event_is_none_of_ours() -> None:
    assert process(older()).fate is Fate.PASSED_OVER


@pytest.mark.parametrize("version", [CURRENT, "1.7", "2.0", "", None, 7, [], {}])
def test_an_event_of_no_older_version_is_the_very_same_object(version: Any) -> None:
    made = event(schema_version=version)
    assert OLDER(made) is made
    assert EVENTS(made) is made


def test_what_was_given_is_not_changed() -> None:
    made = older()
    kept = deepcopy(made)
    assert OLDER(made)["schema_version"] == CURRENT
    assert made == kept


def test_a_current_event_costs_no_call(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(_: Event) -> Event:
        raise AssertionError("the chain was asked")

    monkeypatch.setattr("streams.processors.envelope.EVENTS", never)
    assert process(event()).fate is Fate.DECIDED
    assert process(reversal()).fate is Fate.REVERSED
    assert process(orjson.dumps({"schema_version": CURRENT, "line_items": []})).fate is Fate.PASSED_OVER


@pytest.mark.parametrize(
    "steps",
    [
        [("0.1", "0.2")],
        [("0.1", "0.2"), ("0.2", "0.1")],
        [("0.1", CURRENT), ("0.1", CURRENT)],
    ],
)
def test_a_chain_that_does_not_lead_to_the_current_version_is_refused(steps: list[tuple[str, str]]) -> None:
    with pytest.raises(ValueError, match=r"step"):
        Chain(CURRENT, [Step(old, new, dict) for old, new in steps])


def test_the_versions_that_are_read_written_and_released_are_one() -> None:
    assert CURRENT == VERSION == all_releases()[-1].version
