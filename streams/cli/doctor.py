"""`petct doctor`: whether broker, topics and settings carry the worker, before it starts."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from pydantic import SecretStr

from streams.cli import terminal
from streams.exit_codes import ExitCode
from streams.settings import SecretSettings, Settings, SettingsError, load, variable

if TYPE_CHECKING:
    from streams.bus.doctor import Finding
    from streams.bus.doctor.facts import Unknown

ENDS: Final = terminal.exit_status(
    {
        ExitCode.OK: "no problem; advice may have been given",
        ExitCode.FAILED: "there are problems",
        ExitCode.USAGE: "a setting other than the disclosure secret is missing or wrong",
        ExitCode.BROKER: "no broker answered",
    }
)


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document instead.")] = False,
) -> None:
    """Look at brokers, topics, ACLs, clock, group, rulebook and secret; say what to change, and why.

    Reads the settings of `petct worker settle`; run it where the worker will run, and as the same user of the brokers.
    Produces nothing, commits nothing, makes and changes nothing. No secret is shown.

    A **problem** is what a worker cannot run with, or what loses or repeats settlements in one ordinary fault or
    outage. **Advice** is for what hurts only when more goes wrong.

    **Examples**

    ```console
    PETCT_KAFKA_BOOTSTRAP_SERVERS=localhost:9092 petct doctor
    PETCT_KAFKA_BOOTSTRAP_SERVERS=localhost:9092 petct doctor --json
    ```
    """
    from aiokafka.errors import KafkaError  # noqa: PLC0415 - other commands need no bus

    from streams.bus.doctor import diagnose, fit_to_run, gather  # noqa: PLC0415
    from streams.cli.publishing import silence_the_client  # noqa: PLC0415

    settings, secret_bytes = _settings()
    silence_the_client()
    try:
        facts = asyncio.run(gather(settings, secret_bytes))
    except SettingsError as error:
        terminal.fail_with(error)
    except (KafkaError, TimeoutError) as error:
        terminal.no_broker(settings, error)
    findings = diagnose(settings, facts)
    if as_json:
        terminal.print_json({"ok": fit_to_run(findings), "findings": findings})
    else:
        _tell(findings)
    raise typer.Exit(ExitCode.OK if fit_to_run(findings) else ExitCode.FAILED)


def _settings() -> tuple[Settings, int | Unknown]:
    """The worker's, and how long its secret is. Whoever prepares a cluster seldom holds that secret."""
    from streams.bus.doctor.facts import Unknown  # noqa: PLC0415

    try:
        settings = load(Settings)
    except SettingsError as error:
        wrong = [problem for problem in error.problems if problem.variable.startswith(variable("disclosure_"))]
        if len(wrong) < len(error.problems):
            terminal.fail_with(error)
        told = "; ".join(f"{problem.variable} {problem.problem}" for problem in wrong)
        stand_in = SecretStr("none")
        nothing: dict[str, Any] = dict.fromkeys(SecretSettings.model_fields)
        return Settings(**(nothing | {"disclosure_secret": stand_in})), Unknown(told)
    return settings, min(map(len, settings.secret.all))


def _tell(findings: Sequence[Finding]) -> None:
    from streams.bus.doctor import Level  # noqa: PLC0415

    count = Counter(finding.level for finding in findings)
    for level in Level:
        for finding in findings:
            if finding.level is not level:
                continue
            typer.echo(f"{level:8} {finding.subject}: {finding.found}")
            for words, text in (("do", finding.change), ("why", finding.why)):
                if text:
                    typer.echo(f"{words:>12} {text}")
    sums = {Level.PROBLEM: "problems", Level.ADVICE: "advice", Level.SKIPPED: "not looked at", Level.OK: "in order"}
    typer.echo("\n" + ", ".join(f"{word}: {count[level]}" for level, word in sums.items()))
