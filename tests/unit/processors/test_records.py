"""Bytes in, outputs or a dead letter out: what is passed over, what is refused and why, and what travels along."""

from __future__ import annotations

from typing import Any
from uuid import NAMESPACE_DNS, uuid5

import orjson
import pytest

from streams.processors.envelope import PassingOver
from streams.processors.settlement import OTHER, Fate
from tests.builders import (
    NATIONAL,
    ZHEJIANG,
    InputRecord,
    dead_letter,
    event,
    every,
    line,
    process,
    processor,
    reversal,
    void,
)

DEEP = b'{"a":' * 70 + b"1" + b"}" * 70


def raw(made: dict[str, Any], old: bytes, new: bytes) -> bytes:
    value = orjson.dumps(made)
    assert old in value
    return value.replace(old, new)


@pytest.mark.parametrize(
    "value",
    [
        b'{"event_type": "settlement.completed"}',
        b"  {not even json}  ",
        b"{" + b"x" * 2_000_000 + b"}",
        DEEP,
        orjson.dumps(event(line(item_code="0023040000700001"))),  # holds the code, but is not the code
        orjson.dumps({**event(), "line_items": {"item_code": NATIONAL}}),
        orjson.dumps({"note": NATIONAL}),
        rb'{"note": "\u4e2d"}',
        orjson.dumps(reversal(item_codes=["330100001"])),
        orjson.dumps(void(item_codes=[])),
    ],
)
def test_what_is_none_of_ours_is_passed_over(value: bytes) -> None:
    assert process(value).fate is Fate.PASSED_OVER


@pytest.mark.parametrize(
    "made",
    [
        event(),
        event(line(item_code=ZHEJIANG)),
        reversal(),
        reversal(item_codes=["330100001", ZHEJIANG]),
        void(item_codes=None),
    ],
)
def test_what_is_ours_is_answered(made: dict[str, Any]) -> None:
    assert process(made).fate in {Fate.DECIDED, Fate.REVERSED}


def test_a_code_hidden_by_an_escape_is_found() -> None:
    value = raw(event(), b"002304000070000", rb"00230400007000\u0030")
    assert process(value).fate is Fate.DECIDED


@pytest.mark.parametrize("hidden", [NATIONAL, ZHEJIANG, "settlement.reversed", "settlement.voided", r"\u0030"])
@pytest.mark.parametrize("around", ["{%s}", '{"event_type":"settlement.completed","a":"settlement.%s"}', r'{"\n%s"}'])
def test_wherever_it_stands_what_could_make_an_event_ours_is_seen(hidden: str, around: str) -> None:
    passes_over = PassingOver([NATIONAL, ZHEJIANG])
    assert not passes_over((around % hidden).encode())
    assert passes_over((around % hidden.swapcase()[:-1]).encode()) is (hidden != NATIONAL)  # a code within the code


@pytest.mark.parametrize("word", [NATIONAL.encode(), b"settlement.voided", rb"\u"])
def test_a_word_is_found_wherever_it_lies_and_only_where_it_lies_whole(word: bytes) -> None:
    """Vector instructions take many bytes at a time, and what is left at either end in another way."""
    passes_over = PassingOver([NATIONAL])
    for before in range(140):
        for after in (0, 1, 7, 63, 64, 65):
            data = b"{" * before + word + b"}" * after
            assert not passes_over.hides_nothing(data, 0, len(data))
            assert not passes_over.hides_nothing(data, before, before + len(word))
            assert passes_over.hides_nothing(data, before + 1, len(data))
            assert passes_over.hides_nothing(data, 0, before + len(word) - 1)


def test_many_are_passed_over_at_once_only_where_each_is() -> None:
    passes_over = PassingOver([NATIONAL])
    other, ours = b'{"a":1}', orjson.dumps(event())
    assert every(passes_over, [other] * 3)
    for odd in (ours, None, b"", b" ", b"[]", b"{", b"}"):
        assert not every(passes_over, [other, odd, other])


def test_what_lies_beside_them_is_not_looked_at() -> None:
    ours, other = orjson.dumps(event()), b'{"a":1}'
    assert PassingOver([NATIONAL]).every([other], ours + other + ours, len(ours), len(ours) + len(other))


