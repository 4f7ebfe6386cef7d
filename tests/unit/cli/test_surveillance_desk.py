"""What `petct surveillance list|show|ack|close|daily` refuse before they ask a broker, and without one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.conftest import Petct

NOBODY = {"PETCT_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9"}
DEED = ("3fa81c09", "--by", "desk-1", "--note", "x")
COMMANDS = (
    ("list",),
    ("show", "3fa81c09"),
    ("ack", *DEED),
    ("close", *DEED, "--as", "confirmed"),
    ("daily", "--on", "2021-07-01", "-o", "summary.csv"),
)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: words[0])
def test_without_a_broker_it_ends_with_4_and_says_whom_it_asked(
    petct: Petct, tmp_path: Path, command: tuple[str, ...]
) -> None:
    done = petct("surveillance", *command, **NOBODY)
    assert done.returncode == 4
    assert b"127.0.0.1:9" in done.stderr
    assert not list(tmp_path.iterdir()), "no file of nothing"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: words[0])
def test_without_settings_the_variable_is_named(petct: Petct, command: tuple[str, ...]) -> None:
    done = petct("surveillance", *command)
    assert done.returncode == 2
    assert b"PETCT_KAFKA_BOOTSTRAP_SERVERS is not set" in done.stderr


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (("daily", "--on", "1.7.2021", "-o", "x"), b"--on is no day"),
        (("daily", "--on", "2021-07-01", "-o", "there-is-none/x"), b"there is no folder"),
        (("daily", "--on", "2021-07-01", "-o", "x", "--format", "pdf"), b"csv, json, html"),
        (("close", *DEED, "--as", "innocent"), b"confirmed, unfounded, duplicate"),
        (("list", "--severity", "deadly"), b"info, warning, serious"),
    ],
)
def test_a_wrong_argument_is_told_before_anybody_is_asked(petct: Petct, command: tuple[str, ...], told: bytes) -> None:
    done = petct("surveillance", *command, **NOBODY)
    assert done.returncode == 2
    assert told in done.stderr
