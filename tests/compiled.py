"""The wheel with compiled modules, built and unpacked: what the image holds."""

import os
import subprocess
import sys
from pathlib import Path

from ops.kafka.broker import CHECKOUT


def unpack_compiled(into: Path) -> Path:
    """Build it and put its packages into the folder `into`, which goes first on PYTHONPATH. Takes about 20 s.

    Raises RuntimeError with what the compiler said.
    """
    wheels = into.with_name(f"{into.name}-wheel")
    found = ["--no-index", "--find-links", str(wheels)]
    for command in (
        ["build", "--wheel", "--no-isolation", "--outdir", str(wheels), str(CHECKOUT)],
        ["pip", "install", "--quiet", "--no-deps", *found, "--upgrade", "--target", str(into), "petct-settlement"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", *command],
            env={**os.environ, "HATCH_BUILD_HOOKS_ENABLE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"no compiled wheel:\n{done.stdout}{done.stderr}")
    return into
