"""`python -m tests.bench.half_bare FILE [null]`: the worker, with its instruments in half of its batches.

In the others nothing is counted, timed, measured or asked for the sake of metrics. A line goes to FILE for each batch:
whether it had instruments, its events, and the processor time since the batch before, in seconds. The order is with,
without, without, with. Left in are the city in an answer and one timestamp a record batch: too entangled to be
taken out, and a look-up each.

Meant for one partition: with several, batches overlap.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TextIO

from streams import worker
from streams.bus.batch import Batch, Process
from streams.bus.lane import Lane, OpenLane
from streams.bus.lanes import Lanes
from streams.metrics import Metrics
from streams.processors.settlement import Fate, Record

METHODS = ("committed", "transaction", "progress", "lag", "lanes")


class Switch:
    """`on`: whether the batch in hand has instruments."""

    def __init__(self, file: TextIO) -> None:
        self.on = True
        self.events = 0
        self._file = file
        self._batches = 0
        self._cpu = time.process_time()

    def next_batch(self) -> None:
        now = time.process_time()
        self._file.write(f"{int(self.on)} {self.events} {now - self._cpu}\n")
        self._file.flush()
        self._batches += 1
        self.on, self.events, self._cpu = self._batches % 4 in {0, 3}, 0, time.process_time()


def bare_add(batch: Batch, records: Sequence[Record], next_offset: int, process: Process) -> None:
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


def install(switch: Switch, *, null: bool) -> None:
    """Put the switch before every instrument; `null`: it is marked and turned, and nothing depends on it."""

    def switched(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(*given: Any) -> Any:
            return function(*given) if null or switch.on else None

        return call

    for name in METHODS:
        setattr(Metrics, name, switched(getattr(Metrics, name)))
    full_add, look, measure, commit, decide = Batch.add, Lanes.look, Lanes.measure, Lane._commit, Lane._decide

    def add(batch: Batch, records: Sequence[Record], next_offset: int, process: Process) -> None:
        (full_add if null or switch.on else bare_add)(batch, records, next_offset, process)

    async def switched_look(lanes: Lanes) -> None:
        if null or switch.on:
            await look(lanes)

    async def counted_decide(lane: Lane, opened: OpenLane, fetched: Any) -> None:
        switch.events += len(fetched.records) + fetched.passed_over
        await decide(lane, opened, fetched)

    async def marked_commit(lane: Lane, opened: OpenLane) -> None:
        await commit(lane, opened)
        switch.next_batch()

    for owner, name, instead in (
        (Batch, "add", add),
        (Lanes, "look", switched_look),
        (Lanes, "measure", switched(measure)),
        (Lane, "_decide", counted_decide),
        (Lane, "_commit", marked_commit),
    ):
        setattr(owner, name, instead)


def main() -> int:
    with open(sys.argv[1], "a", encoding="ascii") as file:
        install(Switch(file), null=sys.argv[2:] == ["null"])
        return worker.main()


if __name__ == "__main__":
    sys.exit(main())
