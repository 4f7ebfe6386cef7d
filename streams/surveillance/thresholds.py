"""Thresholds: from when on and where a rule speaks, by which numbers, and where each number comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Final

from streams.rulebook.errors import Mistake
from streams.surveillance.facts import ItemCodes

INSTALLED: Final = Path(__file__).parent / "thresholds"
RULES: Final = (
    "overcharge",
    "duplicate_report_fee",
    "split_charge",
    "repeat_scan",
    "spend_spike",
    "out_of_scope_share",
    "indication_drift",
    "contradiction",
)
PERSON_RULES: Final = ("duplicate_report_fee", "split_charge", "repeat_scan", "contradiction")
CITY_RULES: Final = ("overcharge", "spend_spike", "out_of_scope_share", "indication_drift")


class ThresholdsError(ValueError):
    """Thresholds by which nothing must be judged. `mistakes` holds all that were found, file by file, line by line."""

    mistakes: list[Mistake]


@dataclass(frozen=True, slots=True)
class Threshold:
    """By what a rule judges in a region from a day on. `id` is `<file>/<entry>`; `numbers` by the name of the YAML."""

    id: str
    rule: str
    region: str | None
    effective_from: date
    effective_to: date | None
    origin: str
    severity: str
    numbers: Mapping[str, Decimal]
    codes: Mapping[str, frozenset[str]]

    def number(self, name: str) -> Decimal:
        return self.numbers[name]

    def whole(self, name: str) -> int:
        return int(self.numbers[name])


class Thresholds:
    """All thresholds as one immutable whole; `hash` is their version, of the form `sha256:<64 hex digits>`."""

    hash: str
    item_codes: ItemCodes
    """All other lines that any entry asks for: what `fact_of` must keep."""

    def of(self, rule: str, region: str, day: date) -> Threshold | None:
        """The most specific entry in force: district, city, province, then those without a region. None: silence."""
        raise NotImplementedError

    def person_horizon_days(self) -> int:
        """Facts of a person older than this before the newest day are expired."""
        raise NotImplementedError

    def city_horizon_days(self) -> int:
        """Facts of a city older than this before the newest day are expired."""
        raise NotImplementedError

    def varied(self, rule: str, name: str, value: Decimal) -> Thresholds:
        """The same with one number of one rule changed everywhere. KeyError: no entry of the rule has the number."""
        raise NotImplementedError


def load_thresholds(directory: Path | None = None) -> Thresholds:
    """All `*.yaml` of a folder; None: the installed ones. Raises ThresholdsError with every mistake of every file."""
    raise NotImplementedError
