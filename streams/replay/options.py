"""How a plan is run."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from streams.replay.difference import Difference
from streams.replay.errors import PlanError
from streams.replay.letters import RETRY_LIMIT

SLOWEST: Final = 0.001
"""Records a second."""
BATCH_RECORDS: Final = 3_000
PARTITIONS_AT_ONCE: Final = 4


@dataclass(frozen=True, slots=True)
class Options:
    """`emit`: write corrections; then `why` must say why. `rate`: most records a second over all partitions.

    `pause_when_lag_over`: rest while the live group is more than so many records behind.
    """

    emit: bool = False
    who: str = ""
    why: str = ""
    rate: float | None = None
    pause_when_lag_over: int | None = None
    retry_limit: int = RETRY_LIMIT
    batch_records: int = BATCH_RECORDS
    at_once: int = PARTITIONS_AT_ONCE
    jobs: int = 1
    """Processes that share the partitions."""
    accept_gap: bool = False
    """Go on although retention has deleted the beginning of the stretch since the plan was made."""

    def __post_init__(self) -> None:
        if self.emit and not self.why.strip():
            raise PlanError("A run that emits must say why", 'Give a reason for the audit: --why "…"')
        if self.rate is not None and not SLOWEST <= self.rate < math.inf:
            raise PlanError(
                f"The rate must be a number of {SLOWEST} or more", "Give events a second, or leave it out for no limit"
            )


@dataclass(frozen=True, slots=True)
class Pulse:
    """How a run is doing. `records` of at most `total` are done; `reading` counts what was read of earlier answers."""

    phase: str
    records: int
    total: int
    differences: int
    emitted: int
    reading: int


OnPulse = Callable[[Pulse], None]
OnDifference = Callable[[Difference], None]
