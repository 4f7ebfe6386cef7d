"""docs/nhsa.md: its message says the same as the README's event, its tables can be used, its commands run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from schemas.nhsa import Reference, convert, read_codes, read_hospitals
from streams.processors.form import Nhsa
from streams.processors.settlement import SettlementProcessor
from tests.builders import NATIONAL, SECRET, InputRecord, installed_rulebook, process
from tests.contract.test_readme import EVENT

PAGE = (Path(__file__).parents[2] / "docs" / "nhsa.md").read_text(encoding="utf-8")
(MESSAGE,) = (orjson.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL))
HOSPITALS, CODES = re.findall(r"```csv\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = re.findall(r"^(?:PETCT_DISCLOSURE_SECRET=x )?petct nhsa .*jsonl.*$", PAGE, re.MULTILINE)


def test_the_message_is_adjudicated_like_the_event_of_the_readme() -> None:
    decide = SettlementProcessor(installed_rulebook(), SECRET, "test", Nhsa())
    assert decide(InputRecord(orjson.dumps(MESSAGE))).outputs == process(EVENT).outputs


def test_the_tables_can_be_used() -> None:
    reference = Reference(read_hospitals(HOSPITALS), read_codes(CODES))
    converted = convert(MESSAGE, {NATIONAL}, reference)
    assert converted is not None
    assert converted.event["hospital"]["region"] == "330102"
    assert reference.national("HIS-PETCT-1") == NATIONAL


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_run_as_written(command: str, tmp_path: Path) -> None:
    (tmp_path / "message.jsonl").write_bytes(orjson.dumps(MESSAGE))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-c", command], cwd=tmp_path, env={"PATH": path}, capture_output=True, encoding="utf-8", check=True
    )
    assert orjson.loads(done.stdout)
    assert '"dead_letter":null' in done.stdout


def test_all_three_commands_are_still_there() -> None:
    assert len(COMMANDS) == 3
