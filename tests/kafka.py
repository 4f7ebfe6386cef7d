"""What tests do with a broker: make topics, read a topic to its end."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from confluent_kafka import TopicCollection
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

from streams.bus import embedded


@dataclass(frozen=True, slots=True)
class Broker:
    """`kind` is for the few facts that differ; a test that needs what only Kafka does asks for `real_kafka` instead."""

    kind: Literal["embedded", "real"]
    bootstrap_servers: str

    def create_topics(self, *names: str, config: dict[str, str] | None = None) -> None:
        """Topics of 4 partitions, the only number the embedded broker knows."""
        if self.kind == "embedded":
            admin = AdminClient({"bootstrap.servers": self.bootstrap_servers})
            for name in names:
                admin.list_topics(name, timeout=10)
        else:
            create_topics(self.bootstrap_servers, *names, partitions=embedded.PARTITIONS, config=config)


def create_topics(bootstrap_servers: str, *names: str, partitions: int, config: dict[str, str] | None = None) -> None:
    """Create topics on a real Kafka. Raises KafkaException when one exists or is refused."""
    admin = AdminClient({"bootstrap.servers": bootstrap_servers})
    wanted = [NewTopic(name, num_partitions=partitions, config=config or {}) for name in names]
    for created in admin.create_topics(wanted).values():
        created.result(timeout=30)
    # Made is not yet known to the broker that made it.
    end = time.monotonic() + 30
    while not all(_known(admin, name, partitions) for name in names):
        assert time.monotonic() < end, f"{names} are made, and not known after 30 s"
        time.sleep(0.05)


def _known(admin: AdminClient, name: str, partitions: int) -> bool:
    found = admin.list_topics(name, timeout=30).topics[name].partitions.values()
    return len(found) == partitions and all(partition.leader >= 0 for partition in found)


@contextmanager
def writing_forbidden(bootstrap_servers: str, topic: str) -> Iterator[None]:
    """Nobody may write to the topic, though all else with it, on a Kafka whose authorizer allows what no ACL names.

    Each change is waited for until the broker has heard of it.
    """
    admin = AdminClient({"bootstrap.servers": bootstrap_servers})
    kind, whom = ResourcePatternType.LITERAL, "User:ANONYMOUS"

    def binding(operation: AclOperation, permission: AclPermissionType) -> AclBinding:
        return AclBinding(ResourceType.TOPIC, topic, kind, whom, "*", operation, permission)

    bindings = [
        binding(AclOperation.ALL, AclPermissionType.ALLOW),
        binding(AclOperation.WRITE, AclPermissionType.DENY),
    ]
    for made in admin.create_acls(bindings).values():
        made.result(timeout=30)
    try:
        _until_writable(admin, topic, False)
        yield
    finally:
        both = AclBindingFilter(ResourceType.TOPIC, topic, kind, whom, "*", AclOperation.ANY, AclPermissionType.ANY)
        for gone in admin.delete_acls([both]).values():
            gone.result(timeout=30)
        _until_writable(admin, topic, True)


def _until_writable(admin: AdminClient, topic: str, wanted: bool) -> None:
    end = time.monotonic() + 30
    while True:
        asked = admin.describe_topics(TopicCollection([topic]), include_authorized_operations=True)
        if (AclOperation.WRITE in asked[topic].result(timeout=30).authorized_operations) is wanted:
            return
        assert time.monotonic() < end, f"the broker has not heard of the rights to {topic} after 30 s"
        time.sleep(0.05)


async def read_all(
    bootstrap_servers: str,
    topic: str,
    *,
    isolation_level: Literal["read_committed", "read_uncommitted"] = "read_committed",
    within: float = 60.0,
) -> list[ConsumerRecord[bytes, bytes]]:
    """Every record the topic holds now, in the order of partition and offset. Raises TimeoutError.

    Read committed, what an open transaction holds back is not waited for.
    """
    consumer: AIOKafkaConsumer[bytes, bytes] = AIOKafkaConsumer(
        topic,
        bootstrap_servers=bootstrap_servers,
        isolation_level=isolation_level,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    records: list[ConsumerRecord[bytes, bytes]] = []
    async with asyncio.timeout(within):
        try:
            await consumer.start()
            ends = await consumer.end_offsets(consumer.assignment())
            assert ends, f"the broker has no topic {topic}"
            while any([await consumer.position(partition) < end for partition, end in ends.items()]):
                for batch in (await consumer.getmany(timeout_ms=200)).values():
                    records += batch
        finally:
            await consumer.stop()
    return sorted(records, key=lambda record: (record.partition, record.offset))
