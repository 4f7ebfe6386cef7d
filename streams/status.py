"""How a worker is doing, as data for /status: what it owns, how far behind it is, what went wrong lately."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

MOST_CLASSES: Final = 20


@dataclass(slots=True)
class Seen:
    """Errors of one class: when and where the last one was."""

    error: str
    times: int = 0
    last: str = ""
    place: str = ""


class Errors:
    """The last errors by class. Never their texts: not every library keeps records out of them."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now
        self._seen: dict[str, Seen] = {}

    def add(self, error: BaseException | str, place: int | str) -> None:
        """`place`: an input partition, or a name for what met it."""
        name = error if isinstance(error, str) else type(error).__name__
        seen = self._seen.pop(name, None) or Seen(name)
        seen.times += 1
        seen.last = _told(self._now())
        seen.place = f"partition {place}" if isinstance(place, int) else place
        self._seen[name] = seen
        if len(self._seen) > MOST_CLASSES:
            del self._seen[next(iter(self._seen))]

    def latest(self) -> list[Seen]:
        """The newest first."""
        return list(reversed(self._seen.values()))


@dataclass(frozen=True, slots=True)
class PartitionStatus:
    """One input partition this worker owns. None: not known yet. Times are RFC 3339, in UTC."""

    partition: int
    state: str
    position: int | None
    lag_records: int | None
    lag_seconds: float | None
    last_progress: str | None
    last_error: str | None


@dataclass(frozen=True, slots=True)
class RulebookStatus:
    """`missing` says why there is none in force."""

    hash: str | None
    rules: int
    review_deadline: str | None
    missing: str | None


@dataclass(frozen=True, slots=True)
class Status:
    """All of it. `not_live` and `not_ready` are the reasons that /livez and /readyz give."""

    not_live: list[str]
    not_ready: list[str]
    topic: str
    group: str
    member: str | None
    broker_seen: str | None
    rulebook: RulebookStatus
    partitions: list[PartitionStatus]
    errors: list[Seen]
    versions: dict[str, str] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def moment(seconds: float | None) -> str | None:
    """RFC 3339 of seconds since 1970."""
    return None if seconds is None else _told(datetime.fromtimestamp(seconds, UTC))


def _told(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
