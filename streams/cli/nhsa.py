"""`petct nhsa …`: messages of the national interface made into settlement events, and answers made into its fields."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from schemas.codec import dumps
from streams.cli import terminal
from streams.exit_codes import ExitCode
from streams.settings import FormSettings, SecretSettings, SettingsError

if TYPE_CHECKING:
    from streams.processors.form import Nhsa

app = typer.Typer(no_args_is_help=True, help="Read and answer messages of the national interface (docs/nhsa.md).")

_ENDS = terminal.exit_status(
    {
        ExitCode.OK: "done, dead letters or not",
        ExitCode.FAILED: "with --strict: dead letters among the lines",
        ExitCode.USAGE: "a wrong argument, a setting missing or wrong, a table with mistakes",
        ExitCode.RULEBOOK: "the installed notices cannot be used",
    }
)

Files = Annotated[
    list[Path] | None,
    typer.Argument(
        callback=terminal.readable,
        show_default=False,
        help="Files of messages; standard input if none, or where one is -.",
    ),
]
Strict = Annotated[
    bool, typer.Option("--strict", help="Exit with status 1 when a message could not be converted or decided.")
]


@app.command(epilog=_ENDS)
def convert(
    files: Files = None,
    events_only: Annotated[
        bool, typer.Option("--events-only", help="Write the events alone, for `petct adjudicate` to read.")
    ] = False,
    strict: Strict = False,
) -> None:
    """Convert messages, one JSON document a line, and write one line of JSON each.

    Every line written is {"dead_letter", "event"}; both null: the message is none of ours. An event written is valid:
    what the worker would refuse is a dead letter here, and names the message's own fields. Blank lines are skipped.
    Any number of messages in constant memory.

    PETCT_NHSA_HOSPITALS and PETCT_NHSA_CODES name the tables of hospitals and local item codes.

    **Examples**

    ```console
    petct nhsa convert messages.jsonl
    PETCT_NHSA_HOSPITALS=hospitals.csv petct nhsa convert --events-only messages.jsonl | petct adjudicate
    ```
    """
    from schemas.reading import DeadLetter  # noqa: PLC0415 - other commands need not load the rules
    from streams.cli.offline import installed_rulebook  # noqa: PLC0415
    from streams.processors.envelope import parse  # noqa: PLC0415

    form, book = _form(), installed_rulebook()

    def one(value: bytes) -> tuple[dict[str, Any] | None, bool]:
        event, letter = None, None
        try:
            parsed = parse(value)
            if form.read(parsed, book.codes, book.dated_codes) is not None:
                event = form.plain(parsed, book.codes)
        except DeadLetter as found:
            letter = {"reason": found.reason, "detail": found.detail}
        if events_only:
            return event, letter is not None
        return {"event": event, "dead_letter": letter}, letter is not None

    _each_line(files, one, "converting", strict=strict)


@app.command(epilog=_ENDS)
def answer(files: Files = None, strict: Strict = False) -> None:
    """Decide messages and write the answers in the interface's own fields, one line of JSON each.

    Every line written is {"answer", "dead_letter"}; both null: the message is none of ours, or it undoes another. An
    answer is {"fees", "findings", "settlement"}, shaped like the outputs of 2204, 3101 and 2207; it holds examination
    lines only. It is the very code of the worker that decides.

    **Examples**

    ```console
    PETCT_DISCLOSURE_SECRET=x petct nhsa answer messages.jsonl
    ```
    """
    from schemas.nhsa import answer as answered  # noqa: PLC0415 - other commands need not load the rules
    from streams import __version__  # noqa: PLC0415
    from streams.cli.offline import OfflineRecord, installed_rulebook  # noqa: PLC0415
    from streams.processors.envelope import parse  # noqa: PLC0415
    from streams.processors.settlement import Fate, SettlementProcessor  # noqa: PLC0415

    secret = terminal.settings_or_fail(SecretSettings).secret
    decide = SettlementProcessor(installed_rulebook(), secret, __version__, _form())

    def one(value: bytes) -> tuple[dict[str, Any], bool]:
        made = decide(OfflineRecord(value))
        reason = made.dead_letter_reason
        written = {"answer": None, "dead_letter": reason and {"reason": reason, "detail": made.detail}}
        if made.fate is Fate.DECIDED and made.adjusted is not None:
            written["answer"] = answered(parse(value), made.adjusted)
        return written, reason is not None

    _each_line(files, one, "deciding", strict=strict)


@app.command(
    epilog=terminal.exit_status(
        {
            ExitCode.OK: "the tables can be used",
            ExitCode.FAILED: "a table holds mistakes, told by line",
            ExitCode.USAGE: "a wrong argument, or a file that cannot be read",
        }
    )
)
def check(
    hospitals: Annotated[
        Path | None, typer.Option(help="Table of hospitals, as PETCT_NHSA_HOSPITALS names it.", show_default=False)
    ] = None,
    codes: Annotated[
        Path | None, typer.Option(help="Table of local item codes, as PETCT_NHSA_CODES names it.", show_default=False)
    ] = None,
) -> None:
    """Say what is wrong with a table, line by line, before a worker is started with it.

    **Examples**

    ```console
    petct nhsa check --hospitals hospitals.csv
    petct nhsa check --hospitals hospitals.csv --codes codes.csv
    ```
    """
    from schemas.nhsa import TableError, read_codes, read_hospitals  # noqa: PLC0415
    from streams.forms import table_text  # noqa: PLC0415

    if hospitals is None and codes is None:
        terminal.fail("give --hospitals, --codes or both", "They name the tables to look at.")
    wrong = False
    tables: tuple[tuple[Path | None, Callable[[str], Any]], ...] = ((hospitals, read_hospitals), (codes, read_codes))
    for path, read in tables:
        if path is None:
            continue
        try:
            read(table_text(path))
        except OSError as error:
            terminal.fail(f"{path}: cannot be read ({error.strerror})", "Name a file that may be read.")
        except UnicodeDecodeError:
            typer.echo(f"{path}: not UTF-8; save it as CSV UTF-8", err=True)
            wrong = True
        except TableError as error:
            for mistake in error.mistakes:
                typer.echo(f"{path}: {mistake}", err=True)
            wrong = True
        else:
            typer.echo(f"{path}: can be used")
    raise typer.Exit(ExitCode.FAILED if wrong else ExitCode.OK)


def _form() -> Nhsa:
    from streams.forms import nhsa_form  # noqa: PLC0415

    try:
        return nhsa_form(terminal.settings_or_fail(FormSettings))
    except SettingsError as error:
        terminal.fail_with(error)


def _each_line(
    files: list[Path] | None, one: Callable[[bytes], tuple[dict[str, Any] | None, bool]], doing: str, *, strict: bool
) -> None:
    """Write what `one` makes of each line, unless that is None; it also tells whether the line is a dead letter."""
    from streams.cli.adjudicate import lines_of, size_of  # noqa: PLC0415

    terminal.end_quietly_when_the_reader_leaves()
    paths = files or [terminal.STDIN]
    out = sys.stdout.buffer
    read = dead_letters = 0
    with terminal.progress(doing, size_of(paths)) as advance:
        for batch in lines_of(paths):
            for line in batch:
                if line.strip():
                    written, dead = one(line)
                    read += 1
                    dead_letters += dead
                    if written is not None:
                        out.write(dumps(written) + b"\n")
            out.flush()
            advance(sum(map(len, batch)) + len(batch), f"{read:,} messages, {dead_letters:,} dead letters")
    if dead_letters:
        sys.stderr.write(f"petct: {dead_letters} of {read} are dead letters\n")
    raise typer.Exit(ExitCode.FAILED if strict and dead_letters else ExitCode.OK)
