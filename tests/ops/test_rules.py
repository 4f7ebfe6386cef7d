"""Recording and alerting rules: what Prometheus' own tool says of them, and what it cannot know."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.ops.conftest import Promtool
from tests.ops.prometheus import PROMETHEUS, alerts, braced, load, rules, series
from tests.ops.promql import QueryError, labels_of, uses

TESTS = sorted((PROMETHEUS / "tests").glob("*.yml"))
CASES = [case for path in TESTS for case in load(path)["tests"]]
NAME = re.compile(r"(?P<alert>\w+) (?P<fires>fires|is quiet): .+")


def test_promtool_accepts_the_rules_and_the_configuration(promtool: Promtool) -> None:
    promtool("check", "rules", "--lint=all", "--lint-fatal", *sorted((PROMETHEUS / "rules").glob("*.yml")))
    promtool("check", "config", PROMETHEUS / "prometheus.yml")


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_alerts_fire_when_they_should_and_only_then(path: Path, promtool: Promtool) -> None:
    promtool("test", "rules", path)


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_asks_only_for_what_there_is(rule: dict[str, Any]) -> None:
    found = labels_of(rule["expr"], series())
    for text in rule.get("annotations", {}).values():
        assert braced(text) <= found, text


@pytest.mark.parametrize("name", alerts())
def test_an_alert_tells_how_bad_what_and_what_to_do(name: str) -> None:
    rule = alerts()[name]
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["runbook_url"] == f"{{{{ $externalLabels.runbooks }}}}/{name}.md"


@pytest.mark.parametrize("name", alerts())
def test_an_alert_has_a_test_in_which_it_fires_and_one_in_which_it_nearly_does(name: str) -> None:
    """Nearly: on the same metrics. A test without them would prove nothing."""
    told = [(match, case) for case in CASES if (match := NAME.fullmatch(case["name"])) and match["alert"] == name]
    firing = [case for match, case in told if match["fires"] == "fires"]
    quiet = [case for match, case in told if match["fires"] == "is quiet"]
    assert firing
    assert quiet
    for case in firing:
        assert all(asked["exp_alerts"] for asked in _asked(case, name)), case["name"]
    for case in quiet:
        assert not any(asked["exp_alerts"] for asked in _asked(case, name)), case["name"]
        assert any(_metrics(case) == _metrics(other) for other in firing), case["name"]


def test_each_case_is_named_after_its_alert() -> None:
    for case in CASES:
        match = NAME.fullmatch(case["name"])
        assert match, case["name"]
        assert match["alert"] in alerts()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_case_gives_only_series_that_there_are(case: dict[str, Any]) -> None:
    """A test on a metric that nobody serves would go on passing when the real one is renamed."""
    for given in case["input_series"]:
        labels_of(given["series"], series())


@pytest.mark.parametrize(
    ("expression", "wrong"),
    [
        ("petct_record_total", "there is no metric"),
        ('petct_records_total{hospital="a"}', "has no label hospital"),
        ('petct_records_total{fate="decidde"}', "is never decidde"),
        ('petct_age_at_commit_seconds_bucket{le="45.0"}', "is never 45.0"),
        ("sum by (city) (petct_records_total)", "city is no label"),
        ("petct_lag_seconds > 1 and petct_broker_seen_timestamp_seconds > 1", "never match"),
        ("petct_lag_seconds and on (city) petct_lag_records", "not a label of both"),
        ("histogram_quantile(0.9, sum(rate(petct_decide_seconds_bucket[5m])))", "needs the label le"),
    ],
)
def test_a_query_that_is_valid_and_always_empty_is_found(expression: str, wrong: str) -> None:
    with pytest.raises(QueryError, match=wrong):
        labels_of(expression, series())


def test_what_is_recorded_is_used() -> None:
    """By an alert or a dashboard; a series nobody asks for costs every 15 seconds."""
    boards = "".join(path.read_text("utf-8") for path in (PROMETHEUS.parent / "grafana" / "dashboards").glob("*.json"))
    asked = frozenset().union(*(uses(rule["expr"]) for rule in rules()))
    for rule in rules():
        if "record" in rule:
            assert rule["record"] in asked or rule["record"] in boards, rule["record"]


def _asked(case: dict[str, Any], name: str) -> list[dict[str, Any]]:
    asked = [asked for asked in case["alert_rule_test"] if asked["alertname"] == name]
    assert asked, case["name"]
    return asked


def _metrics(case: dict[str, Any]) -> set[str]:
    return {given["series"].partition("{")[0] for given in case["input_series"]}
