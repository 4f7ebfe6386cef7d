"""No bytes may raise out of the processor, and whatever it says of them holds no value of theirs."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import orjson

from streams.processors.settlement import Answer, Fate
from tests.builders import NATIONAL, InputRecord, event, line, processor, refund, reversal, shenzhen, void

INPUTS = 200_000
SEED = 20210630
MARK = "标记患者"
SEEDS = [
    orjson.dumps(made)
    for made in (
        event(patient={"name": MARK, "person_id": MARK}),
        event(line("6500.00"), refund("-6500.00", refunds_line_no=1), patient={"name": MARK}),
        shenzhen(claim_channel="manual", manual_claim={"submitted_on": "2023-06-02", "documents": [MARK]}),
        shenzhen(filing={"kind": "referral", "valid_from": "2023-01-01", "valid_to": "2023-12-31"}),
        reversal(),
        void(item_codes=[NATIONAL]),
    )
]
SPLICES = [
    b"null",
    b"NaN",
    b"-1e999",
    b"1e308",
    b"true",
    b"[]",
    b"{}",
    b'""',
    b"\xff",
    b"\xed\xa0\x80",
    rb"\u0000",
    rb"\ud800",
    b"[" * 80,
    b'{"a":' * 80,
    b"99999999999999999999999999",
    b'"0001-01-01"',
    b'"9999-12-31"',
    b'"9999-12-31T23:59:59-23:59"',
    b'"99999999999999.99"',
    b'"0.00001"',
    "\u202e標記".encode(),
]


def mutants(count: int, seed: int, seeds: Sequence[bytes] = tuple(SEEDS)) -> Iterator[bytes]:
    """Mutated, truncated, spliced, deeply nested and random bytes; most still hold a code of ours."""
    dice = random.Random(seed)
    for _ in range(count):
        value = bytearray(dice.choice(seeds))
        for _ in range(dice.randint(1, 4)):
            match dice.randrange(7):
                case 0:
                    value[dice.randrange(len(value))] = dice.randrange(256)
                case 1:
                    del value[dice.randrange(len(value)) :]
                    value += b"}"
                case 2:
                    start = dice.randrange(len(value))
                    del value[start : start + dice.randrange(1, 40)]
                    value = value or bytearray(b"{")
                case 3 | 4:
                    _replace_a_value(value, dice.choice(SPLICES), dice)
                case 5:
                    start = dice.randrange(len(value))
                    value[start:start] = dice.choice(SPLICES)
                case 6:
                    value += bytes(dice.randrange(256) for _ in range(dice.randrange(60)))
        yield bytes(value)
    yield b"[" * 1_000_000
    yield b"{" * 2_000_000 + b"}"
    yield b'{"line_items":[' + b'{"item_code":"' + NATIONAL.encode() + b'"},' * 30_000 + b"{}]}"


def _replace_a_value(value: bytearray, new: bytes, dice: random.Random) -> None:
    """Between a colon and the next comma, so that the JSON often survives."""
    start = value.find(b":", dice.randrange(len(value)))
    end = value.find(b",", start)
    if 0 <= start < end:
        value[start + 1 : end] = new


def test_no_input_raises_and_none_of_its_values_is_told() -> None:
    answered: dict[Fate, int] = dict.fromkeys(Fate, 0)
    for offset, value in enumerate(mutants(INPUTS, SEED)):
        answer = processor()(InputRecord(value, offset=offset))
        answered[answer.fate] += 1
        _check(answer, value)
    assert sum(answered.values()) >= INPUTS
    assert all(answered[fate] > INPUTS // 1000 for fate in (Fate.DECIDED, Fate.DEAD_LETTER, Fate.PASSED_OVER)), answered


def _check(answer: Answer, value: bytes) -> None:
    if answer.fate is Fate.PASSED_OVER:
        assert answer.outputs == ()
    elif answer.fate is Fate.DEAD_LETTER:
        (letter,) = answer.outputs
        assert letter.value == value
        assert answer.dead_letter_reason != "processing_error", (answer.detail, value)
        assert answer.detail is not None
        assert MARK not in answer.detail
    else:
        assert answer.outputs[0].value is not None
        orjson.loads(answer.outputs[0].value)
