"""Passing over before aiokafka makes records of what it fetched: what is dropped here costs a look at its value.

Making a record and handing it through costs aiokafka several times what it costs to see that it is none of ours. So
the record batches a fetcher unpacks are put behind a sieve. All else stays aiokafka's own: checksums, decompression,
aborted transactions, control batches, and the position, which moves over what is dropped as over a transaction marker.

This is private ground of aiokafka. It is entered for one consumer, in one place, `Sieve.put_into`, which leaves an
aiokafka it does not know alone; PETCT_SIEVE=false leaves every one alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from types import FunctionType, MethodType
from typing import Any, Final, Protocol

import aiokafka
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer.fetcher import Fetcher, PartitionRecords

log = structlog.get_logger("petct.sieve")

KNOWN: Final = ("0.14.0",)
"""Versions whose fetcher was read and is tested. Whoever adds one reads `_proc_fetch_request` and `_unpack_records`."""

GROUP: Final = 8
"""So many values are looked at together. More would hold something of ours more often, and be looked at twice."""


class PassesOver(Protocol):
    """Tells by its value whether a record is none of ours; `every`: whether all of them are, where that is sure."""

    def __call__(self, value: bytes | None, /) -> bool: ...
    def every(self, values: Sequence[bytes | None], /) -> bool: ...


class Sieve:
    """Drops records whose value `current()` passes over; `current` is asked anew for each batch of records.

    None from it: nothing is dropped. Records that were dropped are counted by partition.
    """

    def __init__(self, current: Callable[[], PassesOver | None]) -> None:
        self._current = current
        self._dropped: Counter[TopicPartition] = Counter()
        self._newest: dict[TopicPartition, int] = {}

    def put_into(self, consumer: AIOKafkaConsumer) -> bool:
        """Sieve what a started consumer fetches from now on; whether that could be done."""
        fetched = Fetcher._proc_fetch_request
        if aiokafka.__version__ not in KNOWN or PartitionRecords.__name__ not in fetched.__code__.co_names:
            log.warning(
                "records are passed over one by one: aiokafka is another than known", version=aiokafka.__version__
            )
            return False
        # The method makes PartitionRecords by its global name: this consumer's fetcher gets it with another global.
        names = {**fetched.__globals__, PartitionRecords.__name__: self._partition_records}
        consumer._fetcher._proc_fetch_request = MethodType(FunctionType(fetched.__code__, names), consumer._fetcher)
        return True

    def take(self, partition: TopicPartition) -> int:
        """How many records of the partition were dropped since this was last asked."""
        return self._dropped.pop(partition, 0)

    def newest(self, partition: TopicPartition) -> int:
        """The timestamp of the last record looked at, in milliseconds since 1970; 0 before there was one."""
        return self._newest.get(partition, 0)

    def _partition_records(
        self, partition: TopicPartition, batches: Any, aborted: Any, fetch_offset: int, *rest: Any
    ) -> PartitionRecords:
        return PartitionRecords(
            partition, _Batches(self, partition, batches, fetch_offset), aborted, fetch_offset, *rest
        )

    def _sift(self, partition: TopicPartition, batch: Any, first: int) -> Iterator[Any]:
        """The records of a batch that are not dropped; only those from offset `first` count."""
        passes_over = self._current()
        records = list(batch)
        if passes_over is None:
            yield from records
            return
        if records:
            self._newest[partition] = records[-1].timestamp
        for start in range(0, len(records), GROUP):
            group = records[start : start + GROUP]
            if passes_over.every([record.value for record in group]):
                dropped = group
            else:
                dropped = []
                for record in group:
                    if passes_over(record.value):
                        dropped.append(record)
                    else:
                        yield record
            self._dropped[partition] += sum(record.offset >= first for record in dropped)


class _Batches:
    """In place of MemoryRecords: the same record batches, those of records behind the sieve."""

    __slots__ = ("_batches", "_first", "_partition", "_sieve")

    def __init__(self, sieve: Sieve, partition: TopicPartition, batches: Any, first: int) -> None:
        self._sieve = sieve
        self._partition = partition
        self._batches = batches
        self._first = first

    def has_next(self) -> bool:
        more: bool = self._batches.has_next()
        return more

    def next_batch(self) -> Any:
        batch = self._batches.next_batch()
        # Control batches end transactions; aiokafka reads their one record itself.
        return (
            batch if batch.is_control_batch else _Batch(batch, self._sieve._sift(self._partition, batch, self._first))
        )


class _Batch:
    """In place of a record batch: what aiokafka asks of one, and the records the sieve leaves."""

    __slots__ = (
        "_records",
        "base_offset",
        "is_control_batch",
        "is_transactional",
        "next_offset",
        "producer_id",
        "validate_crc",
    )

    def __init__(self, batch: Any, records: Iterator[Any]) -> None:
        self._records = records
        self.base_offset = batch.base_offset
        self.is_control_batch = batch.is_control_batch
        self.is_transactional = batch.is_transactional
        self.next_offset = batch.next_offset
        self.producer_id = batch.producer_id
        self.validate_crc = batch.validate_crc

    def __iter__(self) -> Iterator[Any]:
        return self._records
