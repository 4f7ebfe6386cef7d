"""The walk through a notice ends at the installed notice, and its commands run as written."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import orjson
import pytest

from streams.rulebook import load_rulebook
from tests.builders import event, installed_rulebook
from tests.unit.cli.conftest import COMMAND, ROOT, environment

PAGE = (ROOT / "docs" / "writing-a-notice.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.M | re.S)


def test_its_blocks_are_the_installed_notice(tmp_path: Path) -> None:
    (tmp_path / "hz-2021-30.yaml").write_text("".join(blocks("yaml")), "utf-8")
    written = orjson.loads(load_rulebook(tmp_path).canonical)["notices"]["hz-2021-30"]
    assert written == orjson.loads(installed_rulebook().canonical)["notices"]["hz-2021-30"]


def test_what_it_quotes_is_what_the_notice_says() -> None:
    for rule in installed_rulebook().rules:
        if rule.id.startswith("hz-2021-30/"):
            assert rule.says.replace(" ", "") in PAGE.replace(" ", "")


@pytest.mark.skipif(shutil.which("bash") is None, reason="its commands are for a shell")
def test_its_commands_run_as_written(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_bytes(orjson.dumps(event()) + b"\n")
    (tmp_path / "bin").mkdir()
    petct = tmp_path / "bin" / "petct"
    petct.write_text(f'#!/bin/sh\nexec {shlex.join(COMMAND)} "$@"\n')
    petct.chmod(0o755)
    path = f"{petct.parent}:{os.environ['PATH']}"
    for block in blocks("sh"):
        done = subprocess.run(
            ["bash", "-euxc", block],
            cwd=tmp_path,
            env=environment(PATH=path),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "impact.html").exists()
    assert (tmp_path / "coverage.html").exists()
