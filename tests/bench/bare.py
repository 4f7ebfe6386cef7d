"""`python -m tests.bench.bare`: the worker with its instruments taken out: what `tests.bench.overhead` compares with.

Nothing is counted, timed, measured or asked for the sake of metrics, and every call on a metric does nothing. Left in are
the city in an answer and one timestamp a record batch: the code that decides and the sieve stay as they are.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from prometheus_client import CollectorRegistry

from streams import worker
from streams.bus.batch import Batch, Process
from streams.bus.lanes import Lanes
from streams.processors.settlement import Fate, Record


class Nothing:
    """Takes every call and gives itself."""

    def __getattr__(self, name: str) -> Nothing:
        return self

    def __call__(self, *given: Any, **more: Any) -> Nothing:
        return self


class Silent(Nothing):
    """In place of `Metrics`."""

    def __init__(self, version: str) -> None:
        self.registry = CollectorRegistry()


def add(batch: Batch, records: Sequence[Record], next_offset: int, process: Process) -> None:
    """In place of `Batch.add`: the same, uncounted and untimed."""
    passed_over = Fate.PASSED_OVER
    for record in records:
        answer = process(record)
        if answer.fate is passed_over:
            continue
        for output in answer.outputs:
            batch.outputs.setdefault(output.topic, []).append(output)
        batch.dead.append(answer.fate is Fate.DEAD_LETTER)
    batch.next_offset = next_offset


async def look(lanes: Lanes) -> None:
    """In place of `Lanes.look`."""


def measure(lanes: Lanes) -> None:
    """In place of `Lanes.measure`."""


def main() -> int:
    for owner, name, instead in (
        (worker, "Metrics", Silent),
        (Batch, "add", add),
        (Lanes, "look", look),
        (Lanes, "measure", measure),
    ):
        assert hasattr(owner, name)
        setattr(owner, name, instead)
    return worker.main()


if __name__ == "__main__":
    sys.exit(main())
