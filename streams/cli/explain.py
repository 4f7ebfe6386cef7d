"""`petct explain`: why one event was decided as it was."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from streams.cli import terminal
from streams.exit_codes import ExitCode

if TYPE_CHECKING:
    from streams.processors.settlement import Answer
    from streams.rulebook import Rulebook

_MOST_BYTES = 16 * 1024 * 1024
_KEYED = ("disclosure_id", "event_id")

ENDS = terminal.exit_status(
    {
        ExitCode.OK: "explained, whatever the outcome",
        ExitCode.USAGE: "a wrong argument",
        ExitCode.RULEBOOK: "the installed notices cannot be used",
    }
)


def explain(
    event: Annotated[
        Path,
        typer.Argument(
            metavar="EVENT.json",
            callback=lambda path: terminal.readable([path]) and path,
            help="A file with one settlement event; - for standard input.",
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document instead.")] = False,
) -> None:
    """Show how one settlement event is decided: each step with its clause and amount, ending in who pays what.

    For an event that cannot be decided: the reason, the field and the mend. For one that is none of ours: why. It needs
    no secret, and so leaves out the ids of disclosures.

    **Examples**

    ```console
    petct explain event.json
    sed -n 7p events.jsonl | petct explain - --json
    ```
    """
    from streams.cli import offline  # noqa: PLC0415 - other commands need not load the rules

    decide = offline.processor(secret=b"")
    value = _read(event)
    answer = decide(offline.OfflineRecord(value))
    terminal.end_quietly_when_the_reader_leaves()
    why = _why_passed_over(value, decide.rulebook) if answer.fate == "passed_over" else None
    if as_json:
        terminal.print_json(_document(answer, why))
    else:
        _show(answer, why, several=sum(bool(line.strip()) for line in value.splitlines()) > 1)


def _read(path: Path) -> bytes:
    try:
        if path == terminal.STDIN:
            return sys.stdin.buffer.read(_MOST_BYTES)
        with path.open("rb") as file:
            return file.read(_MOST_BYTES)
    except OSError as error:
        terminal.fail(f"{path}: cannot be read ({error.strerror})")


def _document(answer: Answer, why: str | None) -> dict[str, Any]:
    from streams.words import DEAD_LETTERS  # noqa: PLC0415

    reason, published = answer.dead_letter_reason, answer.disclosure
    return {
        "fate": answer.fate,
        "adjusted": answer.adjusted,
        "disclosure": published and {name: value for name, value in published.items() if name not in _KEYED},
        "dead_letter": reason
        and {
            "reason": reason,
            "detail": answer.detail,
            "says": DEAD_LETTERS[reason][0],
            "mend": DEAD_LETTERS[reason][1],
        },
        "passed_over": why,
    }


def _show(answer: Answer, why: str | None, *, several: bool) -> None:
    from streams.cli import derivation  # noqa: PLC0415
    from streams.words import DEAD_LETTERS  # noqa: PLC0415

    out = terminal.stdout()
    if why is not None:
        out.print(f"Passed over: {why}")
    if answer.dead_letter_reason is not None:
        says, mend = DEAD_LETTERS[answer.dead_letter_reason]
        out.print(f"It cannot be decided: {answer.dead_letter_reason}", style="bold")
        out.print(says)
        out.print(f"where: {answer.detail}")
        out.print(f"mend:  {mend}")
        if answer.dead_letter_reason == "not_json" and several:
            out.print("This looks like several documents: give one, as in `sed -n 7p FILE | petct explain -`.")
    if answer.adjusted is not None:
        show = derivation.settlement if "lines" in answer.adjusted else derivation.undone
        out.print(show(answer.adjusted))
    if answer.disclosure is not None:
        out.print(derivation.disclosure(answer.disclosure))


def _why_passed_over(value: bytes, rulebook: Rulebook) -> str:
    """Which of the tests for what is ours let it pass."""
    from schemas.events import REVERSED, VOIDED  # noqa: PLC0415

    known = ", ".join(sorted(rulebook.codes))
    try:
        event = orjson.loads(value)
    except orjson.JSONDecodeError:
        return f"its bytes hold none of the examination codes ({known}), so it is not even read (nor is it valid JSON)."
    if event.get("event_type") in (REVERSED, VOIDED):
        return f"it undoes a settlement whose item_codes hold no examination code ({known})."
    lines = event.get("line_items")
    if not isinstance(lines, list):
        return "it has no line_items, and is neither a reversal nor a void."
    when = ", valid where its hospital lies on its day" if rulebook.dated_codes else ""
    return f"none of its {len(lines)} lines has exactly one of the examination codes ({known}){when}."
