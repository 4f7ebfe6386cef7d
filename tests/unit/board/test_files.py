"""What a hospital publishes: files that open right everywhere, show what they are given as text, and load nothing."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import pytest

from schemas.board import DailyList
from schemas.disclosures import DisclosingHospital
from streams.export.board_client import BoardDay, BoardHospital, BoardList
from streams.export.folder import Folder, folder_name
from streams.export.lists import ListExport
from streams.pages.daily_list import LANGUAGES, IndexDay, hospital_html, list_csv, list_html, list_json, month_html
from streams.processors.board import lists
from tests.board import DAY, HOSPITAL, exam, published, withdrawn
from tests.unit.board.test_folds import LATER, ON_THE_DAY

SHOWN = DisclosingHospital(**HOSPITAL)
ATTACK = '<script>alert(1)</script>" onmouseover="x'


def a_list(*exams: dict[str, object], at: int = ON_THE_DAY) -> DailyList:
    [held] = lists([(published(1, *exams), at)])
    return held


def empty() -> DailyList:
    [held] = lists([(published(1), ON_THE_DAY), (withdrawn(1), ON_THE_DAY)])
    return held


def pages(held: DailyList) -> list[str]:
    return [
        *(list_html(held, language, "杭医保〔2021〕30号 四") for language in LANGUAGES),
        *(
            month_html(held.hospital, held.day[:7], [IndexDay(DAY, 1, "2021-07-05")], language)
            for language in LANGUAGES
        ),
        *(hospital_html(held.hospital, {"2021-07": 1}, language) for language in LANGUAGES),
    ]


def cells(held: DailyList) -> list[list[str]]:
    return list(csv.reader(io.StringIO(list_csv(held).decode("utf-8-sig"), newline="")))


def test_csv_is_utf_8_with_a_byte_order_mark_and_lines_that_excel_knows() -> None:
    data = list_csv(a_list())
    assert data.startswith(b"\xef\xbb\xbf")
    assert data.count(b"\r\n") == data.count(b"\n") == 2
    assert cells(a_list()) == [
        ["检查日期", "检查项目", "姓氏", "年龄", "疾病诊断", "收费价格（元）"],
        [DAY, "肿瘤全身断层显像（PET-CT）", "欧阳", "61", "肺恶性肿瘤", "5300.00"],
    ]


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_no_cell_is_taken_for_a_formula(first: str) -> None:
    [_, row] = cells(a_list(exam(diagnosis=f"{first}HYPERLINK(1)")))
    assert row[4] == f"'{first}HYPERLINK(1)"


def test_an_empty_day_says_that_there_was_none() -> None:
    assert "本日没有已结算的PET-CT检查" in list_html(empty(), "zh", None)
    assert "No PET-CT examination of this day" in list_html(empty(), "en", None)
    assert cells(empty())[1:] == [[DAY, "截至目前，本日没有已结算的PET-CT检查。"]]
    assert json.loads(list_json(empty()))["rows"] == []


def test_a_correction_is_told_in_every_form() -> None:
    held = a_list(exam("王"), exam("李"), at=LATER)
    assert "更新于2021-07-05：2条有增减或变更" in list_html(held, "zh", None)
    assert "Updated on 2021-07-05: 2 rows" in list_html(held, "en", None)
    assert cells(held)[-1][1] == "更新于2021-07-05：2条有增减或变更。"
    assert json.loads(list_json(held))["updates"] == [{"on": "2021-07-05", "rows": 2}]


def test_an_age_that_is_topped_is_shown_as_that_or_more() -> None:
    held = a_list(exam(age=90, age_or_over=True))
    assert "90岁及以上" in list_html(held, "zh", None)
    assert "90 or over" in list_html(held, "en", None)
    assert cells(held)[1][3] == "90岁及以上"


def test_what_an_event_holds_is_shown_as_text_and_never_as_markup() -> None:
    [held] = lists([(published(1, exam(diagnosis=ATTACK), hospital={**HOSPITAL, "name": ATTACK}), ON_THE_DAY)])
    for page in pages(held):
        assert "<script" not in page
        assert '" onmouseover="' not in page
        assert "&lt;script&gt;" in page


class _Loads(HTMLParser):
    """What a page would load or run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag in {"script", "link", "img", "iframe", "object", "embed", "form"}:
            self.found.append(tag)
        self.found += [f"{tag} {name}" for name, _ in attrs if name in {"src", "srcset", "action"} or name[:2] == "on"]


def test_pages_load_nothing_and_run_nothing() -> None:
    for page in pages(a_list()):
        read = _Loads()
        read.feed(page)
        assert read.found == []
        assert "default-src 'none'" in page
        assert not re.search(r"url\(|@import|https?://", page)


