"""README's commands work as they are written there, one after the other, in one shell."""

import os
import re
import subprocess

import pytest

from ops.kafka.broker import CHECKOUT

BLOCK = re.compile(r"(?P<before>[^\n]*)\n+```(?:sh|bash|console)\n(?P<commands>.*?)```", re.DOTALL)
# These run the test that runs them.
OWN = re.compile(r"make test\b|make test-|(?:bash )?\.ci/run")


def commands(readme: str) -> list[str]:
    """The shell blocks, but those right after a comment that begins `<!-- not run:` and says why."""
    blocks = [found["commands"] for found in BLOCK.finditer(readme) if not found["before"].startswith("<!-- not run:")]
    run = ("\n".join(line for line in _typed(block) if not OWN.match(line)) for block in blocks)
    return [block for block in run if block]


def _typed(block: str) -> list[str]:
    """What is typed: where there are prompts, the lines after them; the others are answers."""
    lines = block.splitlines()
    prompted = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    return prompted or lines


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_command_of_the_readme_runs() -> None:
    blocks = commands((CHECKOUT / "README.md").read_text(encoding="utf-8"))
    assert len(blocks) >= 2
    # A make of its own, not a part of the one that may have started these tests.
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "PETCT_"))
    }

    done = subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", "\n".join(blocks)],
        cwd=CHECKOUT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


def test_only_shell_blocks_are_taken_and_not_those_that_say_why_not() -> None:
    readme = (
        "Try:\n\n```sh\nmake demo\nmake test\n```\n\n```json\n{}\n```\n\n<!-- not run: needs your Kafka -->\n"
        "```sh\npetct worker settle\n```\n\n```console\n$ echo one\none\n```\n"
    )

    assert commands(readme) == ["make demo", "echo one"]
