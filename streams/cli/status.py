"""`petct status`: what became of one settlement."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from streams.cli import disclosures, terminal
from streams.exit_codes import ExitCode
from streams.settings import InquirySettings

ENDS: Final = terminal.exit_status(
    {
        ExitCode.OK: "shown, whatever the outcome",
        ExitCode.FAILED: "no record of it is known, or the watch worker does not answer; trying again may help",
        ExitCode.USAGE: "a wrong argument, or a setting missing or wrong",
    }
)


def status(
    settlement_id: Annotated[str, typer.Argument(help="Its settlement_id.")],
    api: Annotated[
        str,
        typer.Option(
            metavar="URL", callback=disclosures.board_url, envvar="PETCT_BOARD_URL", help="Read API of a watch worker."
        ),
    ] = disclosures.LOOPBACK,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document instead.")] = False,
) -> None:
    """Show the newest revision of a settlement: outcome, who pays what, each step with its clause, payout window.

    It asks a watch worker that keeps settlements (PETCT_INQUIRY=true), with its PETCT_INQUIRY_TOKEN or
    PETCT_INQUIRY_TOKEN_FILE.

    **Examples**

    ```console
    petct status S2021070100001
    petct status S2021070100001 --api http://watch:9466 --json
    ```
    """
    from streams.cli import derivation  # noqa: PLC0415 - other commands need not load it
    from streams.export.inquiry_client import (  # noqa: PLC0415
        InquiryClient,
        InquiryUnavailable,
        UnknownSettlement,
    )

    settings = terminal.settings_or_fail(InquirySettings)
    try:
        found = InquiryClient(api, settings.token).newest(settlement_id)
    except UnknownSettlement:
        terminal.fail("no record of this settlement is known", "Look at its id.", ExitCode.FAILED)
    except InquiryUnavailable as error:
        mend = "Is `petct worker watch` running there, with PETCT_INQUIRY=true and the same token?"
        terminal.fail(str(error), mend, ExitCode.FAILED)
    terminal.end_quietly_when_the_reader_leaves()
    if as_json:
        terminal.print_json(found)
        return
    record = found["record"]
    out = terminal.stdout()
    out.print(derivation.settlement(record) if "lines" in record else derivation.undone(record))
    out.print(f"revision {record['revision']}, recorded at {found['recorded_at']}", style="dim")
