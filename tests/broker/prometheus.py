"""For tests with a real Prometheus: rules with their intervals shortened, and what the topics say the numbers are."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from schemas import deadletters
from schemas.topics import ADJUSTED, DEADLETTERS, DISCLOSURES, EVENTS
from tests.broker.settling import Scene

CITIES = {"330000", "330100", "330200", "330600", "440300"}
"""Those the installed notices name: Zhejiang's own pool, Hangzhou, Ningbo, Shaoxing, Shenzhen."""
LATE = "60.0"
LATE_SHORTENED = "1.0"


def shortened(rules: Path, folder: Path) -> Path:
    """The rules with an hour as a minute and a minute as a second; an answer is late after a second, not after 60."""
    text = rules.read_text("utf-8")
    durations = re.compile(r"\b(\d+)(d|h|m)\b(?=[\]\s])")
    text = durations.sub(lambda found: f"{int(found[1]) * {'d': 24 * 60, 'h': 60, 'm': 1}[found[2]]}s", text)
    text = text.replace(f'le="{LATE}"', f'le="{LATE_SHORTENED}"')
    written = folder / rules.name
    written.write_text(text, "utf-8")
    return written


@dataclass
class Counted:
    """What the topics hold, in the terms of the metrics, without what is 0. Nothing of the worker's code counts it."""

    records: int = 0
    outputs: Counter[tuple[str, ...]] = field(default_factory=Counter)
    settlements: Counter[tuple[str, ...]] = field(default_factory=Counter)
    reasons: Counter[tuple[str, ...]] = field(default_factory=Counter)
    dead_letters: Counter[tuple[str, ...]] = field(default_factory=Counter)
    fates: Counter[tuple[str, ...]] = field(default_factory=Counter)
    money: dict[tuple[str, ...], float] = field(default_factory=dict)

    @property
    def answered(self) -> int:
        return self.outputs[ADJUSTED,] + self.outputs[DEADLETTERS,]


async def counted(on: Scene) -> Counted:
    """Read all topics of a scene, committed, and count."""
    inputs, adjusted, disclosures, letters = await asyncio.gather(
        *(on.records(topic) for topic in (EVENTS, ADJUSTED, DISCLOSURES, DEADLETTERS))
    )
    found = Counted(len(inputs))
    found.outputs.update(
        {(ADJUSTED,): len(adjusted), (DISCLOSURES,): len(disclosures), (DEADLETTERS,): len(letters)},
    )
    cities = _cities(inputs)
    money: Counter[tuple[str, ...]] = Counter()
    for record in adjusted:
        told = json.loads(record.value)
        if told["event_type"] != "settlement.adjusted":
            found.fates["refused" if told["event_type"].endswith("refused") else "reversed",] += 1
            continue
        found.fates["decided",] += 1
        city = cities[told["source_event_id"]]
        found.settlements[told["outcome"], city] += 1
        found.reasons.update((reason, city) for line in told["lines"] for reason in line["reasons"])
        for bearer, amount in _shares(told["totals"]).items():
            fen = int(amount * 100)
            money[bearer, told["outcome"], "charged" if fen > 0 else "refunded"] += abs(fen)
    for record in letters:
        found.fates["dead_letter",] += 1
        found.dead_letters[dict(record.headers)[deadletters.REASON].decode(),] += 1
    found.fates["passed_over",] = found.records - found.answered
    found.money = {labels: fen / 100 for labels, fen in money.items() if fen}
    return found


def _shares(totals: Mapping[str, str]) -> dict[str, Decimal]:
    own = {bearer: Decimal(totals[f"{bearer}_amount"]) for bearer in ("fund", "assistance", "patient")}
    return {**own, "hospital": Decimal(totals["hospital_disallowed_amount"])}


def _cities(inputs: list[Any]) -> dict[str, str]:
    """The city label of each input event that is JSON, by its id."""
    found = {}
    for record in inputs:
        try:
            told = json.loads(record.value)
            city = told["patient"]["insured_region"][:4] + "00"
            found[told["event_id"]] = city if city in CITIES else "other"
        except (ValueError, KeyError, TypeError):
            continue
    return found
