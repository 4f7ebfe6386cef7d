"""`petct rulebook …`: what the notices say, and whether they may be used."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import orjson
import typer
from rich.padding import Padding
from rich.text import Text

from streams.cli import terminal
from streams.exit_codes import ExitCode
from streams.settings import KafkaSettings

if TYPE_CHECKING:
    from streams.rulebook import Rulebook, RulebookError
    from streams.rulebook.model import Rule

app = typer.Typer(no_args_is_help=True, help="Check the notices, and see what applies where and when.")

_KINDS: Final[dict[str, str]] = {
    "price": "what a hospital there may charge",
    "coverage": "what is paid for at all, for people insured there",
    "benefit": "how much the fund pays, for people insured there",
    "out_of_area_factors": "how much less outside the pool, for people insured there",
    "disclosure": "what a hospital there publishes",
    "monitoring": "what the authority there must watch",
}
_INDENT: Final = (0, 0, 0, 2)
_REGION: Final = re.compile(r"[0-9]{6}")


@app.command(
    epilog=terminal.exit_status(
        {
            ExitCode.OK: "the notices make a rulebook",
            ExitCode.FAILED: "there are mistakes",
            ExitCode.USAGE: "a wrong argument",
        }
    )
)
def check(
    directory: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DIR]",
            exists=True,
            file_okay=False,
            readable=True,
            show_default=False,
            help="Folder of notices; the installed ones if none.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document instead.")] = False,
) -> None:
    """Check a folder of notices and tell every mistake in it, with file, line and mend.

    **Examples**

    ```console
    petct rulebook check
    petct rulebook check my-notices --json
    ```
    """
    from streams.rulebook import RulebookError, load_rulebook  # noqa: PLC0415 - other commands need not load it
    from streams.rulebook.review import overdue, today_in_china  # noqa: PLC0415

    terminal.end_quietly_when_the_reader_leaves()
    try:
        rulebook = load_rulebook(directory)
    except RulebookError as error:
        _tell_mistakes(error, as_json=as_json)
        raise typer.Exit(ExitCode.FAILED) from None
    late = overdue(rulebook, today_in_china())
    if as_json:
        terminal.print_json(
            {
                "ok": True,
                "rulebook": rulebook.hash,
                "notices": len(rulebook.notices),
                "rules": len(rulebook.rules),
                "earliest_review": rulebook.earliest_review,
                "overdue": [rule.id for rule in late],
                "mistakes": [],
            }
        )
        return
    typer.echo(
        f"{len(rulebook.notices)} notices, {len(rulebook.rules)} rules: no mistake\n{rulebook.hash}\n"
        f"the first entry is to be reviewed by {rulebook.earliest_review}"
    )
    for rule in late:
        typer.echo(
            f"warning: {rule.id} was reviewed until {rule.reviewed_until}; "
            "look whether it still holds, then set a later day or an effective_to",
            err=True,
        )


@app.command(
    epilog=terminal.exit_status(
        {
            ExitCode.OK: "shown, gaps or not",
            ExitCode.FAILED: "a folder of notices holds mistakes",
            ExitCode.USAGE: "a wrong argument: no region, examination or release that is known, no date",
            ExitCode.TOPICS: "a release is asked for, and there is no settlement.rulebook",
            ExitCode.BROKER: "a release is asked for, and no broker answered",
            ExitCode.RULEBOOK: "the installed notices, or the release, cannot be used",
        }
    )
)
def show(
    reference: Annotated[
        str,
        typer.Argument(
            metavar="[RULEBOOK]", help="installed, newest, six or more digits of a released hash, or a folder."
        ),
    ] = "installed",
    region: Annotated[
        str | None,
        typer.Option(help="Division code of the hospital or the insured, six digits; all of a release if not given."),
    ] = None,
    exam: Annotated[str, typer.Option(help="Examination, by its id in the rulebook.")] = "petct_whole_body",
    on: Annotated[
        datetime | None,
        typer.Option(
            metavar="DATE", formats=["%Y-%m-%d"], show_default="today in China", help="Day of the examination."
        ),
    ] = None,
    as_known_at: Annotated[
        str | None, typer.Option(metavar="TIME", help="The newest release that was known by then.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document instead.")] = False,
) -> None:
    """Show what applies to an examination in a region on a day, with sources, and name what no notice says.

    Of the installed notices, or of any rulebook that was ever released; of a release without a region: all its rules.

    **Examples**

    ```console
    petct rulebook show --region 330102 --exam petct_whole_body --on 2021-07-01
    petct rulebook show --region 440300 --on 2023-10-01 --json
    petct rulebook show 3fa81c
    petct rulebook show --as-known-at 2021-07-10 --region 330200 --on 2021-07-01
    ```
    """
    from streams.rulebook.entries import entry  # noqa: PLC0415 - other commands need not load it
    from streams.rulebook.review import today_in_china  # noqa: PLC0415

    rulebook = _asked_for(reference, as_known_at)
    terminal.end_quietly_when_the_reader_leaves()
    if region is None:
        if reference == "installed" and as_known_at is None:
            terminal.fail("--region is not given", "Give it, or name a release to see all of it.")
        _show_all(rulebook, as_json=as_json)
        return
    _refuse_unknown(rulebook, region, exam)
    day = on.date() if on is not None else today_in_china()
    found: dict[str, Rule | None] = {kind: getattr(rulebook, kind)(region, exam, day) for kind in _KINDS}
    if as_json:
        terminal.print_json(
            {
                "region": region,
                "exam": exam,
                "on": day,
                "rulebook": rulebook.hash,
                "rules": {kind: rule and entry(rulebook, rule) for kind, rule in found.items()},
                "gaps": [kind for kind, rule in found.items() if rule is None],
            }
        )
    else:
        _print(found, f"{exam} in {region} on {day}", rulebook)


def _asked_for(reference: str, as_known_at: str | None) -> Rulebook:
    from streams.cli.offline import installed_rulebook  # noqa: PLC0415

    if reference == "installed" and as_known_at is None:
        return installed_rulebook()
    from streams.cli import rulebook_sources as sources  # noqa: PLC0415 - only releases need the bus

    if as_known_at is None:
        return sources.rulebook(reference)
    if reference != "installed":
        terminal.fail("give either a rulebook or --as-known-at", "Each of the two names one.")
    moment = sources.moment(as_known_at)
    return sources.load(sources.known_at(sources.releases(terminal.settings_or_fail(KafkaSettings)), moment))


def _show_all(rulebook: Rulebook, *, as_json: bool) -> None:
    """Every rule in a line; as JSON the canonical form itself."""
    if as_json:
        terminal.print_json({"rulebook": rulebook.hash, **orjson.loads(rulebook.canonical)})
        return
    out = terminal.stdout()
    out.print(Text(rulebook.hash, "bold yellow"), soft_wrap=True)
    for notice in rulebook.notices:
        out.print(Text.assemble("\n", (notice.id, "bold"), f" {notice.source}: {notice.title}"), soft_wrap=True)
        for name in notice.entries:
            rule = next(rule for rule in rulebook.rules if rule.id == f"{notice.id}/{name}")
            end = f" to before {rule.effective_to}" if rule.effective_to else " on"
            out.print(f"  {name} of {rule.exam} in {rule.region} from {rule.effective_from}{end}", soft_wrap=True)
            out.print(Text(f"    “{rule.says}” ({rule.clause})", "dim"), soft_wrap=True)


def _tell_mistakes(error: RulebookError, *, as_json: bool) -> None:
    mistakes = error.mistakes
    if as_json:
        terminal.print_json({"ok": False, "mistakes": mistakes})
        return
    for mistake in mistakes:
        typer.echo(str(mistake))
    typer.echo(f"{len(mistakes)} mistake{'s' if len(mistakes) != 1 else ''}", err=True)


def _refuse_unknown(rulebook: Rulebook, region: str, exam: str) -> None:
    from streams.rulebook.regions import lookup_chain  # noqa: PLC0415

    known = sorted({rule.region for rule in rulebook.rules})
    mend = f"The rulebook has rules of {', '.join(known)}, and so for every city and district in them."
    if not _REGION.fullmatch(region):
        terminal.fail(f"--region {region!r} is not a division code of six digits", mend)
    if not any(wider in known for wider in lookup_chain(region)):
        terminal.fail(f"--region {region}: no notice known here is about it, its city or its province", mend)
    if exam not in rulebook.exams:
        terminal.fail(f"--exam {exam!r} is unknown", f"The rulebook knows {', '.join(sorted(rulebook.exams))}.")


def _print(found: dict[str, Rule | None], title: str, rulebook: Rulebook) -> None:
    from streams.rulebook.entries import terms  # noqa: PLC0415

    out = terminal.stdout()
    out.print(Text(title, "bold"))
    out.print(Text(f"rulebook {rulebook.hash}", "dim"))
    for kind, rule in found.items():
        if rule is None:
            out.print(
                Text.assemble("\n", (f"gap: {kind}", "bold yellow"), f", no notice says {_KINDS[kind]} on that day")
            )
            continue
        end = f"to the day before {rule.effective_to}" if rule.effective_to else "without a known end"
        out.print(Text.assemble("\n", (kind, "bold green"), f", {_KINDS[kind]}: {rule.id}"))
        out.print(Padding(Text(f"“{rule.says}”"), _INDENT, expand=False))
        out.print(
            Padding(
                Text(f"{rule.source}, {rule.clause} ({rule.authority}, of {rule.region})", "cyan"),
                _INDENT,
                expand=False,
            )
        )
        review = f"reviewed until {rule.reviewed_until}"
        out.print(Padding(Text(f"in force from {rule.effective_from} {end}; {review}"), _INDENT, expand=False))
        for line in terms(rulebook, rule):
            out.print(Padding(Text(line, "dim"), _INDENT, expand=False))