def test_what_lies_among_them_makes_it_unsure() -> None:
    """A key or a header of another system may hold a code: their values are then looked at one by one."""
    other = b'{"a":1}'
    data = b"%s key %s %s" % (other, NATIONAL.encode(), other)
    assert not PassingOver([NATIONAL]).every([other, other], data, 0, len(data))


@pytest.mark.parametrize("value", [b"[]", b"{", b"}", b'{"a":1},', b"   ", b"null"])
def test_what_does_not_look_like_an_object_is_not_passed_over(value: bytes) -> None:
    assert not PassingOver([NATIONAL])(value)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "empty_value"),
        (b"", "empty_value"),
        (b" \n\t", "empty_value"),
        (orjson.dumps(event(padding="x" * 1_048_576)), "too_large"),
        (b"[" * 65 + b"]" * 65, "too_large"),
        (raw(event(purpose=0), b'"purpose":0', b'"purpose":' + b"[" * 64 + b"]" * 64), "too_large"),
        (orjson.dumps(event(*[line(line_no=i) for i in range(1001)])), "too_large"),
        (b"\xff\xfe", "not_utf8"),
        (raw(event(), b"S20", b"\xc3S20"), "not_utf8"),
        (b"\xef\xbb\xbf" + orjson.dumps(event()), "not_json"),
        (raw(event(), b'"24000.00"', b"NaN"), "not_json"),
        (raw(event(), b'"24000.00"', b"1e400"), "not_json"),
        (raw(event(), b"P1", rb"\ud800"), "not_json"),
        (orjson.dumps(event())[:-20], "not_json"),
        (b"null", "not_an_event"),
        (b"[]", "not_an_event"),
        (b'"002304000070000"', "not_an_event"),
        (orjson.dumps(event(schema_version="2.0")), "unsupported_version"),
        (orjson.dumps(event(schema_version="1")), "schema"),
        (orjson.dumps(event(schema_version="2.x")), "schema"),
        (orjson.dumps(event(schema_version="2.0", hospital=None)), "unsupported_version"),
        (orjson.dumps(event(event_type="settlement.unknown")), "schema"),
        (orjson.dumps(void(settlement_id="other")), "schema"),
        (orjson.dumps(reversal(reason="other")), "schema"),
        (orjson.dumps({**event(), "line_items": [line(), 7]}), "schema"),
        (orjson.dumps({**event(), "line_items": [line(), {"item_code": 7}]}), "schema"),
        (orjson.dumps(event(patient={"birth_date": "2021-07-02"})), "schema"),
        (orjson.dumps(event(manual_claim={"submitted_on": "2021-06-30", "documents": []})), "schema"),
        (orjson.dumps(event(line(), line())), "invalid_line"),
        (orjson.dumps(event(line(quantity="0"))), "invalid_line"),
        (orjson.dumps(event(line("-5300.00"))), "invalid_line"),
        (orjson.dumps(event(line(service_date="2021-07-02"))), "invalid_line"),
        (orjson.dumps(event(line(out_of_catalogue_amount="5300.01"))), "invalid_line"),
        (orjson.dumps(event(line(out_of_catalogue_amount="-1"))), "invalid_line"),
    ],
)
def test_what_cannot_be_decided_is_a_dead_letter_with_its_reason(value: bytes | None, reason: str) -> None:
    assert dead_letter(value)[0] == reason


