"""What would be otherwise in another place, for another purpose, on another day."""

import json
from datetime import date

import pytest

from streams import words, words_zh
from streams.web.page import _bar, _yuan
from streams.web.trial import Changes, trial
from tests.builders import Event, event, installed_rulebook, line, reversal, shenzhen


def _tried(made: Event, **changes: object) -> dict[str, tuple[str | None, str | None]]:
    """Outcome and what the fund pays, by what is otherwise."""
    found = trial(json.dumps(made).encode(), installed_rulebook(), Changes(**changes))  # type: ignore[arg-type]
    return {
        column.what: (
            column.answer.outcome,
            column.answer.adjusted["totals"]["fund_amount"] if column.answer.adjusted else None,
        )
        for column in found.columns
    }


def test_each_change_is_decided_by_itself_and_all_of_them_together() -> None:
    assert _tried(event(), insured="440300", indication="check_up") == {
        "given": ("covered", "3225.00"),
        "insured": ("no_rule", "0.00"),
        "indication": ("not_covered", "0.00"),
        "all": ("no_rule", "0.00"),
    }


def test_on_another_day_the_settlement_moves_with_its_examination() -> None:
    made = event(line(), line(line_no=2, item_code="1", service_date="not ours to read"))
    assert _tried(made, day=date(2021, 12, 31))["day"] == ("covered", "3225.00")
    assert _tried(made, day=date(2022, 1, 1))["day"] == ("needs_review", "0.00")
    assert _tried(made, day=date(2021, 6, 29))["day"] == ("no_rule", "0.00")


def test_a_day_that_breaks_the_event_is_told_in_its_column() -> None:
    assert _tried(event(), day=date(1950, 1, 1))["day"] == (None, None)


def test_the_hospitals_place_decides_the_price() -> None:
    found = trial(json.dumps(shenzhen()).encode(), installed_rulebook(), Changes(hospital="330100"))
    assert [
        column.answer.adjusted["totals"]["hospital_disallowed_amount"]
        for column in found.columns
        if column.answer.adjusted
    ] == [
        "0.00",
        "2700.00",
    ]


def test_a_reversal_cannot_be_asked_what_if() -> None:
    found = trial(json.dumps(reversal()).encode(), installed_rulebook(), Changes(insured="440300"))
    assert [column.what for column in found.columns] == ["given"]
    assert not found.comparable


def test_no_id_of_a_disclosure_is_shown() -> None:
    found = trial(json.dumps(event()).encode(), installed_rulebook(), Changes())
    assert found.disclosure is not None
    assert not {"disclosure_id", "event_id"} & found.disclosure.keys()


def test_every_code_is_told_in_chinese_too() -> None:
    assert words_zh.OUTCOMES.keys() == words.OUTCOMES.keys()
    assert words_zh.REASONS.keys() == words.REASONS.keys()
    assert words_zh.DEAD_LETTERS.keys() == words.DEAD_LETTERS.keys()


@pytest.mark.parametrize(
    ("amounts", "spans"),
    [
        (["0.00", "0.00"], []),
        (["1.00", "3.00"], [("0", "250"), ("250", "750")]),
        (["-1.00", "-1.00"], [("0", "500"), ("500", "500")]),
    ],
)
def test_a_bar_is_as_wide_as_all_shares(amounts: list[str], spans: list[tuple[str, str]]) -> None:
    assert [
        (f"{begin:f}".removesuffix(".00"), f"{width:f}".removesuffix(".00")) for begin, width in _bar(amounts)
    ] == spans


@pytest.mark.parametrize(("amount", "told"), [("1234567.80", "1,234,567.80"), ("-0.05", "−0.05"), ("5.00", "5.00")])
def test_amounts_keep_every_fen(amount: str, told: str) -> None:
    assert _yuan(amount) == told