def test_pages_name_their_language_their_table_and_its_headers() -> None:
    for page, language in zip(pages(a_list()), ["zh-CN", "en"] * 3, strict=True):
        assert f'<html lang="{language}">' in page
        for wanted in ("<caption>", 'scope="col"', "<main>", "<h1>", "@media print", 'name="viewport"'):
            assert wanted in page


def test_the_notice_that_orders_it_stands_below_the_list() -> None:
    assert "公开依据：杭医保〔2021〕30号 四" in list_html(a_list(), "zh", "杭医保〔2021〕30号 四")


class FakeBoard:
    """In place of the read API: what an export does with its answers is what is looked at here."""

    def __init__(self, held: DailyList, awaited: bool = False) -> None:
        self.held, self.awaited, self.version, self.asked = held, awaited, "1", 0

    def hospitals(self) -> list[BoardHospital]:
        return [BoardHospital(HOSPITAL["code"], HOSPITAL["name"], HOSPITAL["region"], self.version, DAY)]

    def month(self, code: str, month: str) -> list[BoardDay]:
        return [BoardDay(DAY, len(self.held.rows), None, self.version)] if DAY.startswith(month) else []

    def day(self, code: str, day: str) -> BoardList:
        self.asked += 1
        held = self.held if day == DAY else DailyList(hospital=self.held.hospital, day=day, rows=())
        return BoardList(held, self.awaited and day == DAY)


def _export(board: FakeBoard, folder: Path) -> ListExport:
    return ListExport(board, Folder(folder), lambda _: None)  # type: ignore[arg-type] # as told above


def _span(_: BoardHospital) -> tuple[date, date]:
    return date(2021, 6, 30), date(2021, 7, 2)


def test_an_export_holds_every_day_and_an_index_of_each_month_and_of_the_hospital(tmp_path: Path) -> None:
    _export(FakeBoard(a_list()), tmp_path).round(None, _span, date(2021, 7, 2))

    there = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    place = HOSPITAL["code"]
    assert there == {f"{place}/index{end}" for end in (".html", ".en.html")} | {
        f"{place}/{day[:7]}/{name}"
        for day in ("2021-06-30", DAY)  # nothing is known of today yet
        for name in (f"{day}.html", f"{day}.en.html", f"{day}.csv", f"{day}.json", "index.html", "index.en.html")
    }
    month = (tmp_path / place / "2021-07" / "index.html").read_text("utf-8")
    assert f'href="{DAY}.html"' in month
    assert 'href="2021-07/index.html"' in (tmp_path / place / "index.html").read_text("utf-8")


def test_a_round_writes_only_what_changed(tmp_path: Path) -> None:
    board = FakeBoard(a_list())
    export = _export(board, tmp_path)
    today = date(2021, 7, 2)
    export.round(None, _span, today)
    asked = board.asked

    assert export.round(None, _span, today).written == []
    assert board.asked == asked
    board.held, board.version = a_list(exam("王")), "2"
    written = export.round(None, _span, today).written

    assert {Path(path).name for path in written} == {f"{DAY}.html", f"{DAY}.en.html", f"{DAY}.csv", f"{DAY}.json"}
    assert "王" in (tmp_path / HOSPITAL["code"] / "2021-07" / f"{DAY}.html").read_text("utf-8")


def test_that_there_was_none_is_not_published_while_a_list_is_awaited(tmp_path: Path) -> None:
    board = FakeBoard(empty(), awaited=True)
    export = _export(board, tmp_path)

    exported = export.round(None, _span, date(2021, 7, 2))

    assert exported.awaited == [(HOSPITAL["code"], DAY)]
    assert not list(tmp_path.rglob(f"{DAY}.*"))
    board.awaited = False
    export.round(None, _span, date(2021, 7, 2))
    assert list(tmp_path.rglob(f"{DAY}.csv"))


def test_a_file_is_there_whole_or_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Folder(tmp_path)
    assert folder.put(Path("a/list.json"), b"old")
    assert not folder.put(Path("a/list.json"), b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        folder.put(Path("a/list.json"), b"new")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["list.json"]
    assert (tmp_path / "a" / "list.json").read_bytes() == b"old"


@pytest.mark.parametrize("code", ["../../etc", "..", ".", "", "a/b", "a\\b", "a\0b", "/etc", "示例", "x" * 5000])
def test_no_code_of_a_hospital_leads_out_of_the_folder(code: str, tmp_path: Path) -> None:
    place = (tmp_path / folder_name(code)).resolve()
    assert place.parent == tmp_path.resolve()
    place.mkdir()
