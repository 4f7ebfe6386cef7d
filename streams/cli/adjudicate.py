"""`petct adjudicate`: the worker's decisions without a bus."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from schemas.codec import dumps
from streams.cli import terminal
from streams.exit_codes import ExitCode
from streams.settings import SecretSettings

if TYPE_CHECKING:
    from streams.processors.settlement import Answer

ENDS = terminal.exit_status(
    {
        ExitCode.OK: "done, dead letters or not",
        ExitCode.FAILED: "with --strict: dead letters among the lines",
        ExitCode.USAGE: "a wrong argument, or no secret",
        ExitCode.RULEBOOK: "the installed notices cannot be used",
    }
)


def adjudicate(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            callback=terminal.readable,
            show_default=False,
            help="Files of events; standard input if none, or where one is -.",
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with status 1 when an event could not be decided.")
    ] = False,
) -> None:
    """Decide settlement events, one JSON document a line, and write one line of JSON each.

    Every line written is {"adjusted", "dead_letter", "disclosure"}; all three null: the event is none of ours. It is
    the very code of the worker, so the records are those the bus would carry. Blank lines are skipped. Any number of
    events in constant memory.

    PETCT_DISCLOSURE_SECRET (or PETCT_DISCLOSURE_SECRET_FILE) keys the ids of disclosures and must be set. Where later
    secrets are set too, the line of a reversal also holds "also_withdrawn", the withdrawals under its other ids.

    **Examples**

    ```console
    petct simulate --count 20 > events.jsonl
    PETCT_DISCLOSURE_SECRET=x petct adjudicate events.jsonl
    tail -f events.jsonl | PETCT_DISCLOSURE_SECRET=x petct adjudicate
    ```
    """
    from streams.cli import offline  # noqa: PLC0415 - other commands need not load the rules

    secret = terminal.settings_or_fail(SecretSettings).secret
    decide = offline.processor(secret)
    terminal.end_quietly_when_the_reader_leaves()
    paths = files or [terminal.STDIN]
    out = sys.stdout.buffer
    decided = dead_letters = 0
    with terminal.progress("adjudicating", size_of(paths)) as advance:
        for batch in lines_of(paths):
            answers = [decide(offline.OfflineRecord(line)) for line in batch if line.strip()]
            out.write(b"".join(map(_written, answers)))
            out.flush()
            decided += len(answers)
            dead_letters += sum(answer.dead_letter_reason is not None for answer in answers)
            advance(sum(map(len, batch)) + len(batch), f"{decided:,} events, {dead_letters:,} dead letters")
    raise typer.Exit(ExitCode.FAILED if strict and dead_letters else ExitCode.OK)


def _written(answer: Answer) -> bytes:
    reason = answer.dead_letter_reason
    line: dict[str, Any] = {
        "adjusted": answer.adjusted,
        "disclosure": answer.disclosure,
        "dead_letter": reason and {"reason": reason, "detail": answer.detail},
    }
    if answer.also_withdrawn:
        line["also_withdrawn"] = answer.also_withdrawn
    return dumps(line) + b"\n"


def lines_of(paths: list[Path]) -> Iterator[list[bytes]]:
    from streams.cli.offline import batches_of_lines  # noqa: PLC0415

    for path in paths:
        try:
            if path == terminal.STDIN:
                yield from batches_of_lines(cast(BufferedReader, sys.stdin.buffer))
            else:
                with path.open("rb") as file:
                    yield from batches_of_lines(file)
        except OSError as error:
            terminal.fail(f"{path}: cannot be read ({error.strerror})", code=ExitCode.FAILED)


def size_of(paths: list[Path]) -> int | None:
    """All bytes to come; None when nobody knows."""
    sizes = [path.stat().st_size if path.is_file() else 0 for path in paths]
    return sum(sizes) if all(sizes) else None
