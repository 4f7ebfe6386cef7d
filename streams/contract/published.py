"""Everything that is published of the contract, as files: name to text. A test holds `schemas/published/v1` to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from streams.contract.asyncapi import asyncapi
from streams.contract.catalogue import CONTRACTS, MAJOR
from streams.contract.examples import examples
from streams.contract.releases import PUBLISHED

CURRENT: Final = PUBLISHED / f"v{MAJOR}"
ASYNCAPI: Final = "asyncapi.json"


def files() -> dict[str, str]:
    """By their path within the folder of the version."""
    made = examples()
    found = {contract.file: written(contract.document()) for contract in CONTRACTS}
    for name, shown in made.items():
        found |= {f"examples/{name}.{label}.json": written(example) for label, example in shown.items()}
    found[ASYNCAPI] = written(asyncapi(made))
    return found


def written(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def drift(folder: Path = CURRENT, wanted: Mapping[str, str] | None = None) -> list[str]:
    """Files of `folder` that are not what this program says: changed, missing or left over."""
    wanted = files() if wanted is None else wanted
    found = {
        str(path.relative_to(folder)): path.read_text("utf-8") for path in sorted(folder.rglob("*")) if path.is_file()
    }
    return sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))


def export(folder: Path) -> list[str]:
    """Write everything into `folder`; what lies there otherwise is left. Returns the names of the files."""
    made = files()
    for name, text in made.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return sorted(made)
