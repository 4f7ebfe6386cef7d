"""The dashboards are as generated, and every query of theirs asks for what there is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from ruamel.yaml import YAML

from ops.grafana.__main__ import FOLDER, rendered
from tests.ops.conftest import Promtool
from tests.ops.prometheus import braced, series
from tests.ops.promql import labels_of

BOARDS: dict[str, dict[str, Any]] = {name: json.loads(text) for name, text in rendered().items()}
LABEL_VALUES = re.compile(r"label_values\((?P<metric>\w+), (?P<label>\w+)\)")


class Asked(NamedTuple):
    """One query of a panel or an annotation, with Grafana's own variables put in."""

    where: str
    expr: str
    legend: str


def queries() -> Iterator[Asked]:
    for name, board in BOARDS.items():
        for panel in board["panels"]:
            for target in panel.get("targets", ()):
                legend = target["legendFormat"]
                yield Asked(f"{name}: {panel['title']}", _filled(target["expr"]), "" if legend == "__auto" else legend)
        for annotation in board["annotations"]["list"]:
            legend = annotation["titleFormat"] + annotation["textFormat"]
            yield Asked(f"{name}: {annotation['name']}", _filled(annotation["expr"]), legend)


def _filled(expression: str) -> str:
    return expression.replace("$__rate_interval", "1m")


QUERIES = list(queries())


def test_the_dashboards_are_as_generated() -> None:
    """Else: python -m ops.grafana."""
    assert {path.name: path.read_text("utf-8") for path in FOLDER.glob("*.json")} == rendered()


def test_there_is_one_dashboard_for_each_of_the_four_questions() -> None:
    assert [board["title"] for board in BOARDS.values()] == ["Is money flowing?", "Exactly once", "Policy", "Replay"]


@pytest.mark.parametrize("asked", QUERIES, ids=lambda asked: asked.where)
def test_a_query_asks_only_for_what_there_is(asked: Asked) -> None:
    assert braced(asked.legend) <= labels_of(asked.expr, series())


def test_prometheus_can_read_every_query(promtool: Promtool, tmp_path: Path) -> None:
    rules = [{"record": f"board:query:{number}", "expr": asked.expr} for number, asked in enumerate(QUERIES)]
    path = tmp_path / "queries.yml"
    YAML(typ="safe").dump({"groups": [{"name": "boards", "rules": rules}]}, path)

    assert f"{len(QUERIES)} rules found" in promtool("check", "rules", path)


@pytest.mark.parametrize("name", BOARDS)
def test_a_variable_offers_the_values_of_a_label_there_is(name: str) -> None:
    variables = {variable["name"]: variable for variable in BOARDS[name]["templating"]["list"]}
    asked = set(re.findall(r"\$(\w+)|\$\{(\w+)\}", json.dumps(BOARDS[name])))
    assert {one or other for one, other in asked} - {"__rate_interval", "__all"} == variables.keys()
    for variable in variables.values():
        if variable["type"] == "query":
            match = LABEL_VALUES.fullmatch(variable["query"])
            assert match
            assert match["label"] in series()[match["metric"]].labels


@pytest.mark.parametrize("name", BOARDS)
def test_panels_lie_side_by_side_and_have_numbers_of_their_own(name: str) -> None:
    panels = BOARDS[name]["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
