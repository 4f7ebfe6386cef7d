"""Is money flowing? What somebody woken at night looks at first."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from ops.grafana.parts import JOB, Limit, Query, board, lines, number, over, quantile, rate


def flow() -> Dashboard:
    late = "The objective: 99 of 100 answers within 60 s, over 30 days (ops/prometheus/rules/recording.yml)."
    return (
        board(
            "petct-flow",
            "Is money flowing?",
            "Throughput, age, lag, outcomes and money of the settle workers.",
            "petct_build_info",
        )
        .with_row(Row("Now"))
        .with_panel(
            number(
                "Longest wait of an open settlement",
                "petct_lag_seconds",
                Query(over("max", "petct_lag_seconds")),
                Limit(30, "yellow"),
                Limit(60, "red"),
            )
        )
        .with_panel(
            number(
                "Since the slowest partition moved",
                "petct_last_progress_timestamp_seconds",
                Query(f"time() - {over('min', 'petct_last_progress_timestamp_seconds')}"),
                Limit(60, "yellow"),
                Limit(120, "red"),
            )
        )
        .with_panel(
            number(
                "Answers later than 60 s, last hour",
                "petct_age_at_commit_seconds",
                Query(f"max(job:petct_answers_late:share1h{{{JOB}}})"),
                Limit(0.01, "yellow"),
                Limit(0.144, "red"),
                unit="percentunit",
                note=late,
            )
        )
        .with_panel(
            number(
                "Partitions with a worker",
                "petct_last_progress_timestamp_seconds",
                Query(f"sum(job:petct_partitions:attended{{{JOB}}})"),
                unit="short",
            )
        )
        .with_panel(
            number(
                "Workers that do not answer",
                "petct_build_info",
                Query(f"count(up{{{JOB}}} == 0) or vector(0)"),
                Limit(1, "red"),
                unit="short",
            )
        )
        .with_panel(
            number(
                "Records lost to retention",
                "petct_records_missed_total",
                Query(over("sum", "petct_records_missed_total")),
                Limit(1, "red"),
            )
        )
        .with_row(Row("Throughput and delay"))
        .with_panel(
            lines(
                "Is the stream moving, and how much of it is ours?",
                "petct_records_total",
                Query(rate("petct_records_total", "fate"), "{{fate}}"),
                per_second=True,
            )
        )
        .with_panel(
            lines(
                "How long does a settlement wait for its answer?",
                "petct_age_at_commit_seconds",
                Query(quantile(0.5, "petct_age_at_commit_seconds"), "half of them"),
                Query(quantile(0.99, "petct_age_at_commit_seconds"), "99 of 100"),
                note=late,
            )
        )
        .with_panel(
            lines(
                "How late are we?",
                "petct_lag_seconds",
                Query(over("max", "petct_lag_seconds", "partition"), "partition {{partition}}"),
            )
        )
        .with_panel(
            lines(
                "How far behind are we?",
                "petct_lag_records",
                Query(over("max", "petct_lag_records", "partition"), "partition {{partition}}"),
            )
        )
        .with_row(Row("Settlements and money"))
        .with_panel(
            lines(
                "What do we decide?",
                "petct_settlements_total",
                Query(rate("petct_settlements_total", "outcome"), "{{outcome}}"),
                per_second=True,
                stacked=True,
            )
        )
        .with_panel(
            lines(
                "Who pays how much?",
                "petct_money_yuan_total",
                Query(
                    rate("petct_money_yuan_total", "bearer", where='direction="charged"')
                    + " - "
                    + rate("petct_money_yuan_total", "bearer", where='direction="refunded"'),
                    "{{bearer}}",
                ),
                per_second=True,
                note="What was given back is taken off.",
            )
        )
        .with_panel(
            lines(
                "What cannot be decided?",
                "petct_dead_letters_total",
                Query(f"{rate('petct_dead_letters_total', 'reason')} > 0", "{{reason}}"),
                per_second=True,
                stacked=True,
            )
        )
        .with_panel(
            lines(
                "Does every topic get what it should?",
                "petct_outputs_total",
                Query(rate("petct_outputs_total", "topic"), "{{topic}}"),
                per_second=True,
            )
        )
        .with_row(Row("Work"))
        .with_panel(
            lines(
                "How busy is the one core of a worker with deciding?",
                "petct_decide_seconds",
                Query(f"sum by (instance) (rate(petct_decide_seconds_sum{{{JOB}}}[$__rate_interval]))", "{{instance}}"),
                unit="percentunit",
                note="Reading and writing come on top: docs/capacity.md.",
            )
        )
        .with_panel(
            lines(
                "Do we work in gulps, or record by record?",
                "petct_batch_records",
                Query(quantile(0.5, "petct_batch_records"), "half of the batches"),
                Query(quantile(0.99, "petct_batch_records"), "99 of 100"),
            )
        )
    )
