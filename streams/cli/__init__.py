"""The command line, `petct`: one file a group of commands, each importing what it needs only when it runs."""

from __future__ import annotations

import sys

INTERRUPTED = 130
"""Exit status after Ctrl-C, as the shell counts it."""


def main() -> None:
    """Entry point of `petct`."""
    try:
        from streams.cli.app import app  # noqa: PLC0415 - Ctrl-C while it loads must not end in a traceback

        for stream in (sys.stdout, sys.stderr):
            # A terminal that cannot show 医 gets a question mark, not a traceback.
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
        app(prog_name="petct")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
