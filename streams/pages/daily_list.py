"""The daily list as files: what a hospital's webmaster publishes as they are. JSON, CSV, and HTML in two languages.

Self-contained: nothing is loaded from anywhere, nothing runs. The same list gives the same bytes.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal
from unicodedata import normalize

from schemas.board import DailyList, ListedExam
from schemas.disclosures import DisclosingHospital
from streams.pages import render

Language = Literal["zh", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("zh", "en")
HTML_SUFFIX: Final[dict[Language, str]] = {"zh": ".html", "en": ".en.html"}

_BOM: Final = "\ufeff"
_FORMULA: Final = frozenset("=+-@\t\r\n")
_EXAMS: Final = {
    "petct_whole_body": {"zh": "肿瘤全身断层显像（PET-CT）", "en": "Whole-body tumour tomography (PET-CT)"},
}
_WORDS: Final[dict[Language, dict[str, str]]] = {
    "zh": {
        "lang": "zh-CN",
        "title": "PET-CT检查信息公开",
        "exam": "检查项目",
        "surname": "姓氏",
        "age": "年龄",
        "diagnosis": "疾病诊断",
        "price": "收费价格（元）",
        "date": "检查日期",
        "none": "截至目前，本日没有已结算的PET-CT检查。",
        "basis": "公开依据：",
        "only": "按规定只公开患者的姓（不含名）、年龄、疾病诊断和收费价格。排列顺序不含任何信息。",
        "masked": "＊ 表示姓氏无法辨别或不予公开。",
        "other": "English",
        "months": "按月查阅",
        "days": "按日查阅",
        "rows": "条数",
        "updated": "更新日期",
        "list": "当日信息",
        "back_to_month": "返回本月",
        "back_to_hospital": "返回各月",
        "days_listed": "已公开天数",
        "machine": "机器可读文件：",
    },
    "en": {
        "lang": "en",
        "title": "PET-CT examinations, public list",
        "exam": "Examination",
        "surname": "Surname",
        "age": "Age",
        "diagnosis": "Diagnosis",
        "price": "Price charged (yuan)",
        "date": "Day of examination",
        "none": "No PET-CT examination of this day has been settled so far.",
        "basis": "Published under ",
        "only": "As ordered, nothing of a patient is published but surname (no given name), age, diagnosis and price. "
        "The order of the rows tells nothing.",
        "masked": "＊ stands for a surname that cannot be told apart, or is not published.",
        "other": "中文",
        "months": "By month",
        "days": "By day",
        "rows": "Rows",
        "updated": "Updated on",
        "list": "List of the day",
        "back_to_month": "Back to the month",
        "back_to_hospital": "Back to all months",
        "days_listed": "Days published",
        "machine": "For machines: ",
    },
}


@dataclass(frozen=True, slots=True)
class IndexDay:
    """One published day on the page of its month."""

    day: str
    rows: int
    updated_on: str | None


def list_json(made: DailyList) -> bytes:
    return json.dumps(made.plain(), ensure_ascii=False, indent=1).encode() + b"\n"


def list_csv(made: DailyList) -> bytes:
    """UTF-8 with a byte order mark and CRLF, so that Excel opens it as what it is. No cell is taken for a formula."""
    words = _WORDS["zh"]
    out = io.StringIO(newline="")
    out.write(_BOM)
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([words[name] for name in ("date", "exam", "surname", "age", "diagnosis", "price")])
    for row in made.rows:
        cells = (made.day, exam_name(row.exam, "zh"), row.surname, _age(row, "zh"), row.diagnosis, row.charged_price)
        writer.writerow([_defused(cell) for cell in cells])
    if not made.rows:
        writer.writerow([made.day, words["none"]])
    for update in made.updates:
        writer.writerow([made.day, _update(update.on, update.rows, "zh")])
    return out.getvalue().encode()


def list_html(made: DailyList, language: Language, basis: str | None) -> str:
    """`basis`: the notice and clause that order it, None where it is not known."""
    return render(
        "daily_list.html.j2",
        words=_WORDS[language],
        hospital=made.hospital,
        day=made.day,
        spoken=_spoken(made.day, language),
        rows=[
            {
                "exam": exam_name(row.exam, language),
                "surname": row.surname,
                "age": _age(row, language),
                "diagnosis": row.diagnosis,
                "price": row.charged_price,
            }
            for row in made.rows
        ],
        several=len({row.exam for row in made.rows}) > 1,
        exams=_listed([exam_name(exam, language) for exam in sorted({row.exam for row in made.rows})], language),
        updates=[_update(update.on, update.rows, language) for update in made.updates],
        basis=basis,
        other_page=f"{made.day}{HTML_SUFFIX[_other(language)]}",
        month_page=f"index{HTML_SUFFIX[language]}",
    )


def month_html(hospital: DisclosingHospital, month: str, days: Sequence[IndexDay], language: Language) -> str:
    return render(
        "daily_list_month.html.j2",
        words=_WORDS[language],
        hospital=hospital,
        month=month,
        days=[{"day": held, "page": f"{held.day}{HTML_SUFFIX[language]}"} for held in days],
        other_page=f"index{HTML_SUFFIX[_other(language)]}",
        hospital_page=f"../index{HTML_SUFFIX[language]}",
    )


def hospital_html(hospital: DisclosingHospital, months: Mapping[str, int], language: Language) -> str:
    """`months`: how many days of each are published."""
    return render(
        "daily_list_hospital.html.j2",
        words=_WORDS[language],
        hospital=hospital,
        months=[
            {"month": month, "days": days, "page": f"{month}/index{HTML_SUFFIX[language]}"}
            for month, days in sorted(months.items(), reverse=True)
        ],
        other_page=f"index{HTML_SUFFIX[_other(language)]}",
    )


def exam_name(exam: str, language: Language) -> str:
    names: dict[str, Any] = _EXAMS.get(exam, {})
    return str(names.get(language, exam))


def _age(row: ListedExam, language: Language) -> str:
    if not row.age_or_over:
        return str(row.age)
    return f"{row.age}岁及以上" if language == "zh" else f"{row.age} or over"


def _update(on: str, rows: int, language: Language) -> str:
    if language == "zh":
        return f"更新于{on}：{rows}条有增减或变更。"
    return f"Updated on {on}: {rows} {'row' if rows == 1 else 'rows'} came, went or changed."


def _spoken(day: str, language: Language) -> str:
    at = date.fromisoformat(day)
    return f"{at.year}年{at.month}月{at.day}日" if language == "zh" else f"{at.day} {at:%B} {at.year}"


def _listed(names: list[str], language: Language) -> str:
    return ("、" if language == "zh" else ", ").join(names)


def _other(language: Language) -> Language:
    return "en" if language == "zh" else "zh"


def _defused(cell: str) -> str:
    """A cell a spreadsheet would take for a formula, in narrow or wide letters, is taken for text by its apostrophe."""
    return f"'{cell}" if cell and normalize("NFKC", cell[0])[:1] in _FORMULA else cell
