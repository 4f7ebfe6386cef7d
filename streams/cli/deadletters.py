"""`petct deadletters …`: what could not be decided, why, and what becomes of it."""

from __future__ import annotations

import base64
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.table import Column, Table

from streams.cli import terminal
from streams.cli.replay import (
    AGAIN,
    ENDS,
    INTERRUPTED,
    _now,
    _reasons,
    _user,
    ask_broker,
    running,
    show,
    telling,
)
from streams.settings import Settings

if TYPE_CHECKING:
    from streams.replay.desk import Found

app = typer.Typer(no_args_is_help=True, help="Look at dead letters, try them again, or lay them aside.")

_EPOCH: Final = "1970-01-02"
Place = Annotated[str, typer.Argument(metavar="PARTITION:OFFSET", help="Where it lies, as list tells.")]
AsJson = Annotated[bool, typer.Option("--json", help="Write one JSON document instead.")]


@app.command("list", epilog=ENDS)
def list_letters(
    reason: Annotated[list[str] | None, typer.Option(help="Only of this reason.")] = None,
    since: Annotated[str, typer.Option(metavar="TIME", help="Only from then on.", show_default="all")] = _EPOCH,
    all_letters: Annotated[bool, typer.Option("--all", help="Those that were retried or discarded too.")] = False,
    most: Annotated[int, typer.Option(min=0, help="Most rows; the counts are of all.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Count dead letters by reason, and list the newest. Shows no value of an event.

    **Examples**

    ```console
    petct deadletters list
    petct deadletters list --reason schema --since 2021-07-01 --json
    ```
    """
    from streams.replay.desk import read_letters  # noqa: PLC0415 - other commands need no bus
    from streams.replay.planning import moment  # noqa: PLC0415
    from streams.replay.settings import PlanSettings  # noqa: PLC0415

    settings = terminal.settings_or_fail(PlanSettings)
    counts: Counter[str] = Counter()
    rows: list[Found] = []
    with telling():
        wanted, begin = set(_reasons(reason or [])), moment(since)

        def take(found: Found) -> None:
            letter = found.letter
            if (wanted and letter.reason not in wanted) or (found.end is not None and not all_letters):
                return
            counts[letter.reason] += 1
            rows.append(found)
            if len(rows) > 2 * most:
                rows.sort(key=lambda row: row.letter.written)
                del rows[: len(rows) - most]

        ask_broker(settings, read_letters(settings, begin, take))
    rows = sorted(rows, key=lambda row: row.letter.written)[-most:] if most else []
    if as_json:
        terminal.print_json({"by_reason": dict(sorted(counts.items())), "letters": [_plain(row) for row in rows]})
        return
    out = terminal.stdout()
    for name, number in sorted(counts.items()):
        out.print(f"{name}: {number}")
    if not counts:
        out.print("no dead letter")
    if rows:
        # Whole, be the terminal narrow: they are typed into the next command.
        whole = (Column(name, no_wrap=True) for name in ("place", "since", "reason", "retries", "ended"))
        table = Table(*whole, "detail", box=None)
        for row in rows:
            letter = row.letter
            ended = row.end or ""
            table.add_row(letter.name, _time(letter.written), letter.reason, str(letter.retries), ended, letter.detail)
        out.print(table)


@app.command("show", epilog=ENDS)
def show_letter(
    place: Place,
    reveal: Annotated[bool, typer.Option("--reveal", help="Show the body too: it is a patient's.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show why one is a dead letter: reason, field, what was expected. The body only with --reveal.

    **Examples**

    ```console
    petct deadletters show 2:117
    petct deadletters show 2:117 --reveal > body.json
    ```
    """
    from streams.replay.desk import read_one  # noqa: PLC0415
    from streams.replay.settings import PlanSettings  # noqa: PLC0415

    settings = terminal.settings_or_fail(PlanSettings)
    with telling():
        found = ask_broker(settings, read_one(settings, place))
    if as_json:
        told = _plain(found)
        if reveal:
            told["body_base64"] = None if found.letter.value is None else base64.b64encode(found.letter.value).decode()
        terminal.print_json(told)
        return
    for name, value in _plain(found).items():
        typer.echo(f"{name}: {value if value is not None else '-'}", err=reveal)
    if reveal:
        sys.stdout.flush()
        sys.stdout.buffer.write((found.letter.value or b"") + b"\n")


@app.command(epilog=ENDS)
def retry(
    place: Annotated[list[str] | None, typer.Argument(metavar="PARTITION:OFFSET", help="Only these.")] = None,
    reason: Annotated[list[str] | None, typer.Option(help="Only of this reason.")] = None,
    since: Annotated[str, typer.Option(metavar="TIME", help="Only from then on.", show_default="all")] = _EPOCH,
    rulebook: Annotated[str, typer.Option(help="newest, a hash, or 'as-known-at TIME'.")] = "newest",
    emit: Annotated[
        bool, typer.Option("--emit", help="Write what comes of it; without it nothing is written.")
    ] = False,
    why: Annotated[str, typer.Option(help="For the audit; must be given with --emit.", show_default=False)] = "",
    who: Annotated[str, typer.Option(help="For the audit.", show_default="the user of the system")] = "",
    retry_limit: Annotated[int, typer.Option(min=1, help="What was tried so often is left.")] = 5,
    keep: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            callback=terminal.writable,
            help="Keep the plan, to go on with after a kill: petct replay run.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Try dead letters again: a replay whose source they are. What fails again counts its retries in its headers.

    **Examples**

    ```console
    petct deadletters retry --reason processing_error
    petct deadletters retry --reason processing_error --emit --why 'release 1.2 reads them'
    petct deadletters retry 2:117 --emit --why 'mended'
    ```
    """
    from streams.replay import Filters, Options, Report  # noqa: PLC0415
    from streams.replay.api import reference  # noqa: PLC0415
    from streams.replay.desk import place_of, refuse_ended  # noqa: PLC0415
    from streams.replay.planning import Asked, make_plan, moment  # noqa: PLC0415
    from streams.replay.plans import write  # noqa: PLC0415
    from streams.replay.rulebooks import resolve, shelves  # noqa: PLC0415

    settings = terminal.settings_or_fail(Settings)
    report = Report()
    with telling():
        options = Options(emit=emit, why=why, who=who or _user(), retry_limit=retry_limit)
        places = sorted(place_of(text) for text in place or [])
        filters = Filters(reasons=tuple(_reasons(reason or [])), letters=tuple(f"{p}:{o}" for p, o in places))
        partitions = tuple(sorted({number for number, _ in places})) or None
        asked = Asked(moment(since), None, "deadletters", partitions, filters)
        known = reference(rulebook)

        async def work() -> Any:
            if place:
                await refuse_ended(settings, place)
            book = await resolve(known, shelves(settings, settings.notices))
            plan = (await make_plan(settings, asked, book, _now())).plan
            if keep is not None:
                keep.write_text(write(plan), "utf-8")
            return await running(plan, settings, options, report.add)

        outcome = ask_broker(settings, work())
    show(report, outcome, options, as_json=as_json)
    if not outcome.finished:
        typer.echo(f"petct: stopped {AGAIN}", err=True)
        raise typer.Exit(INTERRUPTED)


@app.command(epilog=ENDS)
def discard(
    place: Annotated[list[str], typer.Argument(metavar="PARTITION:OFFSET…", help="Where they lie, as list tells.")],
    why: Annotated[str, typer.Option(help="For the audit.")],
    who: Annotated[str, typer.Option(help="For the audit.", show_default="the user of the system")] = "",
) -> None:
    """Lay dead letters aside: they are neither listed nor retried any more. The record itself stays until its
    retention ends.

    **Examples**

    ```console
    petct deadletters discard 2:117 2:118 --why 'test records of the platform'
    ```
    """
    from streams.replay.desk import discard as lay_aside  # noqa: PLC0415
    from streams.replay.errors import PlanError  # noqa: PLC0415
    from streams.replay.settings import PlanSettings  # noqa: PLC0415

    settings = terminal.settings_or_fail(PlanSettings)
    with telling():
        if not why.strip():
            raise PlanError("Discarding must say why", 'Give a reason for the audit: --why "…"')
        number = ask_broker(settings, lay_aside(settings, place, who or _user(), why))
    typer.echo(f"discarded {number}")


def _plain(found: Found) -> dict[str, Any]:
    letter = found.letter
    return {
        "place": letter.name,
        "since": _time(letter.written),
        "reason": letter.reason,
        "detail": letter.detail,
        "retries": letter.retries,
        "ended": found.end,
        "ended_by": found.by,
        "input": f"{letter.topic} {letter.partition}:{letter.offset}",
        "input_time": _time(letter.timestamp),
        "bytes": len(letter.value or b""),
        "withheld": letter.withheld,
        "rulebook": letter.rulebook,
        "worker_version": letter.worker_version,
    }


def _time(milliseconds: int) -> str:
    try:
        return (datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds)).isoformat(timespec="seconds")
    except OverflowError:
        return "-"
