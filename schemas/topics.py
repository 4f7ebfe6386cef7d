"""The topics: what their keys and values are, how many partitions they have, and how the broker keeps them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

EVENTS: Final = "settlement.events"
ADJUSTED: Final = "settlement.adjusted"
DISCLOSURES: Final = "settlement.disclosures"
DEADLETTERS: Final = "settlement.deadletters"
RULEBOOK: Final = "settlement.rulebook"
ALERTS: Final = "settlement.alerts"
REPLAYS: Final = "settlement.replays"
BOARD: Final = "settlement.board"
"""Internal to the watch role: what it hands on to itself, from the partition of an event to that of its hospital."""
PERSONS: Final = "settlement.surveillance.persons"
"""Internal to surveillance: its facts, from the partition of an event to that of the person, under a keyed hash."""
CITIES: Final = "settlement.surveillance.cities"
"""The same facts on the way to their city."""

OUTPUTS: Final = (ADJUSTED, DISCLOSURES, DEADLETTERS)
"""What the worker writes."""

MAX_OUTPUT_BYTES: Final = 8 * 1024 * 1024
"""`max.message.bytes` of every output topic and `max_request_size` of its producers.

A compressed input under the broker's limit may be larger as a dead letter.
"""

FINDINGS_KEPT_MS: Final = 3 * 366 * 24 * 3600 * 1000
"""Three years: the desk knows of findings what lies on the topic, and a broker's own week would end open ones."""

# A date from the event as record time is refused by brokers when it lies in the future, and defeats compaction lag.
_OUTPUT = {"message.timestamp.type": "LogAppendTime", "max.message.bytes": str(MAX_OUTPUT_BYTES)}


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. `partitions` "input" means: as many as the input topic has. `config` is the broker's own naming."""

    name: str
    key: str
    value: str
    cleanup_policy: Literal["delete", "compact"]
    partitions: Literal["input"] | int
    config: dict[str, str] = field(default_factory=dict)


TOPICS: Final[dict[str, Topic]] = {
    topic.name: topic
    for topic in (
        Topic(
            EVENTS,
            key="settlement_id; of a reversal or void: reverses.settlement_id",
            value="settlement event",
            cleanup_policy="delete",
            partitions="input",
        ),
        Topic(
            ADJUSTED,
            key="settlement_id",
            value="adjusted settlement",
            cleanup_policy="compact",
            partitions="input",
            config=_OUTPUT,
        ),
        Topic(
            DISCLOSURES,
            key="disclosure_id",
            value="disclosure record",
            cleanup_policy="compact",
            partitions="input",
            config=_OUTPUT,
        ),
        Topic(
            DEADLETTERS,
            key="the input's key",
            value="the input's raw bytes, reasons in headers",
            cleanup_policy="delete",
            partitions="input",
            config=_OUTPUT,
        ),
        Topic(
            RULEBOOK,
            key="rulebook hash",
            value="one whole released rulebook",
            cleanup_policy="delete",
            partitions=1,
            config={"retention.ms": "-1", "retention.bytes": "-1", **_OUTPUT},
        ),
        Topic(
            ALERTS,
            key="finding_id",
            value="finding of surveillance, and how an officer handled it",
            cleanup_policy="delete",
            partitions="input",
            config={"retention.ms": str(FINDINGS_KEPT_MS), **_OUTPUT},
        ),
        Topic(
            REPLAYS,
            key="what the record is about: a plan's partition, a run, a dead letter",
            value="progress of a replay, record of a run, end of a dead letter",
            cleanup_policy="compact",
            partitions="input",
            config=_OUTPUT,
        ),
        Topic(
            BOARD,
            key="hospital code",
            value="what a hospital has to list, on the way to its list (internal)",
            cleanup_policy="delete",
            partitions="input",
            config=_OUTPUT,
        ),
        Topic(
            PERSONS,
            key="person, a keyed hash",
            value="what surveillance keeps of a settlement, on the way to its person (internal)",
            cleanup_policy="delete",
            partitions="input",
            config=_OUTPUT,
        ),
        Topic(
            CITIES,
            key="city",
            value="what surveillance keeps of a settlement, on the way to its city (internal)",
            cleanup_policy="delete",
            partitions="input",
            config=_OUTPUT,
        ),
    )
}
