"""The page that people read: topics from the AsyncAPI document, fields from the schemas.

``python -m streams.contract.page`` prints docs/records.md; a test holds the file to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from streams.contract.asyncapi import asyncapi
from streams.contract.catalogue import BY_NAME, CONTRACTS, LAXER_THAN_THE_SCHEMA, MAJOR, UNSAID, Contract, Part
from streams.contract.examples import examples

_HEAD: Final = f"""# Records and topics

<!-- Generated: `python -m streams.contract.page > docs/records.md`. A test fails when it is out of date. -->

What lies on which topic, version {MAJOR} of the contract. The same for programs: JSON Schemas (2020-12), examples and
an AsyncAPI 3 document in [schemas/published/v{MAJOR}](../schemas/published/v{MAJOR}), which `petct schemas export DIR`
writes anywhere. How versions follow one another: [compatibility.md](compatibility.md).

Values are UTF-8 JSON. Money is a string with two places. Read with `isolation.level=read_committed`, drop repeats by
`event_id`, ignore fields you do not know. In events, put no field of your own into an object of the contract: a later
version may give its name a meaning.
"""


def page() -> str:
    """Markdown."""
    shown = examples()
    document = asyncapi(shown)
    parts = [_HEAD]
    for name, channel in document["channels"].items():
        parts.append(_topic(name, channel, document))
    parts.append("\n## What the schemas of events cannot say\n\n")
    parts.append("These rules hold all the same; the worker sends what breaks one to the dead letters.\n\n")
    parts.append("| rule | why no schema says it |\n|---|---|\n")
    parts += [f"| {unsaid.rule} | {unsaid.why} |\n" for unsaid in UNSAID]
    parts.append("\nIn two ways the worker asks for less than the schema:\n\n")
    parts += [f"- {rule}\n" for rule in LAXER_THAN_THE_SCHEMA]
    parts.append("\n## Fields\n")
    for contract in CONTRACTS:
        parts += _record(contract, shown[contract.name])
    return "".join(parts)


def _topic(name: str, channel: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    kafka = channel["bindings"]["kafka"]
    settings = ", ".join(
        f"`{key}={','.join(value) if isinstance(value, list) else value}`"
        for key, value in kafka["topicConfiguration"].items()
    )
    rows = [
        ("key", channel["x-key"]),
        ("partitions", channel["x-partitions"]),
        ("settings", settings),
    ]
    messages = [document["components"]["messages"][message] for message in channel["messages"]]
    headers = {message["headers"]["schema"]["$ref"] for message in messages if "headers" in message}
    rows += [("headers", _link(reference.removeprefix("./").removesuffix(".schema.json"))) for reference in headers]
    rows.append(("records", ", ".join(_link(message["name"]) for message in messages)))
    table = "".join(f"| {what} | {told} |\n" for what, told in rows)
    return f"\n## `{name}`\n\n{channel['description']}\n\n| | |\n|---|---|\n{table}"


def _link(name: str) -> str:
    return f"[{name}](#{name.replace('.', '')})" if name in BY_NAME else "the input, byte for byte"


def _record(contract: Contract, shown: Mapping[str, Any]) -> Iterator[str]:
    schema = contract.document()
    yield f"\n### {contract.name}\n\n"
    if "description" in schema:
        yield f"{schema['description']}\n\n"
    folder = f"../schemas/published/v{MAJOR}"
    links = ", ".join(f"[{label}]({folder}/examples/{contract.name}.{label}.json)" for label in shown)
    yield f"[Schema]({folder}/{contract.file}). Examples: {links}.\n\n"
    if contract.name == "rulebook.release":
        yield "Its notices are as [writing-a-notice.md](writing-a-notice.md) tells.\n"
        return
    what = "header" if contract.part is Part.HEADERS else "field"
    yield f"| {what} | | values | meaning |\n|---|---|---|---|\n"
    yield from _rows(schema, schema, "")


def _rows(schema: Mapping[str, Any], whole: Mapping[str, Any], path: str) -> Iterator[str]:
    """A row a field, those of objects after it. An object that is told elsewhere is linked."""
    required = set(schema.get("required", ()))
    for name, value in schema.get("properties", {}).items():
        here = f"{path}.{name}" if path else name
        options = _options(value, whole)
        needed = "required" if name in required else "optional"
        meaning = value.get("description") or next((o["description"] for o in options if "description" in o), "")
        told = " or ".join(dict.fromkeys(_values(option, whole) for option in options))
        default = f" Left out: {value['default']}." if value.get("default") not in (None, "") else ""
        yield f"| `{here}` | {needed} | {told} | {_cell(meaning)}{default} |\n"
        for option in options:
            inner, inside = option, here
            while inner.get("type") == "array" and "items" in inner:
                inner, inside = _resolved(inner["items"], whole), f"{inside}[]"
                inner = _resolved(inner.get("then", inner), whole)
            if not _told_elsewhere(inner):
                yield from _rows(inner, whole, inside)


def _options(value: Mapping[str, Any], whole: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    resolved = _resolved(value, whole)
    alternatives = resolved.get("anyOf") or resolved.get("oneOf")
    if alternatives is None:
        return [resolved]
    return [inner for option in alternatives for inner in _options(option, whole)]


def _values(option: Mapping[str, Any], whole: Mapping[str, Any]) -> str:
    if (record := _told_elsewhere(option)) is not None:
        return _link(record)
    if "const" in option:
        return f"`{option['const']}`"
    if "enum" in option:
        return ", ".join(f"`{value}`" for value in option["enum"])
    kind = option.get("type", "any")
    if kind == "array":
        inner = _resolved(option.get("items", {}), whole)
        return f"array of {_values(inner, whole)}"
    if kind == "string" and option.get("format") == "date":
        return "date"
    return str(kind)


def _told_elsewhere(option: Mapping[str, Any]) -> str | None:
    """The published record that this object is, if it is one."""
    value = option.get("properties", {}).get("event_type", {})
    names = [value["const"]] if "const" in value else value.get("enum", [])
    return next((name for name in names if name in BY_NAME), None)


def _resolved(value: Mapping[str, Any], whole: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in value:
        return value
    target: Mapping[str, Any] = whole["$defs"][value["$ref"].removeprefix("#/$defs/")]
    return {**target, **{key: held for key, held in value.items() if key != "$ref"}}


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    print(page(), end="")
