"""All commands under one name."""

from __future__ import annotations

from typing import Annotated

import typer

from streams import __version__
from streams.cli import (
    adjudicate,
    deadletters,
    demo,
    disclosures,
    doctor,
    explain,
    nhsa,
    replay,
    rulebook,
    rulebook_coverage,
    rulebook_impact,
    rulebook_release,
    rulebook_write,
    schemas,
    simulate,
    status,
    surveillance,
    surveillance_desk,
    surveillance_simulate,
    topics,
    web,
    worker,
)

app = typer.Typer(
    name="petct",
    no_args_is_help=True,
    # Plain tracebacks without local variables: those of a bug could hold a patient's data.
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"petct {__version__}")
        raise typer.Exit


@app.callback(epilog="How each command may end stands at the foot of its --help.")
def _petct(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Adjudicate PET-CT examinations in medical insurance settlements: on Kafka, or offline."""


app.command("demo", epilog=demo.ENDS)(demo.demo)
app.command("adjudicate", epilog=adjudicate.ENDS)(adjudicate.adjudicate)
app.command("explain", epilog=explain.ENDS)(explain.explain)
app.command("simulate", epilog=simulate.ENDS)(simulate.simulate)
app.command("status", epilog=status.ENDS)(status.status)
app.command("web", epilog=web.ENDS)(web.web)
app.command("doctor", epilog=doctor.ENDS)(doctor.doctor)
rulebook.app.command("coverage", epilog=rulebook_coverage.ENDS)(rulebook_coverage.coverage)
rulebook.app.command("new", epilog=rulebook_write.NEW_ENDS)(rulebook_write.new)
rulebook.app.command("publish", epilog=rulebook_release.PUBLISH_ENDS)(rulebook_release.publish)
rulebook.app.command("log", epilog=rulebook_release.LOG_ENDS)(rulebook_release.log)
rulebook.app.command("diff", epilog=rulebook_release.DIFF_ENDS)(rulebook_release.diff)
rulebook.app.command("impact", epilog=rulebook_impact.ENDS)(rulebook_impact.impact)
rulebook.app.command("schema", epilog=rulebook_write.SCHEMA_ENDS)(rulebook_write.schema)
surveillance.app.command("simulate", epilog=surveillance_simulate.ENDS)(surveillance_simulate.simulate)
app.add_typer(rulebook.app, name="rulebook")
app.add_typer(schemas.app, name="schemas")
app.add_typer(nhsa.app, name="nhsa")
app.add_typer(topics.app, name="topics")
app.add_typer(worker.app, name="worker")
app.add_typer(replay.app, name="replay")
app.add_typer(deadletters.app, name="deadletters")
app.add_typer(disclosures.app, name="disclosures")
surveillance.app.command("list", epilog=surveillance_desk.LIST_ENDS)(surveillance_desk.list_findings)
surveillance.app.command("show", epilog=surveillance_desk.SHOW_ENDS)(surveillance_desk.show_finding)
surveillance.app.command("ack", epilog=surveillance_desk.HANDLE_ENDS)(surveillance_desk.ack)
surveillance.app.command("close", epilog=surveillance_desk.HANDLE_ENDS)(surveillance_desk.close)
surveillance.app.command("daily", epilog=surveillance_desk.DAILY_ENDS)(surveillance_desk.daily)
app.add_typer(surveillance.app, name="surveillance")
