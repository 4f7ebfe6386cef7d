"""What pages take for granted about the bus: settlements of July 2021, lists, releases, and letters where they say.

A settlement of the readme's example is among them, and those of Ningbo were settled before its notice was known.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from secrets import token_hex

import orjson
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from schemas.moments import CHINA
from schemas.topics import ALERTS, EVENTS
from streams.bus.topics import create_topics
from tests import findings
from tests.broker.replaying import SECRET, Past, partition_of, past, settlements
from tests.broker.watching import TOKEN, Watch
from tests.broker.workers import PATIENCE
from tests.builders import event, line

SETTLED_ON = datetime(2021, 7, 1, 10, tzinfo=CHINA)
LETTERS = 140
"""Of partition 2, from offset 0 on: pages speak of 2:117 and its neighbours."""
FINDING = 0x3FA81C09
"""Pages name it by these eight digits."""


@dataclass(frozen=True, slots=True)
class World:
    """`watch` answers for the lists and for inquiries."""

    past: Past
    watch: Watch
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        return {**self.past.environment(), "PETCT_BOARD_URL": self.watch.url}

    @property
    def here(self) -> dict[str, str]:
        """What stands here for what a page says."""
        servers = self.past.settings.kafka_bootstrap_servers
        newest = self.past.after.hash.removeprefix("sha256:")[:8]
        return {
            "localhost:9092": servers,
            "kafka:9092": servers,
            "http://watch:9466": self.watch.url,
            "/run/secrets/inquiry": str(self.folder / "inquiry"),
            "/run/secrets/disclosure": str(self.folder / "disclosure"),
            "/srv/www/petct": "www",
            "--replication-factor 3": "--replication-factor 1",
            "/run/secrets/petct-watch/surveillance": str(self.folder / "surveillance"),
            "/srv/bureau": ".",
            "rulebook show 3fa81c": f"rulebook show {newest}",
            "rulebook diff 3fa81c": f"rulebook diff {newest}",
        }

    def until_kept(self) -> None:
        """Until the watch worker tells what was settled. Raises AssertionError."""
        end = time.monotonic() + PATIENCE
        while not self._kept():
            assert self.watch.running, self.watch.said()
            assert time.monotonic() < end, self.watch.said()
            time.sleep(0.1)

    def _kept(self) -> bool:
        of_day, told = self.watch.ask("/v1/board/hospitals/H33010200001/days/2021-07-01")
        of_one, _ = self.watch.ask("/v1/settlements/S2021070100001", Authorization=f"Bearer {TOKEN}")
        return (of_day, of_one) == (200, 200) and bool(told["list"]["rows"]) and not told["awaited"]


def settle_world(bootstrap_servers: str, prefix: str, folder: Path) -> World:
    made = asyncio.run(_settled(bootstrap_servers, prefix, folder))
    (folder / "inquiry").write_text(TOKEN, "utf-8")
    (folder / "disclosure").write_text(SECRET, "utf-8")
    (folder / "surveillance").write_text(token_hex(32), "utf-8")
    before = str(folder / f"notices-{prefix}")
    publish(made, before, "--message", "as it was", "--known-from", "2021-07-01")
    publish(made, "--message", "Ningbo", "--known-from", "2021-07-23")
    watch = Watch.of(made.live, folder, PETCT_INQUIRY="true", PETCT_INQUIRY_TOKEN=TOKEN)
    return World(made, watch, folder)


def publish(made: Past, *arguments: str) -> None:
    command = [sys.executable, "-m", "streams.cli", "rulebook", "publish", *arguments]
    subprocess.run(command, env=os.environ | made.environment(), check=True, capture_output=True, timeout=60)


async def _settled(bootstrap_servers: str, prefix: str, folder: Path) -> Past:
    made = await past(bootstrap_servers, prefix, folder, breaker_run=0, breaker_share=1.0)
    await create_topics(made.settings, 4, 1)
    topic = made.settings.topic(EVENTS)
    _keep_for_ever(bootstrap_servers, topic)
    _send(bootstrap_servers, topic, _events())
    async with made.live.settling():
        await made.settled()
    raised = [findings.finding(FINDING, revision, severity="serious") for revision in (1, 2)]
    named = [(one["finding_id"].encode(), findings.value(one), FINDING % 4) for one in raised]
    _send(bootstrap_servers, made.settings.topic(ALERTS), named)
    return made


def _events() -> Iterable[tuple[bytes, bytes, int]]:
    """Key, value and partition."""
    broken = event(line())
    del broken["patient"]["birth_date"]
    for number in range(LETTERS):
        yield f"B{number}".encode(), orjson.dumps(broken), 2
    example = event(line())
    for key, value in [(example["settlement_id"].encode(), orjson.dumps(example)), *settlements(200)]:
        yield key, value, partition_of(key)


def _keep_for_ever(bootstrap_servers: str, topic: str) -> None:
    """What was sent in 2021 is past any retention."""
    admin = AdminClient({"bootstrap.servers": bootstrap_servers})
    kept = ConfigEntry("retention.ms", "-1", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[kept])
    for told in admin.incremental_alter_configs([resource]).values():
        told.result(timeout=30)


def _send(bootstrap_servers: str, topic: str, events: Iterable[tuple[bytes, bytes, int]]) -> None:
    producer = Producer({"bootstrap.servers": bootstrap_servers, "linger.ms": 5})
    when = int(SETTLED_ON.timestamp() * 1000)
    for key, value, partition in events:
        producer.produce(topic, value, key, partition, timestamp=when)
    assert producer.flush(60) == 0
