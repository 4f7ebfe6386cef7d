"""What a lane has decided and not yet committed: outputs by topic, the offset after it, and what to count."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from streams.processors.settlement import Answer, Fate, Output, Record
from streams.tally import Tally

Process = Callable[[Record], Answer]


class Batch:
    """Grows by `add` until the lane commits it; then a new one begins.

    `next_offset` is the offset to commit: the first of what was not yet seen. `dead` has an entry for each answered
    record, True for a dead letter.
    """

    __slots__ = ("commit_asked", "dead", "next_offset", "outputs", "tally")

    def __init__(self, next_offset: int) -> None:
        self.next_offset = next_offset
        self.outputs: dict[str, list[Output]] = {}
        self.dead: list[bool] = []
        self.tally = Tally()
        self.commit_asked = False
        """From then on its transaction may have been committed, whatever is heard of it."""

    def add(self, records: Sequence[Record], next_offset: int, process: Process) -> None:
        """Decide `records`, in memory; they are those after the last ones added, and reach up to `next_offset`.

        That may lie beyond the last record: transaction markers take offsets too.
        """
        passed_over, began = Fate.PASSED_OVER, time.perf_counter()
        for record in records:
            answer = process(record)
            if answer.fate is passed_over:
                continue
            for output in answer.outputs:
                self.outputs.setdefault(output.topic, []).append(output)
            self.dead.append(answer.fate is Fate.DEAD_LETTER)
            self.tally.add(answer, record.timestamp)
        self.tally.records += len(records)
        self.tally.decide_seconds += time.perf_counter() - began
        self.next_offset = next_offset
