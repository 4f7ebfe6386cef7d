"""`petct disclosures …`: the daily lists as files to publish."""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from schemas.moments import CHINA
from streams.cli import terminal
from streams.exit_codes import ExitCode

if TYPE_CHECKING:
    from schemas.board import DailyList
    from streams.export.board_client import BoardHospital
    from streams.export.lists import Exported, ListExport
    from streams.rulebook import Rulebook

app = typer.Typer(no_args_is_help=True, help="The lists that hospitals must publish, as files.")

ENDS = terminal.exit_status(
    {
        ExitCode.OK: "exported; with --watch: ended by SIGTERM or SIGINT",
        ExitCode.FAILED: "the watch worker does not answer, a list is still awaited, or the folder cannot be written; "
        "trying again may help",
        ExitCode.USAGE: "a wrong argument, or a hospital that never disclosed anything",
    }
)
LOOPBACK: Final = "http://127.0.0.1:9466"
_URL: Final = re.compile(r"https?://[^/\s?#]+/?")


def _day(text: str | None) -> str | None:
    """Callback of an option."""
    try:
        if text is None or date.fromisoformat(text).isoformat() == text:
            return text
    except ValueError:
        pass
    raise typer.BadParameter("expected a day YYYY-MM-DD.")


def board_url(text: str) -> str:
    """Callback of an option."""
    if not _URL.fullmatch(text):
        raise typer.BadParameter(f"expected an address such as {LOOPBACK}.")
    return text


@app.callback()
def _disclosures() -> None:
    """The lists that hospitals must publish, as files."""


@app.command("export", epilog=ENDS)
def export(
    out: Annotated[Path, typer.Option(file_okay=False, help="Folder to write to; made where it is not there.")],
    hospital: Annotated[
        list[str] | None, typer.Option(metavar="CODE", help="Only of this hospital; may be given several times.")
    ] = None,
    day: Annotated[
        str | None,
        typer.Option(metavar="DAY", callback=_day, help="The list of this day, YYYY-MM-DD.", show_default="yesterday"),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="DAY",
            callback=_day,
            help="Instead of one day, all from this one on.",
            show_default="with --watch: the first day of last month",
        ),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Go on, and keep the folder current.")] = False,
    every: Annotated[float, typer.Option(min=0.1, help="With --watch: seconds between two looks.")] = 30.0,
    api: Annotated[
        str,
        typer.Option(metavar="URL", callback=board_url, envvar="PETCT_BOARD_URL", help="Read API of a watch worker."),
    ] = LOOPBACK,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document (a round) instead.")] = False,
) -> None:
    """Write daily lists as HTML (Chinese and English), CSV and JSON, with an index page a hospital and a month.

    Each file is put in its place whole, so the folder can be served while it is written. A day without an examination
    has a list that says so, unless examinations of it are known whose disclosures have not come yet.

    **Examples**

    ```console
    petct disclosures export --hospital H33010200001 --day 2021-07-01 --out /srv/www/petct
    petct disclosures export --since 2021-07-01 --out /srv/www/petct --json
    petct disclosures export --watch --out /srv/www/petct --api http://watch:9466
    ```
    """
    from streams.export.board_client import (  # noqa: PLC0415 - other commands need no pages
        BoardClient,
        BoardUnavailable,
        UnknownHospital,
    )
    from streams.export.folder import Folder  # noqa: PLC0415
    from streams.export.lists import ListExport  # noqa: PLC0415
    from streams.rulebook import load_rulebook  # noqa: PLC0415

    if day is not None and (since is not None or watch):
        terminal.fail("--day is one day; --since and --watch are many", "Give one or the other.")
    if max(day or "", since or "") > _today().isoformat():
        terminal.fail("a day that has not begun has no list", "Give today or an earlier day.")
    book = load_rulebook()
    lists = ListExport(BoardClient(api), Folder(out), lambda made: _basis(book, made))
    if watch:
        _keep(lists, hospital, since, every, as_json)
        return
    try:
        with terminal.progress("exporting", None) as advance:
            exported = lists.round(hospital, _days(day, since), _today(), lambda code: advance(1, code))
    except UnknownHospital as error:
        terminal.fail(
            f"no disclosure of the hospital {error} is known",
            "Look at its code; one that never disclosed anything has no list.",
        )
    except BoardUnavailable as error:
        terminal.fail(str(error), "Is `petct worker watch` running there? --api tells where.", ExitCode.FAILED)
    except OSError as error:
        terminal.fail(f"cannot be written ({error.strerror})", "Name a folder where you may write.", ExitCode.FAILED)
    _tell(exported, as_json)
    if exported.awaited:
        raise typer.Exit(ExitCode.FAILED)


def _keep(lists: ListExport, hospitals: list[str] | None, since: str | None, every: float, as_json: bool) -> None:
    """Rounds until a signal; what fails is told and tried again."""
    from streams.export.board_client import BoardUnavailable, UnknownHospital  # noqa: PLC0415

    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    before: Exported | None = None
    while not ended.is_set():
        today = _today()
        first = since or (today.replace(day=1) - timedelta(days=1)).replace(day=1).isoformat()
        try:
            exported = lists.round(hospitals, _days(None, first), today)
            if exported.written or before is None or exported.awaited != before.awaited:
                _tell(exported, as_json)
            before = exported
        except UnknownHospital as error:
            typer.echo(f"petct: no disclosure of the hospital {error} is known yet", err=True)
        except BoardUnavailable as error:
            typer.echo(f"petct: {error}", err=True)
        except OSError as error:
            typer.echo(f"petct: cannot be written ({error.strerror})", err=True)
        ended.wait(every)


def _days(day: str | None, since: str | None) -> Callable[[BoardHospital], tuple[date, date]]:
    today = _today()

    def span(hospital: BoardHospital) -> tuple[date, date]:
        if since is None:
            only = date.fromisoformat(day) if day is not None else today - timedelta(days=1)
            return only, only
        # Of the days before nobody can say that there was none.
        return date.fromisoformat(max(since, hospital.first_day)), today

    return span


def _basis(book: Rulebook, made: DailyList) -> str | None:
    """The first rule in force for what is on the list."""
    exams = [row.exam for row in made.rows] or list(book.exams)
    for exam in exams:
        rule = book.disclosure(made.hospital.region, exam, date.fromisoformat(made.day))
        if rule is not None:
            return f"{rule.source} {rule.clause}"
    return None


def _tell(exported: Exported, as_json: bool) -> None:
    if as_json:
        terminal.print_json(
            {
                "lists": exported.lists,
                "written": sorted(exported.written),
                "unchanged": exported.unchanged,
                "awaited": [{"hospital": code, "day": day} for code, day in exported.awaited],
            }
        )
    else:
        out = terminal.stdout()
        out.print(f"{exported.lists} lists; {len(exported.written)} files written, {exported.unchanged} as they were")
    for code, day in exported.awaited:
        typer.echo(f"petct: {code} {day}: examinations are settled, their disclosures have not come yet", err=True)


def _today() -> date:
    return datetime.now(CHINA).date()
