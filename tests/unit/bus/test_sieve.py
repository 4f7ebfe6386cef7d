"""What the sieve drops and what it leaves, beside aiokafka's own reading of the same fetched bytes."""

import gc
import random
import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import aiokafka
import pytest
from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c

from streams.bus import sieve as module
from streams.bus.sieve import Sieve, _Fetched
from streams.processors.form import PassesOver
from streams.processors.settlement import Fate
from streams.simulate import events
from tests.builders import InputRecord, processor
from tests.unit.processors.test_fuzz import mutants

PARTITION = TopicPartition("t", 0)
NONE, GZIP = 0, 1
ABORT = struct.pack(">hh", 0, 0)
ODD: list[bytes | None] = [None, b"", b"  ", b"[]", b"{", b"null", b" {} ", b"\xff\xfe"]

Values = Iterable[bytes | None]


def batch(values: Values, offset: int, *, codec: int = NONE, producer: int = -1, control: bytes | None = None) -> bytes:
    """One record batch as a broker hands it out. `producer` of 0 or more: within a transaction of that producer."""
    builder = DefaultRecordBatchBuilder(
        2, codec, producer >= 0, producer, 0 if producer >= 0 else -1, 0 if producer >= 0 else -1, 2**24
    )
    for number, value in enumerate(values if control is None else [b""]):
        key = control if control is not None else b"k%d" % number
        assert builder.append(number, 1_700_000_000_000 + number, key, value, [("h", b"v")]) is not None
    data = bytearray(builder.build())
    data[:8] = struct.pack(">q", offset)
    if control is not None:
        data[22] |= 0x20
        data[17:21] = struct.pack(">I", calc_crc32c(data[21:]))
    return bytes(data)


def unpacked(data: bytes, sieve: Sieve | None = None, first: int = 0, aborted: Any = ()) -> tuple[list[Any], int]:
    """The records aiokafka makes of fetched bytes, and the position after them."""
    rest = (list(aborted), first, None, None, True, fetcher.READ_COMMITTED)
    if sieve is None:
        records = fetcher.PartitionRecords(PARTITION, MemoryRecords(data), *rest)
    else:
        records = sieve._partition_records(PARTITION, _Fetched(data), *rest)
    return list(records), records.next_fetch_offset


class Told:
    """Passes over what it is told to, one by one. `together` holds what it was asked of several at once."""

    def __init__(self, passes_over: Callable[[bytes | None], bool]) -> None:
        self._passes_over = passes_over
        self.together: list[bytes] = []

    def __call__(self, value: bytes | None) -> bool:
        return self._passes_over(value)

    def every(self, values: Sequence[bytes | None], data: bytes, start: int, end: int) -> bool:
        self.together.append(data[start:end])
        return False


def sieve_of(passes_over: PassesOver | None) -> Sieve:
    return Sieve(lambda _: passes_over)


