"""A reader at a page, who types what stands there: block after block, in one folder, with what was exported so far.

Each line is a shell of its own, ended at the first failure. `# status 3` behind a command says how it is expected to
end. What runs until it is stopped (a worker, pages, an export that watches) is started, waited for until it is ready,
and told to stop at the end of the page; it must end with status 0.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.broker.workers import PATIENCE, free_port
from tests.docs.pages import Block

_STATUS: Final = re.compile(r"#.*\bstatus (\d+)\b")
_COMMENT: Final = re.compile(r"(^|\s)#.*$")
_SERVES: Final = re.compile(r"^(?:[A-Z_]+=\S+[\s\\]+)*petct (web|worker settle|worker watch)\b")
_INHERITED: Final = ("PETCT_", "ARGS", "MAKE", "MFLAGS")
LIMIT: Final = 120.0


@dataclass(frozen=True, slots=True)
class Step:
    """A command with its continuation lines, and how it ends."""

    line: int
    command: str
    status: int = 0


def steps(block: Block) -> Iterator[Step]:
    held, begun = "", 0
    for number, line in enumerate(block.text.splitlines(), block.line + 1):
        held, begun = held + line, begun or number
        if line.endswith("\\"):
            held += "\n"
            continue
        if _COMMENT.sub("", held).strip():
            expected = _STATUS.search(held)
            yield Step(begun, held.removeprefix("$ "), int(expected[1]) if expected else 0)
        held, begun = "", 0


@dataclass
class Session:
    """`environment`: beside what the tests run in, its settings of petct left out. `here`: by what a page says, what is
    written instead.
    """

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    here: Mapping[str, str] = field(default_factory=dict)
    statuses: Mapping[str, int] = field(default_factory=dict)
    """How a command ends that has no comment, by its beginning."""
    left_out: Collection[str] = ()
    """Beginnings of commands that are not run."""
    said: str = ""
    """Standard output so far, of what has ended."""
    _running: list[tuple[Step, subprocess.Popen[bytes], Path]] = field(default_factory=list)

    def __post_init__(self) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_INHERITED)}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        plain = {"COLUMNS": "300", "NO_COLOR": "1", "TERM": "dumb", "PATH": path}
        self.environment = {**kept, **plain, **self.environment}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        told = [self._stopped(*running) for running in reversed(self._running)]
        if error is None:
            assert not any(told), "\n".join(told)

    def follow(self, block: Block) -> None:
        """Raises AssertionError with the place in the page and what was said."""
        if block.language == "python":
            self._python(block)
            return
        for step in steps(block):
            if not f"{step.command}\n".startswith(tuple(self.left_out)):
                self._do(block, step)

    def _do(self, block: Block, step: Step) -> None:
        command = step.command
        for written, meant in self.here.items():
            command = command.replace(written, meant)
        place = f"{block.page}:{step.line}: {command}"
        if ready := self._ready(command):
            self._start(place, step, command, ready)
            return
        kept = self.folder / ".environment"
        shell = ["bash", "-euo", "pipefail", "-c", f"{command}\nenv -0 > {shlex.quote(str(kept))}"]
        done = self._run(shell, place)
        expected = next(
            (status for said, status in self.statuses.items() if step.command.startswith(said)), step.status
        )
        said = f"{place}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        assert done.returncode == expected, f"status {done.returncode}, not {expected}: {said}"
        assert "Traceback" not in done.stderr, said
        self.said += done.stdout
        if done.returncode == 0:
            self.environment = dict(pair.split("=", 1) for pair in kept.read_text("utf-8").split("\0") if pair)

    def _python(self, block: Block) -> None:
        done = self._run([sys.executable, "-c", block.text], str(block))
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
        self.said += done.stdout

    def _run(self, command: list[str], place: str) -> subprocess.CompletedProcess[str]:
        """Whatever it started ends with it when its time is up."""
        with subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                out, error = process.communicate(timeout=LIMIT)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                raise AssertionError(f"{place}: goes on after {LIMIT:.0f} s: {process.communicate()}") from None
        return subprocess.CompletedProcess(command, process.returncode, out, error)

    def _ready(self, command: str) -> Callable[[], bool] | None:
        """How to see that a command that runs until it is stopped does its work; None: it ends by itself."""
        words = shlex.split(command, comments=True)
        if found := _SERVES.search(command):
            return self._answers(*(("WEB", "livez") if found[1] == "web" else ("HTTP", "readyz")))
        if "--watch" in words:
            out = self.folder / words[words.index("--out") + 1]
            return lambda: any(out.glob("*/*/*.json"))
        return None

    def _answers(self, whose: str, path: str) -> Callable[[], bool]:
        port = free_port()
        self.environment[f"PETCT_{whose}_PORT"] = str(port)

        def answers() -> bool:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=5) as answer:
                    return bool(answer.status == 200)
            except OSError:
                return False

        return answers

    def _start(self, place: str, step: Step, command: str, ready: Callable[[], bool]) -> None:
        log = self.folder / f".started-{len(self._running)}"
        with log.open("wb") as output:
            process = subprocess.Popen(
                ["bash", "-euc", f"exec env {command}"],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        self._running.append((step, process, log))
        end = time.monotonic() + PATIENCE
        while not ready():
            assert process.poll() is None, f"{place}: ended with {process.returncode}: {log.read_text()[-3000:]}"
            assert time.monotonic() < end, f"{place}: not ready: {log.read_text()[-3000:]}"
            time.sleep(0.1)

    @staticmethod
    def _stopped(step: Step, process: subprocess.Popen[bytes], log: Path) -> str:
        """What was wrong with its end, or empty."""
        process.send_signal(signal.SIGTERM)
        try:
            status = process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return f"{step.command}: did not stop: {log.read_text()[-2000:]}"
        return "" if status == 0 else f"{step.command}: ended with {status}: {log.read_text()[-2000:]}"
