"""`petct adjudicate` says of every line what the worker would, and ends as its help tells."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from schemas.codec import dumps
from streams.simulate import events
from tests.builders import SECRET, event, line, process, reversal, void
from tests.unit.cli.conftest import COMMAND, Petct, environment

SET = {"PETCT_DISCLOSURE_SECRET": SECRET.decode()}
COVERED = event()
OTHER = event(line(item_code="001101000010000"))
PASSED_OVER = b'{"adjusted":null,"dead_letter":null,"disclosure":null}'


def expected(value: bytes) -> bytes:
    """The line the contract asks for, from the worker's own processor."""
    answer = process(value)
    reason = answer.dead_letter_reason
    letter = None if reason is None else {"reason": reason.value, "detail": answer.detail}
    return dumps({"adjusted": answer.adjusted, "disclosure": answer.disclosure, "dead_letter": letter})


def test_every_event_gets_one_line_with_sorted_keys(petct: Petct) -> None:
    inputs = [orjson.dumps(made) for made in (COVERED, OTHER, reversal(), void(), event(patient={"name": 1}))]
    done = petct("adjudicate", stdin=b"\n".join(inputs), **SET)
    assert done.returncode == 0
    assert done.stdout.splitlines() == [expected(value) for value in inputs]
    assert done.stdout.splitlines()[1] == PASSED_OVER


def test_it_says_what_the_worker_would_say_of_every_kind_of_event(petct: Petct) -> None:
    values = [value for _, value in events(seed=5, count=400, petct_share=0.8, invalid_share=0.15)]
    done = petct("adjudicate", stdin=b"\n".join(values) + b"\n", **SET)
    assert done.stdout.split(b"\n")[:-1] == [expected(value) for value in values]
    assert done.stderr == b""


def test_a_worked_example_to_the_fen(petct: Petct) -> None:
    """POLICY: Hangzhou employee, own_paid_ytd 24 000, 5300 gives 3225.00 and 2075.00."""
    done = petct("adjudicate", stdin=orjson.dumps(COVERED), **SET)
    totals = orjson.loads(done.stdout)["adjusted"]["totals"]
    assert (totals["fund_amount"], totals["patient_amount"]) == ("3225.00", "2075.00")


def test_blank_lines_are_skipped_and_carriage_returns_are_no_harm(petct: Petct) -> None:
    one = orjson.dumps(COVERED)
    done = petct("adjudicate", stdin=b"\n  \n" + one + b"\r\n\r\n\t\n" + one, **SET)
    assert done.stdout.splitlines() == [expected(one)] * 2


def test_only_a_line_feed_ends_a_document(petct: Petct) -> None:
    # Control characters are written as they are: what is not JSON must still be one document.
    separators = ("\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c")
    one = orjson.dumps(event(hospital={"name": "@"}))
    values = [one.replace(b"@", f"示例{separator}医院".encode()) for separator in separators]
    done = petct("adjudicate", stdin=b"\n".join(values), **SET)
    assert done.stdout == b"".join(expected(value) + b"\n" for value in values)


def test_files_and_standard_input_are_read_in_the_order_given(petct: Petct, tmp_path: Path) -> None:
    for name, made in (("a", COVERED), ("b", OTHER)):
        (tmp_path / name).write_bytes(orjson.dumps(made))
    done = petct("adjudicate", "b", "-", "a", stdin=orjson.dumps(void()), **SET)
    assert done.stdout.splitlines() == [expected(orjson.dumps(made)) for made in (OTHER, void(), COVERED)]


