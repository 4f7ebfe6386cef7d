"""Disclosure records as the settle worker writes them, with only what a test is about said out loud."""

from __future__ import annotations

from typing import Any

Record = dict[str, Any]

HOSPITAL = {"code": "H33010200001", "name": "示例医院", "region": "330102"}
OTHER_HOSPITAL = {"code": "H33020300001", "name": "示例宁波医院", "region": "330203"}
DAY = "2021-07-01"


def exam(surname: str = "欧阳", day: str = DAY, **changes: Any) -> Record:
    return {
        "service_date": day,
        "exam": "petct_whole_body",
        "surname": surname,
        "age": 61,
        "diagnosis": "肺恶性肿瘤",
        "charged_price": "5300.00",
        **changes,
    }


def published(number: int, *exams: Record, revision: int = 1, hospital: Record | None = None) -> Record:
    return {
        "schema_version": "1.0",
        "event_id": "",
        "event_type": "disclosure.published",
        "disclosure_id": f"{number:032x}",
        "status": "published",
        "revision": revision,
        "hospital": hospital or HOSPITAL,
        "rule": "hz-2021-30/disclosure",
        "rulebook": "sha256:",
        "exams": list(exams) or [exam()],
    }


def withdrawn(number: int, revision: int = 1) -> Record:
    return {
        "schema_version": "1.0",
        "event_id": "",
        "event_type": "disclosure.withdrawn",
        "disclosure_id": f"{number:032x}",
        "status": "withdrawn",
        "revision": revision,
        "exams": [],
        "rulebook": "sha256:",
    }
