"""`petct` as a user runs it, with no settings but those of the test."""

from __future__ import annotations

import io
import logging
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from streams.cli import main

ROOT = Path(__file__).parents[3]
COMMAND = (sys.executable, "-m", "streams.cli")


def environment(**settings: str) -> dict[str, str]:
    """The caller's own, without its settings of petct. Wide, so that no message is broken over lines."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PETCT_")}
    plain = {"COLUMNS": "300", "TERM": "dumb", "NO_COLOR": "1", "_TYPER_FORCE_DISABLE_TERMINAL": "1"}
    return {**kept, "PYTHONPATH": str(ROOT), **plain, **settings}


@dataclass(frozen=True)
class Done:
    """How a command ended and what it wrote."""

    returncode: int
    stdout: bytes
    stderr: bytes


Petct = Callable[..., Done]


@pytest.fixture
def petct(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Petct:
    """`petct("explain", "-", stdin=b"…", PETCT_…="…")`, in an empty folder.

    Within this process, from the entry point on: a hundred interpreters would take minutes to start. What needs a
    process of its own (pipes, terminals, memory, signals) runs `COMMAND`.
    """

    def run(*arguments: str | Path, stdin: bytes = b"", **settings: str) -> Done:
        out, error = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
        handler, level = signal.getsignal(signal.SIGPIPE), logging.getLogger("aiokafka").level
        with monkeypatch.context() as patch:
            patch.chdir(tmp_path)
            wanted = environment(**settings)
            for name in os.environ.keys() - wanted.keys():
                patch.delenv(name)
            for name, value in wanted.items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["petct", *map(str, arguments)])
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), "utf-8"))
            patch.setattr(sys, "stdout", out)
            patch.setattr(sys, "stderr", error)
            try:
                with pytest.raises(SystemExit) as ended:
                    main()
            finally:
                signal.signal(signal.SIGPIPE, handler)
                logging.getLogger("aiokafka").setLevel(level)
        written = (stream.buffer.getvalue() for stream in (out, error))
        return Done(int(ended.value.code or 0), *written)

    return run
