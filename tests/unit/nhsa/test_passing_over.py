"""A message that is none of ours costs a look at its bytes; none of ours is ever taken for one."""

from __future__ import annotations

import random

import orjson
import pytest

from schemas.nhsa import Reference, read_codes
from streams.processors.form import Nhsa
from streams.processors.settlement import Fate, SettlementProcessor
from streams.simulate import events
from tests.builders import NATIONAL, SECRET, ZHEJIANG, Event, InputRecord, every, installed_rulebook, process
from tests.nhsa import CODES, LOCAL, Speaker, written
from tests.unit.nhsa.test_convert import message, rows

REFERENCE = Reference(codes=read_codes(CODES))
PROCESS = SettlementProcessor(installed_rulebook(), SECRET, "test", Nhsa(REFERENCE))
passes_over = PROCESS.passes_over


def bus(count: int) -> list[tuple[bytes, Event]]:
    """Messages of a bus on which one in three is ours, each with its event."""
    found = []
    for seed, (_, value) in enumerate(events(seed=2, count=count, petct_share=0.3, invalid_share=0.0)):
        event: Event = orjson.loads(value)
        for line in event.get("line_items", ()):
            line.setdefault("refunds_line_no", None)
            line.setdefault("out_of_catalogue_amount", "0.00")
        speaker = Speaker(seed)
        found.append((written(speaker.message(event), speaker.dice), event))
    return found


BUS = bus(600)


def test_it_passes_over_what_the_processor_of_the_contract_passes_over_and_nothing_else() -> None:
    for value, event in BUS:
        is_ours = process(event).fate is not Fate.PASSED_OVER
        assert passes_over(value) is not is_ours


def test_a_message_passed_over_is_not_parsed() -> None:
    value = orjson.dumps(message()).replace(NATIONAL.encode(), b"001101000010000")
    assert PROCESS(InputRecord(b"{this is no JSON," + value[1:])).fate is Fate.PASSED_OVER


def test_messages_looked_at_together_are_passed_over_only_if_each_is() -> None:
    dice = random.Random(3)
    values = [value for value, _ in BUS]
    together = 0
    for _ in range(400):
        some = dice.sample(values, 4)
        if every(passes_over, some):
            assert all(map(passes_over, some))
            together += 1
    assert together > 40
    none_of_ours = [value for value in values if passes_over(value)]
    assert every(passes_over, none_of_ours[:8])
    assert not every(passes_over, [*none_of_ours[:3], b"", none_of_ours[4]])


@pytest.mark.parametrize("code", [NATIONAL, ZHEJIANG, *LOCAL.values(), "PETCT9"])
def test_a_code_is_found_in_each_of_its_spellings(code: str) -> None:
    made = message()
    rows(made)[0]["med_list_codg"] = code
    assert not passes_over(orjson.dumps(made))
    assert PROCESS(InputRecord(orjson.dumps(made))).fate is Fate.DECIDED


@pytest.mark.parametrize("number", ["2208", "2305", "2601"])
@pytest.mark.parametrize(
    "spelling",
    [
        '"infno":"%s"',
        '"infno": "%s"',
        '"infno"\n\t: "%s"',
        '"infno":%s',
        '"infno" : %s',
        '"infno":" %s "',
        '"infno":"%sA"',
    ],
)
@pytest.mark.parametrize("around", ["{%s}", '{"visit":[{"infno":"2203"}],%s}', '{%s,"visit":[{"infno":"2203"}]}'])
def test_a_transaction_that_undoes_is_found_however_it_is_written(number: str, spelling: str, around: str) -> None:
    assert not passes_over((around % (spelling % number)).encode())


@pytest.mark.parametrize("number", ["2208", "2305", "2601"])
def test_the_same_digits_elsewhere_are_no_such_transaction(number: str) -> None:
    value = f'{{"infno":"2207","msgid":"H3301{number}","amount":{number},"oinfno":"{number}","note":"infno {number}"}}'
    assert passes_over(value.encode())


@pytest.mark.parametrize(
    "value", [rb'{"infno":"2207","a":"\u0032"}', b'{"infno":"2207"', b"[]", b"", None, b"null", b'"infno"']
)
def test_what_may_hide_something_is_looked_at(value: bytes | None) -> None:
    assert not passes_over(value)


def test_escapes_of_other_kinds_hide_nothing() -> None:
    assert passes_over(rb'{"infno":"2207","exp_content":"{\"er_flag\":\"0\",\\u\"}"}'.replace(rb"\\u", b""))
