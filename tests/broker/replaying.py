"""A past to replay: settlements of Hangzhou and, one in a hundred, of Ningbo, settled before Ningbo's notice was known.

The notice was posted on 2021-07-23 for 2021-06-30, so what was settled in between has to be decided again.
"""

import asyncio
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from aiokafka import TopicPartition
from confluent_kafka.admin import AdminClient

from schemas.topics import ADJUSTED, DEADLETTERS, DISCLOSURES, EVENTS, REPLAYS, RULEBOOK
from streams.bus.topics import create_topics
from streams.processors.settlement import Answer, Output, Record, SettlementProcessor
from streams.replay import Difference, Options, Plan
from streams.replay.cluster import live_offsets
from streams.replay.correction import correction
from streams.replay.options import OnDifference
from streams.replay.planning import EVERYTHING, Asked, make_plan
from streams.replay.plans import Filters, Source, write
from streams.replay.reading import reader
from streams.replay.running import Outcome, run_plan
from streams.rulebook import Rulebook, load_rulebook
from streams.rulebook.loader import NOTICES
from streams.settings import Settings
from tests.broker.settling import Scene, scene
from tests.builders import event, line
from tests.kafka import Broker

SECRET = "s"
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
LONG = 900.0
"""Seconds for the many settlements of the long form, on a busy machine."""
WHY = "the notice of Ningbo applies from 2021-06-30"


def notices_before(folder: Path) -> Path:
    """The notices as they were before Ningbo's."""
    folder.mkdir()
    for notice in NOTICES.glob("*.yaml"):
        if notice.name != "nb-2021-23.yaml":
            shutil.copy(notice, folder)
    return folder


@cache
def _template(ningbo: bool) -> bytes:
    if not ningbo:
        return orjson.dumps(event(line(), event_id="@event@", settlement_id="@settlement@"))
    return orjson.dumps(
        event(
            line(),
            event_id="@event@",
            settlement_id="@settlement@",
            hospital={"code": "H33020300001", "region": "330203"},
            patient={"insured_region": "330200", "scheme": "resident", "status": "adult"},
        )
    )


def settlement(number: int, *, ningbo: bool | None = None) -> tuple[bytes, bytes]:
    """Key and value. One in a hundred is of Ningbo."""
    ningbo = number % 100 == 7 if ningbo is None else ningbo
    key = f"S{number:08d}".encode()
    return key, _template(ningbo).replace(b"@event@", f"E{number:08d}".encode()).replace(b"@settlement@", key)


def settlements(count: int, first: int = 0) -> Iterator[tuple[bytes, bytes]]:
    return (settlement(number) for number in range(first, first + count))


def reversal_of(number: int) -> tuple[bytes, bytes]:
    key = f"S{number:08d}"
    return key.encode(), orjson.dumps(
        {
            "schema_version": "1.0",
            "event_id": f"R{number:08d}",
            "event_type": "settlement.reversed",
            "settlement_id": f"SR{number:08d}",
            "occurred_at": "2021-07-02T09:30:00+08:00",
            "insured_region": "330200",
            "reverses": {"event_id": f"E{number:08d}", "settlement_id": key},
            "reason": "duplicate",
        }
    )


def partition_of(key: bytes) -> int:
    return sum(key) % 4


