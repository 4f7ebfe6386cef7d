"""A settlement platform in Python: sends events, takes adjusted settlements back. Needs aiokafka 0.14 or newer.

    python platform_client.py produce events.jsonl
    python platform_client.py consume ledger.tsv [how many records]

KAFKA_BOOTSTRAP_SERVERS, TOPIC_PREFIX and GROUP_ID come from the environment.
"""

import asyncio
import json
import os
import sys
from pathlib import Path

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

BROKERS = os.environ["KAFKA_BOOTSTRAP_SERVERS"]
PREFIX = os.environ.get("TOPIC_PREFIX", "")
GROUP = os.environ.get("GROUP_ID")


async def produce(events: list[bytes]) -> None:
    """Returns when the brokers have all of them, each once and in order."""
    async with AIOKafkaProducer(bootstrap_servers=BROKERS, enable_idempotence=True, acks="all") as producer:
        sent = [await producer.send(f"{PREFIX}settlement.events", event, key=key_of(event)) for event in events]
        await asyncio.gather(*sent)


def key_of(event: bytes) -> bytes:
    """A reversal has the key of what it undoes: it must lie behind it, in the same partition."""
    document = json.loads(event)
    settlement_id: str = (document.get("reverses") or document)["settlement_id"]
    return settlement_id.encode()


class Ledger:
    """What was taken in, once each, by event_id.

    In a platform this is a table with event_id as its key, written in the transaction that books the settlement.
    """

    def __init__(self, path: Path) -> None:
        path.touch()
        self._seen = {line.split("\t")[0] for line in path.read_text("utf-8").splitlines()}
        self._file = path.open("a", encoding="utf-8")

    def take(self, values: list[bytes]) -> None:
        """Returns when what is new is on disk; repeats are dropped."""
        for adjusted in map(json.loads, values):
            if adjusted["event_id"] not in self._seen:
                self._seen.add(adjusted["event_id"])
                fund = adjusted.get("totals", {}).get("fund_amount", "-")
                row = (adjusted["event_id"], adjusted["settlement_id"], adjusted["event_type"], fund)
                self._file.write("\t".join(row) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())


async def consume(path: Path, count: float) -> None:
    """Take in what was committed; stop after `count` records. Offsets are committed after the ledger is written.

    So a crash repeats records and loses none, and the ledger drops the repeats.
    """
    ledger = Ledger(path)
    consumer = AIOKafkaConsumer(
        f"{PREFIX}settlement.adjusted",
        bootstrap_servers=BROKERS,
        group_id=GROUP,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    async with consumer:
        while count > 0:
            fetched = await consumer.getmany(timeout_ms=1000)
            values = [record.value for records in fetched.values() for record in records]
            if values:
                ledger.take(values)
                await consumer.commit()
                count -= len(values)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["produce", events]:
            asyncio.run(produce([line for line in Path(events).read_bytes().splitlines() if line.strip()]))
        case ["consume", ledger, *count]:
            asyncio.run(consume(Path(ledger), float(count[0]) if count else float("inf")))
        case _:
            sys.exit(__doc__)
