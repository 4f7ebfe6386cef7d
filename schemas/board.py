"""The daily list of one hospital, as it is published. Nothing of a patient but what the notices order.

Source: 浙医保发〔2021〕31号, 四; 杭医保〔2021〕30号, 四: 患者的姓（不含名）、年龄、疾病诊断、收费价格等.

`schemas/published/` holds the schema as a file: ``python -m schemas.board``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from schemas.disclosures import DisclosingHospital
from schemas.outputs import IsoDay, Money, Written

PUBLISHED: Final = Path(__file__).parent / "published" / "daily-list.schema.json"


class ListedExam(Written):
    """One examination. It has no id: rows cannot be followed from one day, or one list, to another."""

    exam: str
    surname: Annotated[str, Field(description="姓（不含名）; ＊ where it cannot be told apart, or the notice masks it")]
    age: Annotated[int, Field(ge=0, description="whole years on the day of the examination")]
    age_or_over: Annotated[
        Literal[True] | None, Field(description="there only where ages are top-coded: `age` or more")
    ] = None
    diagnosis: str
    charged_price: Money


class ListUpdate(Written):
    """A day on which the list changed after its own day, and how many rows came, went or changed on it."""

    on: IsoDay
    rows: Annotated[int, Field(ge=1)]


class DailyList(Written):
    """What one hospital publishes of the examinations of one day; without rows there was none.

    The order of the rows tells nothing: it is that of a keyed hash, the same whenever the list is made.
    """

    schema_version: Literal["1.0"] = "1.0"
    hospital: DisclosingHospital
    day: IsoDay
    rows: tuple[ListedExam, ...]
    updates: Annotated[tuple[ListUpdate, ...], Field(description="ascending")] = ()

    def plain(self) -> dict[str, Any]:
        made: dict[str, Any] = self.model_dump()
        for row in made["rows"]:
            if row["age_or_over"] is None:
                del row["age_or_over"]
        return made


def daily_list_schema() -> dict[str, Any]:
    schema = DailyList.model_json_schema(mode="validation")
    schema["$defs"]["ListedExam"]["properties"]["age_or_over"] = {"const": True, **_described(schema)}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _described(schema: dict[str, Any]) -> dict[str, Any]:
    """Absent is how an age that is not top-coded is written; null never is."""
    return {"description": schema["$defs"]["ListedExam"]["properties"]["age_or_over"]["description"]}


def written(schema: dict[str, Any]) -> str:
    return json.dumps(schema, ensure_ascii=False, indent=2) + "\n"


if __name__ == "__main__":
    PUBLISHED.write_text(written(daily_list_schema()), encoding="utf-8")
