"""What every command says in the same way: tables for people on standard output, progress and errors beside it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NoReturn

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from streams.exit_codes import ExitCode
from streams.settings import KafkaSettings, S, SettingsError, load

STDIN: Final = Path("-")


def stdout() -> Console:
    """For people. Values are data: nothing in them is markup, an emoji or a number to colour."""
    return Console(markup=False, emoji=False, highlight=False)


def fail(message: str, mend: str = "", code: ExitCode = ExitCode.USAGE) -> NoReturn:
    """End the command: what is wrong, and what to do about it."""
    typer.echo(f"petct: {message}", err=True)
    if mend:
        typer.echo(f"       {mend}", err=True)
    raise typer.Exit(code)


def exit_status(meanings: dict[ExitCode, str]) -> str:
    """How a command may end, for the foot of its help."""
    return "\n".join(["**Exit status**\n", *(f"- {code.value}: {meaning}" for code, meaning in meanings.items())])


def settings_or_fail(kind: type[S]) -> S:
    try:
        return load(kind)
    except SettingsError as error:
        fail_with(error)


def fail_with(error: SettingsError) -> NoReturn:
    for problem in error.problems:
        typer.echo(f"petct: {problem}", err=True)
    raise typer.Exit(ExitCode.USAGE)


def readable(paths: list[Path] | None) -> list[Path] | None:
    """Callback of an argument: refuse what cannot be read, before anything is decided. `-` is standard input."""
    for path in paths or ():
        if path == STDIN:
            continue
        if not path.exists():
            raise typer.BadParameter(f"{path}: there is no such file.")
        if path.is_dir():
            raise typer.BadParameter(f"{path}: is a directory, a file is wanted.")
        if not os.access(path, os.R_OK):
            raise typer.BadParameter(f"{path}: may not be read; look at its permissions.")
    return paths


def writable(path: Path | None) -> Path | None:
    """Callback of an option: refuse where no file can be written, before the work of an hour is done for it."""
    if path is None:
        return None
    if path.is_dir():
        raise typer.BadParameter(f"{path}: cannot be written, it is a directory.")
    if not path.parent.is_dir():
        raise typer.BadParameter(f"{path}: cannot be written, there is no folder {path.parent}.")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise typer.BadParameter(f"{path}: cannot be written; look at its permissions.")
    return path


def no_broker(settings: KafkaSettings, error: Exception) -> NoReturn:
    """Looks for the reason where the client only says that there is no broker."""
    import asyncio  # noqa: PLC0415 - commands that need no bus need no event loop

    from streams.bus.refused import why_refused  # noqa: PLC0415

    mend = f"Is a broker running at PETCT_KAFKA_BOOTSTRAP_SERVERS={settings.kafka_bootstrap_servers}?"
    if (refusal := asyncio.run(why_refused(settings))) is not None:
        fail(refusal.problem, f"{refusal.mend[:1].upper()}{refusal.mend[1:]}.", ExitCode.BROKER)
    fail(f"the broker did not do it ({type(error).__name__})", mend, ExitCode.BROKER)


def write(path: Path, text: str) -> None:
    """A file the command was asked for; says that it is there, beside the output, which may be a JSON document."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        fail(f"{path}: cannot be written ({error.strerror})", "Name a place where you may write.")
    typer.echo(f"wrote {path}", err=True)


def print_json(document: Any) -> None:
    """One readable JSON document, in UTF-8 whatever the terminal's language."""
    sys.stdout.flush()
    sys.stdout.buffer.write(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def end_quietly_when_the_reader_leaves() -> None:
    """`petct … | head` ends like any Unix tool. Not for commands with a socket: theirs would kill them too."""
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)


Advance = Callable[[int, str], None]


@contextmanager
def progress(what: str, total: int | None) -> Iterator[Advance]:
    """A bar on standard error, where that is a terminal and the output does not scroll over it; else nothing.

    Yields what to call with the work just done, in units of `total`, and with words for it.
    """
    if not sys.stderr.isatty() or sys.stdout.isatty():
        yield lambda _work, _words: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[words]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total, words="")
        yield lambda work, words: bar.update(task, advance=work, words=words)
