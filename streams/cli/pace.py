"""How fast records leave."""

from __future__ import annotations

import time


class Pace:
    """`rate` records a second from now on; None: as fast as possible."""

    def __init__(self, rate: float | None) -> None:
        self._rate = rate
        self._start = time.monotonic()

    def ahead(self, number: int) -> float:
        """Seconds to wait before record `number` (from 0) is due; 0 when it is."""
        if self._rate is None:
            return 0.0
        return max(0.0, self._start + number / self._rate - time.monotonic())
