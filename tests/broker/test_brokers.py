"""What both brokers must do for us, and what only a real Kafka does."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import ProducerFenced
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from ops.kafka.broker import RealKafka
from streams.bus.embedded import EmbeddedBroker
from tests.kafka import Broker, create_topics, read_all


@pytest.fixture
async def producer(broker: Broker, prefix: str) -> AsyncIterator[AIOKafkaProducer]:
    started = AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers, transactional_id=f"{prefix}writer")
    await started.start()
    yield started
    await started.stop()


async def test_read_committed_sees_committed_transactions_and_on_a_real_kafka_no_aborted_one(
    broker: Broker, producer: AIOKafkaProducer, prefix: str
) -> None:
    topic = f"{prefix}out"
    broker.create_topics(topic)

    async with producer.transaction():
        await producer.send_and_wait(topic, b"first", partition=0)
    await producer.begin_transaction()
    await producer.send_and_wait(topic, b"aborted", partition=0)
    await producer.abort_transaction()
    async with producer.transaction():
        await producer.send_and_wait(topic, b"second", partition=0)

    values = [record.value for record in await read_all(broker.bootstrap_servers, topic)]
    assert values == ([b"first", b"second"] if broker.kind == "real" else [b"first", b"aborted", b"second"])


@pytest.mark.kafka
@pytest.mark.real_kafka
async def test_a_second_producer_of_the_same_transactional_id_fences_the_first(
    real_kafka: RealKafka, prefix: str
) -> None:
    address, topic = real_kafka.bootstrap_servers, f"{prefix}out"
    create_topics(address, topic, partitions=1)
    first = AIOKafkaProducer(bootstrap_servers=address, transactional_id=f"{prefix}writer")
    second = AIOKafkaProducer(bootstrap_servers=address, transactional_id=f"{prefix}writer")
    try:
        await first.start()
        await first.begin_transaction()
        await first.send_and_wait(topic, b"by the one that is fenced")
        await second.start()
        with pytest.raises(ProducerFenced):
            await first.commit_transaction()
        async with second.transaction():
            await second.send_and_wait(topic, b"by its successor")
    finally:
        await first.stop()
        await second.stop()

    assert [record.value for record in await read_all(address, topic)] == [b"by its successor"]


async def test_a_static_member_is_given_the_partitions(broker: Broker, prefix: str) -> None:
    broker.create_topics(f"{prefix}in")
    async with static_member(broker.bootstrap_servers, prefix) as consumer:
        assert consumer.assignment() == {TopicPartition(f"{prefix}in", number) for number in range(4)}


@pytest.mark.kafka
@pytest.mark.real_kafka
async def test_a_static_member_that_comes_back_has_its_partitions_again(real_kafka: RealKafka, prefix: str) -> None:
    create_topics(real_kafka.bootstrap_servers, f"{prefix}in", partitions=4)
    for _ in range(2):
        async with static_member(real_kafka.bootstrap_servers, prefix) as consumer:
            assert consumer.assignment() == {TopicPartition(f"{prefix}in", number) for number in range(4)}


@asynccontextmanager
async def static_member(address: str, prefix: str) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        f"{prefix}in",
        bootstrap_servers=address,
        group_id=f"{prefix}group",
        group_instance_id="worker-0",
        enable_auto_commit=False,
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumer.stop()


async def test_offsets_sent_within_a_transaction_are_stored_by_a_real_kafka_and_not_by_the_embedded_broker(
    broker: Broker, producer: AIOKafkaProducer, prefix: str
) -> None:
    source, group = TopicPartition(f"{prefix}in", 0), f"{prefix}group"
    broker.create_topics(source.topic)
    async with producer.transaction():
        await producer.send_offsets_to_transaction({source: 7}, group)
    # The commit is answered before the group coordinator has its marker; the next owner of the id waits for that.
    successor = AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers, transactional_id=f"{prefix}writer")
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.bootstrap_servers, group_id=group, enable_auto_commit=False)
    try:
        await successor.start()
        await consumer.start()
        consumer.assign([source])
        stored = await consumer.committed(source)
    finally:
        await successor.stop()
        await consumer.stop()

    assert stored == (7 if broker.kind == "real" else None)


@pytest.mark.kafka
@pytest.mark.real_kafka
def test_topics_are_created_as_told_and_none_by_itself(real_kafka: RealKafka, prefix: str) -> None:
    create_topics(real_kafka.bootstrap_servers, f"{prefix}wide", partitions=7, config={"cleanup.policy": "compact"})

    admin = AdminClient({"bootstrap.servers": real_kafka.bootstrap_servers})
    assert len(admin.list_topics(f"{prefix}wide", timeout=10).topics[f"{prefix}wide"].partitions) == 7
    admin.list_topics(f"{prefix}only.asked.for", timeout=10)
    assert f"{prefix}only.asked.for" not in admin.list_topics(timeout=10).topics
    with pytest.raises(KafkaException, match="TOPIC_ALREADY_EXISTS"):
        create_topics(real_kafka.bootstrap_servers, f"{prefix}wide", partitions=7)


@pytest.mark.parametrize("partitions", [1, 3, 5])
def test_the_embedded_broker_refuses_another_number_of_partitions_than_it_has(partitions: int) -> None:
    with pytest.raises(ValueError, match=f"has 4 partitions, not {partitions}"):
        EmbeddedBroker(partitions)


def test_two_embedded_brokers_live_side_by_side_and_are_gone_afterwards() -> None:
    with EmbeddedBroker() as one, EmbeddedBroker() as other:
        assert one.bootstrap_servers != other.bootstrap_servers
        host, _, port = one.bootstrap_servers.partition(":")
        socket.create_connection((host, int(port)), timeout=5).close()

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), timeout=5)
