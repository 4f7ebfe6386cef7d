"""Surveillance without a bus: events in, findings out, by the very functions of the worker."""

from __future__ import annotations

from streams.rulebook import Rulebook
from streams.surveillance.findings import Record
from streams.surveillance.thresholds import Thresholds


class Offline:
    """Feed it events as they lie on the topic, in any order and repeated as you like; then ask for the findings.

    Holds the facts of examinations and nothing of the other events.
    """

    def __init__(self, rulebook: Rulebook, thresholds: Thresholds, secret: bytes) -> None:
        self.rulebook = rulebook
        self.thresholds = thresholds
        self._secret = secret

    def take(self, value: bytes) -> None:
        """One event, reversal or void; anything that is none of ours, or cannot be decided, changes nothing."""
        raise NotImplementedError

    def findings(self) -> dict[str, Record]:
        """The open findings by id, as the first revision of each would be written."""
        raise NotImplementedError
