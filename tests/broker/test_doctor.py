"""The doctor on a real Kafka: it finds what is wrong there, and leaves everything as it was."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from ops.kafka.broker import RealKafka
from schemas.topics import ADJUSTED, DEADLETTERS, DISCLOSURES, EVENTS, RULEBOOK, TOPICS
from streams.bus import topics
from streams.bus.doctor import Finding, Level, diagnose, gather
from streams.bus.rulebook_topic import publish
from streams.bus.topics import SETTLE
from streams.rulebook import load_rulebook
from streams.settings import KafkaSettings, Settings
from tests.kafka import create_topics, read_all

pytestmark = [pytest.mark.kafka, pytest.mark.real_kafka]

SECRET_BYTES = 64


def _settings(bootstrap_servers: str, prefix: str, **given: object) -> Settings:
    fixed: dict[str, Any] = {
        "kafka_bootstrap_servers": bootstrap_servers,
        "topic_prefix": prefix,
        "group_id": f"{prefix}settle",
        "disclosure_secret": "s",
        **given,
    }
    return Settings(**fixed)


async def _diagnosed(settings: Settings) -> list[Finding]:
    return diagnose(settings, await gather(settings, SECRET_BYTES))


def _told(findings: Iterable[Finding], level: Level) -> set[tuple[str, str]]:
    return {(finding.check, finding.subject) for finding in findings if finding.level is level}


async def _release(settings: KafkaSettings) -> None:
    now = datetime.now(UTC)
    await publish(settings, load_rulebook(), "first", "test", now)


async def test_a_set_up_of_our_own_making_has_no_problem(real_kafka: RealKafka, prefix: str) -> None:
    settings = _settings(real_kafka.bootstrap_servers, prefix)
    await topics.create_topics(settings, partitions=3, replication=1)
    await _release(settings)

    findings = await _diagnosed(settings)

    assert _told(findings, Level.PROBLEM) == set()
    assert {check for check, _ in _told(findings, Level.ADVICE)} <= {
        "broker.count",
        "acl.authorizer",
        "topic.retention",  # these brokers keep everything
        "group.offsets_retention",
        "rulebook.review",  # as time goes by
    }
    fine = _told(findings, Level.OK)
    assert {("broker.version", "broker 1"), ("clock", "clock"), ("rulebook", "rulebook")} <= fine
    assert {("topic", f"{prefix}{name}") for name in (EVENTS, ADJUSTED, DISCLOSURES, RULEBOOK)} <= fine
    assert ("acl.transactional_id", f"transactional ids {prefix}settle.{prefix}{EVENTS}.*") in fine
    (version,) = [finding.found for finding in findings if finding.check == "broker.version"]
    assert version == f"{real_kafka.bootstrap_servers}, Kafka 4.0 or newer"


async def test_topics_made_by_hand_and_wrong_are_each_told(real_kafka: RealKafka, prefix: str) -> None:
    address = real_kafka.bootstrap_servers
    create_topics(address, f"{prefix}{EVENTS}", partitions=4, config={"cleanup.policy": "compact"})
    create_topics(address, f"{prefix}{ADJUSTED}", partitions=2, config=topics.config(TOPICS[ADJUSTED]))
    small = {**topics.config(TOPICS[DISCLOSURES]), "max.message.bytes": "1000", "message.timestamp.type": "CreateTime"}
    create_topics(address, f"{prefix}{DISCLOSURES}", partitions=4, config=small)
    two = {**topics.config(TOPICS[DEADLETTERS]), "min.insync.replicas": "2"}
    create_topics(address, f"{prefix}{DEADLETTERS}", partitions=4, config=two)
    create_topics(address, f"{prefix}{RULEBOOK}", partitions=1, config={"retention.ms": "3600000"})
    _wait_until_known(address, {f"{prefix}{name}" for name in SETTLE})

    findings = await _diagnosed(_settings(address, prefix))

    problems = {(check, subject.removeprefix(prefix)) for check, subject in _told(findings, Level.PROBLEM)}
    assert problems == {
        ("topic.cleanup_policy", EVENTS),
        ("topic.partitions", ADJUSTED),
        ("topic.max_message_bytes", DISCLOSURES),
        ("topic.max_message_bytes", RULEBOOK),
        ("topic.min_insync_replicas", DEADLETTERS),
        ("topic.retention", RULEBOOK),
        ("rulebook", "rulebook"),
    }
    assert ("topic.timestamp_type", f"{prefix}{DISCLOSURES}") in _told(findings, Level.ADVICE)


async def test_a_worker_in_the_middle_of_a_transaction_does_not_notice(real_kafka: RealKafka, prefix: str) -> None:
    settings = _settings(real_kafka.bootstrap_servers, prefix)
    await topics.create_topics(settings, partitions=1, replication=1)
    events = settings.topic(EVENTS)
    producer = AIOKafkaProducer(
        bootstrap_servers=real_kafka.bootstrap_servers, transactional_id=f"{settings.group_id}.{events}.0"
    )
    await producer.start()
    try:
        async with producer.transaction():
            await producer.send_and_wait(settings.topic(ADJUSTED), b"before", key=b"k", partition=0)
            findings = await _diagnosed(settings)
            await producer.send_and_wait(settings.topic(ADJUSTED), b"after", key=b"k", partition=0)
            await producer.send_offsets_to_transaction({TopicPartition(events, 0): 7}, settings.group_id)
    finally:
        await producer.stop()
    assert ("acl.transactional_id", f"transactional ids {settings.group_id}.{events}.*") in _told(findings, Level.OK)
    assert [record.value for record in await read_all(real_kafka.bootstrap_servers, settings.topic(ADJUSTED))] == [
        b"before",
        b"after",
    ]


@pytest.fixture(scope="module")
def strict_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealKafka]:
    """Knows a user `worker` who may do nothing yet, and has limits no worker of ours can live with."""
    login = "org.apache.kafka.common.security.plain.PlainLoginModule required user_worker=hush;"
    properties = {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
        "listener.name.clients.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.clients.plain.sasl.jaas.config": login,
        "transaction.max.timeout.ms": "50000",
        "group.min.session.timeout.ms": "20000",
    }
    directory = tmp_path_factory.mktemp("strict")
    with RealKafka(directory, properties=properties, listeners={"CLIENTS": "SASL_PLAINTEXT"}) as kafka:
        yield kafka


@pytest.mark.slow
async def test_limits_of_the_brokers_are_told_and_nothing_is_made(
    real_kafka: RealKafka, strict_kafka: RealKafka
) -> None:
    """`real_kafka` says whether there can be a broker at all."""
    admin = AdminClient({"bootstrap.servers": strict_kafka.bootstrap_servers})
    before = set(admin.list_topics(timeout=10).topics)

    problems = _told(await _diagnosed(_settings(strict_kafka.bootstrap_servers, "absent.")), Level.PROBLEM)

    assert {
        ("transaction.timeout", "transactions"),
        ("group.session_timeout", "group absent.settle"),
        ("topic.exists", f"absent.{EVENTS}"),
    } <= problems
    assert set(admin.list_topics(timeout=10).topics) == before


@pytest.mark.slow
async def test_what_a_user_may_not_do_is_told_until_it_is_allowed(
    real_kafka: RealKafka, strict_kafka: RealKafka, prefix: str
) -> None:
    address = strict_kafka.bootstrap_servers
    worker = _settings(
        strict_kafka.bootstrap("CLIENTS"),
        prefix,
        kafka_security_protocol="SASL_PLAINTEXT",
        kafka_sasl_username="worker",
        kafka_sasl_password="hush",
        rulebook_fallback="installed",
    )
    ids = f"{worker.group_id}.{worker.topic(EVENTS)}."
    await topics.create_topics(_settings(address, prefix), partitions=1, replication=1)

    unseen = {
        (finding.check, finding.found) for finding in await _diagnosed(worker) if worker.topic("") in finding.subject
    }
    assert ("topic.exists", "may not be seen") in unseen

    _allow(address, ResourceType.TOPIC, prefix, AclOperation.READ, AclOperation.DESCRIBE_CONFIGS)
    told = await _diagnosed(worker)
    outputs = (ADJUSTED, DISCLOSURES, DEADLETTERS)
    assert _told(told, Level.PROBLEM) == {
        *(("acl.topic", worker.topic(name)) for name in outputs),
        ("acl.group", f"group {worker.group_id}"),
        ("acl.transactional_id", f"transactional ids {ids}*"),
    }
    unknown = {("acl.authorizer", "cluster"), ("broker.limits", "broker settings"), ("clock", "clock")}
    assert unknown <= _told(told, Level.SKIPPED)
    assert "hush" not in repr(told)

    for name in outputs:
        _allow(address, ResourceType.TOPIC, worker.topic(name), AclOperation.WRITE)
    _allow(address, ResourceType.GROUP, worker.group_id, AclOperation.READ)
    _allow(address, ResourceType.TRANSACTIONAL_ID, ids, AclOperation.WRITE)
    assert _told(await _diagnosed(worker), Level.PROBLEM) == set()


def _wait_until_known(address: str, names: set[str]) -> None:
    """A topic just made is not at once known to the broker that made it."""
    admin = AdminClient({"bootstrap.servers": address})
    while not names <= set(admin.list_topics(timeout=10).topics):
        time.sleep(0.05)


def _allow(address: str, kind: ResourceType, name: str, *operations: AclOperation) -> None:
    admin = AdminClient({"bootstrap.servers": address})
    pattern, allow = ResourcePatternType.PREFIXED, AclPermissionType.ALLOW
    wanted = [AclBinding(kind, name, pattern, "User:worker", "*", operation, allow) for operation in operations]
    for made in admin.create_acls(wanted).values():
        made.result(timeout=30)
    # Answered by the controller; the broker that is asked hears of it a little later.
    anybody = AclBindingFilter(kind, name, pattern, "User:worker", "*", AclOperation.ANY, allow)
    end = time.monotonic() + 30
    while not set(wanted) <= set(admin.describe_acls(anybody).result(timeout=30)):
        assert time.monotonic() < end, "the broker has not heard of the rights after 30 s"
        time.sleep(0.05)
