"""Replay: how far a run is, how much it changes, whether it waits. A run shows only while it lasts."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from ops.grafana.parts import JOB, Limit, Query, board, lines, number, over, rate


def replay() -> Dashboard:
    done = f"sum by (job, instance) (petct_replay_records_total{{{JOB}}})"
    planned = f"sum by (job, instance) (petct_replay_planned_records{{{JOB}}})"
    return (
        board(
            "petct-replay",
            "Replay",
            "Progress, differences and corrections of replays that are running.",
            "petct_replay_info",
        )
        .with_row(Row("Now"))
        .with_panel(
            number(
                "Runs",
                "petct_replay_info",
                Query(f"count(petct_replay_info{{{JOB}}}) or vector(0)"),
                unit="short",
            )
        )
        .with_panel(
            number(
                "Done",
                "petct_replay_records_total",
                Query(f"min({done} / {planned})"),
                unit="percentunit",
                note="Of the offsets of the plan.",
            )
        )
        .with_panel(
            number(
                "Left, at the present speed",
                "petct_replay_planned_records",
                Query(
                    f"max(({planned} - {done})"
                    f" / (sum by (job, instance) (rate(petct_replay_records_total{{{JOB}}}[5m])) > 0))"
                ),
                unit="s",
            )
        )
        .with_panel(
            number(
                "Running for",
                "petct_replay_started_timestamp_seconds",
                Query(f"time() - {over('min', 'petct_replay_started_timestamp_seconds')}"),
                Limit(3 * 3600, "yellow"),
                Limit(6 * 3600, "red"),
            )
        )
        .with_panel(
            number(
                "Since it got further",
                "petct_replay_last_progress_timestamp_seconds",
                Query(f"time() - {over('min', 'petct_replay_last_progress_timestamp_seconds')}"),
                Limit(300, "yellow"),
                Limit(600, "red"),
            )
        )
        .with_panel(
            number(
                "Corrections written",
                "petct_replay_emitted_total",
                Query(over("sum", "petct_replay_emitted_total")),
            )
        )
        .with_row(Row("Runs"))
        .with_panel(
            lines(
                "Which run is this?",
                "petct_replay_info",
                Query(f"sum by (instance, plan, mode) (petct_replay_info{{{JOB}}})", "{{plan}}, {{mode}}"),
                unit="short",
            )
        )
        .with_panel(
            lines(
                "Does it work, or wait for live traffic?",
                "petct_replay_phase",
                Query(over("sum", "petct_replay_phase", "phase"), "{{phase}}"),
                stacked=True,
            )
        )
        .with_panel(
            lines(
                "How far is it?",
                "petct_replay_records_total",
                Query(f"{done} / {planned}", "{{instance}}"),
                unit="percentunit",
            )
        )
        .with_panel(
            lines(
                "How fast?",
                "petct_replay_records_total",
                Query(rate("petct_replay_records_total"), "records replayed"),
                Query(rate("petct_replay_read_before_total"), "earlier answers read"),
                per_second=True,
            )
        )
        .with_panel(
            lines(
                "How much does it change?",
                "petct_replay_differences_total",
                Query(over("sum", "petct_replay_differences_total"), "differences"),
                Query(over("sum", "petct_replay_emitted_total"), "written"),
            )
        )
        .with_panel(
            lines(
                "Does live traffic suffer?",
                "petct_lag_seconds",
                Query("max(petct_lag_seconds)", "longest wait of an open settlement"),
                note="Of the workers, whichever job they are.",
            )
        )
    )
