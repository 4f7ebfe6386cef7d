"""What all commands share: help, exit status, completion, and no bus where none is needed."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.topics import TOPICS
from streams import __version__
from streams.exit_codes import MEANING
from tests.unit.cli.conftest import COMMAND, ROOT, Petct, environment

COMMANDS = [
    ("demo",),
    ("adjudicate",),
    ("explain",),
    ("simulate",),
    ("doctor",),
    ("rulebook", "check"),
    ("rulebook", "show"),
    ("rulebook", "coverage"),
    ("rulebook", "new"),
    ("rulebook", "schema"),
    ("rulebook", "publish"),
    ("rulebook", "log"),
    ("rulebook", "diff"),
    ("rulebook", "impact"),
    ("schemas", "export"),
    ("schemas", "check"),
    ("schemas", "diff"),
    ("schemas", "register"),
    ("nhsa", "convert"),
    ("nhsa", "answer"),
    ("nhsa", "check"),
    ("topics", "create"),
    ("topics", "check"),
    ("topics", "acls"),
    ("web",),
    ("status",),
    ("worker", "settle"),
    ("worker", "watch"),
    ("disclosures", "export"),
    ("surveillance", "check"),
    ("surveillance", "backtest"),
    ("surveillance", "simulate"),
    ("surveillance", "list"),
    ("surveillance", "show"),
    ("surveillance", "ack"),
    ("surveillance", "close"),
    ("surveillance", "daily"),
    ("replay", "plan"),
    ("replay", "diff"),
    ("replay", "run"),
    ("replay", "log"),
    ("deadletters", "list"),
    ("deadletters", "show"),
    ("deadletters", "retry"),
    ("deadletters", "discard"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_examples_and_says_how_it_may_end(petct: Petct, command: tuple[str, ...]) -> None:
    done = petct(*command, "--help")
    text = done.stdout.decode()
    assert done.returncode == 0
    assert "Examples" in text
    assert f"petct {' '.join(command)}" in text.split("Examples")[1]
    assert "Exit status" in text


def test_every_exit_status_of_the_worker_stands_in_its_help(petct: Petct) -> None:
    text = " ".join(petct("worker", "settle", "--help").stdout.decode().split())
    for code, meaning in MEANING.items():
        assert f"{code.value}: {meaning.replace('`', '')}" in text


def test_the_list_of_commands_above_is_complete(petct: Petct) -> None:
    groups = {command[0] for command in COMMANDS}
    text = petct("--help").stdout.decode()
    listed = {row.split()[1] for row in text.split("Commands")[1].splitlines() if row.startswith("│ ")}
    assert listed == groups


def test_version(petct: Petct) -> None:
    assert petct("--version").stdout.decode().split() == ["petct", __version__]


def test_without_a_command_help_is_shown(petct: Petct) -> None:
    assert b"Commands" in petct().stdout


def test_an_unknown_command_is_a_wrong_argument(petct: Petct) -> None:
    assert petct("adjudicat").returncode == 2


@pytest.mark.parametrize(
    ("words", "offered"),
    [("petct ru", "rulebook"), ("petct rulebook sh", "show"), ("petct adjudicate --st", "--strict")],
)
def test_bash_completes_commands_and_options(petct: Petct, words: str, offered: str) -> None:
    settings = {"_PETCT_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    assert petct(**settings).stdout.decode().split() == [offered]


def test_offline_commands_load_no_client_of_a_bus() -> None:
    code = (
        "import sys, streams.cli.app, streams.cli.offline, streams.cli.derivation\n"
        "print([m for m in ('aiokafka', 'aiohttp', 'faust', 'confluent_kafka') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment(), check=True)
    assert done.stdout.strip() == b"[]"


def test_the_documented_commands_are_those_there_are(tmp_path: Path) -> None:
    """Written by: python -m typer streams.cli.app utils docs --name petct --title Commands --output docs/cli.md"""
    written = tmp_path / "cli.md"
    command = ["-m", "typer", "streams.cli.app", "utils", "docs", "--name", "petct", "--title", "Commands"]
    subprocess.run([sys.executable, *command, "--output", str(written)], env=environment(), check=True, cwd=ROOT)
    assert (ROOT / "docs" / "cli.md").read_text("utf-8") == written.read_text("utf-8")


def test_the_worker_tells_every_missing_setting_by_its_variable(petct: Petct) -> None:
    done = petct("worker", "settle")
    assert done.returncode == 2
    assert b"PETCT_KAFKA_BOOTSTRAP_SERVERS" in done.stderr
    assert b"PETCT_DISCLOSURE_SECRET" in done.stderr


def test_the_watch_worker_needs_no_secret_and_tells_what_it_needs(petct: Petct) -> None:
    done = petct("worker", "watch", PETCT_INQUIRY="true")
    assert done.returncode == 2
    assert b"PETCT_KAFKA_BOOTSTRAP_SERVERS" in done.stderr
    assert b"PETCT_INQUIRY_TOKEN" in done.stderr
    assert b"PETCT_DISCLOSURE_SECRET" not in done.stderr


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--day", "2021-7-1"), "expected a day YYYY-MM-DD"),
        (("--day", "2999-01-01"), "a day that has not begun has no list"),
        (("--day", "2021-07-01", "--watch"), "--day is one day"),
        (("--api", "localhost:9466"), "expected an address such as"),
        (("--api", "file:///etc/passwd"), "expected an address such as"),
    ],
)
def test_an_export_says_what_is_wrong_with_its_options(
    petct: Petct, tmp_path: Path, options: tuple[str, ...], told: str
) -> None:
    done = petct("disclosures", "export", "--out", str(tmp_path / "out"), *options)
    assert done.returncode == 2
    assert told in " ".join(done.stderr.decode().replace("│", " ").split())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", [("topics", "check"), ("topics", "create")], ids=" ".join)
def test_topics_without_a_setting_or_a_broker(petct: Petct, command: tuple[str, ...]) -> None:
    unset = petct(*command)
    assert unset.returncode == 2
    assert b"PETCT_KAFKA_BOOTSTRAP_SERVERS" in unset.stderr
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
        absent = petct(*command, PETCT_KAFKA_BOOTSTRAP_SERVERS=address)
    assert absent.returncode == 4
    assert address.encode() in absent.stderr


def test_a_topic_without_copies_is_refused(petct: Petct) -> None:
    done = petct("topics", "create", "--replication-factor", "0", PETCT_KAFKA_BOOTSTRAP_SERVERS="localhost:9")
    assert done.returncode == 2
    assert b"--replication-factor" in done.stderr


def test_a_terminal_of_another_alphabet_is_no_traceback() -> None:
    settings = environment(PYTHONIOENCODING="ascii")
    show = [*COMMAND, "rulebook", "show", "--region", "330102", "--on", "2021-07-01"]
    done = subprocess.run(show, capture_output=True, env=settings, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"5300?/?" in done.stdout


@pytest.mark.kafka
@pytest.mark.real_kafka
def test_topics_are_made_once_and_checked_on_a_real_kafka(
    petct: Petct, request: pytest.FixtureRequest, prefix: str
) -> None:
    real_kafka = request.getfixturevalue("real_kafka")
    settings = {"PETCT_KAFKA_BOOTSTRAP_SERVERS": real_kafka.bootstrap_servers, "PETCT_TOPIC_PREFIX": prefix}
    before = petct("topics", "check", **settings)
    assert before.returncode == 3
    assert f"{prefix}settlement.events does not exist" in before.stdout.decode()
    made = petct("topics", "create", "--partitions", "3", **settings)
    assert made.returncode == 0, made.stderr.decode()
    assert made.stdout.decode().count(f"made {prefix}settlement.") == len(TOPICS)
    assert b"there already" in petct("topics", "create", **settings).stdout
    after = petct("topics", "check", "--json", **settings)
    assert (after.returncode, after.stdout.split()) == (0, b'{ "ok": true, "problems": [] }'.split())