def test_64_levels_are_read_and_brackets_in_strings_are_no_levels() -> None:
    nested = raw(event(padding=0), b'"padding":0', b'"padding":' + b"[" * 63 + b"]" * 63)
    assert process(nested).fate is Fate.DECIDED
    assert process(event(padding='\\"[' * 100)).fate is Fate.DECIDED


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"hospital": {"level": "huge"}}, "hospital.level: expected 'tertiary', 'secondary', 'primary' or 'ungraded'"),
        ({"hospital": {"designated": "yes"}}, "hospital.designated: expected true or false"),
        ({"patient": {"birth_date": "1960-1-2"}}, "patient.birth_date: expected a date YYYY-MM-DD"),
        ({"patient": {"insured_region": "3301"}}, "patient.insured_region: expected to match ^[0-9]{6}$"),
        ({"account": {"own_paid_ytd": "-0.01"}}, "account.own_paid_ytd: expected a number not below 0"),
        ({"account": {"benefit_ratio": "1.1"}}, "account.benefit_ratio: expected a number from 0 to 1"),
        ({"filing": {"kind": "holiday"}}, "filing: expected kind 'long_term', 'referral', 'temporary', 'emergency'"),
        ({"filing": {"kind": "referral"}}, "filing.valid_from: required; filing.valid_to: required"),
        ({"settlement_id": 7}, "settlement_id: expected a string"),
    ],
)
def test_the_detail_names_the_field_and_what_was_expected(changes: dict[str, Any], detail: str) -> None:
    assert dead_letter(event(**changes)) == ("schema", detail)


def test_the_detail_counts_lines_as_the_event_does() -> None:
    other = {"item_code": "330100001"}
    reason, detail = dead_letter(event(other, line(amount="5300.001")))
    assert (reason, detail) == ("schema", "line_items[1].amount: expected at most 2 decimal places")


def test_lines_that_are_none_of_ours_are_somebody_elses_business() -> None:
    other: dict[str, Any] = {"item_code": "330100001", "line_no": "one", "amount": None, "quantity": []}
    assert process(event(other, line(), other)).fate is Fate.DECIDED


@pytest.mark.parametrize(
    "value",
    ["5300", 5300, 5300.0, "5300.000", "05300.00"],
)
def test_an_amount_is_read_from_strings_and_numbers_alike(value: object) -> None:
    answer = process(event(line(amount="5300.00") | {"amount": value}))
    assert answer.adjusted is not None
    assert answer.adjusted["lines"][0]["charged_amount"] == "5300.00"


@pytest.mark.parametrize(
    "value",
    ["5300.001", "5,300", "+5300", "5.3e3", " 5300", "٥", "", "NaN", True, [], "1" + "0" * 14, 10**12, 1e-7, 5300.001],
)
def test_an_amount_is_never_guessed(value: object) -> None:
    assert dead_letter(event(line() | {"amount": value}))[0] == "schema"


@pytest.mark.parametrize(
    ("text", "ce_time"),
    [
        ("2021-07-01T09:30:00", b"2021-07-01T09:30:00+08:00"),
        ("2021-07-01T09:30:00.123456", b"2021-07-01T09:30:00.123456+08:00"),
        ("2021-07-01T01:30:00Z", b"2021-07-01T01:30:00Z"),
        ("2021-06-30T20:00:00-05:30", b"2021-06-30T20:00:00-05:30"),
    ],
)
def test_a_time_is_kept_as_written_and_is_chinas_where_it_has_no_offset(text: str, ce_time: bytes) -> None:
    answer = process(event(occurred_at=text))
    assert answer.adjusted is not None
    assert answer.adjusted["occurred_at"] == text
    assert dict(answer.outputs[0].headers)["ce_time"] == ce_time


@pytest.mark.parametrize(
    "text",
    [
        "2021-07-01",
        "2021-07-01 09:30:00",
        "2021-07-01T09:30",
        "2021-07-01T24:00:00",
        "2021-07-01T09:30:60",
        "2021-07-01T09:30:00.",
        "2021-07-01T09:30:00.1234567",
        "2021-07-01T09:30:00+0800",
        "2021-07-01T09:30:00+08:60",
        "2021-07-01T09:30:00z",
        "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00+09:00",
        "0000-12-31T23:59:59",
        "0000-12-31T15:59:59Z",
        "0000-12-31T23:59:59+08:00",
        1625103000,
    ],
)
def test_no_other_time_is_taken(text: object) -> None:
    assert dead_letter(event(occurred_at=text))[0] == "schema"


def test_year_1_begins_in_china_while_year_0_ends_elsewhere() -> None:
    answer = process(reversal(occurred_at="0000-12-31T16:00:00Z"))
    assert dict(answer.outputs[1].headers)["ce_time"] == b"0001-01-01T00:00:00+08:00"


