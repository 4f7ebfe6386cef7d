"""Exactly once: transactions, aborts, fencings, rebalances, lanes, brokers."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from ops.grafana.parts import JOB, Limit, Query, board, lines, number, over, quantile, rate


def exactly_once() -> Dashboard:
    transactions = f"rate(petct_transaction_seconds_count{{{JOB}}}[$__rate_interval])"
    return (
        board(
            "petct-exactly-once",
            "Exactly once",
            "Transactions, aborts, fencings and rebalances of the settle workers.",
            "petct_build_info",
        )
        .with_row(Row("Now"))
        .with_panel(
            number(
                "Slowest transaction in 100, of what it may take",
                "petct_transaction_limit_seconds",
                Query(
                    "histogram_quantile(0.99, sum by (le) "
                    f"(rate(petct_transaction_seconds_bucket{{{JOB}}}[10m])))"
                    f" / {over('max', 'petct_transaction_limit_seconds')}"
                ),
                Limit(0.25, "yellow"),
                Limit(0.5, "red"),
                unit="percentunit",
            )
        )
        .with_panel(
            number(
                "Fencings, last hour",
                "petct_fencings_total",
                Query(f"sum(increase(petct_fencings_total{{{JOB}}}[1h]))"),
                Limit(5, "yellow"),
                Limit(30, "red"),
            )
        )
        .with_panel(
            number(
                "Lanes that do not run",
                "petct_lanes",
                Query(over("sum", "petct_lanes", where='state!="running"')),
                Limit(1, "yellow"),
            )
        )
        .with_panel(
            number(
                "Breakers open, last 10 minutes",
                "petct_breaker_open",
                Query(f"sum(max_over_time(petct_breaker_open{{{JOB}}}[10m]))"),
                Limit(1, "red"),
            )
        )
        .with_panel(
            number(
                "Since a broker answered the worst-off worker",
                "petct_broker_seen_timestamp_seconds",
                Query(f"time() - {over('min', 'petct_broker_seen_timestamp_seconds')}"),
                Limit(20, "yellow"),
                Limit(60, "red"),
            )
        )
        .with_panel(
            number("Partitions owned", "petct_assigned_partitions", Query(over("sum", "petct_assigned_partitions")))
        )
        .with_row(Row("Transactions"))
        .with_panel(
            lines(
                "Do transactions succeed?",
                "petct_transaction_seconds",
                Query(f"sum by (result) ({transactions})", "{{result}}"),
                unit="suffix: /s",
            )
        )
        .with_panel(
            lines(
                "How near are they to their limit?",
                "petct_transaction_seconds",
                Query(quantile(0.5, "petct_transaction_seconds", where='result="committed"'), "half of them"),
                Query(quantile(0.99, "petct_transaction_seconds", where='result="committed"'), "99 of 100"),
                Query(over("min", "petct_transaction_limit_seconds"), "limit"),
            )
        )
        .with_row(Row("Partitions and lanes"))
        .with_panel(
            lines(
                "What is failing again and again?",
                "petct_reopenings_total",
                Query(f"{rate('petct_reopenings_total', 'cause')} > 0", "{{cause}}"),
                unit="suffix: /s",
                stacked=True,
            )
        )
        .with_panel(
            lines(
                "Do two workers fight over a partition?",
                "petct_fencings_total",
                Query(rate("petct_fencings_total", "instance"), "{{instance}}"),
                unit="suffix: /s",
            )
        )
        .with_panel(
            lines(
                "Is the group at rest?",
                "petct_rebalances_total",
                Query(f"increase(petct_rebalances_total{{{JOB}}}[5m])", "{{instance}}"),
                note="Within five minutes.",
            )
        )
        .with_panel(
            lines(
                "Is the work spread?",
                "petct_assigned_partitions",
                Query(over("sum", "petct_assigned_partitions", "instance"), "{{instance}}"),
                stacked=True,
            )
        )
        .with_panel(
            lines(
                "Are all partitions being worked on?",
                "petct_lanes",
                Query(over("sum", "petct_lanes", "state"), "{{state}}"),
                stacked=True,
            )
        )
        .with_panel(
            lines(
                "Were workers started anew?",
                "petct_build_info",
                Query(f"time() - process_start_time_seconds{{{JOB}}}", "{{instance}}"),
                unit="s",
                note="How long each has been running.",
            )
        )
    )
