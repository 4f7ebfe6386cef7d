"""What the brokers let us do, against what a worker does."""

from __future__ import annotations

from typing import Final

from schemas.topics import EVENTS, OUTPUTS, RULEBOOK
from streams.bus.doctor.facts import Facts, Operation, Topic, Unknown
from streams.bus.doctor.finding import Finding, advice, ok, problem, skipped
from streams.settings import Settings

_NEEDED: Final = {
    EVENTS: Operation.READ,
    RULEBOOK: Operation.READ,
    **dict.fromkeys(OUTPUTS, Operation.WRITE),
}
_WITHOUT: Final = "A worker starts, and then fails at every batch."


def access(settings: Settings, facts: Facts) -> list[Finding]:
    return [
        *_authorizer(facts),
        *(finding for name in _NEEDED for finding in _topic(settings, facts, name)),
        _group(settings, facts),
        _transactions(settings, facts),
    ]


def _authorizer(facts: Facts) -> list[Finding]:
    if isinstance(facts.broker_config, Unknown):
        return [skipped("acl.authorizer", "cluster", facts.broker_config.why, facts.broker_config.change)]
    if name := facts.broker_config.get("authorizer.class.name"):
        return [ok("acl.authorizer", "cluster", name)]
    return [
        advice(
            "acl.authorizer",
            "cluster",
            "has no authorizer: who reaches the brokers may do everything",
            "Set authorizer.class.name on the brokers, and give the worker what the rest of this list names.",
            "Dead letters hold whole events of patients, and anybody may write an adjusted settlement.",
        )
    ]


def _topic(settings: Settings, facts: Facts, name: str) -> list[Finding]:
    full, operation = settings.topic(name), _NEEDED[name]
    topic = facts.topics.get(full)
    if not isinstance(topic, Topic):
        return []  # told with the topics
    if isinstance(topic.operations, Unknown):
        return [skipped("acl.topic", full, topic.operations.why, topic.operations.change)]
    word = operation.name.capitalize()
    if operation in topic.operations:
        return [ok("acl.topic", full, f"{word} is allowed")]
    return [problem("acl.topic", full, f"{word} is not allowed", _allow(word, f"--topic {full}"), _WITHOUT)]


def _group(settings: Settings, facts: Facts) -> Finding:
    subject = f"group {settings.group_id}"
    if isinstance(facts.group, Unknown):
        return skipped("acl.group", subject, facts.group.why, facts.group.change)
    if isinstance(facts.group.operations, Unknown):
        return skipped("acl.group", subject, facts.group.operations.why)
    if Operation.READ in facts.group.operations:
        return ok("acl.group", subject, "Read is allowed")
    allow = _allow("Read", f"--group {settings.group_id}")
    return problem("acl.group", subject, "Read is not allowed", allow, "A worker cannot join the group.")


def _transactions(settings: Settings, facts: Facts) -> Finding:
    ids = f"{settings.group_id}.{settings.topic(EVENTS)}."
    allowed, subject = facts.may_write_transactions, f"transactional ids {ids}*"
    if isinstance(allowed, Unknown):
        return skipped("acl.transactional_id", subject, allowed.why, allowed.change)
    if allowed:
        return ok("acl.transactional_id", subject, "Write is allowed, tried with that of partition 0")
    allow = _allow("Write", f"--transactional-id {ids} --resource-pattern-type prefixed")
    return problem("acl.transactional_id", subject, "Write is not allowed", allow, "No lane opens.")


def _allow(operation: str, resource: str) -> str:
    return f"kafka-acls.sh --add --allow-principal User:… --operation {operation} {resource}"
