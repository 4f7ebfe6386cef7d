"""The released versions of the contract, as they lie beside the code for ever.

schemas/published/releases/1.0/<record>.schema.json    the schemas as released
                               golden/events.jsonl     events of that version, one a line
                               golden/rulebook.json    the rulebook that decided them, in canonical form
                               golden/outputs.jsonl    what came out, one line an event: topic, key, headers, value
                               SHA256SUMS              of all these files: they never change again
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import orjson

import schemas

PUBLISHED: Final = Path(schemas.__file__).parent / "published"
RELEASES: Final = PUBLISHED / "releases"
SUMS: Final = "SHA256SUMS"
SUFFIX: Final = ".schema.json"
_VERSION: Final = re.compile(r"([0-9]+)\.([0-9]+)")


@dataclass(frozen=True)
class Release:
    """One released version. `version` is `<major>.<minor>`."""

    version: str
    folder: Path

    @cached_property
    def schemas(self) -> dict[str, Any]:
        """By the name of the record."""
        return schemas_of(self.folder)

    @property
    def rulebook(self) -> bytes:
        return (self.folder / "golden" / "rulebook.json").read_bytes()

    @property
    def events(self) -> list[bytes]:
        return (self.folder / "golden" / "events.jsonl").read_bytes().splitlines()

    @property
    def outputs(self) -> list[bytes]:
        return (self.folder / "golden" / "outputs.jsonl").read_bytes().splitlines()

    def altered(self) -> list[str]:
        """Files that are not what was released: changed, missing or added."""
        lines = (self.folder / SUMS).read_text("utf-8").splitlines()
        told = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
        found = sums(self.folder)
        return sorted(name for name in told.keys() | found.keys() if told.get(name) != found.get(name))


def schemas_of(folder: Path) -> dict[str, Any]:
    """The schemas of a folder by the names of their records."""
    files = sorted(folder.glob(f"*{SUFFIX}"))
    return {path.name.removesuffix(SUFFIX): orjson.loads(path.read_bytes()) for path in files}


def sums(folder: Path) -> dict[str, str]:
    """SHA-256 of every file but the list of them, by its path in the folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != SUMS)
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def all_releases(root: Path = RELEASES) -> list[Release]:
    """The oldest first."""
    found = [(match, path) for path in root.iterdir() if (match := _VERSION.fullmatch(path.name))]
    return [Release(path.name, path) for _, path in sorted(found, key=lambda one: (int(one[0][1]), int(one[0][2])))]


def newest() -> Release:
    return all_releases()[-1]
