"""`petct rulebook new` and `schema`: what helps to write a notice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from pydantic import TypeAdapter, ValidationError

from streams.cli import terminal
from streams.exit_codes import ExitCode

NEW_ENDS: Final = terminal.exit_status(
    {
        ExitCode.OK: "the notice is written, and the folder makes a rulebook with it",
        ExitCode.FAILED: "it is written, but does not agree with what the folder holds; the mistakes are told",
        ExitCode.USAGE: "a wrong or missing answer, or there is such a file already",
    }
)
SCHEMA_ENDS: Final = terminal.exit_status({ExitCode.OK: "printed", ExitCode.USAGE: "a wrong argument"})


def new(
    id: Annotated[str | None, typer.Option(help="Its id, and the name of the file, such as hz-2022-5.")] = None,
    source: Annotated[str | None, typer.Option(help="Number or name of the document.")] = None,
    title: Annotated[str | None, typer.Option(help="Title of the document; its source if none.")] = None,
    authority: Annotated[str, typer.Option(help="official, press or article.")] = "official",
    found: Annotated[str, typer.Option(help="Where its text was found.")] = "full text",
    clause: Annotated[str | None, typer.Option(help="Clause that states the rule.")] = None,
    says: Annotated[str | None, typer.Option(help="The few words of the document that state it.")] = None,
    region: Annotated[str | None, typer.Option(help="Division code, six digits.")] = None,
    exam: Annotated[str, typer.Option(help="Examination, by its id in the rulebook.")] = "petct_whole_body",
    effective_from: Annotated[str | None, typer.Option("--from", metavar="DATE", help="First day it applies.")] = None,
    effective_to: Annotated[
        str | None, typer.Option("--to", metavar="DATE", help="First day it no longer applies; none if not stated.")
    ] = None,
    reviewed_until: Annotated[
        str | None, typer.Option(metavar="DATE", help="Day by which to look again; the end of next year if none.")
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(help="price, coverage, benefit, disclosure, out_of_area_factors or monitoring; may be repeated."),
    ] = None,
    unit_price: Annotated[str | None, typer.Option(help="Of a price: yuan for one examination.")] = None,
    ratio: Annotated[str | None, typer.Option(help="Of a flat benefit: the share the fund pays; else unknown.")] = None,
    factor: Annotated[str | None, typer.Option(help="Of out_of_area_factors: the first factor.")] = None,
    into: Annotated[
        Path, typer.Option(metavar="DIR", exists=True, file_okay=False, writable=True, help="Folder to write it into.")
    ] = Path(),
) -> None:
    """Write a commented notice to begin with. What no option gives is asked for.

    It passes the check at once, and decides nothing the document does not state: what is still to be filled in
    answers needs_review.

    **Examples**

    ```console
    petct rulebook new
    petct rulebook new --id hz-2022-5 --source '杭医保〔2022〕5号' --clause 二 --says '5000元/次' --region 330100 \\
        --from 2022-01-01 --kind price --unit-price 5000.00 --into my-notices
    ```
    """
    from streams.rulebook import RulebookError, fields, load_rulebook  # noqa: PLC0415 - other commands need not load it
    from streams.rulebook.review import today_in_china  # noqa: PLC0415
    from streams.rulebook.template import KINDS, Draft, needs, notice_yaml  # noqa: PLC0415

    identifier = _wanted("id", id, fields.Identifier)
    path = into / f"{identifier}.yaml"
    if path.exists():
        terminal.fail(f"{path}: is there already", "Choose another --id or --into; nothing is written over.")
    source = _wanted("source", source, fields.Text)
    held = ", ".join(KINDS)
    kinds = tuple(dict.fromkeys(kind or _asked(f"kinds, of {held}", "--kind", str).replace(",", " ").split()))
    if not kinds or (unknown := [name for name in kinds if name not in KINDS]):
        terminal.fail(f"--kind {unknown[0] if kinds else ''!r} is unknown", f"It is one of {held}.")
    numbers: dict[str, Any] = {"unit_price": fields.Price, "ratio": fields.Ratio, "factor": fields.Ratio}
    given = {"unit_price": unit_price, "ratio": ratio, "factor": factor}
    wanted = needs(kinds)
    found_numbers = {
        name: str(_wanted(name, given[name], kind))
        for name, kind in numbers.items()
        if name in wanted or given[name] is not None
    }
    start: date = _wanted("from", effective_from, fields.Day)
    draft = Draft(
        identifier,
        _wanted("title", title or source, fields.Text),
        source,
        _wanted("authority", authority, fields.Authority),
        _wanted("found", found, fields.Text),
        _wanted("clause", clause, fields.Text),
        _wanted("says", says, fields.Text),
        _wanted("region", region, fields.Region),
        exam,
        start,
        None if effective_to is None else _wanted("to", effective_to, fields.Day),
        _wanted("reviewed-until", reviewed_until or f"{today_in_china().year + 1}-12-31", fields.Day),
        kinds,
        **found_numbers,
    )
    path.write_text(notice_yaml(draft), encoding="utf-8")
    typer.echo(f"wrote {path}")
    try:
        load_rulebook(into)
    except RulebookError as error:
        for mistake in error.mistakes:
            typer.echo(str(mistake))
        raise typer.Exit(ExitCode.FAILED) from None
    typer.echo(f"petct rulebook check {into} finds no mistake; now read its comments")


def schema(
    exams: Annotated[bool, typer.Option("--exams", help="That of exams.yaml instead.")] = False,
) -> None:
    """Print the JSON Schema of a notice, with which an editor completes and checks it.

    **Examples**

    ```console
    petct rulebook schema > notice.schema.json
    sed -i '1i # yaml-language-server: $schema=notice.schema.json' my-notices/hz-2022-5.yaml
    ```
    """
    from streams.rulebook.json_schema import exams_schema, notice_schema, written  # noqa: PLC0415

    typer.echo(written(exams_schema() if exams else notice_schema()), nl=False)


def _wanted(name: str, given: str | None, kind: Any) -> Any:
    """The value of an option, or of the answer to a question; ends the command where an option is wrong."""
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    option = f"--{name.replace('_', '-')}"
    if given is None:
        return _asked(name.replace("_", " "), option, lambda answer: _read(adapter, answer))
    try:
        return _read(adapter, given)
    except ValueError as wrong:
        terminal.fail(f"{option}: {wrong}")


def _asked(question: str, option: str, read: Callable[[str], Any]) -> Any:
    """Ask until the answer will do. Where nobody answers, name the option."""
    while True:
        try:
            answer = typer.prompt(question, err=True)
        except typer.Abort:
            typer.echo(err=True)
            terminal.fail(f"{option} is not given, and nobody answers", "petct rulebook new --help lists all options.")
        try:
            return read(answer)
        except ValueError as wrong:
            typer.echo(f"  {wrong}", err=True)


def _read(adapter: TypeAdapter[Any], value: str) -> Any:
    """Raises ValueError that says what is wrong, and the mend."""
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        details = error.errors(include_url=False)[0]
        flaws = details.get("ctx", {}).get("flaws")
        told = f"{flaws[0].problem}; {flaws[0].mend}" if flaws else details["msg"]
        raise ValueError(told) from None
