"""A batch holds what a transaction will carry: outputs by topic, the offset after them, and what to count."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from schemas.deadletters import DeadLetterReason
from schemas.topics import ADJUSTED, DEADLETTERS
from streams.adjudication.settlement import Money
from streams.bus.batch import Batch
from streams.processors.settlement import PASSED_OVER, Answer, Fate, Output, Record

YUAN = Decimal("1.00")


@dataclass(frozen=True)
class In:
    offset: int
    value: bytes
    topic: str = "settlement.events"
    partition: int = 0
    timestamp: int = 1_000
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes | None]] = ()


def _decide(record: Record) -> Answer:
    if record.value == b"ours":
        output = Output(ADJUSTED, b"k", str(record.offset).encode(), [])
        money = Money(charged=YUAN, hospital=Decimal(0), fund=2 * YUAN, assistance=Decimal(0), patient=-YUAN)
        return Answer(Fate.DECIDED, (output,), "covered", ("annual_cap_reached",), money)
    if record.value == b"broken":
        output = Output(DEADLETTERS, None, record.value, [])
        return Answer(Fate.DEAD_LETTER, (output,), dead_letter_reason=DeadLetterReason.NOT_JSON)
    return PASSED_OVER


def test_outputs_are_kept_by_topic_in_the_order_of_their_inputs() -> None:
    batch = Batch(5)

    batch.add([In(5, b"ours"), In(6, b""), In(7, b"broken"), In(9, b"ours")], 10, _decide)

    assert batch.next_offset == 10
    assert [output.value for output in batch.outputs[ADJUSTED]] == [b"5", b"9"]
    assert [output.value for output in batch.outputs[DEADLETTERS]] == [b"broken"]
    assert batch.dead == [False, True, False]


def test_what_is_passed_over_leaves_nothing_but_the_offset_and_a_count() -> None:
    batch = Batch(0)

    batch.add([In(0, b""), In(1, b"")], 3, _decide)

    assert (batch.next_offset, batch.outputs, batch.dead, batch.tally.records) == (3, {}, [], 2)


def test_a_batch_grows_until_it_is_committed() -> None:
    batch = Batch(0)

    batch.add([In(0, b"ours")], 1, _decide)
    batch.add([In(1, b"ours")], 2, _decide)

    assert [output.value for output in batch.outputs[ADJUSTED]] == [b"0", b"1"]
    assert batch.tally.counts().fates == {Fate.DECIDED: 2}


def test_money_is_counted_by_bearer_and_what_is_given_back_apart() -> None:
    batch = Batch(0)

    batch.add([In(0, b"ours"), In(1, b"ours")], 2, _decide)

    told = {labels: yuan for labels, yuan in batch.tally.shares() if yuan}
    assert told == {("fund", "covered", "charged"): 4 * YUAN, ("patient", "covered", "refunded"): 2 * YUAN}
