"""What was emitted, by whom and why: the log of runs."""

from __future__ import annotations

from typing import Any

from aiokafka import AIOKafkaConsumer

from schemas.topics import REPLAYS
from streams.replay import reading
from streams.replay.cluster import partitions_of
from streams.replay.errors import TopicMissingError
from streams.replay.ledger import Ledger
from streams.replay.ledger_topic import read_ledger
from streams.settings import KafkaSettings


async def whole_ledger(settings: KafkaSettings, probe: AIOKafkaConsumer) -> Ledger:
    """Of all partitions. Raises TopicMissingError."""
    name = settings.topic(REPLAYS)
    partitions = await partitions_of(settings, name)
    if not partitions:
        raise TopicMissingError(f"{name} does not exist", "Create it: petct topics create")
    return await read_ledger(settings, probe, partitions)


async def read_log(settings: KafkaSettings) -> list[dict[str, Any]]:
    """Every emitting run, the oldest first. `status` is `running` too where a run was killed."""
    async with reading.reader(settings, isolation="read_uncommitted") as probe:
        ledger = await whole_ledger(settings, probe)
    return [
        {
            **{name: getattr(record, name) for name in record.__slots__},
            **ledger.tally(record.run).plain(),
        }
        for record in sorted(ledger.runs.values(), key=lambda record: record.started)
    ]
