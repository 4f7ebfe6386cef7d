"""What changed from one rulebook to another, as whoever approves a release wants to read it."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

from streams.rulebook import load_rulebook
from streams.rulebook.diff import Change, Difference, compare
from streams.rulebook.loader import NOTICES
from tests.builders import installed_rulebook


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(NOTICES, tmp_path / "notices"))


def changed(folder: Path, notice: str, before: str, after: str, count: int = 1) -> Difference:
    path = folder / f"{notice}.yaml"
    text = path.read_text("utf-8")
    assert before in text
    path.write_text(text.replace(before, after, count), "utf-8")
    return compare(installed_rulebook(), load_rulebook(folder))


def only(difference: Difference) -> Change:
    (change,) = difference.changes
    return change


def test_the_same_rulebook_differs_in_nothing() -> None:
    difference = compare(installed_rulebook(), load_rulebook())
    assert not difference
    assert (difference.summary, list(difference.lines()), difference.regions) == ("nothing changed", [], ())


def test_an_amount_is_told_before_and_after(folder: Path) -> None:
    difference = changed(folder, "hz-2021-30", 'unit_price: "5300.00"', 'unit_price: "5200.00"')
    change = only(difference)
    assert (change.id, change.how, change.kind, change.region) == ("hz-2021-30/price", "changed", "price", "330100")
    assert [(held.path, held.before, held.after) for held in change.fields] == [("unit_price", "5300.00", "5200.00")]
    assert list(difference.lines()) == [
        "~ hz-2021-30/price, price of petct_whole_body in 330100: changed, days from 2021-06-30 on",
        "    unit_price: 5300.00 → 5200.00",
        "touches 330100, days from 2021-06-30 on",
    ]


def test_an_amount_deep_in_a_list_is_told_by_its_place(folder: Path) -> None:
    change = only(changed(folder, "hz-2021-catastrophic-employee", 'ratio: "0.75"', 'ratio: "0.80"'))
    assert [str(field) for field in change.fields] == ["bands[0].ratio: 0.7500 → 0.8000"]
    assert (change.since, change.until) == (date(2021, 6, 30), date(2022, 1, 1))


def test_a_rule_that_gets_an_end_is_ended_and_touches_the_days_after_it(folder: Path) -> None:
    difference = changed(
        folder,
        "nb-2021-23",
        "effective_from: 2021-06-30\n",
        "effective_from: 2021-06-30\n    effective_to: 2025-01-01\n",
    )
    change = only(difference)
    assert (change.id, change.how) == ("nb-2021-23/price", "ended")
    assert (change.since, change.until) == (date(2025, 1, 1), None)
    assert difference.summary == "1 ended"


def test_a_later_end_is_a_change_and_touches_the_days_between(folder: Path) -> None:
    change = only(
        changed(folder, "hz-2021-catastrophic-employee", "effective_to: 2022-01-01", "effective_to: 2023-01-01")
    )
    assert (change.how, change.since, change.until) == ("changed", date(2022, 1, 1), date(2023, 1, 1))


def test_an_earlier_beginning_touches_the_days_between(folder: Path) -> None:
    change = only(changed(folder, "sz-2023-358", "effective_from: 2023-10-01", "effective_from: 2023-09-01"))
    assert (change.how, change.since, change.until) == ("changed", date(2023, 9, 1), date(2023, 10, 1))


def test_a_review_touches_no_day(folder: Path) -> None:
    difference = changed(folder, "hz-2021-30", "reviewed_until: 2026-12-31", "reviewed_until: 2027-12-31")
    assert (only(difference).since, difference.regions) == (None, ())
    assert [line for line in difference.lines() if line.startswith("touches")] == []


def test_an_added_and_a_removed_notice(folder: Path) -> None:
    (folder / "nb-2021-23.yaml").unlink()
    without = load_rulebook(folder)
    gone, come = compare(installed_rulebook(), without), compare(without, installed_rulebook())
    assert (gone.summary, come.summary) == ("4 removed", "4 added")
    assert {change.id for change in come.changes} == {
        "nb-2021-23",
        "nb-2021-23/price",
        "nb-2021-23/coverage",
        "nb-2021-23/benefit",
    }
    assert come.regions == gone.regions == ("330200",)
    assert "    ratio: 0.2000" in list(come.lines())
    assert "    ratio: 0.2000" in list(gone.lines())


def test_from_nothing_everything_is_new() -> None:
    difference = compare(None, installed_rulebook())
    book = installed_rulebook()
    assert difference.before is None
    assert len(difference.changes) == len(book.rules) + len(book.notices) + len(book.exams)
    assert {change.how for change in difference.changes} == {"added"}
    assert difference.since == min(rule.effective_from for rule in book.rules)
    assert difference.until is None


def test_what_a_notice_says_of_itself_and_a_new_code_are_told(folder: Path) -> None:
    exams = (NOTICES.parent / "exams.yaml").read_text("utf-8")
    more = '      - {code: "012304000010000", system: national-2025, source: 附件, effective_from: 2025-07-01}\n'
    (folder / "exams.yaml").write_text(exams + more, "utf-8")
    difference = changed(folder, "hz-2021-30", "printed: 2021-06-25", "printed: 2021-06-24")
    assert [(change.what, change.id, change.how) for change in difference.changes] == [
        ("notice", "hz-2021-30", "changed"),
        ("examination", "petct_whole_body", "changed"),
    ]
    assert "    printed: 2021-06-25 → 2021-06-24" in list(difference.lines())
