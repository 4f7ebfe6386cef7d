"""What labels a PromQL expression gives, worked out as Prometheus would, from the catalogue and the recording rules.

So a query is known to be wrong that names a metric, a label or a label's value that does not exist, groups by a label
that is already gone, or joins two vectors whose labels never match: all of these are valid PromQL, and silent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import promql_parser as promql
from promql_parser import AggModifierType, Expr, LabelModifierType, MatchOp, VectorMatchCardinality

from streams.metrics import CATALOGUE

TARGET: Final = frozenset({"job", "instance"})
"""What the scraper adds to every series."""
ALERT: Final = frozenset({"alertname", "alertstate", "severity", "partition"})
SET_OPERATORS: Final = ("and", "or", "unless")


class QueryError(Exception):
    """The text says what the query asks for that is not there."""


@dataclass(frozen=True, slots=True)
class Series:
    """`values` are a label's closed set; labels without an entry there have values that are not known here."""

    labels: frozenset[str]
    values: Mapping[str, frozenset[str]]


def catalogue() -> dict[str, Series]:
    """Every series that our processes serve, and the few of others that rules and dashboards may ask for."""
    found = {
        "up": Series(TARGET, {}),
        "process_start_time_seconds": Series(TARGET, {}),
        "ALERTS": Series(TARGET | ALERT, {}),
    }
    for metric in CATALOGUE.values():
        closed = {name: frozenset(map(str, of)) for name, of in metric.labels.items() if isinstance(of, tuple)}
        labels = TARGET | metric.labels.keys()
        if metric.kind == "histogram":
            bounds = frozenset([*(str(bound) for bound in metric.buckets), "+Inf"])
            found[f"{metric.name}_bucket"] = Series(labels | {"le"}, {**closed, "le": bounds})
            found[f"{metric.name}_sum"] = found[f"{metric.name}_count"] = Series(labels, closed)
        else:
            found[metric.name] = Series(labels, closed)
    return found


def labels_of(expression: str, known: Mapping[str, Series]) -> frozenset[str]:
    """The labels that the result has; none for a scalar. Raises QueryError, and ValueError when it is no PromQL."""
    return _labels(promql.parse(expression), known) or frozenset()


def _labels(node: Any, known: Mapping[str, Series]) -> frozenset[str] | None:
    """None for a scalar."""
    match node:
        case promql.VectorSelector():
            return _selected(node, known)
        case promql.MatrixSelector():
            return _selected(node.vector_selector, known)
        case promql.NumberLiteral() | promql.StringLiteral():
            return None
        case promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
            return _labels(node.expr, known)
        case promql.Call():
            return _called(node, known)
        case promql.AggregateExpr():
            return _aggregated(node, known)
        case promql.BinaryExpr():
            return _combined(node, known)
    raise QueryError(f"cannot tell the labels of {type(node).__name__}")


def _selected(node: promql.VectorSelector, known: Mapping[str, Series]) -> frozenset[str]:
    series = known.get(node.name or "")
    if series is None:
        raise QueryError(f"there is no metric {node.name}")
    for matcher in node.matchers.matchers:
        if matcher.name not in series.labels:
            raise QueryError(f"{node.name} has no label {matcher.name}")
        values = series.values.get(matcher.name)
        asked = matcher.value.split("|") if matcher.op in (MatchOp.Re, MatchOp.NotRe) else [matcher.value]
        for value in asked:
            if values is not None and not value.startswith("$") and value not in values:
                raise QueryError(f"{matcher.name} of {node.name} is never {value}")
    return series.labels


def _called(node: promql.Call, known: Mapping[str, Series]) -> frozenset[str] | None:
    given = [_labels(argument, known) for argument in node.args]
    name = node.func.name
    if name == "time":
        return None
    if name == "vector":
        return frozenset()
    (labels,) = [labels for labels in given if labels is not None]
    if name == "absent":
        return frozenset({"job"})
    if name == "histogram_quantile":
        if "le" not in labels:
            raise QueryError("histogram_quantile needs the label le")
        return labels - {"le"}
    return labels


def _aggregated(node: promql.AggregateExpr, known: Mapping[str, Series]) -> frozenset[str]:
    labels = _labels(node.expr, known)
    if labels is None:
        raise QueryError("a scalar is aggregated")
    if node.modifier is None:
        return frozenset()
    named = frozenset(node.modifier.labels)
    if gone := named - labels:
        raise QueryError(f"{', '.join(sorted(gone))} is no label of what is aggregated")
    return named if node.modifier.type == AggModifierType.By else labels - named


def _combined(node: promql.BinaryExpr, known: Mapping[str, Series]) -> frozenset[str] | None:
    left, right = _labels(node.lhs, known), _labels(node.rhs, known)
    if left is None or right is None:
        return right if left is None else left
    operator, modifier = str(node.op), node.modifier
    matching = modifier.matching if modifier is not None else None
    if modifier is not None and matching is not None and matching.type == LabelModifierType.Include:
        on = frozenset(matching.labels)
        if gone := on - (left & right):
            raise QueryError(f"{', '.join(sorted(gone))} is not a label of both sides of {operator}")
        if operator in SET_OPERATORS:
            return left
        taken_over = frozenset(modifier.group_labels or ())
        if modifier.card == VectorMatchCardinality.ManyToOne:
            return left | taken_over
        return right | taken_over if modifier.card == VectorMatchCardinality.OneToMany else on
    if operator == "or":
        return left | right
    if matching is None and left != right:
        raise QueryError(f"the sides of {operator} never match: {sorted(left)} and {sorted(right)}")
    return left


def uses(expression: str) -> frozenset[str]:
    """The names of all series that an expression asks for."""
    names: set[str] = set()

    def visit(node: Expr) -> bool:
        if isinstance(node, promql.VectorSelector) and node.name:
            names.add(node.name)
        if isinstance(node, promql.MatrixSelector) and node.vector_selector.name:
            names.add(node.vector_selector.name)
        return True

    promql.walk(promql.parse(expression), pre_visit=visit)
    return frozenset(names)
