"""What walks through pages sees a command that fails, and one that does not end."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from tests.docs import session
from tests.docs.pages import Block
from tests.docs.session import Session, Step, steps


def shell(text: str) -> Block:
    return Block("page.md", 7, "sh", text)


def test_steps_are_commands_with_their_continuation_and_how_they_end() -> None:
    text = "# a comment\n\nfirst --a \\\n  --b\n$ second   # status 3: something differs\n"
    assert list(steps(shell(text))) == [
        Step(10, "first --a \\\n  --b"),
        Step(12, "second   # status 3: something differs", 3),
    ]


def test_what_one_block_exports_and_writes_the_next_ones_find(tmp_path: Path) -> None:
    with Session(tmp_path, {"GIVEN": "x"}, {"localhost": "elsewhere"}) as reader:
        reader.follow(shell("export MADE=$GIVEN.y\necho localhost > file\n"))
        reader.follow(Block("page.md", 1, "python", "import os; print(os.environ['MADE'], open('file').read())"))
    assert reader.said == "x.y elsewhere\n\n"


@pytest.mark.parametrize("text", ["false", "true   # status 3", "false | true", "echo $NOT_SET", "echo Traceback >&2"])
def test_what_does_not_end_as_the_page_says_fails(tmp_path: Path, text: str) -> None:
    with pytest.raises(AssertionError, match=r"page\.md:8"):
        Session(tmp_path).follow(shell(text))


def test_what_does_not_end_is_ended_with_all_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "LIMIT", 0.5)
    with pytest.raises(AssertionError, match="goes on"):
        Session(tmp_path).follow(shell("sleep 4242 | cat"))
    assert not any(process.info["cmdline"] == ["sleep", "4242"] for process in psutil.process_iter(["cmdline"]))


def test_what_is_left_running_must_end_in_order_when_it_is_told_to(tmp_path: Path) -> None:
    reader = Session(tmp_path)
    reader.follow(shell("petct web"))
    (_, process, _) = reader._running[0]
    process.kill()
    process.wait()
    with pytest.raises(AssertionError, match="ended with"):
        reader.__exit__(None, None, None)
