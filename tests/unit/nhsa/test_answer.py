"""The way back: an adjusted settlement in the fields of the interface, to the fen."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import orjson
import pytest

from schemas.nhsa import Reference, answer, read_codes
from streams.processors.form import Nhsa
from streams.processors.settlement import Fate, SettlementProcessor
from tests.builders import SECRET, InputRecord, installed_rulebook
from tests.nhsa import CODES, Speaker
from tests.unit.nhsa.test_convert import added, decide, message, rows
from tests.unit.nhsa.test_same_adjudication import simulated

PROCESS = SettlementProcessor(installed_rulebook(), SECRET, "test", Nhsa(Reference(codes=read_codes(CODES))))


def answered(made: dict[str, Any], **options: Any) -> dict[str, Any]:
    adjusted = decide(made).adjusted
    assert adjusted is not None
    return answer(made, adjusted, **options)


def overcharged() -> dict[str, Any]:
    made = message()
    rows(made)[0] |= {"feedetl_sn": 17, "pric": 6500, "det_item_fee_sumamt": "6500.00"}
    return made


def test_a_covered_examination_charged_above_the_regulated_price() -> None:
    """POLICY: Hangzhou, 6500 at a public hospital: 1200 is the hospital's, of the rest 3225 the fund's."""
    back = answered(overcharged(), fund_pay_types={"hifob_pay": "330100"})
    assert back["fees"]["result"] == [
        {
            "feedetl_sn": "17",
            "cnt": 1,
            "pric": 6500,
            "pric_uplmt_amt": "5300.00",
            "det_item_fee_sumamt": "6500.00",
            "fulamt_ownpay_amt": "0.00",
            "overlmt_amt": "1200.00",
            "preselfpay_amt": "0.00",
            "inscp_scp_amt": "5300.00",
        }
    ]
    assert back["settlement"]["setlinfo"] == {
        "setl_id": "S2021070100001",
        "mdtrt_id": "M1",
        "medfee_sumamt": "6500.00",
        "fulamt_ownpay_amt": "0.00",
        "overlmt_selfpay": "1200.00",
        "preselfpay_amt": "0.00",
        "inscp_scp_amt": "5300.00",
        "hifp_pay": "0.00",
        "hifob_pay": "3225.00",
        "hifmi_pay": "0.00",
        "maf_pay": "0.00",
        "fund_pay_sumamt": "3225.00",
        "psn_part_amt": "2075.00",
        "hosp_part_amt": "1200.00",
    }
    assert back["settlement"]["setldetail"] == [
        {
            "fund_pay_type": "330100",
            "fund_pay_type_name": "职工大额医疗费用补助基金",
            "inscp_scp_amt": "5300.00",
            "crt_payb_lmt_amt": None,
            "fund_payamt": "3225.00",
            "setl_proc_info": "hz-2021-catastrophic-employee/benefit",
        }
    ]


def test_what_was_found_names_line_rule_clause_and_amount() -> None:
    (found,) = answered(overcharged())["findings"]["result"]
    assert (found["rule_id"], found["rule_name"]) == ("hz-2021-30/price", "charged_above_regulated_price")
    assert found["vola_evid"] == "杭医保〔2021〕30号 二"
    assert (found["vola_amt"], found["patn_id"], found["mdtrt_id"]) == ("1200.00", "P1", "M1")
    (detail,) = found["judge_result_detail_dtos"]
    assert (detail["rx_id"], detail["vola_amt"]) == ("17", "1200.00")
    assert found["jr_id"] != detail["jrd_id"]
    assert max(len(found["jr_id"]), len(detail["jrd_id"])) <= 50


def test_without_a_regulated_price_the_limit_is_the_interfaces_none() -> None:
    made = message()
    made["output"]["setlinfo"]["setl_time"] = rows(made)[0]["fee_ocur_time"] = "2021-06-01 08:00:00"
    assert answered(made)["fees"]["result"][0]["pric_uplmt_amt"] == "999999.00"


def test_a_doubt_is_a_finding_without_an_amount() -> None:
    made = message()
    del added(made)["request"]
    (found,) = answered(made)["findings"]["result"]
    assert (found["rule_name"], found["vola_amt"]) == ("indication_not_stated", None)


def test_nothing_found_is_an_empty_list() -> None:
    assert answered(message())["findings"] == {"result": []}


def test_every_answer_adds_up() -> None:
    outcomes: Counter[str] = Counter()
    for seed, event in enumerate(simulated(300)):
        made = Speaker(seed).message(event)
        done = PROCESS(InputRecord(orjson.dumps(made)))
        if done.fate is not Fate.DECIDED or done.adjusted is None:
            continue
        back = answer(made, done.adjusted)
        info = {name: Decimal(value) for name, value in back["settlement"]["setlinfo"].items() if "_id" not in name}
        within = sum(info[name] for name in ("fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt"))
        assert info["medfee_sumamt"] == within
        assert info["medfee_sumamt"] == info["fund_pay_sumamt"] + info["psn_part_amt"] + info["hosp_part_amt"]
        paid = sum(Decimal(detail["fund_payamt"]) for detail in back["settlement"]["setldetail"])
        assert paid == info["fund_pay_sumamt"]
        assert len(back["fees"]["result"]) == len(done.adjusted["lines"])
        outcomes[done.adjusted["outcome"]] += 1
    assert {"covered", "not_covered", "needs_review", "no_rule"} <= outcomes.keys()


def test_the_answer_to_another_message_is_refused() -> None:
    adjusted = decide(message()).adjusted
    assert adjusted is not None
    with pytest.raises(ValueError, match="msgid is another"):
        answer(message() | {"msgid": "X"}, adjusted)
    with pytest.raises(ValueError, match=r"settlement\.adjusted"):
        answer(message(), adjusted | {"event_type": "settlement.adjustment_voided"})
