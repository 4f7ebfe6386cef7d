"""The JSON Schema of a notice and of exams.yaml, so that editors complete and check them while they are written.

`schemas/published/` holds them as files: ``python -m streams.rulebook.json_schema``. A schema sees one file's shape;
overlaps, ceilings, bands and the like are for `petct rulebook check`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

import schemas
from streams.rulebook.reader import HINTS
from streams.rulebook.wire import BENEFITS, ENTRIES, ExamEntry, NoticeHeader

PUBLISHED: Final = Path(schemas.__file__).parent / "published"
FILES: Final = {"notice": "notice.schema.json", "exams": "exams.schema.json"}

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_SUFFIX: Final = r"(-[a-z0-9]+)*$"


def notice_schema() -> dict[str, Any]:
    models: list[type[BaseModel]] = [NoticeHeader, *ENTRIES.values(), *BENEFITS.values()]
    refs, definitions = _schemas(models)
    for model in models[1:]:
        # An entry without authority has its notice's.
        held = definitions[refs[model].removeprefix("#/$defs/")]
        held["required"] = [key for key in held["required"] if key != "authority"]
    header = definitions.pop(refs[NoticeHeader].removeprefix("#/$defs/"))
    entries: dict[str, Any] = {f"^{kind}{_SUFFIX}": {"$ref": refs[model]} for kind, model in ENTRIES.items()}
    entries[f"^benefit{_SUFFIX}"] = {
        "type": "object",
        "required": ["kind"],
        "properties": {"kind": {"enum": list(BENEFITS)}},
        "allOf": [
            {"if": {"properties": {"kind": {"const": kind}}}, "then": {"$ref": refs[model]}}
            for kind, model in BENEFITS.items()
        ],
    }
    return {
        "$schema": _DIALECT,
        "title": "Notice",
        "description": "One notice of the rulebook, a YAML file named after its id.",
        "type": "object",
        "additionalProperties": False,
        "required": [*header["required"], "entries"],
        "properties": {
            **header["properties"],
            "entries": {
                "type": "object",
                "description": HINTS["entries"],
                "minProperties": 1,
                "additionalProperties": False,
                "patternProperties": entries,
            },
        },
        "$defs": definitions,
    }


def exams_schema() -> dict[str, Any]:
    refs, definitions = _schemas([ExamEntry])
    return {
        "$schema": _DIALECT,
        "title": "Examinations",
        "description": "exams.yaml: the examinations of a rulebook and the item codes they are billed under.",
        "type": "object",
        "additionalProperties": False,
        "required": ["exams"],
        "properties": {
            "exams": {"type": "object", "minProperties": 1, "additionalProperties": {"$ref": refs[ExamEntry]}}
        },
        "$defs": definitions,
    }


def written(schema: dict[str, Any]) -> str:
    return json.dumps(schema, ensure_ascii=False, indent=2) + "\n"


def _schemas(models: list[type[BaseModel]]) -> tuple[dict[type[BaseModel], str], dict[str, Any]]:
    """Where the schema of each model stands, and all definitions, each key with its hint."""
    found, held = models_json_schema([(model, "validation") for model in models], ref_template="#/$defs/{model}")
    definitions: dict[str, Any] = held["$defs"]
    for definition in definitions.values():
        for key, value in definition.get("properties", {}).items():
            value.pop("title", None)
            if value.get("default", "") is None:
                del value["default"]
                # Absent is how an optional key is left away: an empty one is a mistake.
                value.update(value.pop("anyOf")[0] if "anyOf" in value else {})
            if key in HINTS:
                value.setdefault("description", HINTS[key])
    return {model: found[model, "validation"]["$ref"] for model in models}, definitions


if __name__ == "__main__":
    PUBLISHED.mkdir(exist_ok=True)
    (PUBLISHED / FILES["notice"]).write_text(written(notice_schema()), encoding="utf-8")
    (PUBLISHED / FILES["exams"]).write_text(written(exams_schema()), encoding="utf-8")
