"""The real demo: its broker, its worker, its summary, and that nothing of it stays behind."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from schemas.deadletters import DeadLetterReason

pytestmark = [pytest.mark.slow, pytest.mark.kafka]

ROOT = Path(__file__).parents[1]


class Demo:
    """`petct demo` in an empty folder that is its temporary folder too, its processes recognisable by a variable."""

    def __init__(self, folder: Path, path: Path) -> None:
        self.folder = folder
        self.path = path

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PETCT_")}
        environment = {
            **kept,
            "PYTHONPATH": f"{self.path}{os.pathsep}{ROOT}",
            "TMPDIR": str(self.folder),
            "COLUMNS": "200",
            "DEMO_OF_THE_TEST": str(self.folder),
            # Somebody's own bus, which the demo must not touch.
            "PETCT_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9",
            "PETCT_KAFKA_SECURITY_PROTOCOL": "SSL",
        }
        return subprocess.Popen(
            [sys.executable, "-m", "streams.cli", "demo", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.folder,
            env=environment,
        )

    def processes(self) -> list[str]:
        """Command lines of all that was started by the demo, orphans too."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("DEMO_OF_THE_TEST") == str(self.folder):
                    found.append(" ".join(process.cmdline()))
            except psutil.Error:
                continue
        return found

    def assert_nothing_is_left(self) -> None:
        assert self.processes() == []
        assert list(self.folder.iterdir()) == []


@pytest.fixture
def demo(tmp_path: Path) -> Demo:
    folder, path = tmp_path / "empty", tmp_path / "path"
    folder.mkdir()
    path.mkdir()
    return Demo(folder, path)


def table(text: str, title: str) -> list[list[str]]:
    """The rows under a title, in words, up to the blank line that ends them."""
    lines = iter(text.split(title)[1].splitlines())
    next(line for line in lines if line.strip() and not line.strip(" ─"))
    rows = itertools.takewhile(str.strip, lines)
    return [row.split() for row in rows if row.strip(" ─")]


def fen(amount: str) -> int:
    return int(amount.replace(",", "").replace(".", ""))


def test_the_demo_settles_all_kinds_of_events_exactly_once_and_leaves_nothing(demo: Demo) -> None:
    running = demo.start()
    out, error = running.communicate(timeout=115)
    text = out.decode()
    assert running.returncode == 0, text + error.decode()
    assert error == b""
    assert "are there once, and byte for byte what petct adjudicate says" in text

    number = {row[0]: int(row[-1]) for row in table(text, "What became of the events")}
    assert sum(number.values()) == 400
    assert number.keys() >= {"settlement.adjusted", "settlement.adjustment_reversed", "settlement.adjustment_voided"}
    outcomes = {city: list(map(int, counts)) for city, *counts in table(text, "Outcomes by the hospital's city")}
    assert all(outcomes[city][0] > 0 for city in ("杭州", "宁波", "绍兴"))  # covered
    assert all(sum(counts) > 0 for counts in zip(*outcomes.values(), strict=True))
    assert sum(map(sum, outcomes.values())) == number["settlement.adjusted"]
    letters = {row[0]: int(row[1]) for row in table(text, "Dead letters") if row[0] in set(DeadLetterReason)}
    assert sum(letters.values()) == number["dead"]
    assert {"not_utf8", "not_json", "schema"} <= letters.keys()

    *shares, together, charged = [fen(row[-1]) for row in table(text, "Who bears the money")]
    assert len(shares) == 4
    assert all(shares)
    assert sum(shares) == together == charged

    assert "the hospital bears the excess (超标准收费)" in text  # the settlement explained
    assert "示例" in text.split("信息公开")[1]  # the hospital's list
    demo.assert_nothing_is_left()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_demo_ended_by_signal_while_the_worker_runs_is_clean(demo: Demo, number: signal.Signals) -> None:
    running = demo.start("--count", "4000")
    while not any("worker settle" in process for process in demo.processes()):
        assert running.poll() is None
        time.sleep(0.02)
    running.send_signal(number)
    _, error = running.communicate(timeout=60)
    assert (running.returncode, error) == (130, b"")
    demo.assert_nothing_is_left()


def test_without_its_extra_the_demo_says_what_to_install(demo: Demo) -> None:
    absent = "raise ModuleNotFoundError(\"No module named 'confluent_kafka'\", name='confluent_kafka')"
    (demo.path / "confluent_kafka.py").write_text(absent)
    running = demo.start()
    _, error = running.communicate(timeout=60)
    assert running.returncode == 1
    assert "pip install 'petct-settlement[demo]'" in error.decode()
    assert "Traceback" not in error.decode()


def test_a_worker_that_cannot_run_ends_the_demo_with_what_it_said(demo: Demo) -> None:
    (demo.path / "uvloop.py").write_text("raise SystemExit('uvloop is broken here')")
    running = demo.start()
    _, error = running.communicate(timeout=60)
    assert running.returncode == 1
    assert "uvloop is broken here" in error.decode()
    assert "the worker ended by itself, with status 1" in error.decode()
    demo.assert_nothing_is_left()
