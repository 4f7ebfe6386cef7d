"""Follow what is written to settlement.adjusted and settlement.disclosures, and keep what stands in the store."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.topics import ADJUSTED, DISCLOSURES
from streams.replay import reading
from streams.replay.standing import NOTHING, Disclosed, Held, disclosed, emitted, take, take_disclosed
from streams.replay.store import Store, digest

_RULEBOOK: Final = "rulebook"
_ITEM_CODE: Final = b'"item_code":"'
_ITEM_CODES: Final = re.compile(_ITEM_CODE + rb'([^"\\]*)"')


class Tail:
    """One partition of both topics. `start` reads all that is there, once; `catch_up` what came since."""

    def __init__(self, consumer: AIOKafkaConsumer, probe: AIOKafkaConsumer, prefix: str, partition: int, store: Store):
        self._consumer = consumer
        self._probe = probe
        self.adjusted = TopicPartition(prefix + ADJUSTED, partition)
        self.disclosures = TopicPartition(prefix + DISCLOSURES, partition)
        self._both = (self.adjusted, self.disclosures)
        self._store = store
        self.read = 0
        """Records read so far."""
        self.codes: set[str] = set()
        """Item codes of all lines that were ever decided."""
        self._known_codes: list[bytes] = []

    async def start(self) -> None:
        """From the beginning to where the topics end now, open transactions awaited."""
        self._consumer.assign(list(self._both))
        for partition, begin in (await reading.beginnings(self._consumer, self._both)).items():
            self._consumer.seek(partition, begin)
        await self.catch_up(whole=True)

    async def catch_up(self, *, whole: bool = False) -> None:
        """Read what is committed; with `whole`, all that was written before now, waiting for open transactions."""
        ends = await reading.ends(self._probe if whole else self._consumer, self._both)
        for partition in self._both:
            async for records in reading.up_to(self._consumer, partition, ends[partition]):
                self.read += len(records)
                if partition is self.adjusted:
                    self._take_adjusted(records)
                else:
                    self._take_disclosures(records)

    def _take_adjusted(self, records: Sequence[Any]) -> None:
        store = self._store
        held = store.settlements({record.key for record in records if record.key and store.maybe(record.key)})
        changed: dict[bytes, Held] = {}
        for record in records:
            key, value = record.key, record.value
            if key is None:
                continue
            if value is None:
                changed[key] = held[key] = NOTHING
                continue
            self._learn_codes(value)
            new = emitted(value, record.offset, digest(value, _rulebook(record)))
            if new is not None:
                changed[key] = held[key] = take(held.get(key, NOTHING), new)
        store.put_settlements(changed)

    def _learn_codes(self, value: bytes) -> None:
        """Counting what is known is a fraction of the work of looking at what it is."""
        if value.count(_ITEM_CODE) == sum(map(value.count, self._known_codes)):
            return
        self.codes.update(code.decode("utf-8", "replace") for code in _ITEM_CODES.findall(value))
        self._known_codes = [_ITEM_CODE + code.encode() + b'"' for code in sorted(self.codes)]

    def _take_disclosures(self, records: Sequence[Any]) -> None:
        store = self._store
        held = store.disclosures({record.key for record in records if record.key})
        changed: dict[bytes, Disclosed] = {}
        for record in records:
            if record.key is None or record.value is None:
                continue
            new = disclosed(record.value, record.offset, digest(record.value, _rulebook(record)))
            if new is not None:
                changed[record.key] = held[record.key] = take_disclosed(held.get(record.key), new)
        store.put_disclosures(changed)


def _rulebook(record: Any) -> bytes:
    """The hash as the headers tell it: our last one. Without it the record is compared in full, nothing else."""
    for name, value in reversed(record.headers):
        if name == _RULEBOOK:
            return value or b"\x00"
    return b"\x00"
