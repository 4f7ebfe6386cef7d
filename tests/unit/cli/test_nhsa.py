"""`petct nhsa convert`, `answer` and `check`, and the other commands on messages of the national interface."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

import streams.rulebook
from schemas.codec import dumps
from tests.builders import NATIONAL, SECRET, event
from tests.unit.cli.conftest import Petct
from tests.unit.nhsa.test_convert import HOSPITALS, added, message, rows

SET = {"PETCT_DISCLOSURE_SECRET": SECRET.decode()}
GOOD = orjson.dumps(message())


def other() -> bytes:
    made = message()
    rows(made)[0]["med_list_codg"] = "001101000010000"
    return orjson.dumps(made)


def incomplete() -> bytes:
    made = message()
    del added(made)["hospital"]
    return orjson.dumps(made)


def test_every_message_gets_one_line_in_its_order(petct: Petct) -> None:
    done = petct(
        "nhsa", "convert", stdin=b"\n".join([GOOD, b" ", other(), incomplete(), b"{" + NATIONAL.encode() + b"}"])
    )
    converted, passed_over, dead, broken = map(orjson.loads, done.stdout.splitlines())
    assert done.returncode == 0
    assert (converted["event"]["event_id"], converted["dead_letter"]) == ("H33010200001202107010930000001", None)
    assert passed_over == {"event": None, "dead_letter": None}
    assert dead["dead_letter"]["reason"] == "schema"
    assert "table of hospitals" in dead["dead_letter"]["detail"]
    assert broken["dead_letter"]["reason"] == "not_json"
    assert done.stderr == b"petct: 2 of 4 are dead letters\n"


def test_converted_events_are_what_adjudicate_reads(petct: Petct) -> None:
    events = petct("nhsa", "convert", "--events-only", stdin=GOOD + b"\n" + other() + b"\n" + incomplete())
    assert len(events.stdout.splitlines()) == 1
    adjudicated = petct("adjudicate", stdin=events.stdout, **SET)
    assert adjudicated.stdout == petct("adjudicate", stdin=orjson.dumps(event()), **SET).stdout


def test_adjudicate_and_explain_read_messages_where_the_setting_says_so(petct: Petct, tmp_path: Path) -> None:
    expected = petct("adjudicate", stdin=orjson.dumps(event()), **SET).stdout
    assert petct("adjudicate", stdin=GOOD, PETCT_INPUT_FORMAT="nhsa", **SET).stdout == expected
    (tmp_path / "message.json").write_bytes(GOOD)
    assert b"3225.00" in petct("explain", "message.json", PETCT_INPUT_FORMAT="nhsa").stdout


def test_a_draft_is_tried_on_messages_where_the_setting_says_so(petct: Petct, tmp_path: Path) -> None:
    (tmp_path / "messages.jsonl").write_bytes(GOOD + b"\n" + other())
    notices = Path(streams.rulebook.__file__).parent / "notices"
    arguments = ("rulebook", "impact", notices, "--against", "installed", "--events", "messages.jsonl", "--json")
    compared = orjson.loads(petct(*arguments, PETCT_INPUT_FORMAT="nhsa").stdout)
    assert compared["cities"]["330100"]["settlements"] == 1
    assert sorted(row["before"] for row in compared["outcomes"]) == ["covered", "passed_over"]


def test_strict_tells_dead_letters_by_the_exit_status(petct: Petct) -> None:
    assert petct("nhsa", "convert", "--strict", stdin=GOOD).returncode == 0
    assert petct("nhsa", "convert", "--strict", stdin=incomplete()).returncode == 1
    assert petct("nhsa", "answer", "--strict", stdin=incomplete(), **SET).returncode == 1


def test_an_answer_speaks_the_interfaces_language(petct: Petct) -> None:
    done = petct("nhsa", "answer", stdin=GOOD + b"\n" + other() + b"\n" + incomplete(), **SET)
    answered, passed_over, dead = map(orjson.loads, done.stdout.splitlines())
    assert answered["answer"]["settlement"]["setlinfo"]["hifob_pay"] == "3225.00"
    assert answered["answer"]["findings"] == {"result": []}
    assert passed_over == {"answer": None, "dead_letter": None}
    assert dead["answer"] is None
    assert done.stdout.splitlines()[1] == dumps({"answer": None, "dead_letter": None})


def test_without_a_secret_an_answer_is_refused(petct: Petct) -> None:
    done = petct("nhsa", "answer", stdin=GOOD)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"PETCT_DISCLOSURE_SECRET" in done.stderr


def test_the_table_of_hospitals_fills_what_the_message_leaves_open(petct: Petct, tmp_path: Path) -> None:
    (tmp_path / "hospitals.csv").write_text(HOSPITALS, "utf-8")
    done = petct("nhsa", "convert", "--strict", stdin=incomplete(), PETCT_NHSA_HOSPITALS="hospitals.csv")
    assert done.returncode == 0
    assert orjson.loads(done.stdout)["event"]["hospital"]["ownership"] == "public"


@pytest.mark.parametrize("command", [("nhsa", "convert"), ("nhsa", "answer"), ("adjudicate",)], ids=" ".join)
def test_a_table_with_mistakes_ends_the_command_before_anything_is_read(
    petct: Petct, tmp_path: Path, command: tuple[str, ...]
) -> None:
    (tmp_path / "hospitals.csv").write_text("code,region\nH1,33\n", "utf-8")
    settings = SET | {"PETCT_INPUT_FORMAT": "nhsa", "PETCT_NHSA_HOSPITALS": "hospitals.csv"}
    done = petct(*command, stdin=GOOD, **settings)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"PETCT_NHSA_HOSPITALS names a table with mistakes (line 2: region: expected six digits)" in done.stderr


def test_a_table_that_is_not_there_is_named_by_its_setting(petct: Petct) -> None:
    done = petct("nhsa", "convert", PETCT_NHSA_CODES="nowhere.csv")
    assert done.returncode == 2
    assert b"PETCT_NHSA_CODES names a file that cannot be read" in done.stderr


def test_check_tells_every_mistake_of_every_table(petct: Petct, tmp_path: Path) -> None:
    (tmp_path / "good.csv").write_text(HOSPITALS, "utf-8")
    (tmp_path / "bad.csv").write_text("local,national,match\nA,B,maybe\n,B,exact\n", "utf-8")
    good = petct("nhsa", "check", "--hospitals", "good.csv")
    assert (good.returncode, good.stdout) == (0, b"good.csv: can be used\n")
    bad = petct("nhsa", "check", "--hospitals", "good.csv", "--codes", "bad.csv")
    assert bad.returncode == 1
    assert bad.stderr.splitlines() == [
        b"bad.csv: line 2: match: expected exact or prefix",
        b"bad.csv: line 3: local: required",
    ]


def test_check_refuses_what_it_cannot_look_at(petct: Petct, tmp_path: Path) -> None:
    assert petct("nhsa", "check").returncode == 2
    assert petct("nhsa", "check", "--codes", "nowhere.csv").returncode == 2
    (tmp_path / "old.csv").write_bytes("local,national,match\n示例,B,exact\n".encode("gb18030"))
    done = petct("nhsa", "check", "--codes", "old.csv")
    assert (done.returncode, done.stderr) == (1, b"old.csv: not UTF-8; save it as CSV UTF-8\n")


def test_no_command_shows_a_traceback_whatever_it_is_given(petct: Petct, tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(bytes(range(256)) * 20)
    for command in ("convert", "answer"):
        done = petct("nhsa", command, "binary", **SET)
        assert done.returncode == 0
        assert b"Traceback" not in done.stderr
