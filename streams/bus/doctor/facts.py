"""What the broker and the rulebook topic answered, as frozen data: all that `diagnose` knows beside the settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from typing import Final

OFFSETS: Final = "__consumer_offsets"
TRANSACTIONS: Final = "__transaction_state"
"""Kafka's own topics, which hold the group's offsets and the states of transactions."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """It was asked and not told, or could not be asked without doing something. `change`: what would let us know."""

    why: str
    change: str = ""


class Operation(IntEnum):
    """What an ACL can allow, by the numbers of Kafka's protocol."""

    READ = 3
    WRITE = 4
    DESCRIBE_CONFIGS = 10


@dataclass(frozen=True, slots=True)
class Broker:
    """One broker as it advertises itself. `version` is the newest release whose protocol it speaks for certain.

    None: this host cannot reach it there. (0, 0): older than any we know.
    """

    node_id: int
    address: str
    version: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Partition:
    """`leader` says whether there is one; `copies` and `in_sync` count brokers."""

    leader: bool
    copies: int
    in_sync: int


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic on the broker; `config` and `operations` are what applies and what we may do."""

    partitions: tuple[Partition, ...]
    config: Mapping[str, str] | Unknown
    operations: frozenset[Operation] | Unknown


class Absent(IntEnum):
    """Why a topic is not among those there are, by the number of Kafka's error."""

    MISSING = 3
    FORBIDDEN = 29


@dataclass(frozen=True, slots=True)
class Group:
    """The consumer group. `strangers` are client ids of members that are no worker of ours."""

    state: str
    protocol_type: str
    members: int
    strangers: tuple[str, ...]
    operations: frozenset[Operation] | Unknown


@dataclass(frozen=True, slots=True)
class Clock:
    """By how many seconds the controller's clock is ahead of this host's, give or take `uncertainty` seconds."""

    ahead: float
    uncertainty: float


@dataclass(frozen=True, slots=True)
class RulebookInUse:
    """What a worker that starts now decides by. `refused` are newer releases it cannot use, each with the reason."""

    hash: str
    released: bool
    rules: int
    earliest_review: date
    overdue: tuple[str, ...]
    refused: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NoRulebook:
    """A worker that starts now waits."""

    why: str
    refused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """Topics by their names on the broker, Kafka's own two among them."""

    brokers: tuple[Broker, ...]
    topics: Mapping[str, Topic | Absent]
    broker_config: Mapping[str, str] | Unknown
    group: Group | Unknown
    may_write_transactions: bool | Unknown
    clock: Clock | Unknown
    rulebook: RulebookInUse | NoRulebook | Unknown
    secret_bytes: int | Unknown
    """How long the disclosure secret is."""
