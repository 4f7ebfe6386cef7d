"""`petct surveillance simulate`."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import orjson

from streams.simulate_year import Planted, Year
from tests.unit.cli.conftest import Petct


def test_the_command_writes_the_year_and_what_was_planted_in_it(petct: Petct, tmp_path: Path) -> None:
    done = petct("surveillance", "simulate", "--scale", "0.001", "--seed", "5", "--planted", "cases.jsonl")
    assert done.returncode == 0
    year = Year(5, 0.001)
    assert done.stdout.splitlines() == [value for _, value in year.records()]
    cases = [orjson.loads(line) for line in (tmp_path / "cases.jsonl").read_bytes().splitlines()]
    assert [Planted(**_dated(case)) for case in cases] == year.planted


def _dated(case: dict[str, Any]) -> dict[str, Any]:
    return {**case, **{name: date.fromisoformat(case[name]) for name in ("first", "last")}}


def test_it_refuses_a_place_where_it_cannot_write_before_it_begins(petct: Petct) -> None:
    done = petct("surveillance", "simulate", "--scale", "0.001", "--planted", "nowhere/cases.jsonl")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"there is no folder nowhere" in done.stderr
