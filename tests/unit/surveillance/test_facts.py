"""What is kept of a settlement, and which of two facts stands."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.reading import read_completed
from streams.surveillance.facts import Fact, Fee, ItemCodes, fact_of, newer
from streams.surveillance.persons import keyed, person_key
from tests import builders
from tests.facts import SECRET, fact, scan
from tests.strategies import settlements

CODES = ItemCodes(frozenset({"002208000080000"}), frozenset({"002304000080000"}))


def made(event: dict[str, Any], codes: ItemCodes = CODES) -> Fact:
    lines = [(at, line) for at, line in enumerate(event["line_items"]) if line.get("item_code") == builders.NATIONAL]
    return fact_of(read_completed(event, lines), event, builders.adjusted(event), SECRET, codes)


def test_a_fact_holds_how_the_bill_was_decided() -> None:
    found = made(builders.event(builders.line("6500.00")))
    (one,) = found.scans
    assert (one.charged, one.regulated, one.disallowed) == (Decimal("6500.00"), Decimal("5300.00"), Decimal("1200.00"))
    assert (one.fund, one.outcome, one.reasons) == (Decimal("3225.00"), "covered", ("charged_above_regulated_price",))
    assert (found.city, found.hospital, found.indication) == ("330100", "H33010200001", "staging")
    assert found.occurred_on == date(2021, 7, 1)


def test_a_contradicted_indication_is_known_from_the_reasons() -> None:
    assert made(builders.event(diagnoses=[{"code": "J18.9", "name": "肺炎", "main": True}])).contradicted
    assert not made(builders.event()).contradicted


def test_nothing_of_the_person_is_kept_but_a_keyed_hash() -> None:
    value = made(builders.event()).value()
    for told in ("欧阳", "P1", "1960"):
        assert told.encode() not in value


def test_the_key_of_a_person_depends_on_the_secret() -> None:
    assert person_key(SECRET, "P1") == person_key(SECRET, "P1")
    assert len({person_key(SECRET, "P1"), person_key(SECRET, "P2"), person_key(b"another", "P1")}) == 3


def test_texts_that_run_together_have_different_hashes() -> None:
    assert keyed(SECRET, "ab", "c") != keyed(SECRET, "a", "bc")


@pytest.mark.parametrize(
    ("amount", "kept"),
    [
        ("80.00", "80.00"),
        (80, "80.00"),
        (80.5, "80.50"),
        ("80.005", "80.01"),
        ("-80", "-80.00"),
        ("伍拾", "0.00"),
        (None, "0.00"),
        (True, "0.00"),
        ([], "0.00"),
        ({}, "0.00"),
        ("NaN", "0.00"),
        ("1e400", "0.00"),
        ("9" * 500, "0.00"),
        (10**18, "0.00"),
    ],
)
def test_a_line_of_others_may_hold_any_amount(amount: Any, kept: str) -> None:
    fee = {"item_code": "002208000080000", "amount": amount, "service_date": "2021-07-01"}
    assert made(builders.event(builders.line(), fee)).report_fees == (
        Fee("002208000080000", Decimal(kept), date(2021, 7, 1)),
    )


def test_a_line_of_others_needs_no_amount_and_no_readable_day() -> None:
    lines = [builders.line(), {"item_code": "002304000080000", "service_date": "yesterday"}]
    assert made(builders.event(*lines)).partial_scans == (Fee("002304000080000", Decimal("0.00"), None),)


def test_other_lines_are_sought_by_their_exact_codes() -> None:
    lines = [builders.line(), {"item_code": "0022080000800001", "amount": "80.00"}, {"item_code": "00220800008000"}]
    found = made(builders.event(*lines))
    assert (found.report_fees, found.partial_scans) == ((), ())


@given(settlements())
def test_a_fact_reads_back_as_it_was_written(event: dict[str, Any]) -> None:
    event["line_items"] = [line for line in event["line_items"] if line["item_code"] == builders.NATIONAL] or [
        builders.line(service_date=event["occurred_at"][:10])
    ]
    answer = builders.process(event)
    if answer.adjusted is None:
        return
    found = made(event)
    assert Fact.read(found.value()) == found
    assert Fact.read(found.undo().value()) == found.undo()


facts = st.builds(
    lambda revision, undone: replace(fact(1, scan(charged=f"{revision}.00")), revision=revision, undone=undone),
    st.integers(1, 4),
    st.booleans(),
)


@given(st.lists(facts, min_size=1), st.randoms())
def test_which_fact_stands_does_not_depend_on_which_came_first(come: list[Fact], random: Any) -> None:
    def last(order: list[Fact]) -> Fact | None:
        held: Fact | None = None
        for one in order:
            held = newer(held, one)
        return held

    shuffled = [*come, *come[:2]]
    random.shuffle(shuffled)
    assert last(come) == last(shuffled)


def test_an_undoing_is_for_good() -> None:
    assert newer(fact(1).undo(), replace(fact(1), revision=7)).undone
