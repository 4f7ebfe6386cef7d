"""What a page's blocks are tried with: a real Kafka, empty or with a month settled on it, and a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.kafka.broker import RealKafka
from tests.broker.workers import free_port
from tests.browser.conftest import browser
from tests.docs.pages import CHECKOUT
from tests.docs.session import Session
from tests.docs.world import World, settle_world
from tests.ops.conftest import promtool

__all__ = ["browser", "promtool"]


@pytest.fixture
def empty(real_kafka: RealKafka, prefix: str, tmp_path: Path) -> Session:
    """Nothing on the bus; the prefix keeps it apart from what others do there."""
    (tmp_path / "examples").symlink_to(CHECKOUT / "examples")
    named = {"PETCT_TOPIC_PREFIX": prefix, "PETCT_GROUP_ID": f"{prefix}settle"}
    here = {"localhost:9092": real_kafka.bootstrap_servers, "--replication-factor 3": "--replication-factor 1"}
    return Session(tmp_path, named, here)


@pytest.fixture(scope="module")
def worlds() -> Iterator[list[World]]:
    made: list[World] = []
    yield made
    for world in made:
        world.watch.__exit__(None, None, None)


@pytest.fixture
def world(real_kafka: RealKafka, prefix: str, worlds: list[World], tmp_path_factory: pytest.TempPathFactory) -> World:
    """One for all tests of a module, which follow one another on it."""
    if not worlds:
        worlds.append(settle_world(real_kafka.bootstrap_servers, prefix, tmp_path_factory.mktemp("world")))
        worlds[0].watch.start().until_ready()
        worlds[0].until_kept()
    return worlds[0]


@pytest.fixture
def settled(world: World, tmp_path: Path) -> Session:
    """A watch worker that a page starts is a group of its own, beside the one of the world."""
    own = {
        "PETCT_WATCH_GROUP_ID": "petct-watch-of-the-page",
        "PETCT_WATCH_FOLDER": str(tmp_path / "watch"),
        "PETCT_WATCH_API_PORT": str(free_port()),
    }
    return Session(tmp_path, world.environment | own, world.here)
