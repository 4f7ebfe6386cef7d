"""The worker's processor without a bus: documents from files in place of records from a topic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Final

import typer

from schemas.secrets import DisclosureSecrets
from streams import __version__
from streams.cli import terminal
from streams.exit_codes import ExitCode
from streams.forms import form_of
from streams.processors.form import Form
from streams.processors.settlement import Header, SettlementProcessor
from streams.rulebook import Rulebook, RulebookError, load_rulebook
from streams.settings import FormSettings, SettingsError

_CHUNK: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class OfflineRecord:
    """A document as the processor wants it. Nothing but `value` has a bearing on the answer."""

    value: bytes
    topic: str = ""
    partition: int = 0
    offset: int = 0
    timestamp: int = 0
    key: bytes | None = None
    headers: Sequence[Header] = ()


def installed_rulebook() -> Rulebook:
    """The installed notices; ends the command with all mistakes where they cannot be used."""
    try:
        return load_rulebook()
    except RulebookError as error:
        typer.echo(f"petct: the installed notices cannot be used\n{error}", err=True)
        raise typer.Exit(ExitCode.RULEBOOK) from None


def folder_or_fail(directory: Path | None) -> Rulebook:
    """The notices of a folder, None: the installed ones; ends the command with all mistakes."""
    if directory is None:
        return installed_rulebook()
    try:
        return load_rulebook(directory)
    except RulebookError as error:
        for mistake in error.mistakes:
            typer.echo(str(mistake), err=True)
        terminal.fail(f"{directory}: holds mistakes, told above", "Mend them first.", ExitCode.FAILED)


def processor(secret: bytes | DisclosureSecrets) -> SettlementProcessor:
    return SettlementProcessor(installed_rulebook(), secret, __version__, form())


def form() -> Form:
    """As PETCT_INPUT_FORMAT says, or the command ends."""
    try:
        return form_of(terminal.settings_or_fail(FormSettings))
    except SettingsError as error:
        terminal.fail_with(error)


def batches_of_lines(stream: BufferedReader) -> Iterator[list[bytes]]:
    """Yield what has arrived, cut at line feeds only: the other separators of Unicode are characters of a document.

    A batch ends where reading on would have to wait, so whoever answers batch by batch answers at once. Holds one
    chunk and one line.
    """
    rest = bytearray()
    while chunk := stream.read1(_CHUNK):
        *lines, tail = chunk.split(b"\n")
        if lines:
            lines[0] = bytes(rest) + lines[0]
            rest[:] = tail
            yield lines
        else:
            rest += tail
    if rest:
        yield [bytes(rest)]
