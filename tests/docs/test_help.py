"""The examples in the help of every command run, on a Kafka on which a month was settled.

docs/cli.md is made of that help. Each example is for itself: what one exports is not there for the next.
"""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import orjson
import pytest

from schemas.moments import CHINA
from streams.rulebook.loader import NOTICES
from tests.broker.watching import TOKEN
from tests.builders import event, line
from tests.docs.pages import CHECKOUT, blocks
from tests.docs.session import Session
from tests.docs.world import World

EXAMPLES: Final = [block for block in blocks() if block.page == "docs/cli.md" and block.is_run_here]
LEFT_OUT: Final = {
    "petct demo": "tests/test_demo.py",
    "tail -f": "goes on for ever",
    "PETCT_KAFKA_BOOTSTRAP_SERVERS=localhost:9092 petct simulate -n 0": "goes on for ever",
    "petct rulebook new\n": "asks; tests/unit/rulebook/test_new_notice.py answers",
    "petct schemas register": "tests/contract/test_registry.py",
    "petct topics acls settle | sed": "needs Kafka's own tools",
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


def test_what_is_left_out_is_there() -> None:
    text = "".join(block.text for block in EXAMPLES)
    assert [command for command in [*LEFT_OUT, *ENDS] if command not in text] == []
