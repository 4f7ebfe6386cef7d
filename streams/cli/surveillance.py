"""`petct surveillance …`: whether thresholds may be used, and what they would have raised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich import box
from rich.table import Column, Table

from streams.cli import terminal
from streams.exit_codes import ExitCode

if TYPE_CHECKING:
    from streams.surveillance.backtest import Point, Variation
    from streams.surveillance.offline import Offline
    from streams.surveillance.thresholds import Thresholds

app = typer.Typer(no_args_is_help=True, help="Findings of surveillance: suspicions with evidence, never verdicts.")

_BAR: Final = 30
# Nothing that is told of a backtest holds a person's key, so it need not be a secret.
_ANY_KEY: Final = b"backtest"


@app.command(
    epilog=terminal.exit_status(
        {
            ExitCode.OK: "the thresholds may be used",
            ExitCode.FAILED: "there are mistakes",
            ExitCode.USAGE: "a wrong argument",
        }
    )
)
def check(
    directory: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DIR]",
            exists=True,
            file_okay=False,
            readable=True,
            show_default=False,
            help="Folder of thresholds; the installed ones if none.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document instead.")] = False,
) -> None:
    """Check a folder of thresholds and tell every mistake in it, with file, line and mend.

    **Examples**

    ```console
    petct surveillance check
    petct surveillance check our-thresholds --json
    ```
    """
    from streams.surveillance.thresholds import ThresholdsError, load_thresholds  # noqa: PLC0415

    terminal.end_quietly_when_the_reader_leaves()
    try:
        thresholds = load_thresholds(directory)
    except ThresholdsError as error:
        if as_json:
            terminal.print_json({"ok": False, "mistakes": [asdict(mistake) for mistake in error.mistakes]})
        else:
            typer.echo(str(error))
        raise typer.Exit(ExitCode.FAILED) from None
    if as_json:
        terminal.print_json({"ok": True, **_summary(thresholds), "mistakes": []})
        return
    typer.echo(
        f"{len(thresholds.entries)} entries: no mistake\n{thresholds.hash}\n"
        f"facts of a person are kept {thresholds.person_horizon_days()} days, "
        f"those of a city {thresholds.city_horizon_days()}"
    )
    for rule in thresholds.silent:
        typer.echo(f"warning: {rule} has no entry, so it says nothing; add one if it is to speak", err=True)


@app.command(
    epilog=terminal.exit_status(
        {
            ExitCode.OK: "judged, findings or none",
            ExitCode.FAILED: "the folder of thresholds holds mistakes, or a file cannot be read",
            ExitCode.USAGE: "a wrong argument: no such file, rule or threshold, a value it cannot have",
            ExitCode.RULEBOOK: "the installed notices cannot be used",
        }
    )
)
def backtest(
    events: Annotated[
        list[Path],
        typer.Option(
            metavar="FILE",
            callback=terminal.readable,
            help="Events, one JSON document a line; - for standard input; may be repeated.",
        ),
    ],
    rules: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            exists=True,
            file_okay=False,
            readable=True,
            show_default=False,
            help="Folder of thresholds; the installed ones if not given.",
        ),
    ] = None,
    vary: Annotated[
        list[str] | None,
        typer.Option(metavar="RULE.THRESHOLD=A,B,C", help="Try these values of a threshold instead; may be repeated."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document instead.")] = False,
) -> None:
    """Tell which findings thresholds would have raised on events of the past, by rule and month.

    With --vary also how many there would have been with other values, one at a time, so that a threshold is chosen
    and not guessed: docs/surveillance.md tells how. Events are decided by the installed notices, as the worker would.
    Only the facts of examinations are kept in memory. Nothing is written to any topic, and no person is told apart.

    **Examples**

    ```console
    petct surveillance backtest --events 2024.jsonl
    petct surveillance backtest --events 2024.jsonl --rules our-thresholds --vary repeat_scan.max_scans=2,3,4,5,6
    petct surveillance backtest --events 2024.jsonl --vary spend_spike.min_ratio=1.5,2,3 --json
    ```
    """
    from streams.cli import offline  # noqa: PLC0415 - other commands need not load the rules
    from streams.surveillance.backtest import VariationError, by_rule_and_month, curve, read_variation  # noqa: PLC0415
    from streams.surveillance.offline import Offline, subjects_of, suspicions_of  # noqa: PLC0415

    thresholds = _thresholds_or_fail(rules)
    try:
        variations = [read_variation(text, thresholds) for text in vary or ()]
    except VariationError as error:
        terminal.fail(f"--vary: {error}", error.mend)
    taken = Offline(offline.installed_rulebook(), thresholds, _ANY_KEY, offline.form())
    _take(taken, events)
    subjects = subjects_of(taken.facts)
    months = by_rule_and_month(suspicions_of(subjects, thresholds))
    curves: list[tuple[Variation, list[Point]]] = []
    with terminal.progress("varying", sum(len(variation.values) for variation in variations)) as advance:
        for variation in variations:
            points: list[Point] = []
            for point in curve(subjects, thresholds, variation):
                points.append(point)
                advance(1, variation.written)
            curves.append((variation, points))
    if as_json:
        terminal.print_json(
            {
                **_summary(thresholds),
                **_taken(taken),
                "findings": months,
                "curves": [
                    {
                        "rule": variation.rule,
                        "threshold": variation.name,
                        "points": [point.plain() for point in points],
                    }
                    for variation, points in curves
                ],
            }
        )
        return
    terminal.end_quietly_when_the_reader_leaves()
    _print(taken, months, curves)


def _thresholds_or_fail(directory: Path | None) -> Thresholds:
    from streams.surveillance.thresholds import ThresholdsError, load_thresholds  # noqa: PLC0415

    try:
        return load_thresholds(directory)
    except ThresholdsError as error:
        typer.echo(str(error), err=True)
        where = directory or "the installed thresholds"
        terminal.fail(f"{where}: holds mistakes, told above", "Mend them first.", ExitCode.FAILED)


def _summary(thresholds: Thresholds) -> dict[str, Any]:
    return {
        "thresholds": thresholds.hash,
        "entries": len(thresholds.entries),
        "silent": list(thresholds.silent),
        "person_horizon_days": thresholds.person_horizon_days(),
        "city_horizon_days": thresholds.city_horizon_days(),
    }


def _taken(taken: Offline) -> dict[str, int]:
    return {"events": taken.events, "dead_letters": taken.dead_letters, "settlements": taken.settlements}


def _take(taken: Offline, paths: Sequence[Path]) -> None:
    from streams.cli.adjudicate import lines_of, size_of  # noqa: PLC0415

    with terminal.progress("deciding", size_of(list(paths))) as advance:
        for batch in lines_of(list(paths)):
            for line in batch:
                if line.strip():
                    taken.take(line)
            advance(sum(map(len, batch)) + len(batch), f"{taken.events:,} events, {taken.settlements:,} of ours")


def _print(
    taken: Offline, months: dict[str, dict[str, int]], curves: Sequence[tuple[Variation, Sequence[Point]]]
) -> None:
    out = terminal.stdout()
    out.print(
        f"{taken.events:,} events, {taken.settlements:,} settlements with an examination, "
        f"{taken.dead_letters:,} dead letters",
        style="bold",
    )
    out.print(_by_month(months) if any(months.values()) else "No finding.")
    for variation, points in curves:
        out.print(f"{variation.written} (* as it is)", style="bold")
        out.print(_curve(points))


def _by_month(months: dict[str, dict[str, int]]) -> Table:
    """A row a month, a column a rule, within the 80 columns of a narrow terminal."""
    heads = (_right(rule.replace("_", "\n")) for rule in months)
    table = Table("month", *heads, box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for month in sorted({month for counts in months.values() for month in counts}):
        table.add_row(month, *(f"{counts[month]:,}" if month in counts else "" for counts in months.values()))
    table.add_row("all", *(f"{sum(counts.values()):,}" for counts in months.values()), style="bold")
    return table


def _right(name: str) -> Column:
    return Column(name, justify="right")


def _curve(points: Sequence[Point]) -> Table:
    most = max((point.findings for point in points), default=0)
    columns = ("value", "findings", "hospitals", "persons", "at stake")
    table = Table(*(_right(name) for name in columns), "", box=box.SIMPLE)
    for point in points:
        table.add_row(
            ("* " if point.in_force else "") + format(point.value, "f"),
            f"{point.findings:,}",
            f"{point.hospitals:,}",
            f"{point.persons:,}",
            f"{point.amount:,}",
            "█" * round(_BAR * point.findings / most) if most else "",
        )
    return table
