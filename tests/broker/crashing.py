"""Producers that fail at a named point of a transaction, once or more: the vocabulary of crash tests.

before_send      nothing was sent
after_send       outputs were sent, the offset was not
after_offsets    outputs and offset were sent, the commit was not
unknown_lost     the commit was not sent, and its sender does not know
unknown_done     the commit was done, and its sender does not know
after_commit     the commit was done, and then something failed
"""

from collections import Counter
from typing import Any, ClassVar

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaTimeoutError

POINTS = ("before_send", "after_send", "after_offsets", "unknown_lost", "unknown_done", "after_commit")


class InjectedError(Exception):
    """Not one of Kafka's: the failure path must not go by type."""


class CrashingProducer(AIOKafkaProducer):
    """Fails at `point` in the first `times` transactions of each partition that get there."""

    point: ClassVar[str]
    times: ClassVar[int]
    crashes: ClassVar[Counter[str]]

    def _crash(self, point: str, error: Exception) -> None:
        transactional_id = self._txn_manager.transactional_id
        if point == self.point and self.crashes[transactional_id] < self.times:
            self.crashes[transactional_id] += 1
            raise error

    async def send_batch(self, *arguments: Any, **named: Any) -> Any:
        self._crash("before_send", InjectedError("before_send"))
        return await super().send_batch(*arguments, **named)

    async def send_offsets_to_transaction(self, *arguments: Any) -> None:
        self._crash("after_send", InjectedError("after_send"))
        await super().send_offsets_to_transaction(*arguments)
        self._crash("after_offsets", InjectedError("after_offsets"))

    async def commit_transaction(self) -> None:
        self._crash("unknown_lost", KafkaTimeoutError())
        await super().commit_transaction()
        self._crash("unknown_done", KafkaTimeoutError())
        self._crash("after_commit", InjectedError("after_commit"))


def crashing(point: str, times: int = 1) -> type[CrashingProducer]:
    """A producer type of its own for one test."""
    assert point in POINTS
    return type("Crashing", (CrashingProducer,), {"point": point, "times": times, "crashes": Counter()})
