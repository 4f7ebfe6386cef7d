"""Every check of the doctor, on facts as a broker might give them: what is well, what is advice, what is a problem."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from schemas.topics import ADJUSTED, ALERTS, DEADLETTERS, DISCLOSURES, EVENTS, REPLAYS, RULEBOOK, TOPICS
from streams.bus.doctor import Finding, Level, diagnose, fit_to_run, wire
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
from streams.bus.doctor.gather import rulebook_in_use
from streams.bus.topics import config as catalogue_config
from streams.rulebook import load_rulebook
from streams.rulebook.release import Release
from streams.settings import Settings

OK, ADVICE, PROBLEM, SKIPPED = Level.OK, Level.ADVICE, Level.PROBLEM, Level.SKIPPED
DAY_MS = 86_400_000
BOOK = load_rulebook()
FORBIDDEN = Unknown("its settings are not told", "Allow DescribeConfigs on it.")


def _settings(**given: object) -> Settings:
    fixed: dict[str, Any] = {"kafka_bootstrap_servers": "one:9092", "disclosure_secret": "s", **given}
    return Settings(**fixed)


def _topic(name: str = "", count: int = 3, /, **config: str) -> Topic:
    """Three copies of which two suffice; `_` in the names of settings stands for a dot."""
    of_catalogue = catalogue_config(TOPICS[name]) if name else {"cleanup.policy": "compact"}
    base = {"min.insync.replicas": "2", "retention.ms": str(30 * DAY_MS), "unclean.leader.election.enable": "false"}
    given = {key.replace("_", "."): value for key, value in config.items()}
    return Topic(
        (Partition(leader=True, copies=3, in_sync=3),) * count, {**base, **of_catalogue, **given}, frozenset(Operation)
    )


def _config(name: str, **config: str) -> dict[str, Topic]:
    return {name: _topic(name, 1 if name == RULEBOOK else 3, **config)}


def _copies(name: str, copies: int, in_sync: int, *, leader: bool = True, **config: str) -> dict[str, Topic]:
    topic = _topic(name, 3, **config)
    return {name: replace(topic, partitions=(*topic.partitions[1:], Partition(leader, copies, in_sync)))}


HEALTHY = Facts(
    brokers=tuple(Broker(number, f"kafka-{number}:9092", (4, 0)) for number in (1, 2, 3)),
    topics={name: _topic(name, 1 if name == RULEBOOK else 3) for name in TOPICS}
    | {OFFSETS: _topic(), TRANSACTIONS: _topic()},
    broker_config={
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "group.max.session.timeout.ms": "1800000",
        "group.min.session.timeout.ms": "6000",
        "offsets.retention.minutes": str(30 * 24 * 60),
        "offsets.topic.replication.factor": "3",
        "transaction.max.timeout.ms": "900000",
        "transaction.state.log.min.isr": "2",
        "transaction.state.log.replication.factor": "3",
    },
    group=Group("Empty", "consumer", 0, (), frozenset(Operation)),
    may_write_transactions=True,
    clock=Clock(0.002, 0.004),
    rulebook=RulebookInUse("sha256:00", True, 16, date(2026, 12, 31), (), ()),
    secret_bytes=64,
)
SAFE = _settings(kafka_security_protocol="SSL")


def _topics(changed: Mapping[str, Topic | Absent]) -> Facts:
    return replace(HEALTHY, topics={**HEALTHY.topics, **changed})


def _brokers_say(**changed: str) -> Facts:
    told = cast("Mapping[str, str]", HEALTHY.broker_config)
    return replace(HEALTHY, broker_config={**told, **{key.replace("_", "."): text for key, text in changed.items()}})


def _only(findings: list[Finding]) -> Finding:
    (finding,) = [finding for finding in findings if finding.level is not OK]
    return finding


def test_a_cluster_as_it_should_be_is_in_order_and_every_check_says_so() -> None:
    findings = diagnose(SAFE, HEALTHY)
    assert {finding.level for finding in findings} == {OK}
    assert fit_to_run(findings)
    assert {finding.check for finding in findings} == {
        "acl.authorizer",
        "acl.group",
        "acl.topic",
        "acl.transactional_id",
        "broker.count",
        "broker.encryption",
        "broker.version",
        "clock",
        "group.offsets_retention",
        "group.session_timeout",
        "group.state",
        "rulebook",
        "rulebook.review",
        "secret",
        "topic",
        "transaction.timeout",
    }
    topics = [finding.subject for finding in findings if finding.check == "topic"]
    assert topics == [*TOPICS, OFFSETS, TRANSACTIONS]


def _two_brokers() -> Facts:
    few = replace(HEALTHY, brokers=HEALTHY.brokers[:2])
    return replace(few, topics={name: _copies_of(topic, 2, least="1") for name, topic in HEALTHY.topics.items()})


def _one_broker() -> Facts:
    few = replace(HEALTHY, brokers=HEALTHY.brokers[:1])
    return replace(few, topics={name: _copies_of(topic, 1, least="1") for name, topic in HEALTHY.topics.items()})


def _copies_of(topic: Topic | Absent, copies: int, *, least: str) -> Topic:
    assert isinstance(topic, Topic)
    assert not isinstance(topic.config, Unknown)
    partition = Partition(leader=True, copies=copies, in_sync=copies)
    config = {**topic.config, "min.insync.replicas": least}
    return replace(topic, partitions=(partition,) * len(topic.partitions), config=config)


WRONG: dict[str, tuple[Facts, Level, str, str]] = {
    "a broker this host cannot reach": (
        replace(HEALTHY, brokers=(*HEALTHY.brokers, Broker(4, "inside:9092", None))),
        PROBLEM,
        "broker.reachable",
        "inside:9092",
    ),
    "one broker": (_one_broker(), ADVICE, "broker.count", "only 1"),
    "a clock some seconds off": (replace(HEALTHY, clock=Clock(-3.0, 0.1)), ADVICE, "clock", "3.000 s behind"),
    "a clock hours off": (replace(HEALTHY, clock=Clock(7200.0, 0.1)), PROBLEM, "clock", "7200.000 s ahead of"),
    "a clock nobody tells": (replace(HEALTHY, clock=Unknown("no time is told")), SKIPPED, "clock", "no time"),
    "no topic to write to": (_topics({ADJUSTED: Absent.MISSING}), PROBLEM, "topic.exists", "does not exist"),
    "a topic only replays need": (_topics({REPLAYS: Absent.MISSING}), ADVICE, "topic.exists", "does not exist"),
    "a topic nobody lets us see": (_topics({EVENTS: Absent.FORBIDDEN}), PROBLEM, "topic.exists", "may not be seen"),
    "too few partitions": (_topics({DISCLOSURES: _topic(DISCLOSURES, 2)}), PROBLEM, "topic.partitions", "2 partitions"),
    "too many partitions": (_topics({DISCLOSURES: _topic(DISCLOSURES, 4)}), ADVICE, "topic.partitions", "4 partitions"),
    "two partitions of releases": (_topics({RULEBOOK: _topic(RULEBOOK, 2)}), ADVICE, "topic.partitions", "wanted is 1"),
    "compacted events": (
        _topics(_config(EVENTS, cleanup_policy="compact")),
        PROBLEM,
        "topic.cleanup_policy",
        "compact",
    ),
    "compacted and deleted events": (
        _topics(_config(EVENTS, cleanup_policy="compact,delete")),
        PROBLEM,
        "topic.cleanup_policy",
        "compact,delete",
    ),
    "compacted dead letters": (
        _topics(_config(DEADLETTERS, cleanup_policy="compact")),
        PROBLEM,
        "topic.cleanup_policy",
        "compact",
    ),
    "deleted answers": (_topics(_config(ADJUSTED, cleanup_policy="delete")), PROBLEM, "topic.cleanup_policy", "delete"),
    "compacted alerts": (_topics(_config(ALERTS, cleanup_policy="compact")), ADVICE, "topic.cleanup_policy", "compact"),
    "small answers only": (
        _topics(_config(DEADLETTERS, max_message_bytes="1048588")),
        PROBLEM,
        "topic.max_message_bytes",
        "1048588",
    ),
    "the writer's clock": (
        _topics(_config(ADJUSTED, message_timestamp_type="CreateTime")),
        ADVICE,
        "topic.timestamp_type",
        "CreateTime",
    ),
    "events kept for hours": (
        _topics(_config(EVENTS, retention_ms=str(DAY_MS // 2))),
        PROBLEM,
        "topic.retention",
        "12 hours",
    ),
    "events kept for days": (
        _topics(_config(EVENTS, retention_ms=str(3 * DAY_MS))),
        ADVICE,
        "topic.retention",
        "3 day",
    ),
    "events pushed out": (_topics(_config(EVENTS, retention_bytes="1000000")), ADVICE, "topic.retention", "1000000"),
    "dead letters soon gone": (
        _topics(_config(DEADLETTERS, retention_ms=str(7 * DAY_MS))),
        ADVICE,
        "topic.retention",
        "7 days",
    ),
    "dead letters for ever": (_topics(_config(DEADLETTERS, retention_ms="-1")), ADVICE, "topic.retention", "for ever"),
    "releases that go": (
        _topics(_config(RULEBOOK, retention_ms="604800000")),
        PROBLEM,
        "topic.retention",
        "retention.ms=604800000",
    ),
    "releases pushed out": (_topics(_config(RULEBOOK, retention_bytes="1")), PROBLEM, "topic.retention", "bytes=1"),
    "one copy on three brokers": (
        _topics({ADJUSTED: _copies_of(_topic(ADJUSTED), 1, least="1")}),
        PROBLEM,
        "topic.replication",
        "one copy",
    ),
    "more in sync than copies": (
        _topics(_config(ADJUSTED, min_insync_replicas="4")),
        PROBLEM,
        "topic.min_insync_replicas",
        "4 and 3 copies",
    ),
    "all in sync or nothing": (
        _topics(_config(ADJUSTED, min_insync_replicas="3")),
        ADVICE,
        "topic.min_insync_replicas",
        "as many as copies",
    ),
    "one in sync suffices": (
        _topics(_config(ADJUSTED, min_insync_replicas="1")),
        ADVICE,
        "topic.min_insync_replicas",
        "replicas=1",
    ),
    "a copy that lags": (_topics(_copies(ADJUSTED, 3, 2)), ADVICE, "topic.in_sync", "2 of 3"),
    "too few copies in sync": (_topics(_copies(ADJUSTED, 3, 1)), PROBLEM, "topic.in_sync", "1 copies in sync"),
    "unclean elections": (
        _topics(_config(EVENTS, unclean_leader_election_enable="true")),
        ADVICE,
        "topic.unclean_election",
        "true",
    ),
    "settings nobody tells": (
        _topics({ALERTS: replace(_topic(ALERTS), config=FORBIDDEN)}),
        SKIPPED,
        "topic.config",
        "not told",
    ),
    "one copy of transactions": (
        _topics({TRANSACTIONS: _copies_of(_topic(), 1, least="1")}),
        PROBLEM,
        "topic.replication",
        "one copy",
    ),
    "Kafka's own topic unseen": (_topics({OFFSETS: Absent.FORBIDDEN}), SKIPPED, "topic", "may not be seen"),
    "no authorizer": (_brokers_say(authorizer_class_name=""), ADVICE, "acl.authorizer", "no authorizer"),
    "no leave to write": (
        _topics({ADJUSTED: replace(_topic(ADJUSTED), operations=frozenset({Operation.READ}))}),
        PROBLEM,
        "acl.topic",
        "Write is not allowed",
    ),
    "no leave to read": (
        _topics({EVENTS: replace(_topic(EVENTS), operations=frozenset({Operation.WRITE}))}),
        PROBLEM,
        "acl.topic",
        "Read is not allowed",
    ),
    "leave that is not told": (
        _topics({EVENTS: replace(_topic(EVENTS), operations=Unknown("not told"))}),
        SKIPPED,
        "acl.topic",
        "not told",
    ),
    "no leave to join": (
        replace(HEALTHY, group=Group("", "", 0, (), frozenset())),
        PROBLEM,
        "acl.group",
        "Read is not allowed",
    ),
    "no leave for transactions": (
        replace(HEALTHY, may_write_transactions=False),
        PROBLEM,
        "acl.transactional_id",
        "Write is not allowed",
    ),
    "transactions nobody knows of": (
        replace(HEALTHY, may_write_transactions=Unknown("no transaction has been here yet")),
        SKIPPED,
        "acl.transactional_id",
        "no transaction",
    ),
    "short transactions only": (
        _brokers_say(transaction_max_timeout_ms="30000"),
        PROBLEM,
        "transaction.timeout",
        "transaction.max.timeout.ms=30000",
    ),
    "long sessions only": (
        _brokers_say(group_min_session_timeout_ms="10000"),
        PROBLEM,
        "group.session_timeout",
        "10000 to",
    ),
    "short sessions only": (
        _brokers_say(group_max_session_timeout_ms="8000"),
        PROBLEM,
        "group.session_timeout",
        "to 8000",
    ),
    "offsets forgotten before events": (
        _brokers_say(offsets_retention_minutes="10080"),
        ADVICE,
        "group.offsets_retention",
        "10080",
    ),
    "another kind of group": (
        replace(HEALTHY, group=Group("Stable", "connect", 2, (), frozenset(Operation))),
        PROBLEM,
        "group.state",
        "kind connect",
    ),
    "strangers in the group": (
        replace(HEALTHY, group=Group("Stable", "consumer", 2, ("reports",), frozenset(Operation))),
        PROBLEM,
        "group.state",
        "reports",
    ),
    "more workers than partitions": (
        replace(HEALTHY, group=Group("Stable", "consumer", 4, (), frozenset(Operation))),
        ADVICE,
        "group.state",
        "4 active members",
    ),
    "a group on the move": (
        replace(HEALTHY, group=Group("PreparingRebalance", "consumer", 2, (), frozenset(Operation))),
        ADVICE,
        "group.state",
        "PreparingRebalance",
    ),
    "no rulebook": (replace(HEALTHY, rulebook=NoRulebook("no rulebook is released")), PROBLEM, "rulebook", "released"),
    "a rulebook nobody lets us read": (
        replace(HEALTHY, rulebook=Unknown("the releases may not be read")),
        SKIPPED,
        "rulebook",
        "may not be read",
    ),
    "an unusable release": (
        replace(
            HEALTHY, rulebook=RulebookInUse("sha256:00", True, 16, date(2026, 12, 31), (), ("at offset 3: damaged",))
        ),
        PROBLEM,
        "rulebook.release",
        "offset 3",
    ),
    "an unreleased rulebook": (
        replace(HEALTHY, rulebook=RulebookInUse("sha256:00", False, 16, date(2026, 12, 31), (), ())),
        ADVICE,
        "rulebook.release",
        "unreleased",
    ),
    "reviews overdue": (
        replace(HEALTHY, rulebook=RulebookInUse("sha256:00", True, 16, date(2026, 12, 31), ("hz/price", "hz/b"), ())),
        ADVICE,
        "rulebook.review",
        "2 entries",
    ),
    "no secret": (replace(HEALTHY, secret_bytes=Unknown("is not set")), PROBLEM, "secret", "not set"),
    "a guessable secret": (replace(HEALTHY, secret_bytes=15), PROBLEM, "secret", "15 bytes"),
    "a short secret": (replace(HEALTHY, secret_bytes=31), ADVICE, "secret", "31 bytes"),
}


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_once_at_its_level(case: tuple[Facts, Level, str, str]) -> None:
    facts, level, check, told = case
    finding = _only(diagnose(SAFE, facts))
    assert (finding.level, finding.check) == (level, check)
    assert told in finding.found
    assert fit_to_run([finding]) is (level is not PROBLEM)
    if level in (ADVICE, PROBLEM):
        assert finding.change
        assert finding.why


def test_every_check_stands_in_the_documentation() -> None:
    page = (Path(__file__).parents[3] / "docs" / "operations.md").read_text("utf-8")
    known = {finding.check for finding in diagnose(SAFE, HEALTHY)} | {check for _, _, check, _ in WRONG.values()}
    assert {check for check in known if f"`{check}`" not in page} == set()


def test_a_partition_without_a_leader_is_a_problem() -> None:
    findings = diagnose(SAFE, _topics(_copies(EVENTS, 3, 3, leader=False)))
    assert (_only(findings).check, _only(findings).level) == ("topic.leader", PROBLEM)


def test_two_copies_where_three_brokers_are_is_too_few() -> None:
    findings = diagnose(SAFE, _topics({ADJUSTED: _copies_of(_topic(ADJUSTED), 2, least="2")}))
    told = {(finding.check, finding.level) for finding in findings if finding.level is not OK}
    assert told == {("topic.replication", ADVICE), ("topic.min_insync_replicas", ADVICE)}


def test_two_brokers_hold_two_copies_and_are_told_what_that_means() -> None:
    told = {(finding.check, finding.level) for finding in diagnose(SAFE, _two_brokers())} - {("topic", OK)}
    assert ("broker.count", ADVICE) in told
    assert ("topic.min_insync_replicas", ADVICE) in told
    assert not [level for _, level in told if level is PROBLEM]


@pytest.mark.parametrize(
    ("changed", "level", "told"),
    [
        ({}, OK, "replication.factor=3"),
        ({"transaction_state_log_replication_factor": "5"}, PROBLEM, "on 3"),
        ({"transaction_state_log_replication_factor": "1", "transaction_state_log_min_isr": "1"}, PROBLEM, "factor=1"),
        ({"transaction_state_log_min_isr": "4"}, PROBLEM, "min.isr=4"),
    ],
)
def test_kafkas_own_topics_are_judged_by_how_they_would_be_made(
    changed: dict[str, str], level: Level, told: str
) -> None:
    facts = replace(_brokers_say(**changed), topics={**HEALTHY.topics, TRANSACTIONS: Absent.MISSING})
    (finding,) = [finding for finding in diagnose(SAFE, facts) if finding.subject == TRANSACTIONS]
    assert finding.level is level
    assert told in finding.found


def test_brokers_settings_that_are_not_told_are_skipped_and_not_called_well() -> None:
    findings = diagnose(SAFE, replace(HEALTHY, broker_config=FORBIDDEN))
    wrong = {(finding.check, finding.level) for finding in findings if finding.level is not OK}
    assert wrong == {("acl.authorizer", SKIPPED), ("broker.limits", SKIPPED)}
    assert not any(finding.check == "transaction.timeout" for finding in findings)


def test_brokers_too_old_to_be_asked_are_one_problem_and_the_rest_is_skipped() -> None:
    old = Unknown("too old")
    facts = Facts((Broker(1, "old:9092", (0, 0)),), {}, old, old, old, old, old, 64)
    findings = diagnose(SAFE, facts)
    assert [finding.check for finding in findings if finding.level is PROBLEM] == ["broker.version"]
    assert {finding.check for finding in findings if finding.level is OK} == {"secret"} | {"broker.encryption"}


@pytest.mark.parametrize(
    ("protocol", "address", "level"),
    [
        ("PLAINTEXT", "kafka.example:9092", ADVICE),
        ("PLAINTEXT", "127.0.0.1:9092", OK),
        ("PLAINTEXT", "localhost:9092", OK),
        ("PLAINTEXT", "[::1]:9092", OK),
        ("SSL", "kafka.example:9092", OK),
    ],
)
def test_patients_names_do_not_cross_a_network_in_the_clear(protocol: str, address: str, level: Level) -> None:
    facts = replace(HEALTHY, brokers=tuple(Broker(number, address, (4, 0)) for number in (1, 2, 3)))
    findings = diagnose(_settings(kafka_security_protocol=protocol), facts)
    assert [finding.level for finding in findings if finding.check == "broker.encryption"] == [level]


def test_the_prefix_stands_before_every_topic_and_in_the_commands_to_mend_it() -> None:
    topics = {name if name.startswith("__") else f"x.{name}": topic for name, topic in HEALTHY.topics.items()}
    topics[f"x.{ADJUSTED}"] = _topic(ADJUSTED, cleanup_policy="delete")
    settings = _settings(kafka_security_protocol="SSL", topic_prefix="x.")
    finding = _only(diagnose(settings, replace(HEALTHY, topics=topics)))
    assert finding.subject == f"x.{ADJUSTED}"
    assert f"--entity-name x.{ADJUSTED} " in finding.change


@pytest.mark.parametrize(
    ("apis", "version"),
    [
        ({1: (0, 11)}, (0, 0)),
        ({1: (0, 12), 66: (0, 0)}, (3, 0)),
        ({1: (4, 18), 66: (0, 2)}, (4, 0)),
    ],
)
def test_the_version_of_a_broker_is_known_by_what_it_takes(
    apis: dict[int, tuple[int, int]], version: tuple[int, int]
) -> None:
    assert wire.version(apis) == version


def test_what_a_bit_field_allows() -> None:
    assert wire.operations(1 << 3 | 1 << 8) == frozenset({Operation.READ})
    assert wire.operations(0) == frozenset()
    assert wire.operations(-(2**31)) is None


def _release(offset: int, value: bytes = BOOK.canonical, key: str = BOOK.hash) -> Release:
    return Release.of(offset, key.encode(), value, [], datetime(2026, 1, 1, tzinfo=UTC))


def test_the_newest_release_is_in_use() -> None:
    book = rulebook_in_use(_settings(), [_release(0)])
    assert isinstance(book, RulebookInUse)
    assert (book.hash, book.released, book.refused) == (BOOK.hash, True, ())


def test_a_damaged_release_is_refused_and_the_one_before_is_in_use() -> None:
    book = rulebook_in_use(_settings(), [_release(0), _release(1, b"{")])
    assert isinstance(book, RulebookInUse)
    (refused,) = book.refused
    assert refused.startswith("the release at offset 1: ")


def test_without_a_release_that_can_be_used_there_is_no_rulebook() -> None:
    assert isinstance(rulebook_in_use(_settings(), []), NoRulebook)
    damaged = rulebook_in_use(_settings(rulebook_fallback="installed"), [_release(0, b"{")])
    assert isinstance(damaged, NoRulebook)
    assert len(damaged.refused) == 1


def test_installed_notices_serve_only_as_long_as_nothing_is_released() -> None:
    book = rulebook_in_use(_settings(rulebook_fallback="installed"), [])
    assert isinstance(book, RulebookInUse)
    assert (book.hash, book.released) == (BOOK.hash, False)


def test_a_pinned_rulebook_that_is_not_released_is_told() -> None:
    pin = f"sha256:{'0' * 64}"
    book = rulebook_in_use(_settings(rulebook=pin), [_release(0)])
    assert isinstance(book, NoRulebook)
    assert pin in book.why
