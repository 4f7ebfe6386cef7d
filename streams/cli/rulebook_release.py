"""`petct rulebook publish`, `log`, `diff`: releases of the rulebook on the bus."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.text import Text

from streams.cli import terminal
from streams.exit_codes import ExitCode
from streams.settings import KafkaSettings

if TYPE_CHECKING:
    from streams.rulebook import Rulebook
    from streams.rulebook.diff import Difference
    from streams.rulebook.release import Release

PUBLISH_ENDS: Final = terminal.exit_status(
    {
        ExitCode.OK: "released, or the newest release already; with --dry-run: compared",
        ExitCode.FAILED: "the notices hold mistakes, or the release was not appended; the message says why",
        ExitCode.USAGE: "a wrong argument, a setting missing or wrong",
        ExitCode.TOPICS: "there is no settlement.rulebook",
        ExitCode.BROKER: "no broker answered",
    }
)
LOG_ENDS: Final = terminal.exit_status(
    {
        ExitCode.OK: "listed",
        ExitCode.USAGE: "a wrong argument, a setting missing or wrong",
        ExitCode.TOPICS: "there is no settlement.rulebook",
        ExitCode.BROKER: "no broker answered",
    }
)
DIFF_ENDS: Final = terminal.exit_status(
    {
        ExitCode.OK: "compared, different or not",
        ExitCode.FAILED: "a folder holds mistakes",
        ExitCode.USAGE: "a wrong argument, an unknown release, a setting missing or wrong",
        ExitCode.TOPICS: "there is no settlement.rulebook",
        ExitCode.BROKER: "no broker answered",
        ExitCode.RULEBOOK: "a release cannot be used",
    }
)
_MOST_LINES: Final = 12
_REFERENCE: Final = "a folder of notices, installed, newest, or six or more digits of a released hash"


def publish(
    directory: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DIR]", exists=True, file_okay=False, show_default=False, help="Folder of notices; the installed."
        ),
    ] = None,
    message: Annotated[str | None, typer.Option("--message", "-m", help="Why, in one line.")] = None,
    author: Annotated[str | None, typer.Option(help="Who; the user of this machine if not given.")] = None,
    known_from: Annotated[
        str | None, typer.Option(metavar="TIME", help="When we knew what it says; now if not given, never later.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document instead.")] = False,
) -> None:
    """Release a whole rulebook: all workers decide by it as soon as they have read it.

    The notices are checked, and appended to settlement.rulebook as one record. What is the newest release already is
    not released again.

    **Examples**

    ```console
    petct rulebook publish my-notices --dry-run
    petct rulebook publish my-notices --message 'Ningbo: 甬医保发〔2021〕23号' --known-from 2021-07-23
    ```
    """
    from streams.cli import rulebook_sources as sources  # noqa: PLC0415 - other commands need no bus
    from streams.cli.offline import folder_or_fail  # noqa: PLC0415
    from streams.rulebook.diff import compare  # noqa: PLC0415
    from streams.rulebook.release import is_newest, newest  # noqa: PLC0415

    now = datetime.now(UTC)
    known = now if known_from is None else sources.moment(known_from)
    if known > now:
        terminal.fail(f"--known-from {known_from} is still to come", "A release is known when it is published.")
    if message is None and not dry_run:
        terminal.fail("--message is not given", "Say in one line why this is released; the log shows it.")
    if message is not None and (not message.strip() or "\n" in message):
        terminal.fail("--message is not one line", "Say in one line why this is released; the log shows it.")
    book = folder_or_fail(directory)
    settings = terminal.settings_or_fail(KafkaSettings)
    found = sources.releases(settings)
    if is_newest(found, book.hash):
        if as_json:
            terminal.print_json({"released": False, "rulebook": book.hash, "changes": []})
        else:
            typer.echo(f"{book.hash} is the newest release already; nothing to do")
        return
    before = newest(found)
    if found and found[-1] != before:
        typer.echo(
            f"the newest release {found[-1].hash or 'without a hash'} cannot be used; workers pass over it", err=True
        )
    difference = compare(None if before is None else before.load(), book)
    release = None
    if not dry_run:
        who = author or _user()
        release = sources.ask(settings, _append(settings, book, (message or "").strip(), who, known))
    if as_json:
        terminal.print_json({"released": release is not None, **_document(difference)})
        return
    for line in difference.lines():
        typer.echo(line)
    _warn_of_reviews(book)
    if dry_run:
        typer.echo(f"dry run: {book.hash} is not released ({difference.summary})")
    else:
        typer.echo(f"released {book.hash} ({difference.summary})")


def log(
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document instead.")] = False,
) -> None:
    """List the releases, the newest first: hash, when, who, message, and what each changed.

    **Examples**

    ```console
    petct rulebook log
    petct rulebook log --json
    ```
    """
    from streams.cli import rulebook_sources as sources  # noqa: PLC0415 - other commands need no bus

    found = sources.releases(terminal.settings_or_fail(KafkaSettings))
    told = list(reversed(_told(found)))
    if as_json:
        terminal.print_json(
            [
                {
                    "rulebook": release.hash,
                    "offset": release.offset,
                    "published": release.published,
                    "known_from": release.known_from,
                    "author": release.author,
                    "message": release.message,
                    "usable": difference is not None,
                    "changes": None if difference is None else _document(difference)["changes"],
                }
                for release, difference in told
            ]
        )
        return
    out = terminal.stdout()
    if not told:
        out.print("nothing is released yet; petct rulebook publish does it")
    for release, difference in told:
        _print_release(release)
        if difference is None:
            out.print(Text("    cannot be used: workers refuse it", "red"))
        elif difference.before is None:
            out.print(f"    the first one that can be used: {difference.summary}")
        else:
            _print_lines(difference)
        out.print()


def diff(
    before: Annotated[str, typer.Argument(metavar="FROM", help=f"{_REFERENCE[0].upper()}{_REFERENCE[1:]}.")],
    after: Annotated[str, typer.Argument(metavar="[TO]", help="The same; the newest release if not given.")] = "newest",
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document instead.")] = False,
) -> None:
    """Show what one rulebook says otherwise than another: rules, amounts, regions and days.

    **Examples**

    ```console
    petct rulebook diff 3fa81c
    petct rulebook diff newest my-notices
    petct rulebook diff installed my-notices --json
    ```
    """
    from streams.cli import rulebook_sources as sources  # noqa: PLC0415 - other commands need no bus
    from streams.rulebook.diff import compare  # noqa: PLC0415

    difference = compare(sources.rulebook(before), sources.rulebook(after))
    terminal.end_quietly_when_the_reader_leaves()
    if as_json:
        terminal.print_json(_document(difference))
        return
    typer.echo(f"from {difference.before}\nto   {difference.after}")
    for line in difference.lines():
        typer.echo(line)
    typer.echo(difference.summary)


async def _append(
    settings: KafkaSettings, book: Rulebook, message: str, author: str, known_from: datetime
) -> Release | None:
    from streams.bus.rulebook_topic import publish as append  # noqa: PLC0415

    return await append(settings, book, message, author, known_from)


def _told(found: list[Release]) -> list[tuple[Release, Difference | None]]:
    """Each release with what it changed against the usable one before; None where it cannot be used itself."""
    from streams.rulebook import RulebookError  # noqa: PLC0415
    from streams.rulebook.diff import compare  # noqa: PLC0415

    told: list[tuple[Release, Difference | None]] = []
    before = None
    for release in found:
        try:
            book = release.load()
        except RulebookError:
            told.append((release, None))
            continue
        told.append((release, compare(before, book)))
        before = book
    return told


def _print_release(release: Release) -> None:
    from schemas.moments import CHINA  # noqa: PLC0415

    out = terminal.stdout()
    published = release.published.astimezone(CHINA)
    out.print(Text(release.hash or "without a hash", "bold yellow"), soft_wrap=True)
    out.print(f"    published  {published:%Y-%m-%d %H:%M} by {release.author or 'unknown'}")
    if abs((release.known_from - release.published).total_seconds()) > 60:
        out.print(f"    known from {release.known_from.astimezone(CHINA):%Y-%m-%d %H:%M}")
    out.print(f"    {release.message or 'without a message'}", style="bold", soft_wrap=True)


def _print_lines(difference: Difference) -> None:
    out = terminal.stdout()
    lines = list(difference.lines()) or ["nothing changed"]
    for line in lines[:_MOST_LINES]:
        out.print(f"    {line}", soft_wrap=True)
    if len(lines) > _MOST_LINES:
        short = difference.before.removeprefix("sha256:")[:12] if difference.before else ""
        more = f"petct rulebook diff {short} {difference.after.removeprefix('sha256:')[:12]}"
        out.print(f"    … {len(lines) - _MOST_LINES} lines more: {more}")


def _document(difference: Difference) -> dict[str, Any]:
    return {
        "from": difference.before,
        "rulebook": difference.after,
        "regions": difference.regions,
        "since": difference.since,
        "until": difference.until,
        "changes": difference.changes,
    }


def _warn_of_reviews(book: Rulebook) -> None:
    from streams.rulebook.review import overdue, today_in_china  # noqa: PLC0415

    for rule in overdue(book, today_in_china()):
        typer.echo(f"warning: {rule.id} was reviewed until {rule.reviewed_until}", err=True)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container may run under a number that has no name
        return "unknown"
