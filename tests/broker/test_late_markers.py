"""Of a Kafka whose transaction markers are late: what is refused meanwhile is no part of the transaction before.

A commit is answered when it is decided. Then the coordinator has markers written at the end of every partition of the
transaction, through the listener of brokers among themselves, even to itself. Here that listener lies behind a proxy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import TopicAuthorizationFailedError

from ops.kafka.broker import KafkaUnavailableError, RealKafka
from schemas.topics import ADJUSTED, DISCLOSURES, EVENTS
from streams.bus import outbox
from streams.bus.batch import Batch
from streams.bus.clients import Clients
from streams.bus.lane import Limits, OpenLane, Shared, open_lane, transact
from tests.broker.settling import PATIENCE, Scene, decide, scene
from tests.conftest import no_kafka
from tests.faults.proxy import Proxy
from tests.kafka import Broker, writing_forbidden

pytestmark = [pytest.mark.kafka, pytest.mark.real_kafka, pytest.mark.slow]

AMONG_BROKERS = "BROKERS"


@dataclass(frozen=True, slots=True)
class LateKafka:
    """`cut` the cable, and no marker is written before it is mended."""

    bootstrap_servers: str
    cable: Proxy


@pytest.fixture(scope="module")
def late_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LateKafka | str]:
    """The broker, or why there is none."""
    kafka = RealKafka(
        tmp_path_factory.mktemp("late-kafka"),
        properties={
            "inter.broker.listener.name": AMONG_BROKERS,
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "allow.everyone.if.no.acl.found": "true",
        },
        listeners={AMONG_BROKERS: "PLAINTEXT"},
        proxied=[AMONG_BROKERS],
    )
    with Proxy(kafka.advertised(AMONG_BROKERS), kafka.bootstrap(AMONG_BROKERS)) as cable:
        try:
            kafka.start()
        except KafkaUnavailableError as error:
            yield str(error)
        else:
            yield LateKafka(kafka.bootstrap_servers, cable)
        finally:
            if kafka.nodes[0].running:
                kafka.kill()  # Nobody needs its data any more.


@pytest.fixture
def late(late_kafka: LateKafka | str) -> LateKafka:
    return late_kafka if isinstance(late_kafka, LateKafka) else no_kafka(late_kafka)


async def test_a_batch_refused_while_markers_are_late_is_no_part_of_the_transaction_before(
    late: LateKafka, prefix: str
) -> None:
    on = await _refused_between(late, prefix)

    assert await on.outputs(ADJUSTED) == [b"ours", b"both"]
    assert await on.outputs(DISCLOSURES) == [b"both"]


async def test_control_sent_before_it_joined_its_transaction_a_refused_batch_is_repeated(
    late: LateKafka, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `join_transaction` is for. Once this fails, aiokafka or Kafka has mended it, and nobody needs that."""

    async def not_at_all(*arguments: Any) -> None:
        """As aiokafka would: partitions join as batches are sent."""

    monkeypatch.setattr(outbox, "join_transaction", not_at_all)
    on = await _refused_between(late, prefix)

    assert await on.outputs(ADJUSTED) == [b"ours", b"both", b"both"]
    assert await on.outputs(DISCLOSURES) == [b"both"]


async def _refused_between(late: LateKafka, prefix: str) -> Scene:
    """`ours` is committed, its markers late; `both` is refused meanwhile, and done again when all is well."""
    on = scene(Broker("real", late.bootstrap_servers), prefix)
    await on.create_topics()
    await on.send(b"ours", b"both")
    partition = TopicPartition(on.settings.topic(EVENTS), 0)
    async with on.shared(partition) as shared:
        cutting = Clients(on.settings, None, _cutting(late.cable)).producer
        # What a thrown away producer holds is delivered or refused before the cable is mended, however long it takes.
        refused = replace(shared, new_producer=cutting, limits=Limits(producer_stop=PATIENCE))
        try:
            with writing_forbidden(late.bootstrap_servers, on.settings.topic(DISCLOSURES)):
                async with open_lane(partition, refused) as opened:
                    await _commit_next(partition, opened, refused)
                    assert await on.outputs(ADJUSTED) == [], "the markers are there already"
                    with pytest.raises(TopicAuthorizationFailedError):
                        await _commit_next(partition, opened, refused)
        finally:
            late.cable.mend()
        async with open_lane(partition, shared) as opened:
            assert opened.committed == 1
            await _commit_next(partition, opened, shared)
        # A lane opens when all markers of its last transaction are written: then everything is there to be read.
        async with open_lane(partition, shared) as opened:
            assert opened.committed == 2
    return on


def _cutting(cable: Proxy) -> type[AIOKafkaProducer]:
    """A producer whose commits are decided, and no more."""

    class Cutting(AIOKafkaProducer):
        async def commit_transaction(self) -> None:
            cable.cut()
            await super().commit_transaction()

    return Cutting


async def _commit_next(partition: TopicPartition, opened: OpenLane, shared: Shared) -> None:
    """The next record is a batch of its own."""
    async with asyncio.timeout(PATIENCE):
        record = await shared.consumer.getone(partition)
        batch = Batch(record.offset)
        batch.add([record], record.offset + 1, decide)
        await transact(opened.producer, partition, batch, shared)
