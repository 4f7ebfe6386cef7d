"""Commands and snippets of pages run as they are written, in their order, by somebody who has what the page asks for.

Each page has a real Kafka: an empty one, one with topics and a release, or one on which a month was settled
(tests/docs/world.py).
"""

from __future__ import annotations

import secrets
import subprocess
import sys

import orjson
import pytest

from ops.kafka.broker import RealKafka
from tests.docs.pages import blocks
from tests.docs.session import Session

pytestmark = [pytest.mark.slow, pytest.mark.kafka, pytest.mark.real_kafka, pytest.mark.timeout(600)]

HELP = "docs/cli.md"  # test_help.py
EMPTY = ("docs/getting-started.md", "docs/integrate.md", "docs/deployment.md")
READY = "docs/operations.md"
FIRST = "docs/replay.md"
ALL = {block.page for block in blocks() if block.is_run_here}
SETTLED = (FIRST, *sorted(ALL - {*EMPTY, READY, FIRST, HELP}))
"""All the others, those to come too, in this order: the commands of one page change what the next finds."""


def walk(session: Session, page: str) -> None:
    with session:
        for block in blocks():
            if block.page == page and block.is_run_here:
                session.follow(block)


@pytest.mark.parametrize("page", EMPTY)
def test_a_page_runs_from_an_empty_kafka_on(page: str, empty: Session, real_kafka: RealKafka) -> None:
    if page == "docs/deployment.md":
        empty.environment["PETCT_KAFKA_BOOTSTRAP_SERVERS"] = real_kafka.bootstrap_servers
    walk(empty, page)
    if page == "docs/getting-started.md":
        assert "'covered'" in empty.said
    if page == "docs/integrate.md":
        assert len((empty.folder / "ledger.tsv").read_text("utf-8").splitlines()) >= 20
        assert "'insurance_active' is a required property" in empty.said


def test_a_page_runs_where_topics_and_a_release_are(empty: Session, real_kafka: RealKafka) -> None:
    empty.environment |= {
        "PETCT_KAFKA_BOOTSTRAP_SERVERS": real_kafka.bootstrap_servers,
        "PETCT_DISCLOSURE_SECRET": secrets.token_hex(32),
    }
    for command in (["topics", "create"], ["rulebook", "publish", "--message", "the installed notices"]):
        subprocess.run([sys.executable, "-m", "streams.cli", *command], env=empty.environment, check=True, timeout=60)
    walk(empty, READY)
    told = orjson.loads(empty.said[empty.said.index("\n{") :])
    assert told["ok"] is True


@pytest.mark.parametrize("page", SETTLED)
def test_a_page_runs_where_a_month_was_settled(page: str, settled: Session) -> None:
    if page == "docs/board.md":  # starts a watch worker itself, and reads that
        settled.environment["PETCT_BOARD_URL"] = f"http://127.0.0.1:{settled.environment['PETCT_WATCH_API_PORT']}"
    walk(settled, page)
