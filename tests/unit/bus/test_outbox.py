"""Outputs go out in as few record batches as fit, in order; what no topic takes goes without its body."""

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.record.memory_records import MemoryRecords

from schemas import deadletters
from schemas.topics import ADJUSTED, DEADLETTERS, MAX_OUTPUT_BYTES
from streams.bus.outbox import OutputTooLargeError, builders, fit
from streams.processors.settlement import Output

BATCH_BYTES = 10_000


@pytest.fixture
async def producer() -> AIOKafkaProducer:
    """Never started: only its builders are real work here."""
    producer = AIOKafkaProducer(transactional_id="t", max_batch_size=BATCH_BYTES)
    producer._closed = True
    return producer


async def _sent(producer: AIOKafkaProducer, outputs: list[Output]) -> list[list[tuple[bytes | None, bytes | None]]]:
    """Key and value of each record, by batch, as a broker would read them."""
    batches = []
    async for builder in builders(producer, outputs):
        records = MemoryRecords(bytes(builder._build())).next_batch()
        assert records is not None
        batches.append([(record.key, record.value) for record in records])
    return batches


def _output(value: bytes | None, key: bytes | None = b"k", topic: str = ADJUSTED) -> Output:
    return Output(topic, key, value, [("h", b"v"), ("none", None)])


async def test_what_fits_goes_in_one_batch(producer: AIOKafkaProducer) -> None:
    assert await _sent(producer, [_output(b"a"), _output(b"b")]) == [[(b"k", b"a"), (b"k", b"b")]]


async def test_what_does_not_fit_is_cut_into_batches_and_stays_in_order(producer: AIOKafkaProducer) -> None:
    values = [str(number).encode() * 100 for number in range(1_000)]

    batches = await _sent(producer, [_output(value) for value in values])

    assert len(batches) > 1
    assert [value for batch in batches for _, value in batch] == values


async def test_a_record_larger_than_a_batch_gets_one_to_itself(producer: AIOKafkaProducer) -> None:
    large = b"x" * (3 * BATCH_BYTES)

    batches = await _sent(producer, [_output(b"a"), _output(large), _output(b"b")])

    assert [[value for _, value in batch] for batch in batches] == [[b"a"], [large], [b"b"]]


async def test_a_record_with_neither_key_nor_value_goes_out(producer: AIOKafkaProducer) -> None:
    assert await _sent(producer, [_output(None, key=None, topic=DEADLETTERS)]) == [[(None, None)]]


async def test_no_outputs_make_no_batch(producer: AIOKafkaProducer) -> None:
    assert await _sent(producer, []) == []


def test_a_dead_letter_above_the_limit_goes_without_its_body() -> None:
    letter = Output(DEADLETTERS, b"k", b"x" * MAX_OUTPUT_BYTES, [("trace", b"t"), (deadletters.REASON, b"too_large")])

    fitting = fit(letter)

    assert (fitting.key, fitting.value) == (b"k", None)
    assert fitting.headers == [
        ("trace", b"t"),
        (deadletters.REASON, b"too_large"),
        (deadletters.BODY, b"withheld"),
    ]


def test_a_dead_letter_whose_headers_are_above_the_limit_goes_without_those_that_are_not_ours() -> None:
    huge = ("trace", b"t" * MAX_OUTPUT_BYTES)
    letter = Output(DEADLETTERS, b"k", b"x", [huge, (deadletters.REASON, b"schema"), (deadletters.RETRIES, b"1")])

    fitting = fit(letter)

    assert fitting.headers == [
        (deadletters.REASON, b"schema"),
        (deadletters.RETRIES, b"1"),
        (deadletters.BODY, b"withheld"),
    ]


def test_any_other_output_above_the_limit_is_an_error_that_does_not_show_it() -> None:
    with pytest.raises(OutputTooLargeError, match=r"a record of \d+ bytes for settlement.adjusted exceeds") as told:
        fit(_output(b"secret" * MAX_OUTPUT_BYTES))

    assert "secret" not in str(told.value)
