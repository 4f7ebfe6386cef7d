"""The ACLs of each role, from the table of topics and roles: the least that it works with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from schemas.roles import DUTIES, Role
from schemas.topics import EVENTS, RULEBOOK

Resource = Literal["topic", "group", "transactional-id"]
Pattern = Literal["literal", "prefixed"]

OWN_GROUPS: Final = "groups that begin with its user's name"


@dataclass(frozen=True, slots=True)
class Acl:
    """One thing that is allowed. `comfort`: the role works without it, and tells less."""

    resource: Resource
    name: str
    pattern: Pattern
    operation: str
    comfort: bool = False

    def command(self, principal: str) -> str:
        """As Kafka's own tool takes it; the brokers' address comes before."""
        pattern = " --resource-pattern-type prefixed" if self.pattern == "prefixed" else ""
        return (
            f"kafka-acls.sh --add --allow-principal {principal} "
            f"--operation {self.operation} --{self.resource} {self.name}{pattern}"
        )


def acls(role: Role, *, prefix: str, group_id: str, user: str) -> list[Acl]:
    """All of a role. `prefix` and `group_id` are those of the workers' settings; `user` is without `User:`."""
    return list(dict.fromkeys(_acls(role, prefix, group_id, user)))


def _acls(role: Role, prefix: str, group_id: str, user: str) -> Iterator[Acl]:
    duty = DUTIES[role]
    for topic in duty.makes:
        for operation in ("Create", "Describe", "DescribeConfigs"):
            yield Acl("topic", prefix + topic, "literal", operation, comfort=operation == "DescribeConfigs")
    for topic in duty.reads:
        yield Acl("topic", prefix + topic, "literal", "Read")
    for topic in duty.writes:
        yield Acl("topic", prefix + topic, "literal", "Write")
    if role is Role.SETTLE:
        for topic in (*duty.reads, *duty.writes):
            yield Acl("topic", prefix + topic, "literal", "DescribeConfigs", comfort=True)
    if duty.tables is not None:
        yield Acl("group", prefix + duty.tables, "literal", "Read")
        for operation in ("Create", "Read", "Write"):
            yield Acl("topic", f"{prefix}{duty.tables}-", "prefixed", operation)
    match duty.group:
        case "joins":
            yield Acl("group", group_id, "literal", "Read")
        case "looks":
            yield Acl("group", group_id, "literal", "Describe")
        case "own":
            yield Acl("group", user, "prefixed", "Read")
    match duty.transactions:
        case "lanes":
            yield Acl("transactional-id", f"{group_id}.{prefix}{EVENTS}.", "prefixed", "Write")
        case "releases":
            yield Acl("transactional-id", f"{prefix}{RULEBOOK}.publisher", "literal", "Write")
        case "replays":
            yield Acl("transactional-id", f"{group_id}.replay.", "prefixed", "Write")
