"""Asks the brokers all that the doctor judges, and changes nothing there.

Two questions look dangerous and are not. A transaction is ended for a producer id that no broker gives out: the ACL is
looked at first, then the id is refused. And a coordinator is asked for only where Kafka's own topic for it exists,
or cannot be seen: asking would make it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from aiokafka.admin.config_resource import ConfigResourceType
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.admin import ApiVersionRequest, DescribeConfigsRequest
from aiokafka.protocol.coordination import FindCoordinatorRequest
from aiokafka.protocol.transaction import EndTxnRequest

from schemas.topics import EVENTS, RULEBOOK, TOPICS
from streams.bus.clients import connection
from streams.bus.doctor import wire
from streams.bus.doctor.facts import (
    OFFSETS,
    TRANSACTIONS,
    Absent,
    Broker,
    Clock,
    Facts,
    Group,
    NoRulebook,
    Operation,
    Partition,
    RulebookInUse,
    Topic,
    Unknown,
)
from streams.bus.rulebook_topic import read_releases
from streams.rulebook import Rulebook, RulebookError, load_rulebook
from streams.rulebook.release import Release
from streams.rulebook.review import overdue, today_in_china
from streams.settings import Settings

ALL_SECONDS: Final = 60.0
REACH_SECONDS: Final = 5.0
REQUEST_MS: Final = 10_000
COORDINATOR_TRIES: Final = 10
CLOCK_TRIES: Final = 5

_TOPIC_CONFIG: Final = (
    "cleanup.policy",
    "max.message.bytes",
    "message.timestamp.type",
    "min.insync.replicas",
    "retention.bytes",
    "retention.ms",
    "unclean.leader.election.enable",
)
_BROKER_CONFIG: Final = (
    "authorizer.class.name",
    "group.max.session.timeout.ms",
    "group.min.session.timeout.ms",
    "offsets.retention.minutes",
    "offsets.topic.replication.factor",
    "transaction.max.timeout.ms",
    "transaction.state.log.min.isr",
    "transaction.state.log.replication.factor",
)
_NOT_AVAILABLE: Final = frozenset((14, 15, 16))  # loading, not available, not the coordinator: each passes
_GROUP_FORBIDDEN: Final = 30
_CLUSTER_FORBIDDEN: Final = 31
_ID_FORBIDDEN: Final = 53
_CLIENT: Final = "petct-settle"
_NO_PRODUCER: Final = 2**63 - 1
_NOT_ASKED: Final = Unknown("these brokers are too old to be asked")
_FAILED: Final = (KafkaError, OSError, TimeoutError, NotImplementedError)


async def gather(settings: Settings, secret_bytes: int | Unknown) -> Facts:
    """All there is to know about where `settings` lead.

    Raises SettingsError when a certificate cannot be used, and KafkaError or TimeoutError when no broker answers.
    """
    client = AIOKafkaClient(**connection(settings), client_id="petct-doctor", request_timeout_ms=REQUEST_MS)
    try:
        async with asyncio.timeout(ALL_SECONDS):
            await client.bootstrap()
            return await _gather(client, settings, secret_bytes)
    finally:
        with contextlib.suppress(Exception):
            async with asyncio.timeout(2):
                await client.close()


async def _gather(client: AIOKafkaClient, settings: Settings, secret_bytes: int | Unknown) -> Facts:
    brokers = tuple(await asyncio.gather(*(_broker(client, broker) for broker in client.cluster.brokers())))
    brokers = tuple(sorted(brokers, key=lambda broker: broker.node_id))
    reached = [broker.node_id for broker in brokers if broker.version is not None]
    if not reached or any(broker.version == (0, 0) for broker in brokers):
        return Facts(brokers, {}, _NOT_ASKED, _NOT_ASKED, _NOT_ASKED, _NOT_ASKED, _NOT_ASKED, secret_bytes)
    node = reached[0]
    topics = await _topics(client, node, [*map(settings.topic, TOPICS), OFFSETS, TRANSACTIONS])
    return Facts(
        brokers=brokers,
        topics=topics,
        broker_config=await _broker_config(client, node),
        group=await _group(client, node, settings.group_id, topics[OFFSETS]),
        may_write_transactions=await _may_write_transactions(client, node, settings, topics[TRANSACTIONS]),
        clock=await _clock(client, node),
        rulebook=await _rulebook(settings, topics[settings.topic(RULEBOOK)]),
        secret_bytes=secret_bytes,
    )


async def _broker(client: AIOKafkaClient, broker: Any) -> Broker:
    address = f"{broker.host}:{broker.port}"
    try:
        async with asyncio.timeout(REACH_SECONDS):
            answer = await client.send(broker.nodeId, ApiVersionRequest())
    except _FAILED:
        return Broker(broker.nodeId, address, None)
    return Broker(broker.nodeId, address, wire.version({key: (low, high) for key, low, high in answer.api_versions}))


async def _topics(client: AIOKafkaClient, node: int, names: Sequence[str]) -> dict[str, Topic | Absent]:
    answer = await client.send(node, wire.DescribeTopics(list(names)))
    there = {name: (parts, bits) for error, name, _internal, parts, bits in answer.topics if not error}
    forbidden = {name for error, name, *_ in answer.topics if error == Absent.FORBIDDEN}
    configs = await _topic_configs(client, node, there)
    topics: dict[str, Topic | Absent] = {}
    for name in names:
        if name not in there:
            topics[name] = Absent.FORBIDDEN if name in forbidden else Absent.MISSING
            continue
        partitions, bits = there[name]
        topics[name] = Topic(
            tuple(
                Partition(leader >= 0, len(copies), len(in_sync))
                for _error, _number, leader, _epoch, copies, in_sync, _offline in partitions
            ),
            configs[name],
            _operations(bits),
        )
    return topics


def _operations(bits: int) -> frozenset[Operation] | Unknown:
    told = wire.operations(bits)
    return Unknown("the broker does not tell what we may do") if told is None else told


async def _topic_configs(
    client: AIOKafkaClient, node: int, names: Iterable[str]
) -> dict[str, Mapping[str, str] | Unknown]:
    resources = [(ConfigResourceType.TOPIC, name, list(_TOPIC_CONFIG)) for name in names]
    if not resources:
        return {}
    answer = await client.send(node, DescribeConfigsRequest(resources))
    return {name: _config(error, entries, f"topic {name}") for error, _text, _kind, name, entries in answer.resources}


async def _broker_config(client: AIOKafkaClient, node: int) -> Mapping[str, str] | Unknown:
    resource = (ConfigResourceType.BROKER, str(node), list(_BROKER_CONFIG))
    answer = await client.send(node, DescribeConfigsRequest([resource]))
    error, _text, _kind, _name, entries = answer.resources[0]
    return _config(error, entries, "the cluster")


def _config(error: int, entries: Iterable[Sequence[Any]], of: str) -> Mapping[str, str] | Unknown:
    if error:
        return Unknown(f"its settings are not told ({for_code(error).__name__})", f"Allow DescribeConfigs on {of}.")
    return {entry[0]: entry[1] for entry in entries if entry[1] is not None}


async def _coordinator(client: AIOKafkaClient, node: int, key: str, kind: int) -> tuple[int, int]:
    """Node and error of the coordinator of a group (kind 0) or transactional id (kind 1)."""
    for _ in range(COORDINATOR_TRIES):
        answer = await client.send(node, FindCoordinatorRequest(key, kind))
        if answer.error_code not in _NOT_AVAILABLE:
            break
        await asyncio.sleep(0.2)
    return answer.coordinator_id, answer.error_code


async def _group(client: AIOKafkaClient, node: int, group: str, kept_in: Topic | Absent) -> Group | Unknown:
    if kept_in is Absent.MISSING:
        return Unknown("no group has been on this cluster yet, and asking would make the topic for it")
    try:
        coordinator, error = await _coordinator(client, node, group, kind=0)
        if not error:
            answer = await client.send(coordinator, wire.DescribeGroup(group))
            error, _name, state, protocol_type, _protocol, members, bits = answer.groups[0]
    except _FAILED as failure:
        return Unknown(f"the group cannot be asked for ({type(failure).__name__})")
    if error == _GROUP_FORBIDDEN:
        return Group("", "", 0, (), frozenset())
    if error:
        return Unknown(f"the group cannot be asked for ({for_code(error).__name__})")
    strangers = {client_id for _member, client_id, *_ in members if not client_id.startswith(_CLIENT)}
    return Group(state, protocol_type, len(members), tuple(sorted(strangers)), _operations(bits))


async def _may_write_transactions(
    client: AIOKafkaClient, node: int, settings: Settings, kept_in: Topic | Absent
) -> bool | Unknown:
    if kept_in is Absent.MISSING:
        return Unknown("no transaction has been on this cluster yet, and asking would make the topic for it")
    name = f"{settings.group_id}.{settings.topic(EVENTS)}.0"
    try:
        coordinator, error = await _coordinator(client, node, name, kind=1)
        if not error:
            answer = await client.send(coordinator, EndTxnRequest(name, _NO_PRODUCER, 0, False))
            error = answer.error_code
    except _FAILED as failure:
        return Unknown(f"the coordinator of transactions does not answer ({type(failure).__name__})")
    if error in _NOT_AVAILABLE:
        return Unknown(f"the coordinator of transactions does not answer ({for_code(error).__name__})")
    # Whatever else it refuses, the ACL was passed: there is no such producer.
    return bool(error != _ID_FORBIDDEN)


async def _clock(client: AIOKafkaClient, node: int) -> Clock | Unknown:
    """The best of a few: the shorter the way, the less the answer can be off."""
    best: Clock | None = None
    for _ in range(CLOCK_TRIES):
        asked, began = time.time(), time.perf_counter()
        try:
            answer = await client.send(node, wire.DescribeQuorum())
        except _FAILED as failure:
            return Unknown(f"the brokers tell no time ({type(failure).__name__}): those on ZooKeeper never do")
        half = (time.perf_counter() - began) / 2
        if answer.error_code == _CLUSTER_FORBIDDEN:
            return Unknown("the controllers may not be asked for the time", "Allow Describe on the cluster.")
        told = wire.leader_time_ms(answer)
        if told is None:
            return Unknown("the brokers tell no time")
        if best is None or half < best.uncertainty:
            best = Clock(told / 1000 - (asked + half), half)
    return best or Unknown("the brokers tell no time")


async def _rulebook(settings: Settings, topic: Topic | Absent) -> RulebookInUse | NoRulebook | Unknown:
    if isinstance(topic, Absent):
        releases: list[Release] = []
    elif not isinstance(topic.operations, Unknown) and Operation.READ not in topic.operations:
        return Unknown("the releases may not be read")
    else:
        try:
            releases = await read_releases(settings)
        except _FAILED as failure:
            return Unknown(f"the releases cannot be read ({type(failure).__name__})")
    return await asyncio.to_thread(rulebook_in_use, settings, releases)


def rulebook_in_use(settings: Settings, releases: Sequence[Release]) -> RulebookInUse | NoRulebook:
    """The rulebook that a worker takes at its start (streams.bus.rules)."""
    refused: list[str] = []
    for release in reversed([release for release in releases if settings.rulebook in (None, release.hash)]):
        try:
            return _in_use(release.load(), refused, released=True)
        except Exception as error:  # like a worker, which goes on whatever is wrong with one
            told = str(error.mistakes[0]) if isinstance(error, RulebookError) else type(error).__name__
            refused.append(f"the release at offset {release.offset}: {told}")
    if refused:
        return NoRulebook("no release of the rulebook can be used", tuple(refused))
    if not releases and settings.rulebook_fallback == "installed":
        try:
            book = load_rulebook(settings.notices)
        except RulebookError as error:
            return NoRulebook("the notices cannot be used", tuple(str(mistake) for mistake in error.mistakes))
        if settings.rulebook in (None, book.hash):
            return _in_use(book, refused, released=False)
    if settings.rulebook is not None:
        return NoRulebook(f"PETCT_RULEBOOK={settings.rulebook} is not among the releases")
    return NoRulebook("no rulebook is released")


def _in_use(book: Rulebook, refused: Sequence[str], *, released: bool) -> RulebookInUse:
    late = tuple(rule.id for rule in overdue(book, today_in_china()))
    return RulebookInUse(book.hash, released, len(book.rules), book.earliest_review, late, tuple(refused))
