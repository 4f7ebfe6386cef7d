"""Where a command finds a rulebook: in a folder, among the installed notices, or among the releases on the bus."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

import typer
from aiokafka.errors import KafkaError

from schemas.moments import CHINA
from schemas.topics import RULEBOOK
from streams.bus.rulebook_topic import PublishingError, read_releases
from streams.bus.topics import check_topics
from streams.cli import terminal
from streams.cli.offline import folder_or_fail
from streams.cli.publishing import silence_the_client
from streams.exit_codes import ExitCode
from streams.rulebook import Rulebook, RulebookError
from streams.rulebook.release import Release, UnknownReleaseError, find, newest
from streams.settings import KafkaSettings, SettingsError

T = TypeVar("T")
INSTALLED: Final = "installed"


def ask(settings: KafkaSettings, question: Coroutine[Any, Any, T]) -> T:
    """The broker's answer; ends the command where there is none."""
    silence_the_client()
    try:
        return asyncio.run(question)
    except SettingsError as error:
        terminal.fail_with(error)
    except PublishingError as error:
        terminal.fail(str(error), code=ExitCode.FAILED)
    except (KafkaError, TimeoutError) as error:
        terminal.no_broker(settings, error)


def releases(settings: KafkaSettings) -> list[Release]:
    """All releases, the oldest first; ends the command where there is no broker or no topic."""
    return ask(settings, _releases(settings))


async def _releases(settings: KafkaSettings) -> list[Release]:
    await refuse_without_topic(settings)
    return await read_releases(settings)


async def refuse_without_topic(settings: KafkaSettings, topic: str = RULEBOOK) -> None:
    """A topic asked for by name might be made by the broker, with its own defaults."""
    # A limit that is too small refuses writers; we only read.
    for problem in await check_topics(settings, [topic]):
        if problem.fatal and "does not exist" in problem.problem:
            terminal.fail(str(problem), code=ExitCode.TOPICS)


def rulebook(reference: str) -> Rulebook:
    """The rulebook meant by a folder, `installed`, `newest`, or the beginning of a released hash."""
    if reference == INSTALLED:
        return folder_or_fail(None)
    path = Path(reference)
    if path.is_dir():
        return folder_or_fail(path)
    if "/" in reference or reference.startswith("."):
        terminal.fail(f"{reference}: there is no such folder")
    return load(released(releases(terminal.settings_or_fail(KafkaSettings)), reference))


def released(found: list[Release], reference: str) -> Release:
    try:
        return find(found, reference)
    except UnknownReleaseError as error:
        terminal.fail(str(error), "petct rulebook log lists the releases; a folder of notices is named by its path.")


def known_at(found: list[Release], moment: datetime) -> Release:
    release = newest(found, moment)
    if release is None:
        terminal.fail(f"nothing was known by {moment.isoformat()}", "petct rulebook log lists the releases.")
    return release


def load(release: Release) -> Rulebook:
    """Ends the command where the release cannot be used."""
    try:
        return release.load()
    except RulebookError as error:
        refuse(release, error)


def refuse(release: Release, error: RulebookError) -> NoReturn:
    for mistake in error.mistakes[:10]:
        typer.echo(str(mistake), err=True)
    terminal.fail(f"the release {release.hash or 'without a hash'} cannot be used", code=ExitCode.RULEBOOK)


def moment(text: str) -> datetime:
    """A day or a time; without an offset, in China. Raises typer.BadParameter, as a callback of an option must."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no time; write 2021-07-23, 2021-07-23T09:30:00 or 2021-07-23T09:30:00+08:00"
        ) from None
    return read if read.tzinfo is not None else read.replace(tzinfo=CHINA)
