"""`petct` as a user runs it: a process of its own, in a folder of its own, with no settings but those of the test."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
COMMAND = (sys.executable, "-m", "streams.cli")
Petct = Callable[..., subprocess.CompletedProcess[bytes]]


def environment(**settings: str) -> dict[str, str]:
    """The caller's own, without its settings of petct. Wide, so that no message is broken over lines."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PETCT_")}
    return {**kept, "PYTHONPATH": str(ROOT), "COLUMNS": "300", "TERM": "dumb", "NO_COLOR": "1", **settings}


@pytest.fixture
def petct(tmp_path: Path) -> Petct:
    """`petct("explain", "-", stdin=b"…", PETCT_…="…")`."""

    def run(*arguments: str | Path, stdin: bytes = b"", **settings: str) -> subprocess.CompletedProcess[bytes]:
        done = subprocess.run(
            [*COMMAND, *map(str, arguments)],
            input=stdin,
            capture_output=True,
            cwd=tmp_path,
            env=environment(**settings),
            timeout=120,
            check=False,
        )
        assert b"Traceback" not in done.stderr, done.stderr.decode()
        return done

    return run
