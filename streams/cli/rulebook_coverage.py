"""`petct rulebook coverage`: regions, examinations and days, with the rules as bars on a time line."""

from __future__ import annotations

import re
import shutil
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.text import Text

from streams.cli import terminal
from streams.exit_codes import ExitCode

if TYPE_CHECKING:
    from streams.rulebook.coverage import CoverageMap, Row

ENDS: Final = terminal.exit_status(
    {
        ExitCode.OK: "shown, gaps or not",
        ExitCode.FAILED: "the notices hold mistakes",
        ExitCode.USAGE: "a wrong argument",
    }
)
_STYLES: Final = {"price": "blue", "coverage": "green", "benefit": "yellow"}
_REGION: Final = re.compile(r"[0-9]{6}")
_LABEL: Final = 18
_WIDEST: Final = 100


def coverage(
    directory: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DIR]", exists=True, file_okay=False, show_default=False, help="Folder of notices; the installed."
        ),
    ] = None,
    region: Annotated[
        list[str] | None, typer.Option(help="Only this region, be it a district; may be repeated.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", callback=terminal.writable, help="Write a page instead.")
    ] = None,
    svg: Annotated[
        Path | None, typer.Option(metavar="FILE", callback=terminal.writable, help="Write the picture alone.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document instead.")] = False,
) -> None:
    """Show where and when price, coverage and benefit rules apply, where none does, and what is due for review.

    **Examples**

    ```console
    petct rulebook coverage
    petct rulebook coverage my-notices --html coverage.html
    petct rulebook coverage --region 330302
    ```
    """
    from streams.cli.offline import folder_or_fail  # noqa: PLC0415 - other commands need not load it
    from streams.rulebook.coverage import coverage_map  # noqa: PLC0415
    from streams.rulebook.review import today_in_china  # noqa: PLC0415

    for code in region or ():
        if not _REGION.fullmatch(code):
            terminal.fail(f"--region {code!r} is not a division code of six digits", "Write it like 330302.")
    book = folder_or_fail(directory)
    map, today = coverage_map(book, region or ()), today_in_china()
    if html is not None or svg is not None:
        from streams.pages.coverage import coverage_page, coverage_svg  # noqa: PLC0415 - needs templates

        if html is not None:
            terminal.write(html, coverage_page(book, map, today))
        if svg is not None:
            terminal.write(svg, coverage_svg(map))
        return
    terminal.end_quietly_when_the_reader_leaves()
    if as_json:
        terminal.print_json(_document(map))
        return
    _print(map, today)


def _document(map: CoverageMap) -> dict[str, object]:
    return {
        "rulebook": map.rulebook,
        "from": map.start,
        "to": map.end,
        "rows": [
            {
                "region": row.region,
                "exam": row.exam,
                "kind": row.kind,
                "spans": [
                    {
                        "from": span.start,
                        "to": span.end,
                        "rule": span.rule and span.rule.id,
                        "of_region": span.rule and span.rule.region,
                        "reviewed_until": span.rule and span.rule.reviewed_until,
                    }
                    for span in row.spans
                ],
            }
            for row in map.rows
        ],
    }


def _print(map: CoverageMap, today: date) -> None:
    out = terminal.stdout()
    width = min(_WIDEST, shutil.get_terminal_size().columns - _LABEL - 1)
    out.print(Text(f"rulebook {map.rulebook}", "dim"))
    out.print(Text(" " * _LABEL + _years(map, width), "dim"))
    place = None
    for row in map.rows:
        if (row.region, row.exam) != place:
            place = (row.region, row.exam)
            out.print(Text(f"{row.region} {row.exam}", "bold"))
        out.print(Text.assemble(f"  {row.kind}".ljust(_LABEL), *_bar(map, row, width)))
    out.print(Text("\n█ a rule   ▓ of a wider region   ░ past its review   · none", "dim"))
    out.print(Text(f"{map.start} to {map.end}; today is {today}", "dim"))
    for row in map.rows:
        for gap in row.gaps:
            if gap.end > today and gap.start > map.start:
                out.print(Text(f"gap: no {row.kind} rule in {row.region} from {gap.start} on", "red"))


def _years(map: CoverageMap, width: int) -> str:
    line = [" "] * width
    for day in map.years:
        at = int(map.share(day) * width)
        if at + 5 <= width:
            line[at : at + 5] = f"│{day.year}"
    return "".join(line)


def _bar(map: CoverageMap, row: Row, width: int) -> list[tuple[str, str]]:
    """One character for each step of days, showing the day in its middle."""
    step = (map.end - map.start) / width
    cells = []
    for at in range(width):
        day = map.start + timedelta(days=(step * (at + 0.5)).days)
        span = next(span for span in row.spans if span.start <= day < span.end)
        if span.rule is None:
            cells.append(("·", "red"))
        elif span.reviewed_until is not None and day > span.reviewed_until:
            cells.append(("░", _STYLES[row.kind]))
        else:
            cells.append(("▓" if row.inherited(span) else "█", _STYLES[row.kind]))
    return cells
