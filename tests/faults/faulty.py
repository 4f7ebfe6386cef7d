"""`petct worker settle` with one fault put into it: ``python -m tests.faults.faulty``, told by FAULT_… variables.

FAULT_POINT       transactions fail at this point (tests/broker/crashing.py names them), or at `each` in turn
FAULT_EVERY       … of each lane every so many transactions (1 when not set), beginning with the first
FAULT_TIMES       … and so many times in all of each lane; without end when not set
FAULT_STOP        the process stops itself (SIGSTOP) at this point, once
FAULT_STOP_AFTER  … in the first transaction with outputs after so many
FAULT_OPEN        lanes open in one of the wrong ways of tests/faults/controls.py
FAULT_PAUSE       seconds a producer takes after its fence, or in a wrong way of opening before it
FAULT_TRANSACTION_TIMEOUT_MS   below what the settings allow, so that a test need not wait as long
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import Counter
from typing import Any, ClassVar, Final

import structlog
from aiokafka import AIOKafkaProducer

from streams import logs, worker
from streams.bus import lane
from streams.bus.rules import ReleasedRules
from streams.hosting import installed_version
from streams.processors.settlement import SettlementProcessor
from streams.rulebook import load_rulebook
from streams.settings import Settings, load
from tests.broker.crashing import POINTS, CrashingProducer
from tests.faults.controls import CONTROLS

log = structlog.get_logger("petct.faulty")

COMMAND: Final = (sys.executable, "-m", "tests.faults.faulty")
PAUSING: Final = "pausing in the middle of opening"
STOPPING: Final = "stopping in the middle of a transaction"


class FaultyProducer(CrashingProducer):
    """Fails at FAULT_POINT in every so many transactions of a lane."""

    points: ClassVar[tuple[str, ...]] = ()
    every: ClassVar[int] = 1
    times: ClassVar[int] = sys.maxsize
    stop_at: ClassVar[str] = ""
    stop_after: ClassVar[int] = 0
    pause: ClassVar[float] = 0.0
    armed: ClassVar[dict[str, str]] = {}
    begun: ClassVar[Counter[str]] = Counter()
    crashes: ClassVar[Counter[str]] = Counter()

    async def start(self) -> None:
        before = CONTROLS.get(os.environ.get("FAULT_OPEN", "")) is CONTROLS["offset_before_fence"]
        if before:
            await self._pause()
        await super().start()
        if not before:
            await self._pause()

    async def begin_transaction(self) -> None:
        await super().begin_transaction()
        self._has_outputs = False
        lane_id = self._lane()
        number, FaultyProducer.begun[lane_id] = self.begun[lane_id], self.begun[lane_id] + 1
        if self.points and number % self.every == 0:
            self.armed.setdefault(lane_id, self.points[number // self.every % len(self.points)])

    async def send_batch(self, *arguments: Any, **named: Any) -> Any:
        self._has_outputs = True
        return await super().send_batch(*arguments, **named)

    def _crash(self, point: str, error: Exception) -> None:
        if point == self.stop_at and self.begun.total() > self.stop_after and self._has_outputs:
            FaultyProducer.stop_at = ""
            log.info(STOPPING)
            sys.stderr.flush()
            os.kill(os.getpid(), signal.SIGSTOP)
        lane_id = self._lane()
        if self.armed.get(lane_id) == point and self.crashes[lane_id] < self.times:
            self.crashes[lane_id] += 1
            del self.armed[lane_id]
            raise error

    async def _pause(self) -> None:
        if self.pause:
            log.info(PAUSING)
            await asyncio.sleep(self.pause)

    def _lane(self) -> str:
        transactional_id: str = self._txn_manager.transactional_id
        return transactional_id


def main() -> int:
    given = os.environ
    settings = load(Settings)
    logs.configure(settings)
    if timeout := given.get("FAULT_TRANSACTION_TIMEOUT_MS"):
        settings = settings.model_copy(update={"transaction_timeout_ms": int(timeout)})
    point = given.get("FAULT_POINT")
    FaultyProducer.points = POINTS if point == "each" else (point,) if point else ()
    FaultyProducer.every = int(given.get("FAULT_EVERY", "1"))
    FaultyProducer.times = int(given.get("FAULT_TIMES", str(sys.maxsize)))
    FaultyProducer.stop_at = given.get("FAULT_STOP", "")
    FaultyProducer.stop_after = int(given.get("FAULT_STOP_AFTER", "0"))
    FaultyProducer.pause = float(given.get("FAULT_PAUSE", "0"))
    if wrong := given.get("FAULT_OPEN"):
        lane.open_lane = CONTROLS[wrong]  # type: ignore[assignment]
    book = load_rulebook()

    def make(used: Any) -> SettlementProcessor:
        return SettlementProcessor(used, settings.secret, installed_version())

    kind: type[AIOKafkaProducer] = FaultyProducer
    return worker.run(settings, lambda metrics: ReleasedRules(settings, make, metrics, book), kind)


if __name__ == "__main__":
    sys.exit(main())