@dataclass
class Past:
    """Topics on a real Kafka, the rulebooks before and after, and a live group."""

    live: Scene
    before: Rulebook
    after: Rulebook
    settings: Settings
    """Of the replay: the rulebook after."""
    folder: Path
    differences: list[Difference] = field(default_factory=list)

    async def send(self, records: Sequence[tuple[bytes, bytes]]) -> None:
        by_partition: dict[int, list[tuple[bytes | None, bytes | None]]] = {}
        for key, value in records:
            by_partition.setdefault(partition_of(key), []).append((key, value))
        for partition, pairs in by_partition.items():
            await self.live.send_pairs(pairs, partition=partition)

    async def settled(self) -> None:
        """Until the live group has settled all there is."""
        async with asyncio.timeout(LONG):
            while True:
                offsets = await live_offsets(self.settings, self.settings.group_id)
                if all(offsets.get(number, 0) == end for number, end in (await self.ends(EVENTS)).items()):
                    return
                await asyncio.sleep(0.2)

    async def settle(self, records: Sequence[tuple[bytes, bytes]]) -> None:
        """Send, and let a live worker settle it all by the rulebook of before."""
        await self.send(records)
        async with self.live.settling(within=LONG):
            await self.settled()

    def members(self) -> int:
        """Of the live group."""
        admin = AdminClient({"bootstrap.servers": self.settings.kafka_bootstrap_servers})
        (told,) = admin.describe_consumer_groups([self.settings.group_id]).values()
        return len(told.result(timeout=30).members)

    async def ends(self, topic: str) -> dict[int, int]:
        async with reader(self.settings, isolation="read_uncommitted") as consumer:
            partitions = [TopicPartition(self.settings.topic(topic), number) for number in range(4)]
            return {at.partition: end for at, end in (await consumer.end_offsets(partitions)).items()}

    async def plan(
        self, *, source: Source = "events", filters: Filters = EVERYTHING, rulebook: Rulebook | None = None
    ) -> Plan:
        asked = Asked(LONG_AGO, source=source, filters=filters)
        now = datetime.now(UTC) + timedelta(minutes=1)
        return (await make_plan(self.settings, asked, rulebook or self.after, now)).plan

    async def run(
        self,
        plan: Plan,
        *,
        emit: bool = False,
        on_difference: OnDifference = lambda _: None,
        stop: asyncio.Event | None = None,
        **options: Any,
    ) -> tuple[Outcome, list[Difference]]:
        found: list[Difference] = []

        def take(difference: Difference) -> None:
            found.append(difference)
            on_difference(difference)

        given = Options(emit=emit, who="test", why=WHY if emit else "", **options)
        book = self.before if plan.rulebook == self.before.hash else self.after
        outcome = await run_plan(plan, self.settings, book, given, on_difference=take, stop=stop)
        return outcome, found

    async def written(self, topic: str = ADJUSTED) -> dict[int, list[tuple[Any, Any, Any]]]:
        """Key, value and headers, read committed, in the order of each partition."""
        held: dict[int, list[tuple[Any, Any, Any]]] = {number: [] for number in range(4)}
        for record in await self.live.records(topic):
            held[record.partition].append((record.key, record.value, tuple(record.headers)))
        return held

    async def newest(self) -> dict[bytes, dict[str, Any]]:
        """What a reader of the compacted topic finds for each settlement."""
        return {record.key: orjson.loads(record.value) for record in await self.live.records(ADJUSTED)}

    def file(self, plan: Plan, name: str = "plan.yaml") -> Path:
        path = self.folder / name
        path.write_text(write(plan), "utf-8")
        return path

    def environment(self) -> dict[str, str]:
        return {
            "PETCT_KAFKA_BOOTSTRAP_SERVERS": self.settings.kafka_bootstrap_servers,
            "PETCT_DISCLOSURE_SECRET": SECRET,
            "PETCT_TOPIC_PREFIX": self.settings.topic_prefix,
            "PETCT_GROUP_ID": self.settings.group_id,
        }


async def past(bootstrap_servers: str, prefix: str, folder: Path, **settings: Any) -> Past:
    """A past without events yet."""
    # No session ends here, and settling many within the test's own process starves its heartbeats.
    live = scene(Broker("real", bootstrap_servers), prefix, **{"session_timeout_ms": 30_000, **settings})
    before = load_rulebook(notices_before(folder / f"notices-{prefix}"))
    after = load_rulebook()
    live.process = SettlementProcessor(before, SECRET.encode(), "0")
    await create_topics(live.settings, 4, 1, (EVENTS, ADJUSTED, DISCLOSURES, DEADLETTERS, RULEBOOK, REPLAYS))
    return Past(live, before, after, live.settings, folder)


def corrected(records: Sequence[tuple[bytes, bytes]], before: Rulebook, after: Rulebook) -> list[Output]:
    """What a replay must emit, by the processor alone: each settlement whose answer differs but for the hash."""
    old, new = (SettlementProcessor(book, SECRET.encode(), "0") for book in (before, after))
    outputs = []
    for key, value in records:
        first, second = _answer(old, key, value), _answer(new, key, value)
        assert first.adjusted is not None
        assert second.adjusted is not None
        if first.adjusted["totals"] != second.adjusted["totals"]:
            event_id = first.adjusted["event_id"]
            outputs.append(
                correction(
                    second.outputs[0], second.adjusted, revision=2, supersedes=event_id, reason="rulebook_change"
                )
            )
    return outputs


class _In:
    topic, partition, offset, timestamp, headers = EVENTS, 0, 0, 0, ()

    def __init__(self, key: bytes, value: bytes) -> None:
        self.key, self.value = key, value


def _answer(process: SettlementProcessor, key: bytes, value: bytes) -> Answer:
    record: Record = _In(key, value)
    return process(record)
