"""The examples in the help of every command run, and the runbooks' commands of petct, where a month was settled.

docs/cli.md is made of that help. Each example is for itself: what one exports is not there for the next.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import orjson
import pytest
from typer.core import TyperGroup

from schemas.moments import CHINA
from streams.rulebook.loader import NOTICES
from streams.surveillance.thresholds import INSTALLED
from tests.broker.watching import TOKEN
from tests.builders import event, line
from tests.docs.pages import CHECKOUT, Block, blocks
from tests.docs.session import Session
from tests.docs.world import World
from tests.ops.commands import IN_A_POD, PETCT, commands

EXAMPLES: Final = [block for block in blocks() if block.page == "docs/cli.md" and block.is_run_here]


def of_petct(block: Block) -> Iterator[list[str]]:
    """The words of its commands of petct, those within a pod without the way there."""
    for words in commands(block.text):
        own = words[words.index("--") + 1 :] if words[0] in IN_A_POD and "--" in words else words
        if own[0] == "petct":
            yield own


def shape(words: list[str]) -> tuple[str, ...]:
    """The command and the names of its options, whatever their values."""
    command, path, rest = PETCT, [], words[1:]
    while isinstance(command, TyperGroup):
        path.append(rest.pop(0))
        command = command.commands[path[-1]]
    return *path, *sorted(word for word in rest if word.startswith("-"))


def of_runbooks() -> list[Block]:
    """A block each for what runbooks do with petct and no example of the help does; one of each shape."""
    seen = {shape(words) for block in EXAMPLES for words in of_petct(block)}
    found = []
    for block in blocks():
        if block.page.startswith("ops/runbooks/") and block.is_shell:
            for words in of_petct(block):
                if shape(words) not in seen:
                    seen.add(shape(words))
                    found.append(Block(block.page, block.line, "sh", shlex.join(words)))
    return found


LEFT_OUT: Final = {
    "petct demo": "tests/test_demo.py",
    "tail -f": "goes on for ever",
    "PETCT_KAFKA_BOOTSTRAP_SERVERS=localhost:9092 petct simulate -n 0": "goes on for ever",
    "petct rulebook new\n": "asks; tests/unit/rulebook/test_new_notice.py answers",
    "petct schemas register": "tests/contract/test_registry.py",
    "petct topics acls settle | sed": "needs Kafka's own tools",
    "PETCT_KAFKA_BOOTSTRAP_SERVERS=localhost:9092 petct surveillance simulate": "a year of a province, on the bus",
}
"""Why not. A help text has no room for comments of ours."""
ENDS: Final = {"PETCT_KAFKA_BOOTSTRAP_SERVERS=localhost:9092 petct doctor": 1}
"""The disclosure secret is short here, which the doctor calls a problem."""


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.real_kafka
@pytest.mark.timeout(600)
def test_the_examples_of_the_help_run(settled: Session, world: World) -> None:
    take_for_granted(settled.folder)
    recently = datetime.now(CHINA).date() - timedelta(days=3)
    settled.here = {
        "PETCT_TOPIC_PREFIX=test.": f"PETCT_TOPIC_PREFIX={world.past.settings.topic_prefix}",
        "export --since 2021-07-01": f"export --since {recently}",  # or it writes lists of thousands of days
        "petct replay run ": "petct replay run --jobs 1 ",  # a process each is an interpreter each
        "petct replay diff ": "petct replay diff --jobs 1 ",
        "simulate --scale 1 ": "simulate --scale 0.1 ",  # the whole of a year takes its time
        "--watch --out /srv/www/petct": "--watch --out watched",
        "discard 2:117 2:118": "discard 2:120 2:121",  # the example before has ended that letter
        **settled.here,
    }
    settled.statuses, settled.left_out = ENDS, LEFT_OUT
    given = settled.environment | {"PETCT_INQUIRY_TOKEN": TOKEN}
    with settled as session:
        for block in EXAMPLES:
            session.environment = dict(given)
            if "PETCT_DISCLOSURE_SECRET_FILE" in block.text:
                del session.environment["PETCT_DISCLOSURE_SECRET"]
            session.follow(block)


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.real_kafka
@pytest.mark.timeout(600)
def test_what_a_runbook_does_with_petct_runs(settled: Session) -> None:
    """What can be run of them without the cluster they are about, and was not run above."""
    take_for_granted(settled.folder)
    (settled.folder / "records.jsonl").write_bytes(orjson.dumps(event(line())))
    settled.here = {"2:117": "2:130", **settled.here}  # an example above has ended that letter
    with settled as session:
        session.follow(Block("", 0, "sh", "petct replay plan --since 2021-07-01 -o plan.yaml"))
        for block in of_runbooks():
            session.follow(block)


def take_for_granted(folder: Path) -> None:
    """The files that examples name."""
    own = folder / "my-notices"
    own.mkdir()
    for notice in NOTICES.glob("*.yaml"):
        if not notice.name.startswith("hz-"):  # an example writes one of Hangzhou
            shutil.copy(notice, own)
    (folder / "event.json").write_bytes(orjson.dumps(event(line())))
    of_nhsa = [block for block in blocks() if block.page == "docs/nhsa.md"]
    (message,) = (block.text for block in of_nhsa if block.language == "json")
    hospitals, codes = (block.text for block in of_nhsa if block.language == "csv")
    (folder / "messages.jsonl").write_bytes(orjson.dumps(orjson.loads(message)))
    (folder / "hospitals.csv").write_text(hospitals, "utf-8")
    (folder / "codes.csv").write_text(codes, "utf-8")
    shutil.copytree(CHECKOUT / "schemas" / "published" / "v1", folder / "my-draft")
    shutil.copytree(INSTALLED, folder / "our-thresholds")
    (folder / "2024.jsonl").write_bytes(orjson.dumps(event(line("6500.00"))))


def test_what_is_left_out_is_there() -> None:
    text = "".join(block.text for block in EXAMPLES)
    assert [command for command in [*LEFT_OUT, *ENDS] if command not in text] == []
