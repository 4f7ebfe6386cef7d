"""What the dashboards are made of: panels whose title is a question, whose queries name metrics of the catalogue.

A panel is told which metrics it shows; unit and description come from their entries, so nothing is said twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import stat, timeseries
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models import common, dashboard

from streams.metrics import CATALOGUE

TAG: Final = "petct-settlement"
SOURCE: Final = common.DataSourceRef(type_val="prometheus", uid="${datasource}")
JOB: Final = 'job=~"$job"'
WIDTH: Final = 24
Colour = Literal["green", "yellow", "red"]
_UNITS: Final = {"seconds": "s", "yuan": "suffix: 元", "state": "none"}
_RATES: Final = {"seconds": "percentunit", "yuan": "suffix: 元/s", "records": "suffix: /s"}


@dataclass(frozen=True, slots=True)
class Query:
    """One line, or one a label value, of a panel. `legend` may name labels: `{{city}}`."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Limit:
    """From it on upwards a value has this colour."""

    value: float
    colour: Colour


def rate(metric: str, *by: str, where: str = "") -> str:
    """The rate of a counter, over all workers. Raises KeyError for a metric that is not in the catalogue."""
    _entry(metric)
    return _sum(f"rate({metric}{{{_where(where)}}}[$__rate_interval])", *by)


def quantile(of: float, metric: str, *by: str, where: str = "") -> str:
    """A quantile of a histogram, over all workers."""
    _entry(metric)
    buckets = _sum(f"rate({metric}_bucket{{{_where(where)}}}[$__rate_interval])", "le", *by)
    return f"histogram_quantile({of}, {buckets})"


def over(aggregation: str, metric: str, *by: str, where: str = "") -> str:
    """A gauge, put together over all workers."""
    _entry(metric)
    return f"{aggregation}{_by(by)} ({metric}{{{_where(where)}}})"


def lines(
    title: str,
    metric: str,
    *queries: Query,
    unit: str | None = None,
    per_second: bool = False,
    stacked: bool = False,
    width: int = WIDTH // 2,
    note: str = "",
) -> timeseries.Panel:
    """A panel over time. `metric` is the one whose entry gives unit and description."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(_described(metric, note))
        .datasource(SOURCE)
        .unit(unit or _unit(metric, per_second))
        .min(0)
        .span(width)
        .height(8)
        .line_width(1)
        .fill_opacity(30 if stacked else 5)
        .show_points(common.VisibilityMode.NEVER)
        .tooltip(common_builders.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI))
        .legend(
            common_builders.VizLegendOptions()
            .show_legend(True)
            .display_mode(common.LegendDisplayMode.TABLE if stacked else common.LegendDisplayMode.LIST)
            .placement(common.LegendPlacement.RIGHT if stacked else common.LegendPlacement.BOTTOM)
            .calcs(["lastNotNull"] if stacked else [])
        )
    )
    if stacked:
        panel.stacking(common_builders.StackingConfig().mode(common.StackingMode.NORMAL))
    for query in queries:
        panel.with_target(_target(query))
    return panel


def number(
    title: str,
    metric: str,
    query: Query,
    *limits: Limit,
    below: Colour = "green",
    unit: str | None = None,
    width: int = 4,
    note: str = "",
) -> stat.Panel:
    """One number for now, coloured by the highest limit it reaches; `below` the first one where it reaches none."""
    steps = [dashboard.Threshold(None, below)]
    steps += [dashboard.Threshold(limit.value, limit.colour) for limit in limits]
    return (
        stat.Panel()
        .title(title)
        .description(_described(metric, note))
        .datasource(SOURCE)
        .unit(unit or _unit(metric, per_second=False))
        .span(width)
        .height(4)
        .color_mode(common.BigValueColorMode.BACKGROUND if limits else common.BigValueColorMode.VALUE)
        .graph_mode(common.BigValueGraphMode.NONE)
        .reduce_options(common_builders.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
        .thresholds(builders.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(steps))
        .with_target(_target(query, instant=True))
    )


def board(uid: str, title: str, description: str, job_of: str) -> builders.Dashboard:
    """An empty dashboard. `job_of` is the metric whose jobs can be chosen."""
    _entry(job_of)
    return (
        builders.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags([TAG])
        .timezone("browser")
        .readonly()
        .time("now-1h", "now")
        .refresh("30s")
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .link(
            builders.DashboardLink("petct-settlement")
            .type(dashboard.DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .as_dropdown(False)
            .include_vars(False)
            .keep_time(True)
        )
        .with_variable(builders.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
        .with_variable(choice("job", "Job", job_of))
        .annotation(
            builders.AnnotationQuery()
            .name("Alerts that wake somebody")
            .datasource(SOURCE)
            .enable(True)
            .icon_color("red")
            .expr('ALERTS{alertstate="firing", severity="critical"}')
            .title_format("{{alertname}}")
            .text_format("{{instance}} {{partition}}")
        )
    )


def choice(label: str, shown: str, metric: str) -> builders.QueryVariable:
    """A variable of the values a label of the metric has; all of them at first."""
    _entry(metric)
    return (
        builders.QueryVariable(label)
        .label(shown)
        .datasource(SOURCE)
        .query(f"label_values({metric}, {label})")
        .refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(dashboard.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .current(dashboard.VariableOption(selected=True, text="All", value="$__all"))
    )


def _target(query: Query, *, instant: bool = False) -> Dataquery:
    target = Dataquery().expr(query.expr).legend_format(query.legend or "__auto").datasource(SOURCE)
    return target.instant() if instant else target.range()


def _sum(vector: str, *by: str) -> str:
    return f"sum{_by(by)} ({vector})"


def _by(labels: tuple[str, ...]) -> str:
    return f" by ({', '.join(labels)})" if labels else ""


def _where(more: str) -> str:
    return f"{JOB}, {more}" if more else JOB


def _entry(metric: str) -> None:
    if metric not in CATALOGUE:
        raise KeyError(f"{metric} is not in the catalogue (streams/metrics.py)")


def _described(metric: str, note: str) -> str:
    entry = CATALOGUE[metric]
    return f"{entry.question} {metric}: {entry.help}{f' {note}' if note else ''}"


def _unit(metric: str, per_second: bool) -> str:
    unit = CATALOGUE[metric].unit
    return _RATES.get(unit, "suffix: /s") if per_second else _UNITS.get(unit, "short")
