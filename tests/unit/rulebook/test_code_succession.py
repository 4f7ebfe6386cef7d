"""An examination may get a new item code from a day on, in one region and then another; matching stays exact."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest

from schemas.deadletters import DeadLetterReason
from streams.processors.settlement import Answer, Fate, SettlementProcessor
from streams.rulebook import Rulebook, RulebookError, load_rulebook
from streams.rulebook.loader import NOTICES
from tests.builders import SECRET, Event, InputRecord, event, installed_rulebook, line, refund, reversal

OLD, NEW = "002304000070000", "012304000010000"
BAD = Path(__file__).parent / "bad_exams"
CASES = sorted(path.stem for path in BAD.glob("*.yaml"))

# Zhejiang moves on 2025-07-01, and no other province has moved yet.
SUCCESSION = f"""
exams:
  petct_whole_body:
    name: 肿瘤全身断层显像
    codes:
      - {{code: "{OLD}", system: national, source: 浙医保发〔2021〕31号}}
      - {{code: "{OLD}", system: national, source: 过渡, region: "330000", effective_to: 2025-07-01}}
      - {{code: "{NEW}", system: national-2025, source: 过渡, region: "330000", effective_from: 2025-07-01}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(NOTICES, tmp_path / "notices")
    (tmp_path / "notices" / "exams.yaml").write_text(SUCCESSION, encoding="utf-8")
    return tmp_path / "notices"


@pytest.fixture
def book(folder: Path) -> Rulebook:
    return load_rulebook(folder)


Ask = Callable[[Event], Answer]


@pytest.fixture
def ask(book: Rulebook) -> Ask:
    processor = SettlementProcessor(book, SECRET, "test")
    return lambda made: processor(InputRecord(orjson.dumps(made)))


def at(day: str, *lines: Event, region: str = "330102", **changes: Any) -> Event:
    made = event(*lines, occurred_at=f"{day}T10:00:00+08:00", hospital={"region": region}, **changes)
    for item in made["line_items"]:
        item["service_date"] = item["service_date"] if item["service_date"] != "2021-07-01" else day
    return made


@pytest.mark.parametrize(
    ("code", "region", "day", "ours"),
    [
        (OLD, "330102", "2025-06-30", True),
        (OLD, "330102", "2025-07-01", False),
        (NEW, "330102", "2025-06-30", False),
        (NEW, "330102", "2025-07-01", True),
        (OLD, "440305", "2025-07-01", True),
        (NEW, "440305", "2025-07-01", False),
    ],
)
def test_a_code_names_the_examination_where_and_when_it_is_in_force(
    ask: Ask, code: str, region: str, day: str, ours: bool
) -> None:
    answer = ask(at(day, line(item_code=code), region=region))
    assert (answer.fate is Fate.DECIDED) is ours
    assert (answer.fate is Fate.PASSED_OVER) is not ours
    if ours:
        assert answer.adjusted is not None
        assert [(held["item_code"], held["exam"]) for held in answer.adjusted["lines"]] == [(code, "petct_whole_body")]


def test_the_hospitals_region_counts_and_not_the_insureds(ask: Ask) -> None:
    away = at("2025-07-01", line(item_code=OLD), region="440305", patient={"insured_region": "330100"})
    assert ask(away).fate is Fate.DECIDED
    at_home = at("2025-07-01", line(item_code=OLD), region="330102", patient={"insured_region": "440300"})
    assert ask(at_home).fate is Fate.PASSED_OVER


def test_each_line_is_judged_by_its_own_day(ask: Ask) -> None:
    made = at(
        "2025-07-02",
        line(item_code=OLD, line_no=1, service_date="2025-06-30"),
        line(item_code=OLD, line_no=2),
        line(item_code=NEW, line_no=3),
    )
    adjusted = ask(made).adjusted
    assert adjusted is not None
    assert [held["line_no"] for held in adjusted["lines"]] == [1, 3]


def test_a_code_that_has_ended_is_another_line_and_not_validated(ask: Ask) -> None:
    made = at("2025-07-02", line(item_code=NEW), line(item_code=OLD, line_no=2, amount="-1.00"))
    assert ask(made).fate is Fate.DECIDED


@pytest.mark.parametrize(
    ("spoil", "field"),
    [
        ({"hospital": {"region": "33"}}, "hospital.region"),
        ({"hospital": {"region": None}}, "hospital.region"),
        ({"hospital": None}, "hospital"),
    ],
)
def test_where_the_place_cannot_be_read_the_event_is_a_dead_letter_and_never_passed_over(
    ask: Ask, spoil: dict[str, Any], field: str
) -> None:
    made = at("2025-07-02", line(item_code=OLD))
    made["hospital"] = made["hospital"] | spoil["hospital"] if spoil["hospital"] else None
    answer = ask(made)
    assert (answer.fate, answer.dead_letter_reason) == (Fate.DEAD_LETTER, DeadLetterReason.SCHEMA)
    assert answer.detail is not None
    assert answer.detail.startswith(field)


@pytest.mark.parametrize("day", ["2025-7-2", "", None, 20250702])
def test_where_the_day_cannot_be_read_the_event_is_a_dead_letter_and_never_passed_over(ask: Ask, day: Any) -> None:
    answer = ask(at("2025-07-02", line(item_code=OLD, service_date=day)))
    assert (answer.fate, answer.dead_letter_reason) == (Fate.DEAD_LETTER, DeadLetterReason.SCHEMA)
    assert answer.detail == "line_items[0].service_date: expected a date YYYY-MM-DD"


def test_a_refund_follows_the_line_it_names(ask: Ask) -> None:
    """It bears the code of what it gives back, although that has ended by the day of the refund."""
    made = at("2025-07-02", line(item_code=OLD, service_date="2025-06-30"), refund(item_code=OLD, refunds_line_no=1))
    adjusted = ask(made).adjusted
    assert adjusted is not None
    assert adjusted["totals"]["charged_amount"] == "0.00"
    assert [held["charged_amount"] for held in adjusted["lines"]] == ["5300.00", "-5300.00"]


def test_a_refund_that_names_no_line_is_judged_by_its_own_day(ask: Ask) -> None:
    assert ask(at("2025-07-02", refund(item_code=OLD, line_no=1))).fate is Fate.PASSED_OVER
    assert ask(at("2025-07-02", refund(item_code=NEW, line_no=1))).fate is Fate.DECIDED


@pytest.mark.parametrize("code", [OLD, NEW])
def test_a_reversal_is_ours_by_any_code_since_it_names_no_day(ask: Ask, code: str) -> None:
    assert ask(reversal(item_codes=[code])).fate is Fate.REVERSED


def test_no_record_is_passed_over_unread_that_holds_any_code(book: Rulebook) -> None:
    assert book.codes == {OLD, NEW}
    assert book.exam_by_code == {OLD: "petct_whole_body", NEW: "petct_whole_body"}


def test_codes_without_dates_hold_everywhere_and_always() -> None:
    assert not installed_rulebook().dated_codes


def test_the_most_specific_place_decides_even_where_its_period_is_over(book: Rulebook) -> None:
    dated = book.dated_codes
    assert not dated.in_force(OLD, "330106", date(2025, 7, 1))
    assert dated.in_force(OLD, "330106", date(1990, 1, 1))
    assert dated.in_force(OLD, "110101", date(2030, 1, 1))


def test_the_order_of_codes_leaves_no_mark(book: Rulebook, folder: Path) -> None:
    head, *codes = SUCCESSION.rstrip().split("\n      - ")
    (folder / "exams.yaml").write_text("\n      - ".join([head, *reversed(codes)]), encoding="utf-8")
    assert load_rulebook(folder).canonical == book.canonical


def test_a_release_with_dated_codes_is_read_back(book: Rulebook) -> None:
    back = Rulebook.from_canonical(book.canonical, expected_hash=book.hash)
    assert back.exams == book.exams


def test_the_dates_of_a_code_change_the_hash(book: Rulebook, folder: Path) -> None:
    (folder / "exams.yaml").write_text(SUCCESSION.replace("effective_to: 2025-07-01", "effective_to: 2025-08-01"))
    assert load_rulebook(folder).hash != book.hash


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_is_told_with_file_line_key_and_mend(case: str, tmp_path: Path) -> None:
    shutil.copytree(NOTICES, tmp_path, dirs_exist_ok=True)
    shutil.copy(BAD / f"{case}.yaml", tmp_path / "exams.yaml")
    with pytest.raises(RulebookError) as told:
        load_rulebook(tmp_path)
    assert str(told.value) == (BAD / f"{case}.txt").read_text(encoding="utf-8").rstrip("\n")
