"""The README's example is what the code does, and its commands run as they stand there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.builders import process

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
EVENT, RECORD = (json.loads(block) for block in re.findall(r"```json\n(.*?)```", README, re.DOTALL))
COMMANDS = [line for line in README.splitlines() if line.startswith(("petct explain event.json", "tr -d"))]


def holds(whole: Any, part: Any) -> bool:
    """Whether `part` is `whole` with fields left out."""
    if isinstance(part, dict):
        return all(name in whole and holds(whole[name], value) for name, value in part.items())
    if isinstance(part, list):
        return len(whole) == len(part) and all(map(holds, whole, part))
    return bool(whole == part)


def test_the_example_event_becomes_the_example_record() -> None:
    assert holds(process(EVENT).adjusted, RECORD)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_on_the_example_run_as_written(command: str, tmp_path: Path) -> None:
    (tmp_path / "event.json").write_text(json.dumps(EVENT, ensure_ascii=False, indent=2), encoding="utf-8")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-c", command], cwd=tmp_path, env={"PATH": path}, capture_output=True, encoding="utf-8", check=True
    )
    assert "3225.00" in done.stdout


def test_both_commands_are_still_there() -> None:
    assert len(COMMANDS) == 2
