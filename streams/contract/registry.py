"""The schemas of a topic's values in a schema registry that speaks Confluent's API: subject `<topic>-value`, type JSON.

Several records lie on one topic, so its schema is one of several; each is told apart by its event_type or kind.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlsplit

from streams.contract.catalogue import CONTRACTS, MAJOR, Part
from streams.contract.shapes import DIALECT, Schema

SECONDS: Final = 30.0
_TYPE: Final = "application/vnd.schemaregistry.v1+json"


class RegistryError(Exception):
    """The registry did not take a schema, or did not answer; the text says why."""


@dataclass(frozen=True, slots=True)
class Registered:
    """What the registry knows of a subject now. `id` is its number of the schema."""

    subject: str
    id: int
    version: int


def subjects(prefix: str = "") -> dict[str, Schema]:
    """By subject. Dead letters are whatever was sent, so they have none."""
    topics = dict.fromkeys(contract.topic for contract in CONTRACTS if contract.part is Part.VALUE)
    return {f"{prefix}{topic}-value": of_topic(topic) for topic in topics if topic is not None}


def of_topic(topic: str) -> Schema:
    """One schema for all records of a topic, with nothing to look up elsewhere."""
    definitions: Schema = {}
    options = []
    for contract in CONTRACTS:
        if contract.topic != topic or contract.part is not Part.VALUE:
            continue
        schema = contract.document()
        for name, definition in schema.pop("$defs", {}).items():
            definitions[f"{contract.name}.{name}"] = _renamed(definition, contract.name)
        del schema["$schema"], schema["$id"]
        definitions[contract.name] = _renamed(schema, contract.name)
        options.append({"$ref": f"#/$defs/{contract.name}"})
    return {
        "$schema": DIALECT,
        "$id": f"urn:petct-settlement:v{MAJOR}:topic:{topic}",
        "title": topic,
        "oneOf": options,
        "$defs": definitions,
    }


def register(url: str, prefix: str = "") -> Iterator[Registered]:
    """Each subject in turn. What is registered already stays, with its number. Raises RegistryError."""
    for subject, schema in subjects(prefix).items():
        path = f"/subjects/{quote(subject, safe='')}/versions"
        text = json.dumps(schema, ensure_ascii=False)
        answer = _ask(url, path, {"schemaType": "JSON", "schema": text}, subject)
        newest = _ask(url, f"{path}/latest", None, subject)
        yield Registered(subject, answer["id"], newest["version"])


def _renamed(node: Any, record: str) -> Any:
    """Definitions of several records lie side by side: each bears its record's name."""
    if isinstance(node, list):
        return [_renamed(item, record) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: value.replace("#/$defs/", f"#/$defs/{record}.") if key == "$ref" else _renamed(value, record)
        for key, value in node.items()
    }


def _ask(url: str, path: str, body: Any, subject: str) -> Any:
    if urlsplit(url).scheme not in {"http", "https"}:
        raise RegistryError(f"{url} is no address of a registry; it begins with http:// or https://")
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url.rstrip("/") + path, data, {"Content-Type": _TYPE, "Accept": _TYPE})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310 - the scheme is looked at above
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise RegistryError(f"{subject}: the registry refuses it, status {error.code}{_told(error)}") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "reason", None) or type(error).__name__
        raise RegistryError(f"{url} does not answer as a registry does ({why})") from None


def _told(error: urllib.error.HTTPError) -> str:
    """What it says about it, in few words."""
    try:
        message = str(json.load(error)["message"])
    except (ValueError, KeyError, TypeError, OSError):
        return ""
    return f": {message[:300]}"