def test_outputs_carry_cloudevents_and_the_rulebook() -> None:
    namespace = uuid5(NAMESPACE_DNS, "petct-settlement")
    answer = process(event())
    adjusted, disclosure = answer.outputs
    assert (adjusted.topic, adjusted.key) == ("settlement.adjusted", b"S2021070100001")
    assert dict(adjusted.headers) == {
        "ce_specversion": b"1.0",
        "ce_id": str(uuid5(namespace, "H33010200001202107010930000001|settlement.adjusted|1")).encode(),
        "ce_source": b"/petct-settlement",
        "ce_type": b"settlement.adjusted",
        "ce_time": b"2021-07-01T09:30:00+08:00",
        "content-type": b"application/json",
        "rulebook": processor().rulebook.hash.encode(),
    }
    assert answer.disclosure is not None
    assert disclosure.topic == "settlement.disclosures"
    assert disclosure.key == answer.disclosure["disclosure_id"].encode()
    assert dict(disclosure.headers)["ce_time"] == b"2021-07-01T00:00:00+08:00"


def test_an_undoing_is_answered_under_the_key_of_what_it_undoes() -> None:
    answer = process(reversal(extra="ignored"))
    assert answer.adjusted is not None
    assert answer.outputs[0].key == b"S2021070100001"
    assert answer.adjusted["event_type"] == "settlement.adjustment_reversed"
    assert answer.adjusted["reverses"] == reversal()["reverses"]
    assert dict(answer.outputs[1].headers)["ce_time"] == b"2021-07-02T00:00:00+08:00"
    voided = process(void()).adjusted
    assert voided is not None
    assert voided["event_type"] == "settlement.adjustment_voided"


def test_a_dead_letter_is_the_record_byte_for_byte_with_the_reason_in_headers() -> None:
    headers = (("ce_id", b"x"), ("dlq_reason", b"old"), ("dlq_body", b"old"), ("dlq_retries", b"2"), ("empty", None))
    record = InputRecord(b"\xff", None, headers)
    (letter,) = processor()(record).outputs
    assert (letter.topic, letter.key, letter.value) == ("settlement.deadletters", None, b"\xff")
    assert letter.headers == [
        ("ce_id", b"x"),
        ("dlq_retries", b"2"),
        ("empty", None),
        ("dlq_reason", b"not_utf8"),
        ("dlq_detail", b"expected UTF-8"),
        ("dlq_topic", b"settlement.events"),
        ("dlq_partition", b"3"),
        ("dlq_offset", b"42"),
        ("dlq_timestamp", b"1625103000000"),
        ("dlq_rulebook", processor().rulebook.hash.encode()),
        ("dlq_worker_version", b"test"),
    ]


def test_a_huge_body_is_withheld() -> None:
    (letter,) = process(b"x" * (7 * 1024 * 1024 + 1)).outputs
    assert letter.value is None
    assert dict(letter.headers)["dlq_body"] == b"withheld"
    (kept,) = process(b"x" * (7 * 1024 * 1024)).outputs
    assert kept.value is not None


def test_a_bug_of_ours_is_a_dead_letter_that_tells_where_and_nothing_of_the_event(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def buggy(*_: object) -> None:
        raise KeyError("欧阳某某")

    monkeypatch.setattr("streams.processors.settlement.decide", buggy)
    reason, detail = dead_letter(event())
    assert reason == "processing_error"
    assert detail.startswith("KeyError at test_records.py:")
    assert "欧阳" not in detail


def test_the_same_bytes_give_the_same_bytes() -> None:
    assert process(event()).outputs == process(event()).outputs


@pytest.mark.parametrize(
    ("insured_region", "city"),
    [("330100", "330100"), ("330102", "330100"), ("330000", "330000"), ("330300", OTHER), ("999999", OTHER)],
)
def test_the_city_for_the_metrics_is_one_of_the_rulebooks_or_none(insured_region: str, city: str) -> None:
    """Wenzhou (330300) is covered by the province, but no rule names it: an event cannot bring a label of its own."""
    assert process(event(patient={"insured_region": insured_region})).city == city
