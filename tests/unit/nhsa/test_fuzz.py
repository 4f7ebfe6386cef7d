"""No message may raise, whatever its parts are replaced by, and no dead letter holds a value of it."""

from __future__ import annotations

import random
from copy import deepcopy
from typing import Any

import orjson

from schemas.nhsa import Reference, read_codes, read_hospitals
from streams.processors.form import Nhsa
from streams.processors.settlement import Answer, Fate, SettlementProcessor
from tests.builders import NATIONAL, SECRET, InputRecord, installed_rulebook
from tests.nhsa import CODES
from tests.unit.nhsa.test_convert import HOSPITALS, message, rows, undoing
from tests.unit.processors.test_fuzz import MARK, SPLICES

TREES = 20_000
BYTES = 15_000
SEED = 20210630
PROCESS = SettlementProcessor(
    installed_rulebook(), SECRET, "test", Nhsa(Reference(read_hospitals(HOSPITALS), read_codes(CODES)))
)
VALUES: list[Any] = [
    None,
    "",
    " ",
    MARK,
    "2021-07-01",
    "0001-01-01 00:00:00",
    "9999-12-31 23:59:59",
    "C34.9",
    "310",
    "-1",
    "1e5",
    "99999999999999999999",
    0,
    -1,
    1.5,
    1e300,
    2**63,
    True,
    [],
    {},
    [None],
    [[MARK]],
    {"petct": MARK},
    {MARK: MARK},
    '{"petct": {"reverses": []}}',
    "2601",
    2208,
    "2305",
    "2205",
]


def seeds() -> list[dict[str, Any]]:
    marked = message()
    marked["output"]["setlinfo"]["psn_name"] = MARK
    marked["input"]["data"]["psn_no"] = rows(marked)[0]["psn_no"] = MARK
    refunded = message()
    rows(refunded).append(rows(refunded)[0] | {"init_feedetl_sn": "1", "feedetl_sn": "2", "cnt": "-1"})
    rows(refunded)[1]["det_item_fee_sumamt"] = "-5300"
    content = {"petct": {"reverses": {"event_id": "E", "settlement_id": "S"}, "reason": "duplicate"}}
    reversed_ = undoing("2208", setl_id=MARK, exp_content=content) | {"output": {"setlinfo": {"setl_id": "S2"}}}
    voided = undoing("2601", omsgid=MARK, oinfno="2207", exp_content=content)
    return [marked, refunded, reversed_, voided]


def places(tree: Any) -> list[tuple[Any, Any]]:
    """Every container with each of its keys or indices."""
    found = []
    keys = tree.keys() if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    for key in keys:
        found += [(tree, key), *places(tree[key])]
    return found


def check(value: bytes) -> Answer:
    answer = PROCESS(InputRecord(value))
    if answer.fate is Fate.DEAD_LETTER:
        assert answer.outputs[0].value == value
        assert answer.dead_letter_reason != "processing_error", (answer.detail, value)
        assert answer.detail is not None
        assert MARK not in answer.detail
        assert len(answer.detail) < 4_000
    return answer


def test_no_message_with_parts_replaced_raises_and_none_of_its_values_is_told() -> None:
    dice = random.Random(SEED)
    whole = [orjson.dumps(seed) for seed in seeds()]
    answered: dict[Fate, int] = dict.fromkeys(Fate, 0)
    for _ in range(TREES):
        tree = orjson.loads(dice.choice(whole))
        for _ in range(dice.randint(0, 3)):
            holder, key = dice.choice(places(tree))
            if isinstance(holder, dict) and dice.random() < 0.2:
                del holder[key]
            elif isinstance(holder, dict) or key < len(holder):
                holder[key] = deepcopy(dice.choice(VALUES))
        answered[check(orjson.dumps(tree)).fate] += 1
    assert all(answered[fate] > TREES // 200 for fate in Fate if fate is not Fate.REFUSED), answered


def test_no_bytes_raise() -> None:
    dice = random.Random(SEED)
    whole = [orjson.dumps(seed) for seed in seeds()]
    for _ in range(BYTES):
        value = bytearray(dice.choice(whole))
        for _ in range(dice.randint(1, 3)):
            start = dice.randrange(len(value) + 1)
            value[start : start + dice.randrange(30)] = dice.choice(SPLICES)
        check(bytes(value))


def test_very_many_lines_that_refund_one_another_are_refused_at_once() -> None:
    """Each names another: looking for it line by line would take minutes."""
    made = message()
    row = {"med_list_codg": NATIONAL, "cnt": "-1", "init_feedetl_sn": "1", "mdtrt_id": "M2"}
    made["visit"][1]["input"]["feedetail"] = [row | {"feedetl_sn": str(n % 2)} for n in range(9_000)]
    assert check(orjson.dumps(made)).dead_letter_reason == "too_large"
