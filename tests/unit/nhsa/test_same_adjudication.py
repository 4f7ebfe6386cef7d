"""A message of the national interface is adjudicated like the settlement event that says the same."""

from __future__ import annotations

from collections import Counter
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.nhsa import Reference, read_codes
from streams.processors.form import Nhsa
from streams.processors.settlement import Answer, Fate, SettlementProcessor
from streams.simulate import events
from tests.builders import NATIONAL, SECRET, ZHEJIANG, Event, InputRecord, installed_rulebook, process
from tests.nhsa import CODES, Speaker, written
from tests.strategies import settlements

MESSAGES = 500
PROCESS = SettlementProcessor(installed_rulebook(), SECRET, "test", Nhsa(Reference(codes=read_codes(CODES))))


def of_nhsa(event: Event, seed: int) -> Answer:
    speaker = Speaker(seed)
    return PROCESS(InputRecord(written(speaker.message(event), speaker.dice)))


def same(one: Answer, other: Answer) -> bool:
    """All that goes onto the bus, byte for byte."""
    return (one.fate, one.outputs) == (other.fate, other.outputs)


def simulated(count: int) -> list[Event]:
    """Settlements, reversals and voids that a worker has something to say to, with their examination lines only."""
    found: list[Event] = []
    for _, value in events(seed=11, count=None, petct_share=1.0, invalid_share=0.0):
        event: Event = orjson.loads(value)
        lines = event.get("line_items")
        if lines is not None:
            event["line_items"] = [line for line in lines if line["item_code"] in (NATIONAL, ZHEJIANG)]
        elif len(found) % 2:
            # Nothing in it says that an examination is reversed: only the transaction tells.
            del event["item_codes"]
        found.append(event)
        if len(found) == count:
            break
    return found


def test_five_hundred_messages_in_all_variants_are_adjudicated_like_their_events() -> None:
    fates: Counter[Fate] = Counter()
    outcomes: Counter[Any] = Counter()
    for seed, event in enumerate(simulated(MESSAGES)):
        expected, answer = process(event), of_nhsa(event, seed)
        assert same(answer, expected), (seed, answer.detail, expected.detail)
        fates[answer.fate] += 1
        outcomes[answer.outcome] += 1
    assert sum(fates.values()) == MESSAGES
    assert fates.keys() >= {Fate.DECIDED, Fate.REVERSED, Fate.REFUSED}
    assert fates[Fate.DEAD_LETTER] == 0
    assert {"covered", "not_covered", "needs_review", "no_rule"} <= outcomes.keys()


@given(event=settlements(), seed=st.integers(0, 2**32))
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_every_valid_settlement_is_adjudicated_like_its_event(event: Event, seed: int) -> None:
    """Fields at their edges: refunds, several lines, manual claims, filings, unknown ratios."""
    event["occurred_at"] = event["occurred_at"][:19] + "+08:00"
    assert same(of_nhsa(event, seed), process(event))
