"""Who does what on which topic: the roles of a deployment, each with a user of its own and no right it does not use."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

from schemas.topics import (
    ADJUSTED,
    ALERTS,
    BOARD,
    CITIES,
    DEADLETTERS,
    DISCLOSURES,
    EVENTS,
    PERSONS,
    REPLAYS,
    RULEBOOK,
    TOPICS,
)


class Role(StrEnum):
    OPERATOR = "operator"
    PLATFORM = "platform"
    SETTLE = "settle"
    RULES_DESK = "rules-desk"
    REPLAY = "replay"
    READER = "reader"
    WATCH = "watch"
    SURVEILLANCE = "surveillance"
    SUPERVISOR = "supervisor"
    BOARD = "board"


@dataclass(frozen=True, slots=True)
class Duty:
    """What a role does. `group`: whether it joins the workers' group, only looks at its offsets, or has its own.

    `tables`: the group that it has, and that begins the names of the topics that it makes for its tables.
    """

    says: str
    makes: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    group: Literal["none", "joins", "looks", "own"] = "none"
    transactions: Literal["none", "lanes", "releases", "replays"] = "none"
    tables: str | None = None


DUTIES: Final[dict[Role, Duty]] = {
    Role.OPERATOR: Duty("makes and checks topics: `petct topics`", makes=tuple(TOPICS)),
    Role.PLATFORM: Duty("the settlement platform: puts events on the bus", writes=(EVENTS,)),
    Role.SETTLE: Duty(
        "`petct worker settle`",
        reads=(EVENTS, RULEBOOK),
        writes=(ADJUSTED, DISCLOSURES, DEADLETTERS),
        group="joins",
        transactions="lanes",
    ),
    Role.RULES_DESK: Duty(
        "`petct rulebook publish`, `log`, `diff`", reads=(RULEBOOK,), writes=(RULEBOOK,), transactions="releases"
    ),
    Role.REPLAY: Duty(
        "`petct replay`, `petct deadletters`: whoever may see whole events",
        reads=(EVENTS, ADJUSTED, DISCLOSURES, DEADLETTERS, RULEBOOK, REPLAYS),
        writes=(ADJUSTED, DISCLOSURES, DEADLETTERS, REPLAYS),
        group="looks",
        transactions="replays",
    ),
    Role.READER: Duty("reads who pays what: the platform again, accounting", reads=(ADJUSTED,), group="own"),
    Role.WATCH: Duty(
        "`petct worker watch` (with `PETCT_INQUIRY` it reads settlement.adjusted too)",
        reads=(EVENTS, DISCLOSURES, RULEBOOK, BOARD),
        writes=(BOARD,),
        tables="petct-watch",
    ),
    Role.SURVEILLANCE: Duty(
        "the watch worker with `PETCT_SURVEILLANCE`, beside its rights as `watch`",
        reads=(ADJUSTED, PERSONS, CITIES, ALERTS),
        writes=(PERSONS, CITIES, ALERTS),
    ),
    Role.SUPERVISOR: Duty(
        "the fund's supervisor, who reads findings and says what became of them: `petct surveillance list`, `show`, "
        "`ack`, `close`, `daily`, and `petct web` with `PETCT_WEB_SURVEILLANCE`",
        reads=(ALERTS,),
        writes=(ALERTS,),
    ),
    Role.BOARD: Duty("publishes what hospitals must publish", reads=(DISCLOSURES,), group="own"),
}
