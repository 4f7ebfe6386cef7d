"""The command line, `petct`: one file a group of commands, each importing what it needs only when it runs."""

from __future__ import annotations

from streams.cli.app import app, main

__all__ = ["app", "main"]
