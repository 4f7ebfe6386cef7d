"""`petct web`: pages for people."""

from __future__ import annotations

import typer

from streams.cli import terminal
from streams.exit_codes import ExitCode
from streams.settings import SettingsError, WebSettings

ENDS = terminal.exit_status(
    {
        ExitCode.OK: "stopped by SIGTERM or SIGINT within the budget",
        ExitCode.USAGE: "a setting missing or wrong, or the address is taken",
        ExitCode.RULEBOOK: "the installed notices cannot be used",
    }
)


def web() -> None:
    """Serve pages for people: board, sandbox, rulebook, inquiry, state of the workers; until SIGTERM or SIGINT.

    Everything is set by environment variables PETCT_WEB_…; docs/web.md tells which page needs what. Without any, the
    sandbox and the installed notices are served on 127.0.0.1:9467.

    **Examples**

    ```console
    petct web
    PETCT_BOARD_URL=http://watch:9466 PETCT_KAFKA_BOOTSTRAP_SERVERS=kafka:9092 petct web
    ```
    """
    from streams.webhost import run_web  # noqa: PLC0415 - other commands need no pages

    settings = terminal.settings_or_fail(WebSettings)
    try:
        raise typer.Exit(run_web(settings))
    except SettingsError as error:
        terminal.fail_with(error)
