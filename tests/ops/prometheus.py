"""What stands in ops/prometheus, read once for all tests."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML

from tests.ops.promql import Series, catalogue, labels_of

CHECKOUT: Final = Path(__file__).parents[2]
PROMETHEUS: Final = CHECKOUT / "ops" / "prometheus"
RUNBOOKS: Final = CHECKOUT / "ops" / "runbooks"


def load(path: Path) -> Any:
    return YAML(typ="safe").load(path)


@cache
def rules() -> list[dict[str, Any]]:
    """Recording and alerting rules, in the order of file and group."""
    return [
        rule
        for path in sorted((PROMETHEUS / "rules").glob("*.yml"))
        for group in load(path)["groups"]
        for rule in group["rules"]
    ]


@cache
def alerts() -> dict[str, dict[str, Any]]:
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


@cache
def series() -> dict[str, Series]:
    """All there is to ask for, what is recorded too. Raises QueryError when a recording rule asks for what is not."""
    known = catalogue()
    for rule in rules():
        if "record" in rule:
            known[rule["record"]] = Series(labels_of(rule["expr"], known), {})
    return known


def braced(text: str) -> set[str]:
    """Labels that an annotation or a legend names: `{{ $labels.partition }}`, `{{city}}`."""
    return set(re.findall(r"\$labels\.(\w+)", text)) | set(re.findall(r"\{\{(\w+)\}\}", text))
