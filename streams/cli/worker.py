"""`petct worker …`: the processes that work on the bus."""

from __future__ import annotations

import typer

from streams.cli import terminal
from streams.exit_codes import MEANING
from streams.settings import Settings, SettingsError, WatchSettings

app = typer.Typer(no_args_is_help=True, help="Work on the bus until told to stop.")


@app.command(epilog=terminal.exit_status(MEANING))
def settle() -> None:
    """Settle what arrives on settlement.events, exactly once, until SIGTERM or SIGINT.

    Everything is set by environment variables PETCT_…; docs/configuration.md lists them.

    **Examples**

    ```console
    export PETCT_KAFKA_BOOTSTRAP_SERVERS=localhost:9092
    export PETCT_DISCLOSURE_SECRET_FILE=/run/secrets/disclosure
    petct topics create
    petct worker settle
    ```
    """
    from streams.worker import run_settle  # noqa: PLC0415 - other commands need no bus

    settings = terminal.settings_or_fail(Settings)
    try:
        raise typer.Exit(run_settle(settings))
    except SettingsError as error:
        terminal.fail_with(error)


@app.command(epilog=terminal.exit_status(MEANING))
def watch() -> None:
    """Keep what hospitals publish up to date from settlement.disclosures, until SIGTERM or SIGINT.

    Everything is set by environment variables PETCT_…; docs/configuration.md lists them.

    **Examples**

    ```console
    export PETCT_KAFKA_BOOTSTRAP_SERVERS=localhost:9092
    petct worker watch
    ```
    """
    from streams.watch.host import run_watch  # noqa: PLC0415 - other commands need no bus

    raise typer.Exit(run_watch(terminal.settings_or_fail(WatchSettings)))
