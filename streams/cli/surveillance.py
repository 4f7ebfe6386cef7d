"""`petct surveillance …`: findings, what is done with them, and the thresholds that they are judged by."""

from __future__ import annotations

import typer

app = typer.Typer(no_args_is_help=True, help="Findings of surveillance: look, handle, sum up.")


@app.callback()
def _surveillance() -> None:
    """Findings of surveillance: look, handle, sum up."""
