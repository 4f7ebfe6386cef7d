"""Which events a plan's filters mean. Looks into the event as it lies there, valid or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from streams.replay.plans import Filters

ReadEvent = Callable[[bytes | None], dict[str, Any]]
"""The event of a record, in whatever form it lies there; empty where it is none."""


class EventFilter:
    """Whether an event is meant by its own content. What stands for its settlement is looked at elsewhere."""

    def __init__(self, filters: Filters, read: ReadEvent) -> None:
        self._filters = filters
        self._read = read
        self._settlements = frozenset(filters.settlement_ids)
        self._region = filters.region and _significant(filters.region)
        self.off = not filters.of_event

    def __call__(self, value: bytes | None) -> bool:
        """A record that cannot be read is meant only where nothing is asked of its content."""
        return self.off or self._means(self._read(value))

    def _means(self, event: dict[str, Any]) -> bool:
        filters = self._filters
        hospital, patient = _part(event, "hospital"), _part(event, "patient")
        if filters.event_types and event.get("event_type") not in filters.event_types:
            return False
        if self._settlements and not self._settlements & {
            _text(event.get("settlement_id")),
            _text(_part(event, "reverses").get("settlement_id")),
        }:
            return False
        if filters.hospital is not None and hospital.get("code") != filters.hospital:
            return False
        if filters.scheme is not None and patient.get("scheme") != filters.scheme:
            return False
        if self._region is None:
            return True
        regions = (hospital.get("region"), patient.get("insured_region"), event.get("insured_region"))
        return any(isinstance(region, str) and region.startswith(self._region) for region in regions)


def insured_region(event: dict[str, Any]) -> str | None:
    """Of a settlement the patient's, of a reversal or void its own."""
    region = _part(event, "patient").get("insured_region", event.get("insured_region"))
    return region if isinstance(region, str) else None


def hospital_code(event: dict[str, Any]) -> str | None:
    code = _part(event, "hospital").get("code")
    return code if isinstance(code, str) else None


def _part(event: dict[str, Any], name: str) -> dict[str, Any]:
    part = event.get(name)
    return part if isinstance(part, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _significant(region: str) -> str:
    """The digits of a division code that say where: two of a province, four of a city, six of a district."""
    if region.endswith("0000"):
        return region[:2]
    return region[:4] if region.endswith("00") else region
