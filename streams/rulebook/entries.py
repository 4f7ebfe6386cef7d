"""An entry of a notice as the rulebook's version holds it, and what it states, one line a term."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import orjson

from streams.rulebook.index import Rulebook
from streams.rulebook.model import Rule

COMMON: Final = frozenset(
    (
        "id",
        "kind",
        "source",
        "clause",
        "says",
        "authority",
        "region",
        "exam",
        "effective_from",
        "effective_to",
        "reviewed_until",
        "reviewed_note",
    )
)
"""What every entry has; the rest are its terms."""


def entry(rulebook: Rulebook, rule: Rule) -> dict[str, Any]:
    """The whole entry."""
    notice, name = rule.id.split("/")
    found: dict[str, Any] = orjson.loads(rulebook.canonical)["notices"][notice]["entries"][name]
    return {"id": rule.id, **found}


def terms(rulebook: Rulebook, rule: Rule) -> Iterator[str]:
    """What an entry states beside its source, one line a term."""
    return _terms({name: held for name, held in entry(rulebook, rule).items() if name not in COMMON})


def _terms(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, held in value.items():
            yield from _terms(held, f"{name}.{key}" if name else key)
    elif isinstance(value, list) and any(isinstance(held, dict) for held in value):
        for number, held in enumerate(value, start=1):
            yield from _terms(held, f"{name} {number}")
    elif isinstance(value, bool):
        yield f"{name}: {'yes' if value else 'no'}"
    else:
        yield f"{name}: {', '.join(map(str, value)) if isinstance(value, list) else value}"
