"""Passing over before aiokafka makes records of what it fetched: what is dropped here costs a look at its bytes.

Making a record and handing it through costs aiokafka several times what it costs to see that it is none of ours. So
the record batches a fetcher unpacks are put behind a sieve. A batch that is not compressed is searched as it came over
the wire, all its records at once. All else stays aiokafka's own: decompression, aborted transactions, control batches,
and the position, which moves over what is dropped as over a transaction marker. Checksums are compared here, by the
processor's own instruction for them: aiokafka's takes a quarter of all the time reading takes.

This is private ground of aiokafka. It is entered for one consumer, in one place, `Sieve.put_into`, which leaves an
aiokafka it does not know alone; PETCT_SIEVE=false leaves every one alone.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Iterator
from types import FunctionType, MethodType
from typing import Any, Final

import aiokafka
import google_crc32c
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer.fetcher import Fetcher, MemoryRecords, PartitionRecords

from streams.processors.form import PassesOver

log = structlog.get_logger("petct.sieve")

KNOWN: Final = ("0.14.0",)
"""Versions whose fetcher was read and is tested. Whoever adds one reads `_proc_fetch_request` and `_unpack_records`."""

# A record batch on the wire, since its first byte: https://kafka.apache.org/documentation/#recordbatch
_LENGTH: Final = struct.Struct(">i")
_CRC: Final = struct.Struct(">I")
_LENGTH_AT, _LENGTH_END, _MAGIC_AT, _CRC_AT, _CRC_END, _ATTRIBUTES_AT = 8, 12, 16, 17, 21, 22
_MAGIC: Final = 2
"""Of record batches; before Kafka 0.11 there were message sets of another make."""
_COMPRESSION: Final = 0x07
"""The bits among the attributes that tell the codec; 0 for none."""
IN_HARDWARE: Final = google_crc32c.implementation == "c"
"""Where the library has no binary for the machine it counts in Python, far slower than aiokafka."""


class Sieve:
    """Drops records whose value is passed over by what `current` says of their partition, asked anew for each batch.

    None from it: nothing is dropped. Records that were dropped are counted by partition.
    """

    def __init__(self, current: Callable[[TopicPartition], PassesOver | None]) -> None:
        self._current = current
        self._dropped: Counter[TopicPartition] = Counter()
        self._newest: dict[TopicPartition, int] = {}

    def put_into(self, consumer: AIOKafkaConsumer) -> bool:
        """Sieve what a started consumer fetches from now on; whether that could be done."""
        fetched = Fetcher._proc_fetch_request
        ours = {MemoryRecords.__name__: _Fetched, PartitionRecords.__name__: self._partition_records}
        if aiokafka.__version__ not in KNOWN or not ours.keys() <= set(fetched.__code__.co_names):
            log.warning(
                "records are passed over one by one: aiokafka is another than known", version=aiokafka.__version__
            )
            return False
        # The method makes both by their global names: this consumer's fetcher gets it with other globals.
        names = {**fetched.__globals__, **ours}
        consumer._fetcher._proc_fetch_request = MethodType(FunctionType(fetched.__code__, names), consumer._fetcher)
        return True

    def take(self, partition: TopicPartition) -> int:
        """How many records of the partition were dropped since this was last asked."""
        return self._dropped.pop(partition, 0)

    def newest(self, partition: TopicPartition) -> int:
        """The timestamp of the last record looked at, in milliseconds since 1970; 0 before there was one."""
        return self._newest.get(partition, 0)

    def _partition_records(
        self, partition: TopicPartition, fetched: _Fetched, aborted: Any, fetch_offset: int, *rest: Any
    ) -> PartitionRecords:
        return PartitionRecords(
            partition, _Batches(self, partition, fetched, fetch_offset), aborted, fetch_offset, *rest
        )

    def _sift(
        self, partition: TopicPartition, whole: Any, data: bytes, start: int, end: int, first: int
    ) -> Iterator[Any]:
        """The records of a batch that are not dropped; only those from offset `first` count."""
        passes_over = self._current(partition)
        records = list(whole)
        if not records or passes_over is None:
            yield from records
            return
        self._newest[partition] = records[-1].timestamp
        values = [record.value for record in records]
        in_plain = not data[start + _ATTRIBUTES_AT] & _COMPRESSION
        if in_plain and passes_over.every(values, data, start, end):
            dropped = records
        else:
            dropped = []
            for record in records:
                if passes_over(record.value):
                    dropped.append(record)
                else:
                    yield record
        if dropped:
            before = dropped[0].offset < first
            self._dropped[partition] += sum(record.offset >= first for record in dropped) if before else len(dropped)


class _Fetched:
    """In place of MemoryRecords: the same record batches, each with where its bytes lie in those fetched."""

    __slots__ = ("_at", "_batches", "_data", "has_next", "size_in_bytes")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._batches = MemoryRecords(data)
        self._at = 0
        self.has_next: Callable[[], bool] = self._batches.has_next
        self.size_in_bytes: Callable[[], int] = self._batches.size_in_bytes

    def next_batch(self) -> tuple[Any, bytes, int, int]:
        """aiokafka's, and the bytes from a start to an end that it was made of."""
        data, start = self._data, self._at
        self._at = end = start + _LENGTH_END + _LENGTH.unpack_from(data, start + _LENGTH_AT)[0]
        return self._batches.next_batch(), data, start, end


class _Batches:
    """In place of MemoryRecords, for aiokafka to unpack: the record batches, their records behind the sieve."""

    __slots__ = ("_fetched", "_first", "_partition", "_sieve", "has_next")

    def __init__(self, sieve: Sieve, partition: TopicPartition, fetched: _Fetched, first: int) -> None:
        self._sieve = sieve
        self._partition = partition
        self._fetched = fetched
        self._first = first
        self.has_next = fetched.has_next

    def next_batch(self) -> Any:
        whole, data, start, end = self._fetched.next_batch()
        # Of batches of Kafka before 0.11 nothing is dropped. Control batches end transactions; aiokafka reads theirs.
        if data[start + _MAGIC_AT] != _MAGIC or whole.is_control_batch:
            return whole
        left = self._sieve._sift(self._partition, whole, data, start, end, self._first)
        return _Batch(whole, data, start, end, left)


class _Batch:
    """In place of a record batch: what aiokafka asks of one, and the records the sieve leaves.

    Nothing in it leads back to itself: it holds a fetch in memory, and should go without the garbage collector.
    """

    __slots__ = (
        "_data",
        "_end",
        "_left",
        "_start",
        "_whole",
        "base_offset",
        "is_control_batch",
        "is_transactional",
        "next_offset",
        "producer_id",
    )

    def __init__(self, whole: Any, data: bytes, start: int, end: int, left: Iterator[Any]) -> None:
        self._whole = whole
        self._data = data
        self._start = start
        self._end = end
        self._left = left
        self.base_offset = whole.base_offset
        self.is_control_batch = False
        self.is_transactional = whole.is_transactional
        self.next_offset = whole.next_offset
        self.producer_id = whole.producer_id

    def __iter__(self) -> Iterator[Any]:
        return self._left

    def validate_crc(self) -> bool:
        if not IN_HARDWARE:
            return bool(self._whole.validate_crc())
        said: int = _CRC.unpack_from(self._data, self._start + _CRC_AT)[0]
        return said == int(google_crc32c.value(self._data[self._start + _CRC_END : self._end]))
