"""`petct topics …`: the topics of the contract, on a broker."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Annotated, Any, TypeVar

import typer

from schemas.roles import DUTIES, Role
from streams.cli import terminal
from streams.exit_codes import ExitCode
from streams.settings import KafkaSettings, SettingsError

app = typer.Typer(no_args_is_help=True, help="Make the topics of the contract, or compare a broker's with it.")

T = TypeVar("T")


@app.command(
    epilog=terminal.exit_status(
        {
            ExitCode.OK: "all topics are there",
            ExitCode.USAGE: "a wrong argument, a setting missing or wrong",
            ExitCode.TOPICS: "the broker refused to make a topic",
            ExitCode.BROKER: "no broker answered",
        }
    )
)
def create(
    partitions: Annotated[
        int, typer.Option(min=1, max=10_000, help="Partitions of each, unless settlement.events exists: then its.")
    ] = 4,
    replication_factor: Annotated[int, typer.Option(min=1, max=100, help="Copies of each; in production 3.")] = 1,
) -> None:
    """Make the topics that are missing. What exists is left as it is.

    **Examples**

    ```console
    export PETCT_KAFKA_BOOTSTRAP_SERVERS=localhost:9092
    petct topics create --partitions 12 --replication-factor 3
    ```
    """
    from streams.bus.topics import TopicsError, create_topics  # noqa: PLC0415 - other commands need no bus

    settings = terminal.settings_or_fail(KafkaSettings)
    try:
        made = _ask(settings, create_topics(settings, partitions, replication_factor))
    except TopicsError as error:
        for problem in error.problems:
            typer.echo(f"petct: {problem}", err=True)
        raise typer.Exit(ExitCode.TOPICS) from None
    for name in made:
        typer.echo(f"made {name}")
    if not made:
        typer.echo("all topics are there already")


@app.command(
    epilog=terminal.exit_status(
        {
            ExitCode.OK: "a worker can run; what differs otherwise is told",
            ExitCode.USAGE: "a setting is missing or wrong",
            ExitCode.TOPICS: "a topic is missing, or such that a worker cannot run",
            ExitCode.BROKER: "no broker answered",
        }
    )
)
def check(as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document instead.")] = False) -> None:
    """Compare the topics on the broker with the contract. Makes and changes nothing.

    **Examples**

    ```console
    PETCT_KAFKA_BOOTSTRAP_SERVERS=localhost:9092 petct topics check
    PETCT_KAFKA_BOOTSTRAP_SERVERS=localhost:9092 PETCT_TOPIC_PREFIX=test. petct topics check --json
    ```
    """
    from streams.bus.topics import check_topics  # noqa: PLC0415 - other commands need no bus

    settings = terminal.settings_or_fail(KafkaSettings)
    problems = _ask(settings, check_topics(settings))
    fatal = any(problem.fatal for problem in problems)
    if as_json:
        terminal.print_json({"ok": not fatal, "problems": problems})
    else:
        for problem in problems:
            typer.echo(f"{'cannot run' if problem.fatal else 'differs'}: {problem}")
        if not problems:
            typer.echo("all topics are as the contract says")
    raise typer.Exit(ExitCode.TOPICS if fatal else ExitCode.OK)


@app.command(epilog=terminal.exit_status({ExitCode.OK: "told", ExitCode.USAGE: "an unknown role or a wrong argument"}))
def acls(
    role: Annotated[
        Role | None, typer.Argument(show_default=False, help="One role; all of them, each as its own user, if none.")
    ] = None,
    user: Annotated[
        str | None, typer.Option(show_default=False, help="Name of its user on the brokers; that of the role if none.")
    ] = None,
    prefix: Annotated[str, typer.Option(envvar="PETCT_TOPIC_PREFIX", help="What stands before every topic.")] = "",
    group: Annotated[str, typer.Option(envvar="PETCT_GROUP_ID", help="The workers' group.")] = "petct-settle",
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document instead.")] = False,
) -> None:
    """Tell what each role must be allowed on the brokers, as commands of Kafka's own tool. Asks and changes nothing.

    Lines that begin with # are for comfort: without them a role works, and is told less. A reader's groups begin with
    the name of its user.

    **Examples**

    ```console
    petct topics acls
    petct topics acls settle --user petct-worker
    petct topics acls settle | sed 's/^kafka-acls.sh/& --bootstrap-server localhost:9092/' | sh
    petct topics acls reader --user accounting --json
    ```
    """
    from streams.bus.acls import acls as of_role  # noqa: PLC0415

    if role is None and user is not None:
        terminal.fail("--user is for one role", "Name the role: petct topics acls settle --user …")
    told = {
        one: of_role(one, prefix=prefix, group_id=group, user=user or str(one))
        for one in ([role] if role is not None else list(Role))
    }
    if as_json:
        terminal.print_json({str(one): allowed for one, allowed in told.items()})
        return
    for one, allowed in told.items():
        typer.echo(f"# {one}: {DUTIES[one].says.replace('`', '')}")
        for acl in allowed:
            typer.echo(f"{'# ' if acl.comfort else ''}{acl.command(f'User:{user or one}')}")


def _ask(settings: KafkaSettings, question: Coroutine[Any, Any, T]) -> T:
    from aiokafka.errors import KafkaError  # noqa: PLC0415

    from streams.cli.publishing import silence_the_client  # noqa: PLC0415

    silence_the_client()
    try:
        return asyncio.run(question)
    except SettingsError as error:
        terminal.fail_with(error)
    except (KafkaError, TimeoutError) as error:
        terminal.no_broker(settings, error)
