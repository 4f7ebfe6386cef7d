"""The published schemas of events accept what the worker accepts, as far as JSON Schema can say it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from decimal import Decimal
from typing import Any

import jsonschema
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from streams.contract.catalogue import BY_NAME, UNSAID
from streams.processors.settlement import Answer, Fate
from tests.builders import NATIONAL, Event, process, reversal, void
from tests.strategies import settlements


def _pattern(_: Any, pattern: str, instance: Any, __: Any) -> Iterator[jsonschema.ValidationError]:
    """As ECMA-262, which JSON Schema means, and not as Python, for which `$` also stands before a last line feed."""
    if isinstance(instance, str) and not re.search(re.sub(r"\$$", r"\\Z", pattern), instance):
        yield jsonschema.ValidationError(f"does not match {pattern}")


Strict: Any = jsonschema.validators.extend(Draft202012Validator, {"pattern": _pattern})  # type: ignore[no-untyped-call]
VALIDATORS = {
    name: Strict(BY_NAME[name].document(), format_checker=Draft202012Validator.FORMAT_CHECKER)
    for name in ("settlement.completed", "settlement.reversed", "settlement.voided")
}
UNSAID_TOLD = re.compile("|".join(f"(?:{unsaid.told})" for unsaid in UNSAID))
DECIMALS = ("quantity", "unit_price", "amount", "out_of_catalogue_amount")
OPTIONAL = ("claim_channel", "account", "filing", "request", "diagnoses", "manual_claim")
OTHERS = [
    {"item_code": "330100001"},
    {"item_code": "", "line_no": "one", "amount": None},
    {"item_code": "0023040000700001", "quantity": []},
]
ODD: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([10**11, 10**12, 10**14, 0.1, -0.0, 1e-7, 5300.01, 1.5, 0.00001, 2.0]),
    st.sampled_from(["", "0", "-0", "00.50", "1.0000", "1.00001", "-5300.00", "5300.001", "99999999999999.99", "1e3"]),
    st.sampled_from(["100000000000000", "0100000000000000.10", "٥", " 1", "1\n", "+1", "1.", ".5", "-1"]),
    st.sampled_from(["2021-07-01", "2021-02-29", "2021-2-3", "0000-01-01", "2021-07-01T09:30:00", "2021-07-32"]),
    st.sampled_from(["2021-07-01T09:30:00Z", "2021-07-01T24:00:00", "2021-06-31T00:00:00", "1.0", "01.7", "2.0", "1"]),
    st.sampled_from(["330102", "33010", "3301023", NATIONAL, "none", "public", "employee", "long_term", "emergency"]),
    st.text(max_size=3),
    st.just([]),
    st.just({}),
    st.lists(st.integers(), max_size=2),
    st.just({"kind": "emergency"}),
    st.just({"kind": "referral", "valid_from": "2021-01-01"}),
    st.just([{"code": "C34", "name": "x"}]),
)


@st.composite
def dressed(draw: st.DrawFn) -> Event:
    """A valid event as another platform would write it: numbers for strings, null or nothing for defaults, extras."""
    made = deepcopy(draw(settlements()))
    for item in made["line_items"]:
        for name in DECIMALS:
            if draw(st.booleans()):
                item[name] = _as_number(item[name])
        if not Decimal(str(item["out_of_catalogue_amount"])) and draw(st.booleans()):
            item["out_of_catalogue_amount"] = None
        if item["refunds_line_no"] is None and draw(st.booleans()):
            del item["refunds_line_no"]
    for name, value in made["account"].items():
        if value is not None and draw(st.booleans()):
            made["account"][name] = _as_number(value)
    for name in OPTIONAL:
        match draw(st.sampled_from(["as it is", "null", "absent"])):
            case "null":
                made[name] = None
            case "absent":
                del made[name]
    if draw(st.booleans()):
        made["line_items"] = [*draw(st.lists(st.sampled_from(OTHERS), max_size=2)), *made["line_items"]]
    if draw(st.booleans()):
        made["later"] = made["patient"]["later"] = {"anything": [1, None]}
    return made


@st.composite
def spoilt(draw: st.DrawFn) -> Event:
    """An event, reversal or void of which one or two values, anywhere, are replaced or missing."""
    made: Event = draw(
        st.one_of(
            dressed(), st.builds(reversal), st.builds(void), st.just(reversal(item_codes=[NATIONAL])).map(deepcopy)
        )
    )
    made = deepcopy(made)
    for _ in range(draw(st.integers(1, 2))):
        place, name = draw(st.sampled_from(list(_places(made))))
        if draw(st.integers(0, 4)) == 0 and isinstance(place, dict):
            del place[name]
        else:
            place[name] = deepcopy(draw(ODD))
    return made


@settings(max_examples=200)
@given(dressed())
def test_every_valid_event_is_valid_by_the_schema(made: Event) -> None:
    answer = process(made)
    assert answer.fate is Fate.DECIDED, answer.detail
    VALIDATORS["settlement.completed"].validate(made)


@settings(max_examples=1000)
@given(spoilt())
def test_the_schema_refuses_what_the_worker_refuses_but_for_the_rules_it_cannot_state(made: Event) -> None:
    kind = made.get("event_type")
    validator = VALIDATORS.get(kind if isinstance(kind, str) else "", VALIDATORS["settlement.completed"])
    refused = not validator.is_valid(made)
    # Not orjson, which does not write the integers beyond 64 bits that anybody may send.
    answer = process(json.dumps(made, ensure_ascii=False).encode())
    assume(answer.fate is not Fate.PASSED_OVER)
    if refused:
        assert answer.fate is Fate.DEAD_LETTER, next(validator.iter_errors(made)).message
        assert answer.dead_letter_reason in {"schema", "invalid_line", "unsupported_version"}
    elif answer.fate is Fate.DEAD_LETTER:
        assert _unsaid(answer), answer.detail


def _unsaid(answer: Answer) -> bool:
    """Whether every mistake that the worker names is one that no schema can name."""
    assert answer.detail is not None
    return all(UNSAID_TOLD.search(told) for told in answer.detail.split("; ") if not told.startswith("and "))


def _as_number(text: str) -> int | float:
    number = Decimal(text)
    return int(number) if number == number.to_integral_value() else float(number)


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for name, value in items:
        yield node, name
        yield from _places(value)
