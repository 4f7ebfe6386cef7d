"""The commands of docs/security.md, as they stand there: what they make is what the program takes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ops.kafka.broker import CHECKOUT
from tests.builders import reversal

PAGE = (CHECKOUT / "docs" / "security.md").read_text("utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)


def _shell(script: str, folder: Path, stdin: str = "") -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PETCT_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = ["bash", "-euo", "pipefail", "-c", script]
    done = subprocess.run(
        command, cwd=folder, env={**kept, "PATH": path}, input=stdin, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_secrets_it_makes_are_taken_and_a_reversal_reaches_both_ids(tmp_path: Path) -> None:
    acls, first, later = BLOCKS
    assert "User:petct-worker" in _shell(acls, tmp_path)
    adjudicate = "export PETCT_DISCLOSURE_SECRET_FILE=disclosure\npetct adjudicate"
    (line,) = _shell(f"{first}\n{later}\n{adjudicate}", tmp_path, json.dumps(reversal()) + "\n").splitlines()
    told = json.loads(line)
    (other,) = told["also_withdrawn"]
    assert (told["disclosure"]["status"], other["status"]) == ("withdrawn", "withdrawn")
    assert told["disclosure"]["disclosure_id"] != other["disclosure_id"]
    assert len((tmp_path / "disclosure").read_text()) == 65
