"""The audit of dependencies does not call well what nobody looked at."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from ops.supply.audit import main

CLEAN: dict[str, Any] = {"name": "a", "version": "1", "vulns": []}
BAD: dict[str, Any] = {"name": "b", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.1"]}]}
SKIPPED: dict[str, Any] = {"name": "c", "skip_reason": "not found"}


@pytest.fixture
def pip_audit(tmp_path: Path) -> Any:
    """A program that writes what pip-audit would write."""

    def made(*dependencies: dict[str, Any], broken: bool = False) -> str:
        path = tmp_path / "pip-audit"
        text = "Traceback" if broken else json.dumps({"dependencies": dependencies, "fixes": []})
        path.write_text(f"#!{sys.executable}\nprint({text!r})\n")
        path.chmod(0o755)
        return str(path)

    return made


def test_what_is_found_fails_with_its_mend(pip_audit: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(pip_audit(CLEAN, BAD, SKIPPED)) == 1
    assert "VULNERABLE: b 2: PYSEC-1, mended in 2.1" in capsys.readouterr().out


def test_nothing_found_is_fine(pip_audit: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(pip_audit(CLEAN, SKIPPED)) == 0
    assert "1 dependencies looked at, 1 unknown" in capsys.readouterr().out


@pytest.mark.parametrize("broken", [False, True])
def test_nothing_looked_at_is_said_loudly_and_fails_where_it_is_required(
    pip_audit: Any, broken: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUIRE_AUDIT", raising=False)
    program = pip_audit(SKIPPED, broken=broken)
    assert main(program) == 0
    assert "NOT AUDITED" in capsys.readouterr().out
    monkeypatch.setenv("REQUIRE_AUDIT", "1")
    assert main(program) == 1