def mixture(seed: int, count: int) -> list[bytes | None]:
    """A bus: mostly none of ours, broken bytes among it, and records without a value."""
    dice = random.Random(seed)
    values: list[bytes | None] = [value for _, value in events(seed, count // 2, 0.05, 0.05)]
    values += [*mutants(count // 2, seed), *ODD]
    dice.shuffle(values)
    return [value for value in values if value is None or len(value) < 100_000]


@pytest.mark.parametrize("codec", [NONE, GZIP])
def test_it_leaves_what_the_processor_answers_and_counts_the_rest(codec: int) -> None:
    """Whatever aiokafka would have made a record of and the processor answers is still there, each field the same."""
    decide, dice = processor(), random.Random(codec)
    values, data, offset = mixture(7, 3_000), b"", 100
    while values:
        size = dice.choice((1, 6, 8, 40))
        data += batch(values[:size], offset, codec=codec)
        offset += size + dice.randrange(3)  # compaction leaves holes
        values = values[size:]
    everything, end = unpacked(data, first=100)
    sieve = sieve_of(decide.passes_over)
    left, position = unpacked(data, sieve, first=100)

    assert position == end
    assert left == [record for record in everything if not decide.passes_over(record.value)]
    dropped = [record for record in everything if decide.passes_over(record.value)]
    assert {decide(InputRecord(record.value)).fate for record in dropped} == {Fate.PASSED_OVER}
    assert sieve.take(PARTITION) == len(dropped) > len(everything) / 4
    assert sieve.take(PARTITION) == 0


def test_the_position_moves_over_a_fetch_of_which_nothing_is_left() -> None:
    data = batch([b"{}"] * 5, 10) + batch([b"{}"] * 5, 15)
    sieve = sieve_of(Told(lambda _: True))
    assert unpacked(data, sieve, first=12) == ([], 20)
    assert sieve.take(PARTITION) == 8, "what lies before the position was dropped by nobody"


def test_aborted_transactions_and_markers_stay_what_they_are() -> None:
    """An aborted batch is not looked at, its marker ends it, and the same producer's next transaction counts again."""
    data = (
        batch([b"aborted"], 0, producer=7)
        + batch([b"plain"], 1)
        + batch([], 2, producer=7, control=ABORT)
        + batch([b"committed", b"{}"], 3, producer=7)
    )
    seen: list[bytes | None] = []

    def passes_over(value: bytes | None) -> bool:
        seen.append(value)
        return value == b"{}"

    sieve = sieve_of(Told(passes_over))
    aborted = [(7, 0)]
    left, position = unpacked(data, sieve, aborted=aborted)
    assert [record.value for record in left] == [b"plain", b"committed"]
    assert seen == [b"plain", b"committed", b"{}"]
    assert position == 5
    assert [record.value for record in unpacked(data, aborted=aborted)[0]] == [b"plain", b"committed", b"{}"]


def test_a_batch_that_is_not_compressed_is_asked_of_as_a_whole_by_the_bytes_that_came() -> None:
    plain, other, packed = batch([b"{1}", b"{2}"], 0), batch([b"{3}"], 2), batch([b"{4}", b"{5}"], 3, codec=GZIP)
    told = Told(lambda _: True)
    assert unpacked(plain + other + packed, sieve_of(told)) == ([], 5)
    assert told.together == [plain, other], "what is compressed shows nothing"


def test_of_a_message_set_nothing_is_dropped() -> None:
    """Topics that old brokers wrote may still hold them."""
    data = b""
    for number, value in enumerate((b"{}", b"ours")):
        builder = LegacyRecordBatchBuilder(1, NONE, 2**16)
        assert builder.append(number, 1_700_000_000_000, b"k", value) is not None
        data += builder.build()
    sieve = sieve_of(Told(lambda _: True))
    assert unpacked(data, sieve) == unpacked(data)
    assert [record.value for record in unpacked(data, sieve)[0]] == [b"{}", b"ours"]
    assert sieve.take(PARTITION) == 0
    with pytest.raises(CorruptRecordException):
        unpacked(data[:-1] + b"x", sieve)


@pytest.mark.parametrize("in_hardware", [True, False])
@pytest.mark.parametrize("codec", [NONE, GZIP])
def test_damaged_bytes_are_refused_even_where_nothing_would_be_left(
    codec: int, in_hardware: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bit that fell over may be what hid a code. Any bit: header, record, or the checksum itself."""
    assert module.IN_HARDWARE, "the library's own binary is what is measured and shipped"
    monkeypatch.setattr(module, "IN_HARDWARE", in_hardware)
    whole = batch([b"{}", b"{}"], 0, codec=codec)
    sieve = sieve_of(Told(lambda _: True))
    assert unpacked(whole, sieve) == ([], 2)
    for at in range(17, len(whole)):
        damaged = bytearray(whole)
        damaged[at] ^= 1
        with pytest.raises(CorruptRecordException):
            unpacked(bytes(damaged), sieve)


def test_a_batch_cut_short_by_the_size_of_the_fetch_is_left_for_the_next() -> None:
    data = batch([b"{}"], 0) + batch([b"ours"], 1)
    assert unpacked(data[:-1], sieve_of(Told(lambda value: value == b"{}"))) == ([], 1)
    assert _Fetched(data[:20]).has_next() is False
    assert _Fetched(data[:20]).size_in_bytes() == 20, "aiokafka tells by it that a record is larger than the fetch"


def test_without_a_way_to_tell_nothing_is_dropped() -> None:
    data = batch([b"{}", None], 0)
    assert unpacked(data, sieve_of(None)) == unpacked(data)


def test_each_batch_of_records_asks_anew_what_is_passed_over() -> None:
    rules = [Told(lambda _: True), Told(lambda _: False)]
    left, _ = unpacked(batch([b"{}"], 0) + batch([b"{}"], 1), Sieve(lambda _: rules.pop(0)))
    assert [record.offset for record in left] == [1]


def test_a_fetch_leaves_the_memory_without_the_garbage_collector() -> None:
    """A worker lets it run rarely, and a fetch has megabytes."""
    data = batch([b"{}"], 0) + batch([b"{}", b"ours"], 1)
    sieve = sieve_of(Told(lambda value: value == b"{}"))
    gc.collect()
    assert len(unpacked(data, sieve)[0]) == 1
    assert gc.collect() == 0


def test_each_partition_has_what_is_passed_over_in_it() -> None:
    """Watch reads topics of its own beside the input, with the same consumer."""
    sieve = Sieve(lambda partition: None if partition == PARTITION else Told(lambda _: True))
    data = batch([b"{}"], 0)
    assert unpacked(data, sieve) == unpacked(data)
    elsewhere = sieve._partition_records(
        TopicPartition("t", 1), _Fetched(data), [], 0, None, None, True, fetcher.READ_COMMITTED
    )
    assert list(elsewhere) == []


class _Started:
    """Stands for a started consumer: only its fetcher is looked at."""

    def __init__(self) -> None:
        self._fetcher = object.__new__(fetcher.Fetcher)


def test_the_fetcher_of_this_aiokafka_is_known_and_other_consumers_keep_theirs() -> None:
    sieved, other = _Started(), _Started()
    sieve = sieve_of(None)
    assert sieve.put_into(sieved)
    names, others = (held._fetcher._proc_fetch_request.__globals__ for held in (sieved, other))
    assert (names["PartitionRecords"], names["MemoryRecords"]) == (sieve._partition_records, _Fetched)
    assert (others["PartitionRecords"], others["MemoryRecords"]) == (fetcher.PartitionRecords, MemoryRecords)


def test_an_aiokafka_that_is_not_known_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aiokafka, "__version__", "0.15.0")
    consumer = _Started()
    assert not sieve_of(None).put_into(consumer)
    assert "_proc_fetch_request" not in vars(consumer._fetcher)
