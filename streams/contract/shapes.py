"""From the models to JSON Schema 2020-12 as others read it."""

from __future__ import annotations

import re
from copy import deepcopy
from typing import Any, Final

from pydantic import BaseModel

from schemas.events import SettlementCompleted
from streams.rulebook.json_schema import exams_schema, notice_schema

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
MAX_LINES: Final = 1000
CODES: Final = ("002304000070000", "23040000700")
"""The examination codes of version 1.0, by which the schema tells lines of ours from others."""

Schema = dict[str, Any]


def of_model(model: type[BaseModel], *, ours: bool = False, **fixed: str) -> Schema:
    """The schema of a record. `ours`: we write it, so it is left open for the fields of later versions.

    `fixed` are the fields that have one value in this record and another in its siblings of the same model.
    """
    schema = model.model_json_schema(by_alias=True, ref_template="#/$defs/{model}")
    for name, value in fixed.items():
        schema["properties"][name] = {"const": value, "type": "string"}
    schema = _tidied(schema, ours=ours)
    definitions = schema.pop("$defs", None)
    schema = {"$schema": DIALECT, **schema}
    if definitions:
        schema["$defs"] = definitions
    return schema


def completed_event() -> Schema:
    """On the wire `line_items` holds lines of others too, of which only the code is looked at."""
    schema = of_model(SettlementCompleted)
    schema["description"] = "One settled bill, with all its lines."
    schema["properties"]["line_items"] = {
        "type": "array",
        "maxItems": MAX_LINES,
        "description": "examination lines in full; of other lines only item_code is looked at",
        "items": {
            "type": "object",
            "required": ["item_code"],
            "properties": {"item_code": {"type": "string"}},
            "if": {"properties": {"item_code": {"enum": list(CODES)}}},
            "then": {"$ref": "#/$defs/LineItem"},
        },
    }
    return schema


def released_rulebook() -> Schema:
    """A whole rulebook in canonical form: the examinations, and the notices as their YAML says."""
    notice, exams = notice_schema(), exams_schema()
    definitions = {**notice.pop("$defs"), **exams["$defs"]}
    del notice["$schema"]
    return {
        "$schema": DIALECT,
        "title": "Released rulebook",
        "description": "A whole rulebook in canonical JSON; the SHA-256 of these very bytes is its key and version.",
        "type": "object",
        "additionalProperties": False,
        "required": ["format", "exams", "notices"],
        "properties": {
            "format": {"type": "integer", "minimum": 1, "description": "raised when an older reader could misread it"},
            "exams": exams["properties"]["exams"],
            "notices": {"type": "object", "minProperties": 1, "additionalProperties": {"$ref": "#/$defs/Notice"}},
        },
        "$defs": {**definitions, "Notice": notice},
    }


def _tidied(schema: Schema, *, ours: bool) -> Schema:
    """Without what only pydantic means: titles of fields, discriminators, defaults that say nothing."""
    schema = deepcopy(schema)
    for definition in (schema, *schema.get("$defs", {}).values()):
        if "description" in definition:
            definition["description"] = _one_line(definition["description"])
        for value in definition.get("properties", {}).values():
            value.pop("title", None)
    _walk(schema, ours)
    return schema


def _walk(node: Any, ours: bool) -> None:
    if isinstance(node, list):
        for item in node:
            _walk(item, ours)
    if not isinstance(node, dict):
        return
    node.pop("discriminator", None)
    if "anyOf" in node:
        node["anyOf"] = [inner for option in node["anyOf"] for inner in _alternatives(option, node)]
    if node.get("default", ...) is None or isinstance(node.get("default"), dict | list):
        del node["default"]
    if ours and node.get("additionalProperties") is False:
        del node["additionalProperties"]
    for value in node.values():
        _walk(value, ours)


def _alternatives(option: Schema, around: Schema) -> list[Schema]:
    """An alternative of alternatives is several; what it says of itself is said of the whole."""
    if not option.keys() <= {"anyOf", "description"} or "anyOf" not in option:
        return [option]
    around.setdefault("description", option.get("description"))
    return list(option["anyOf"])


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
