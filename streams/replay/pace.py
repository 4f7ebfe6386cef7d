"""How fast a replay may read, over all its partitions."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Final

_SMOOTH: Final = 5
"""Batches a second at least, so that a slow pace is even rather than in gulps."""


class Pace:
    """`rate` records a second; None: as fast as possible."""

    def __init__(self, rate: float | None) -> None:
        self._rate = rate
        self._next = time.monotonic()

    def most(self, batch: int) -> int:
        """Records of one batch."""
        return batch if self._rate is None else max(1, min(batch, int(self._rate / _SMOOTH)))

    async def take(self, records: int, stop: asyncio.Event) -> None:
        """Wait until they are due, or until told to stop."""
        if self._rate is None:
            return
        due = max(self._next, time.monotonic())
        self._next = due + records / self._rate
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, due - time.monotonic())):
                await stop.wait()
