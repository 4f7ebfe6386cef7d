"""The configuration reference, made from the settings classes: ``python -m streams.settings_reference``."""

from __future__ import annotations

import types
import typing
from typing import Any, Final

from pydantic import SecretStr
from pydantic_settings import BaseSettings

from streams.exit_codes import MEANING
from streams.settings import (
    FormSettings,
    KafkaSettings,
    LogSettings,
    ProcessSettings,
    SecretSettings,
    Settings,
    WatchSettings,
    WebSettings,
    variable,
)

_SECTIONS: Final[tuple[tuple[str, type[BaseSettings]], ...]] = (
    ("Brokers and topics", KafkaSettings),
    ("The disclosure secret", SecretSettings),
    ("Logs", LogSettings),
    ("The form of events", FormSettings),
    ("Every worker", ProcessSettings),
    ("The settle worker", Settings),
    ("The watch worker", WatchSettings),
    ("The pages", WebSettings),
)
_HEAD: Final = """# Configuration

<!-- Generated: `python -m streams.settings_reference > docs/configuration.md`. A test fails when it is out of date. -->

Everything is set by environment variables. An empty variable counts as not set. A missing or wrong one is told by its
name before anything starts, all of them at once, and never with its value. Variables that look like a misspelt one of
these are named in the log.

"""


def reference() -> str:
    """The whole page, Markdown."""
    parts = [_HEAD]
    told: set[str] = set()
    for title, kind in _SECTIONS:
        parts.append(f"## {title}\n\n| variable | values | default | meaning |\n|---|---|---|---|\n")
        for name, field in kind.model_fields.items():
            if name in told:
                continue
            told.add(name)
            default = "required" if field.is_required() else _default(field.default)
            parts.append(f"| `{variable(name)}` | {_values(field)} | {default} | {field.description} |\n")
        parts.append("\n")
    parts.append("## Exit status\n\n| status | meaning |\n|---|---|\n")
    parts += [f"| {int(code)} | {meaning} |\n" for code, meaning in MEANING.items()]
    return "".join(parts)


def _default(value: Any) -> str:
    if value is None:
        return "not set"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`" if value != "" else "empty"


def _values(field: Any) -> str:
    kinds = [kind for kind in _alternatives(field.annotation) if kind is not types.NoneType]
    told = []
    for kind in kinds:
        if typing.get_origin(kind) is typing.Literal:
            told.append(", ".join(f"`{value}`" for value in typing.get_args(kind)))
        else:
            told.append({SecretStr: "secret", bool: "`true`, `false`", str: "text"}.get(kind, kind.__name__.lower()))
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    for limit in field.metadata:
        told += [f"{sign} {getattr(limit, name)}" for name, sign in signs.items() if hasattr(limit, name)]
    return " ".join(told)


def _alternatives(annotation: Any) -> tuple[Any, ...]:
    return typing.get_args(annotation) if isinstance(annotation, types.UnionType) else (annotation,)


if __name__ == "__main__":
    print(reference(), end="")
