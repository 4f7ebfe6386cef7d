"""The topics: there, alike, kept long enough, and with copies enough."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from schemas.topics import DEADLETTERS, EVENTS, RULEBOOK, TOPICS
from streams.bus.doctor.brokers import ENOUGH
from streams.bus.doctor.facts import OFFSETS, TRANSACTIONS, Absent, Facts, Topic, Unknown
from streams.bus.doctor.finding import Finding, Level, advice, ok, problem, skipped
from streams.bus.topics import SETTLE
from streams.settings import Settings

DAY_MS: Final = 24 * 60 * 60 * 1000
OUTAGE_PROBLEM_DAYS: Final = 1
OUTAGE_ADVICE_DAYS: Final = 7
"""Nobody may be at work during the holidays of the National Day week."""
DEAD_LETTERS_DAYS: Final = 14
FOR_EVER: Final = -1

_COMPACTED: Final = {
    EVENTS: "A reversal has the key of what it reverses: compaction deletes the settlement, perhaps before it is read.",
    DEADLETTERS: "A compacted topic refuses records without a key, which stops the worker, and of the dead letters of "
    "one key it keeps the last only.",
    RULEBOOK: "Compaction takes earlier releases out of their order, by which replays know what was known when.",
}
_DELETED: Final = "The broker deletes what is older than the retention, and with it the only record of how it stands."


def topics(settings: Settings, facts: Facts) -> list[Finding]:
    found: list[Finding] = []
    for name in TOPICS:
        full = settings.topic(name)
        topic = facts.topics.get(full)
        if topic is None:
            found.append(skipped("topic", full, "not asked for, these brokers being too old"))
        elif isinstance(topic, Absent):
            found.append(_absent(full, name, topic, facts))
        else:
            wrong = [*_partitions(settings, facts, name, topic), *_config(full, name, topic)]
            wrong += replication(full, topic, len(facts.brokers), needed=name in SETTLE)
            found += wrong or [ok("topic", full, _told(topic))]
    return found


def own_topics_of_kafka(facts: Facts) -> list[Finding]:
    """Where offsets and transactions are kept. A cluster makes both at first use, or fails to, from its settings."""
    found: list[Finding] = []
    settings_of = {
        OFFSETS: ("offsets.topic.replication.factor", None),
        TRANSACTIONS: ("transaction.state.log.replication.factor", "transaction.state.log.min.isr"),
    }
    for name, (factor, in_sync) in settings_of.items():
        topic = facts.topics.get(name)
        if isinstance(topic, Topic):
            wrong = list(replication(name, topic, len(facts.brokers), needed=True))
            found += wrong or [ok("topic", name, _told(topic))]
        elif topic is Absent.FORBIDDEN:
            found.append(skipped("topic", name, "may not be seen", f"Allow Describe on topic {name}."))
        elif topic is Absent.MISSING:
            found.append(_to_be_made(name, factor, in_sync, facts))
    return found


def replication(full: str, topic: Topic, brokers: int, *, needed: bool) -> Iterator[Finding]:
    """Copies, and how many must have a record before it counts as written. One broker is told of elsewhere, once."""
    copies = min(partition.copies for partition in topic.partitions)
    in_sync = min(partition.in_sync for partition in topic.partitions)
    config = {} if isinstance(topic.config, Unknown) else topic.config
    wanted = int(config.get("min.insync.replicas", "1"))
    if without := sum(not partition.leader for partition in topic.partitions):
        yield problem(
            "topic.leader",
            full,
            f"has {without} of {len(topic.partitions)} partitions without a leader",
            "Bring back the brokers that hold them.",
            "Nothing can be read from or written to these partitions.",
        )
    if wanted > copies:
        yield problem(
            "topic.min_insync_replicas",
            full,
            f"has min.insync.replicas={wanted} and {_copies(copies)}",
            _alter(full, "min.insync.replicas", str(max(1, copies - 1)), f"or reassign it to {wanted + 1} brokers"),
            "Every write of a transaction is refused with NotEnoughReplicas.",
        )
    elif in_sync < wanted:
        yield problem(
            "topic.in_sync",
            full,
            f"has a partition with {in_sync} copies in sync, and min.insync.replicas={wanted}",
            "Bring back the brokers that lag or are down.",
            "Writes to it are refused until then.",
        )
    elif in_sync < copies:
        yield advice(
            "topic.in_sync",
            full,
            f"has a partition with {in_sync} of {copies} copies in sync",
            "See which broker lags or is down.",
            "One more failure may stop the worker.",
        )
    if copies == 1 and brokers > 1:
        yield Finding(
            Level.PROBLEM if needed else Level.ADVICE,
            "topic.replication",
            full,
            f"has one copy, on {brokers} brokers",
            f"Reassign its partitions to {min(brokers, ENOUGH)} brokers (kafka-reassign-partitions.sh).",
            "One broken disk loses what is on it, and one broker's restart stops its partitions.",
        )
    elif 1 < copies < ENOUGH <= brokers:
        yield advice(
            "topic.replication",
            full,
            f"has {copies} copies, on {brokers} brokers",
            f"Reassign its partitions to {ENOUGH} brokers (kafka-reassign-partitions.sh).",
            "A second failure during maintenance loses settlements or stops the worker.",
        )
    if isinstance(topic.config, Unknown):
        return
    if wanted == copies > 1:
        yield advice(
            "topic.min_insync_replicas",
            full,
            f"has min.insync.replicas={wanted}, as many as copies",
            _alter(full, "min.insync.replicas", str(copies - 1)),
            "The restart of any one broker stops the worker.",
        )
    elif wanted == 1 < copies:
        yield advice(
            "topic.min_insync_replicas",
            full,
            "has min.insync.replicas=1",
            _alter(full, "min.insync.replicas", "2"),
            "What only the leader has counts as written; if its disk breaks then, a committed transaction is lost.",
        )
    if copies > 1 and config.get("unclean.leader.election.enable") == "true":
        yield advice(
            "topic.unclean_election",
            full,
            "has unclean.leader.election.enable=true",
            _alter(full, "unclean.leader.election.enable", "false"),
            "A copy that lags may become leader, and what it has not is lost although it was committed.",
        )


def _absent(full: str, name: str, why: Absent, facts: Facts) -> Finding:
    level = Level.PROBLEM if name in SETTLE else Level.ADVICE
    needed = "A worker does not start without it." if name in SETTLE else "Replays and surveillance need it."
    if why is Absent.FORBIDDEN:
        return Finding(level, "topic.exists", full, "may not be seen", f"Allow Describe on topic {full}.", needed)
    copies = min(ENOUGH, len(facts.brokers))
    make = (
        f"petct topics create --replication-factor {copies}, or set PETCT_TOPIC_PREFIX to what your topics begin with."
    )
    return Finding(level, "topic.exists", full, "does not exist", make, needed)


def _to_be_made(name: str, factor: str, in_sync: str | None, facts: Facts) -> Finding:
    brokers = len(facts.brokers)
    config = facts.broker_config
    if isinstance(config, Unknown) or factor not in config:
        why = config.why if isinstance(config, Unknown) else f"the broker does not tell {factor}"
        return skipped("topic", name, f"does not exist yet; how it would be made: {why}")
    copies, least = int(config[factor]), int(config.get(in_sync or "", "1"))
    told = f"does not exist yet, and brokers have {factor}={copies}"
    restart = (
        f"Set {factor}={min(ENOUGH, brokers)} in server.properties of every broker before the first worker starts."
    )
    if copies > brokers:
        why = (
            f"{brokers} cannot hold so many copies: it is never made, and a worker waits for its coordinator for ever."
        )
        return problem("topic.replication", name, f"{told}, on {brokers}", restart, why)
    if least > copies:
        mend = f"Set {in_sync}={max(1, copies - 1)} in server.properties of every broker."
        return problem("topic.min_insync_replicas", name, f"{told} and {in_sync}={least}", mend, "It takes no write.")
    if copies == 1 < brokers:
        why = "With one copy, one broken disk loses how far settling got, and settlements are settled again."
        return problem("topic.replication", name, told, restart, why)
    return ok("topic", name, told)


def _partitions(settings: Settings, facts: Facts, name: str, topic: Topic) -> Iterator[Finding]:
    full, count = settings.topic(name), len(topic.partitions)
    events = facts.topics[settings.topic(EVENTS)]
    wanted = TOPICS[name].partitions
    if wanted == "input":
        if not isinstance(events, Topic):
            return
        wanted = len(events.partitions)
    if count == wanted:
        return
    level = Level.PROBLEM if count < wanted and name in SETTLE else Level.ADVICE
    if count < wanted:
        mend = f"kafka-topics.sh --alter --topic {full} --partitions {wanted}"
    elif name == RULEBOOK:
        mend = f"Create it anew with {wanted}; until then only its first partition is used."
    else:
        mend = f"Create it anew with {wanted}, or give {settings.topic(EVENTS)} {count} before the first event."
    yield Finding(
        level,
        "topic.partitions",
        full,
        f"has {count} partition{'s' * (count != 1)}, wanted {'is' if wanted == 1 else 'are'} {wanted}"
        + (f", as many as {settings.topic(EVENTS)}" if name != RULEBOOK else ""),
        mend,
        "An output goes to the partition number of its input, so that consumers find both in one order.",
    )


def _config(full: str, name: str, topic: Topic) -> Iterator[Finding]:
    if isinstance(topic.config, Unknown):
        yield skipped("topic.config", full, topic.config.why, topic.config.change)
        return
    config, wanted, needed = topic.config, TOPICS[name], name in SETTLE
    level = Level.PROBLEM if needed else Level.ADVICE
    policy = config.get("cleanup.policy", wanted.cleanup_policy)
    if {part.strip() for part in policy.split(",")} != {wanted.cleanup_policy}:
        why = _DELETED if wanted.cleanup_policy == "compact" else _COMPACTED.get(name, "The contract says so.")
        change = _alter(full, "cleanup.policy", wanted.cleanup_policy)
        yield Finding(level, "topic.cleanup_policy", full, f"has cleanup.policy={policy}", change, why)
    limit, least = config.get("max.message.bytes"), wanted.config.get("max.message.bytes")
    if limit is not None and least is not None and int(limit) < int(least):
        why = "An output above it is refused, which stops its lane for good: a dead letter carries its whole input."
        change = _alter(full, "max.message.bytes", least)
        yield Finding(level, "topic.max_message_bytes", full, f"has max.message.bytes={limit}", change, why)
    kind = config.get("message.timestamp.type")
    if "message.timestamp.type" in wanted.config and kind not in (None, wanted.config["message.timestamp.type"]):
        yield advice(
            "topic.timestamp_type",
            full,
            f"has message.timestamp.type={kind}",
            _alter(full, "message.timestamp.type", wanted.config["message.timestamp.type"]),
            "Retention and compaction then go by the clock of whoever wrote, not by the broker's.",
        )
    if policy != "compact":
        yield from _retention(full, name, config)


def _retention(full: str, name: str, config: Mapping[str, str]) -> Iterator[Finding]:
    kept, space = int(config.get("retention.ms", FOR_EVER)), int(config.get("retention.bytes", FOR_EVER))
    days = kept / DAY_MS
    if name == RULEBOOK:
        for key, value in (("retention.ms", kept), ("retention.bytes", space)):
            if value != FOR_EVER:
                yield problem(
                    "topic.retention",
                    full,
                    f"has {key}={value}",
                    _alter(full, key, str(FOR_EVER)),
                    "A release that is deleted is one nobody can decide by or replay: workers started later wait.",
                )
    elif name == EVENTS:
        if kept != FOR_EVER and days < OUTAGE_ADVICE_DAYS:
            yield Finding(
                Level.PROBLEM if days < OUTAGE_PROBLEM_DAYS else Level.ADVICE,
                "topic.retention",
                full,
                f"keeps events for {_days(kept)}",
                _alter(full, "retention.ms", str(OUTAGE_ADVICE_DAYS * DAY_MS), "or longer"),
                "An outage may last no longer: what is deleted before it is read is never settled.",
            )
        if space != FOR_EVER:
            yield advice(
                "topic.retention",
                full,
                f"keeps at most retention.bytes={space} a partition",
                _alter(full, "retention.bytes", str(FOR_EVER), "and watch the disks"),
                "A rush of events may push out others before they are settled, however long retention.ms is.",
            )
    elif name == DEADLETTERS:
        if kept == FOR_EVER:
            yield advice(
                "topic.retention",
                full,
                "keeps dead letters for ever",
                _alter(full, "retention.ms", str(90 * DAY_MS), "or what your rules on personal data allow"),
                "They hold whole events of patients.",
            )
        elif days < DEAD_LETTERS_DAYS:
            yield advice(
                "topic.retention",
                full,
                f"keeps dead letters for {_days(kept)}",
                _alter(full, "retention.ms", str(DEAD_LETTERS_DAYS * DAY_MS), "or longer"),
                "Somebody must find the cause and send them again before they are gone.",
            )


def _told(topic: Topic) -> str:
    copies = min(partition.copies for partition in topic.partitions)
    count = len(topic.partitions)
    parts = [f"{count} partition{'s' * (count != 1)}", _copies(copies)]
    if not isinstance(topic.config, Unknown):
        policy = topic.config.get("cleanup.policy", "")
        parts.append(policy)
        if "delete" in policy:
            parts.append(f"kept {_days(int(topic.config.get('retention.ms', FOR_EVER)))}")
    return ", ".join(filter(None, parts))


def _copies(number: int) -> str:
    return "1 copy" if number == 1 else f"{number} copies"


def _days(ms: int) -> str:
    if ms == FOR_EVER:
        return "for ever"
    return f"{ms / DAY_MS:.3g} days" if ms >= DAY_MS else f"{ms / DAY_MS * 24:.3g} hours"


def _alter(full: str, key: str, value: str, otherwise: str = "") -> str:
    command = f"kafka-configs.sh --alter --entity-type topics --entity-name {full} --add-config {key}={value}"
    return f"{command}, {otherwise}" if otherwise else command
