"""The tables of hospitals and local codes: every mistake is told by its line, and with what was expected."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from schemas.nhsa import Reference, TableError, read_codes, read_hospitals

HEAD = "code,region,level,ownership,designated,valid_from,valid_to\n"
COLUMNS = "code, name, region, level, ownership, designated, valid_from, valid_to"
ONCE = "expected once at a time; give the rows of a hospital valid_from and valid_to"
GOOD = HEAD + "H1,330102,tertiary,public,true,,\n"


@pytest.mark.parametrize(
    ("table", "mistakes"),
    [
        ("", ["line 1: column code is missing"]),
        ("code,beds\n", [f"line 1: expected no columns but {COLUMNS}"]),
        ("code,code\n", ["line 1: a column stands there twice"]),
        (GOOD + "H2,3301,third,state,yes,2021,\n", [
            "line 3: region: expected six digits",
            "line 3: level: expected tertiary, secondary, primary or ungraded",
            "line 3: ownership: expected public, public_equivalent or private",
            "line 3: designated: expected true or false",
            "line 3: valid_from: expected a date YYYY-MM-DD",
        ]),
        (GOOD + ",330102,,,,,\n", ["line 3: code: required"]),
        (GOOD + "H2,330102\n", ["line 3: expected 7 fields"]),
        (GOOD + "H1,,,,,2021-01-01,\n", [f"line 3: code: {ONCE}"]),
        (HEAD + "H1,,,,,2021-01-01,2021-01-01\n", ["line 2: valid_to: expected after valid_from"]),
        (GOOD + '"H2,330102\n', ["line 3: expected CSV: fields between commas, quotation marks in pairs"]),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_table_of_hospitals(table: str, mistakes: list[str]) -> None:
    with pytest.raises(TableError) as refused:
        read_hospitals(table)
    assert list(refused.value.mistakes) == mistakes


@pytest.mark.parametrize(
    ("rows", "mistakes"),
    [
        ("A,B,maybe\n", ["line 2: match: expected exact or prefix"]),
        (",,\n,B,exact\n", ["line 3: local: required"]),
        ("A,B,exact\nA,C,exact\n", ["line 3: local: expected once"]),
        ("0023,002304000070000,prefix\n", ["line 2: local: expected a prefix no shorter than the national code"]),
        ("A/1,B,exact\n", ['line 2: local: expected none of " \\ /, which JSON writes in more than one way']),
    ],
)
def test_what_is_wrong_with_a_table_of_codes(rows: str, mistakes: list[str]) -> None:
    with pytest.raises(TableError) as refused:
        read_codes("local,national,match\n" + rows)
    assert list(refused.value.mistakes) == mistakes


@pytest.mark.parametrize(
    "dress", [lambda table: "\ufeff" + table, lambda table: table.replace("\n", "\r\n"), str.strip]
)
def test_tables_as_spreadsheets_write_them(dress: Callable[[str], str]) -> None:
    hospital = Reference(read_hospitals(dress(GOOD))).hospital("H1", date(2021, 7, 1))
    assert hospital is not None
    assert (hospital.region, hospital.designated) == ("330102", True)


@pytest.mark.parametrize(
    ("day", "ownership"), [("2021-06-29", "private"), ("2021-06-30", "public"), ("2022-01-01", None)]
)
def test_the_rows_of_a_hospital_hold_from_a_day_to_before_another(day: str, ownership: str | None) -> None:
    table = HEAD + "H1,,,private,,,2021-06-30\nH1,,,public,,2021-06-30,2022-01-01\n"
    found = Reference(read_hospitals(table)).hospital("H1", date.fromisoformat(day))
    assert (found and found.ownership) == ownership


@pytest.mark.parametrize(
    ("code", "meant"), [("N-1", "N"), ("N-1X", "N1"), ("N-1X9", "N9"), ("N", "N"), ("M-1", "M-1"), (7, 7), (None, None)]
)
def test_a_whole_code_goes_before_a_beginning_and_a_longer_beginning_before_a_shorter(code: Any, meant: Any) -> None:
    table = "local,national,match\nN-,N,prefix\nN-1X,N1,prefix\nN-1X9,N9,exact\n"
    assert Reference(codes=read_codes(table)).national(code) == meant
