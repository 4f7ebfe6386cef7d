"""A fact is joined from two records, whichever comes first, and again and again after a crash."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import orjson
import pytest

from schemas.events import SettlementCompleted
from streams.processors.envelope import read
from streams.surveillance.facts import Fact, fact_of, undecided
from streams.surveillance.joining import Joined, subject, with_adjusted, with_event
from tests.builders import adjusted, event, installed_rulebook, line, process, reversal
from tests.facts import SECRET, installed

EVENT = event(line("6500.00"), line("5300.00", line_no=2, quantity="2", unit_price="2650.00"))
CODES = installed().item_codes
BOOK = installed_rulebook()


def half(made: dict[str, Any] = EVENT) -> Fact:
    return undecided(_read(made), made, SECRET, CODES)


def _read(made: dict[str, Any]) -> SettlementCompleted:
    ours = read(made, BOOK.codes, BOOK.dated_codes)
    assert isinstance(ours, SettlementCompleted)
    return ours


def whole(revision: int = 1) -> Fact:
    return fact_of(_read(EVENT), EVENT, decision(revision), SECRET, CODES)


def decision(revision: int = 1) -> dict[str, Any]:
    return {**adjusted(EVENT), "revision": revision}


def undone() -> dict[str, Any]:
    made = process(reversal(reverses={"event_id": EVENT["event_id"], "settlement_id": EVENT["settlement_id"]})).adjusted
    assert made is not None
    return dict(made)


def join(*records: dict[str, Any]) -> Joined:
    """As the worker does: what is held lies in a table between two records."""
    held: Joined | None = None
    for record in records:
        held = with_event(held, half(), 3) if record is EVENT else with_adjusted(held, record, 3)
        held = Joined.read(held.value())
    assert held is not None
    return held


@pytest.mark.parametrize("records", list(permutations([EVENT, decision(), undone()])), ids=range(6))
def test_the_order_of_the_records_does_not_matter_nor_does_repetition(records: tuple[dict[str, Any], ...]) -> None:
    assert join(*records).ready == whole().undo()
    assert join(*records, *records).ready == whole().undo()


def test_a_half_is_handed_on_to_nobody() -> None:
    assert join(EVENT).ready is None
    assert join(decision()).ready is None
    assert join(undone(), EVENT).ready is None


@pytest.mark.parametrize(
    "records",
    [(EVENT, decision(), decision(2)), (EVENT, decision(2), decision()), (decision(2), decision(), EVENT)],
    ids=["after", "repeated", "before"],
)
def test_a_correction_counts_whenever_it_comes(records: tuple[dict[str, Any], ...]) -> None:
    fact = join(*records).ready
    assert fact == whole(2)
    assert [str(scan.quantity) for scan in fact.scans] == ["1.0000", "2.0000"]


def test_an_adjusted_record_is_about_the_event_it_was_made_of_and_an_undoing_about_the_one_it_undoes() -> None:
    assert subject(decision()) == EVENT["event_id"] == subject(undone())


def test_a_refusal_changes_no_fact() -> None:
    assert subject({**undone(), "event_type": "settlement.reversal_refused"}) is None


@pytest.mark.parametrize(
    "record",
    [{}, [], {"event_type": "settlement.adjusted"}, {"event_type": "x"}, {**decision(), "source_event_id": 1}],
    ids=["empty", "no object", "no source", "another type", "no text"],
)
def test_what_is_no_such_record_is_refused(record: Any) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        subject(record)


def test_nothing_of_the_person_is_kept() -> None:
    kept = join(EVENT, decision()).value() + join(EVENT).value()
    for told in (EVENT["patient"]["person_id"], EVENT["patient"]["name"], EVENT["patient"]["birth_date"]):
        assert orjson.dumps(told) not in kept
