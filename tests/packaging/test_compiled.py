"""The compiled modules decide as their sources do, to the byte."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ops.kafka.broker import CHECKOUT
from tests.compiled import unpack_compiled

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

# Replaces a function of a module, which its compiled callers do not notice.
PATCHES = "test_a_bug_of_ours_is_a_dead_letter_that_tells_where_and_nothing_of_the_event"
WHERE = "import streams.adjudication.line as line; print(line.__file__)"
PYTEST = """
import sys, pytest, streams.adjudication.line as line
assert ".so" in line.__file__
sys.exit(pytest.main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpack_compiled(tmp_path_factory.mktemp("compiled") / "site")


def python(*arguments: str, given: bytes = b"", path: str = "") -> bytes:
    """Standard output of an interpreter that finds modules in `path` first."""
    environment = {**os.environ, "PETCT_DISCLOSURE_SECRET": "x", "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=CHECKOUT.parent,
        input=given,
        env=environment,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, (done.stdout[-4000:] + done.stderr[-4000:]).decode(errors="replace")
    return done.stdout


def test_it_answers_to_the_byte_what_its_sources_answer(compiled: Path) -> None:
    mixed = ("--count", "4000", "--seed", "11", "--share", "0.8", "--invalid", "0.25")
    events = python("-m", "streams.cli", "simulate", *mixed)

    assert b".so" in python("-c", WHERE, path=str(compiled))
    assert b".py" in python("-c", WHERE)
    answers = [python("-m", "streams.cli", "adjudicate", given=events, path=path) for path in (str(compiled), "")]
    assert answers[0].count(b"\n") > 3000
    assert answers[0] == answers[1]


def test_it_passes_the_tests_of_its_sources(compiled: Path) -> None:
    """Worked examples, invariants over the whole input space, the fuzz of the processor, batches and their metrics."""
    named = ("adjudication", "processors", "bus/test_batch.py", "test_metrics.py")
    places = [str(CHECKOUT / "tests" / "unit" / name) for name in named]
    options = ["-q", "-x", "-p", "no:cacheprovider", "-o", "pythonpath=", "--rootdir", str(CHECKOUT), "-k"]
    python("-c", PYTEST, *options, f"not {PATCHES}", *places, path=f"{compiled}{os.pathsep}{CHECKOUT}")
