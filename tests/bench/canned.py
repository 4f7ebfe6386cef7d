"""Decisions made beforehand: what a lane costs where deciding costs next to nothing.

One event is decided at the start, by the worker's own processor. Whatever that does not pass over gets its answer from
then on: the same outputs, under the key of the record. The worker, Faust and Quix Streams are measured with it alike.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final, NamedTuple

from schemas.topics import EVENTS
from streams.adjudication.settlement import Money
from streams.bus.batch import Process
from streams.processors.form import CONTRACT, Form
from streams.processors.settlement import PASSED_OVER, Answer, Fate, Header, Output, Record, SettlementProcessor
from streams.rulebook import Rulebook, load_rulebook
from streams.simulate import events

VARIABLE: Final = "BENCH_CANNED"
"""Set, it chooses the decisions made beforehand."""
_SEED: Final = 1


class Given(NamedTuple):
    """A record as the processor reads it. Its place in the topic would only travel into a dead letter."""

    value: bytes | None
    key: bytes | None = None
    timestamp: int = 0
    headers: Sequence[Header] = ()
    topic: str = EVENTS
    partition: int = 0
    offset: int = 0


class CannedProcessor:
    """In place of SettlementProcessor, and made like it."""

    def __init__(self, rulebook: Rulebook, secret: bytes, worker_version: str, form: Form = CONTRACT) -> None:
        real = SettlementProcessor(rulebook, secret, worker_version, form)
        self.rulebook: Final = real.rulebook
        self.form: Final = real.form
        self.passes_over: Final = real.passes_over
        answer = _sample(real)
        self._outcome: Final = answer.outcome
        self._reasons: Final = answer.reasons
        self._money: Final[Money | None] = answer.money
        self._city: Final = answer.city
        self._first, self._second = answer.outputs

    def __call__(self, record: Record) -> Answer:
        if self.passes_over(record.value):
            return PASSED_OVER
        key, first, second = record.key, self._first, self._second
        return Answer(
            Fate.DECIDED,
            (
                Output(first.topic, key, first.value, first.headers),
                Output(second.topic, key, second.value, second.headers),
            ),
            outcome=self._outcome,
            reasons=self._reasons,
            money=self._money,
            city=self._city,
        )


def processor(secret: bytes) -> Process:
    """What a peer decides with: the worker's own processor, or the canned one where VARIABLE is set."""
    make = CannedProcessor if VARIABLE in os.environ else SettlementProcessor
    return make(load_rulebook(), secret, "bench")


def _sample(process: Process) -> Answer:
    """To the first event that is paid for: an adjusted settlement and a disclosure."""
    for _, value in events(_SEED, None, 1.0, 0.0):
        answer = process(Given(value))
        if answer.outcome == "covered" and len(answer.outputs) == 2:
            return answer
    raise AssertionError("the events have no end")