def test_bytes_that_are_no_text_are_dead_letters(petct: Petct, tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(bytes(range(256)) * 20)
    done = petct("adjudicate", "binary", **SET)
    assert done.returncode == 0
    assert {orjson.loads(row)["dead_letter"]["reason"] for row in done.stdout.splitlines()} <= {"not_utf8", "not_json"}


def test_strict_ends_with_status_1_only_when_there_are_dead_letters(petct: Petct) -> None:
    good, bad = orjson.dumps(COVERED), b"no json"
    assert petct("adjudicate", "--strict", stdin=good, **SET).returncode == 0
    assert petct("adjudicate", "--strict", stdin=good + b"\n" + bad, **SET).returncode == 1
    assert petct("adjudicate", stdin=good + b"\n" + bad, **SET).returncode == 0


def test_without_a_secret_it_says_so_and_stops(petct: Petct) -> None:
    done = petct("adjudicate", stdin=orjson.dumps(COVERED))
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"PETCT_DISCLOSURE_SECRET or PETCT_DISCLOSURE_SECRET_FILE" in done.stderr


def test_the_secret_may_stand_in_a_file(petct: Petct, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(SECRET + b"\n")
    done = petct("adjudicate", stdin=orjson.dumps(COVERED), PETCT_DISCLOSURE_SECRET_FILE="secret")
    assert done.stdout == expected(orjson.dumps(COVERED)) + b"\n"


@pytest.mark.parametrize(("name", "says"), [("absent", b"no such file"), ("folder", b"is a directory")])
def test_what_cannot_be_read_is_told_before_anything_is_decided(
    petct: Petct, tmp_path: Path, name: str, says: bytes
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "good").write_bytes(orjson.dumps(COVERED))
    done = petct("adjudicate", "good", name, **SET)
    assert (done.returncode, done.stdout) == (2, b"")
    assert says in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_told(petct: Petct, tmp_path: Path) -> None:
    (tmp_path / "closed").touch(mode=0)
    done = petct("adjudicate", "closed", **SET)
    assert done.returncode == 2
    assert b"permissions" in done.stderr


def test_each_event_is_answered_at_once() -> None:
    with subprocess.Popen(
        [*COMMAND, "adjudicate"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(**SET)
    ) as process_:
        assert process_.stdin is not None
        assert process_.stdout is not None
        for made in (COVERED, OTHER):
            process_.stdin.write(orjson.dumps(made) + b"\n")
            process_.stdin.flush()
            assert process_.stdout.readline() == expected(orjson.dumps(made)) + b"\n"
        process_.stdin.close()


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    many = tmp_path / "many"
    many.write_bytes((orjson.dumps(COVERED) + b"\n") * 3_000)
    with subprocess.Popen(
        [*COMMAND, "adjudicate", str(many)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(**SET)
    ) as process_:
        assert process_.stdout is not None
        assert process_.stderr is not None
        process_.stdout.readline()
        process_.stdout.close()
        assert process_.stderr.read() == b""
    assert process_.returncode == -signal.SIGPIPE


def test_a_line_of_any_length_is_looked_at_whole_and_the_next_one_is_answered(petct: Petct) -> None:
    one = orjson.dumps(COVERED)
    blanks = b" " * 20_000_000
    long = [one[:-1] + blanks + b"}", b"{" + blanks + one[1:-1] + blanks + b"}", b"{" + blanks + b"}"]
    done = petct("adjudicate", stdin=b"\n".join([*long, one]), **SET)
    assert done.stdout.splitlines() == [expected(value) for value in (*long, one)]
    assert [expected(value) == PASSED_OVER for value in long] == [False, False, True]


def peak_memory(path: Path) -> int:
    """Of `petct adjudicate` on this file, in bytes."""
    script = (
        "import resource, subprocess, sys\n"
        "subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    command = [sys.executable, "-c", script, *COMMAND, "adjudicate", str(path)]
    return 1024 * int(subprocess.run(command, capture_output=True, env=environment(**SET), check=True).stdout)


def test_memory_does_not_grow_with_the_number_of_events(tmp_path: Path) -> None:
    few, many = tmp_path / "few", tmp_path / "many"
    values = [value for _, value in events(seed=1, count=500)]
    few.write_bytes(b"\n".join(values))
    many.write_bytes(b"\n".join(values * 40))
    growth = peak_memory(many) - peak_memory(few)
    assert growth < many.stat().st_size / 4


@pytest.mark.parametrize("on_a_terminal", [True, False])
def test_progress_is_shown_on_a_terminal_only(tmp_path: Path, on_a_terminal: bool) -> None:
    path = tmp_path / "events"
    path.write_bytes((orjson.dumps(COVERED) + b"\n") * 3)
    ours, theirs = os.openpty() if on_a_terminal else os.pipe()
    settings = environment(**SET) | {"TERM": "xterm"}
    done = subprocess.run(
        [*COMMAND, "adjudicate", str(path)], stdout=subprocess.PIPE, stderr=theirs, env=settings, check=True
    )
    os.close(theirs)
    shown = os.read(ours, 65536) if on_a_terminal else os.fdopen(ours, "rb").read()
    assert (b"3 events" in shown) is on_a_terminal
    assert on_a_terminal or shown == b""
    assert done.stdout.splitlines() == [expected(orjson.dumps(COVERED))] * 3
