"""What a message must say, where else it may be said, and how it is told what is missing."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import orjson
import pytest

from schemas.nhsa import NO_REFERENCE, Reference, convert, read_codes, read_hospitals
from streams.processors.form import Nhsa
from streams.processors.settlement import Answer, Fate, SettlementProcessor
from tests.builders import NATIONAL, SECRET, InputRecord, event, installed_rulebook, line, process, reversal, void

Message = dict[str, Any]
HOSPITALS = """code,region,level,ownership,designated,valid_from,valid_to
H33010200001,330102,tertiary,private,true,,2021-06-30
H33010200001,330102,tertiary,public,true,2021-06-30,
"""
ADDED = "input.data.exp_content.petct"
A_TIME = "expected a time yyyy-MM-dd HH:mm:ss"
A_DECIMAL = "expected a decimal string: digits, at most one point, no exponent"


def message() -> Message:
    """The contract's example as a hospital's system sends it: the settlement, and the visit before it."""
    return {
        "infno": "2207",
        "msgid": "H33010200001202107010930000001",
        "mdtrtarea_admvs": "330102",
        "insuplc_admdvs": "330100",
        "fixmedins_code": "H33010200001",
        "fixmedins_name": "示例医院",
        "inf_time": "2021-07-01 09:30:02",
        "input": {
            "data": {
                "psn_no": "P1",
                "mdtrt_id": "M1",
                "insutype": "310",
                "exp_content": {
                    "petct": {
                        "hospital": {"ownership": "public", "designated": True},
                        "patient": {"insurance_active": True},
                        "account": {"own_paid_ytd": "24000.00", "fund_paid_ytd": "0.00"},
                        "request": {"indication": "staging", "clinical_basis": "pathology_confirmed"},
                    }
                },
            }
        },
        "infcode": 0,
        "output": {
            "setlinfo": {
                "setl_id": "S2021070100001",
                "psn_name": "欧阳某某",
                "brdy": "1960-01-02",
                "insutype": "310",
                "psn_type": "1101",
                "hosp_lv": "01",
                "setl_time": "2021-07-01 09:30:00",
                "maf_pay": "0.00",
            }
        },
        "visit": [
            {
                "infno": "2203",
                "input": {
                    "mdtrtinfo": {"mdtrt_id": "M1"},
                    "diseinfo": [
                        {
                            "diag_type": "1",
                            "diag_srt_no": 1,
                            "maindiag_flag": "1",
                            "diag_code": "C34.900",
                            "diag_name": "肺恶性肿瘤",
                        }
                    ],
                },
            },
            {
                "infno": "2204",
                "input": {
                    "feedetail": [
                        {
                            "feedetl_sn": "1",
                            "mdtrt_id": "M1",
                            "psn_no": "P1",
                            "fee_ocur_time": "2021-07-01 09:10:00",
                            "med_list_codg": NATIONAL,
                            "det_item_fee_sumamt": 5300.00,
                            "cnt": 1,
                            "pric": "5300.000000",
                        }
                    ]
                },
            },
        ],
    }


def undoing(infno: str, **data: Any) -> Message:
    return {
        "infno": infno,
        "msgid": "H33010200001202107020930000002",
        "insuplc_admdvs": "330100",
        "inf_time": "2021-07-02 09:30:00",
        "input": {"data": data},
    }


def rows(made: Message) -> list[Message]:
    found: list[Message] = made["visit"][1]["input"]["feedetail"]
    return found


def added(made: Message) -> Message:
    found: Message = made["input"]["data"]["exp_content"]["petct"]
    return found


def info(made: Message) -> Message:
    found: Message = made["output"]["setlinfo"]
    return found


def decide(made: Message, reference: Reference = NO_REFERENCE) -> Answer:
    return SettlementProcessor(installed_rulebook(), SECRET, "test", Nhsa(reference))(InputRecord(orjson.dumps(made)))


def plain(made: Message, reference: Reference = NO_REFERENCE) -> dict[str, Any]:
    converted = convert(made, {NATIONAL}, reference)
    assert converted is not None
    return converted.event


def dead_letter(made: Message, reference: Reference = NO_REFERENCE) -> str:
    answer = decide(made, reference)
    assert answer.fate is Fate.DEAD_LETTER, answer
    assert answer.outputs[0].value == orjson.dumps(made)
    assert answer.detail is not None
    return f"{answer.dead_letter_reason}: {answer.detail}"


def test_the_example_is_adjudicated_like_the_example_of_the_contract() -> None:
    assert decide(message()).outputs == process(event()).outputs


# What stands where.


@pytest.mark.parametrize("spelling", ["insuplc_admvs", "insuplc_admdvs"])
@pytest.mark.parametrize("value", ["330100", 330100, " 330100 "])
def test_the_insured_area_in_either_spelling_and_type(spelling: str, value: Any) -> None:
    made = message()
    del made["insuplc_admdvs"]
    made[spelling] = value
    assert plain(made)["patient"]["insured_region"] == "330100"


def test_two_spellings_that_contradict_one_another_are_told() -> None:
    made = message() | {"insuplc_admvs": "330200"}
    assert dead_letter(made) == "schema: insuplc_admdvs and insuplc_admvs: expected the same"


@pytest.mark.parametrize(("psn_type", "status"), [("11", "in_service"), ("1301", "retired"), (15, "adult")])
def test_the_kind_of_person_by_its_first_two_digits(psn_type: Any, status: str) -> None:
    made = message()
    info(made)["psn_type"] = psn_type
    assert plain(made)["patient"]["status"] == status


@pytest.mark.parametrize(
    ("hosp_lv", "level"), [("04", "tertiary"), (5, "secondary"), ("10", "primary"), (11, "ungraded")]
)
def test_the_grade_of_a_hospital(hosp_lv: Any, level: str) -> None:
    made = message()
    info(made)["hosp_lv"] = hosp_lv
    assert plain(made)["hospital"]["level"] == level


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("insutype", "510", "output.setlinfo.insutype: expected 310, 390, 391 or 392"),
        ("psn_type", "99", "output.setlinfo.psn_type: expected first two digits from 11 to 16"),
        ("setl_time", "2021/07/01", "output.setlinfo.setl_time: expected a time yyyy-MM-dd HH:mm:ss"),
        ("setl_time", None, "output.setlinfo.setl_time: required"),
        ("setl_id", None, "output.setlinfo.setl_id: required"),
        ("brdy", "last spring", "output.setlinfo.brdy: expected a date YYYY-MM-DD"),
        ("brdy", "2021-07-02", "output.setlinfo.brdy: expected not after feedetail[0].fee_ocur_time"),
        ("psn_name", None, "output.setlinfo.psn_name: required"),
    ],
)
def test_what_is_wrong_with_the_settlement_is_told_by_the_field_of_the_message(
    name: str, value: Any, expected: str
) -> None:
    made = message()
    info(made)[name] = value
    assert dead_letter(made) == f"schema: {expected}"


def test_an_id_of_more_digits_than_a_number_of_json_keeps_is_told() -> None:
    made = message()
    info(made)["setl_id"] = "@"
    raw = orjson.dumps(made).replace(b'"@"', b"33010020210701000000001")
    answer = SettlementProcessor(installed_rulebook(), SECRET, "test", Nhsa())(InputRecord(raw))
    assert answer.detail == "output.setlinfo.setl_id: expected a string"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("fee_ocur_time", "yesterday", f"schema: feedetail[0].fee_ocur_time: {A_TIME}"),
        (
            "fee_ocur_time",
            "2021-07-01 25:00:00",
            f"schema: feedetail[0].fee_ocur_time: {A_TIME}",
        ),
        ("cnt", None, "schema: feedetail[0].cnt: required"),
        ("cnt", "0", "invalid_line: feedetail[0].cnt: expected not 0"),
        (
            "pric",
            "5.3e3",
            f"schema: feedetail[0].pric: {A_DECIMAL}",
        ),
        (
            "det_item_fee_sumamt",
            "-1",
            "invalid_line: feedetail[0].det_item_fee_sumamt: expected the sign of cnt, or 0",
        ),
        ("mdtrt_id", "M2", "schema: feedetail[0].mdtrt_id: expected that of the settlement"),
        ("psn_no", "P2", "schema: feedetail[0].psn_no: expected that of the settlement"),
    ],
)
def test_what_is_wrong_with_a_line_is_told_by_the_field_of_the_message(name: str, value: Any, expected: str) -> None:
    made = message()
    rows(made)[0][name] = value
    assert dead_letter(made) == expected


def test_a_fee_after_the_settlement_is_told_by_both_fields() -> None:
    made = message()
    rows(made)[0]["fee_ocur_time"] = "2021-07-02 00:00:00"
    expected = "feedetail[0].fee_ocur_time: expected not after the date of setl_time in China"
    assert dead_letter(made) == f"invalid_line: {expected}"


def test_a_time_with_a_zone_of_its_own_is_of_its_day_in_china() -> None:
    made = message()
    rows(made)[0]["fee_ocur_time"] = "2021-06-30T17:00:00Z"
    assert plain(made)["line_items"][0]["service_date"] == "2021-07-01"


# What the interface does not carry.


@pytest.mark.parametrize(
    ("part", "name", "expected"),
    [
        ("hospital", "ownership", "required, or give it in the table of hospitals: the interface does not carry it"),
        ("hospital", "designated", "required, or give it in the table of hospitals: the interface does not carry it"),
        ("patient", "insurance_active", f"required in {ADDED}, or as psn_insu_stas of a 1101 in visit"),
    ],
)
def test_what_nobody_said_and_must_be_known_is_told_with_the_places_to_say_it(
    part: str, name: str, expected: str
) -> None:
    made = message()
    del added(made)[part][name]
    assert dead_letter(made) == f"schema: {ADDED}.{part}.{name}: {expected}"


@pytest.mark.parametrize(("name", "reason"), [("request", "indication_not_stated"), ("account", "accumulator_missing")])
def test_what_nobody_said_and_may_be_unknown_needs_review(name: str, reason: str) -> None:
    made = message()
    del added(made)[name]
    answer = decide(made)
    assert (answer.outcome, answer.reasons) == ("needs_review", (reason,))


def test_an_extension_may_be_json_within_a_string() -> None:
    made = message()
    data = made["input"]["data"]
    data["expContent"] = orjson.dumps(data.pop("exp_content")).decode()
    assert decide(made).outputs == process(event()).outputs


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('{"petct": ', "input.data.exp_content: expected JSON"),
        ({"petct": []}, "input.data.exp_content.petct: expected an object"),
    ],
)
def test_a_broken_extension_is_told(content: Any, expected: str) -> None:
    made = message()
    made["input"]["data"]["exp_content"] = content
    assert dead_letter(made).startswith(f"schema: {expected}; ")


def test_somebody_elses_extension_is_left_alone() -> None:
    made = message()
    rows(made)[0]["exp_content"] = "er_flag=0"
    assert decide(made).outputs == process(event()).outputs


@pytest.mark.parametrize(("state", "active"), [("1", True), (1, True), ("2", False), ("4", False)])
def test_the_state_of_the_insurance_as_1101_told_it(state: Any, active: bool) -> None:
    made = message()
    del added(made)["patient"]
    insured = [{"insutype": 390, "psn_insu_stas": "4"}, {"insutype": "310", "psn_insu_stas": state}]
    made["visit"].append({"infno": "1101", "output": {"insuinfo": insured}})
    assert plain(made)["patient"]["insurance_active"] is active


def test_of_two_insurances_alike_none_is_taken_for_the_one() -> None:
    made = message()
    del added(made)["patient"]
    insured = [{"insutype": "310", "psn_insu_stas": "1"}, {"insutype": "310", "psn_insu_stas": "2"}]
    made["visit"].append({"infno": "1101", "output": {"insuinfo": insured}})
    assert "psn_insu_stas of a 1101" in dead_letter(made)


def test_assistance_that_was_paid_must_be_stated() -> None:
    made = message()
    info(made)["maf_pay"] = 120.5
    expected = f"{ADDED}.patient.assistance: required, since output.setlinfo.maf_pay is not 0"
    assert dead_letter(made) == f"schema: {expected}"
    added(made)["patient"]["assistance"] = "low_income"
    assert decide(made).fate is Fate.DECIDED


def test_the_table_of_hospitals_says_what_held_on_the_day_of_the_settlement() -> None:
    reference = Reference(read_hospitals(HOSPITALS))
    made = message()
    del added(made)["hospital"]
    made["mdtrtarea_admvs"] = "339900"  # the pool of the province is no place
    assert decide(made, reference).outputs == process(event()).outputs
    info(made)["setl_time"] = rows(made)[0]["fee_ocur_time"] = "2021-06-29 23:59:59"
    assert plain(made, reference)["hospital"]["ownership"] == "private"


def test_what_the_message_adds_goes_before_the_table() -> None:
    made = message()
    added(made)["hospital"] = {"ownership": "private", "designated": False}
    hospital = plain(made, Reference(read_hospitals(HOSPITALS)))["hospital"]
    assert (hospital["ownership"], hospital["designated"]) == ("private", False)


def test_a_share_out_of_catalogue_is_what_the_line_adds_not_what_basic_insurance_leaves_unpaid() -> None:
    made = message()
    rows(made)[0]["fulamt_ownpay_amt"] = "5300.00"
    assert decide(made).outputs == process(event()).outputs
    rows(made)[0]["exp_content"] = {"petct": {"out_of_catalogue_amount": "300.00"}}
    assert decide(made).outputs == process(event(line(out_of_catalogue_amount="300.00"))).outputs


# Lines and diagnoses.


@pytest.mark.parametrize("local", ["002304000070000-330100A1", "HIS-PETCT"])
def test_a_local_code_is_one_of_ours_only_where_the_table_says_so(local: str) -> None:
    codes = read_codes(f"local,national,match\n{NATIONAL}-,{NATIONAL},prefix\nHIS-PETCT,{NATIONAL},exact\n")
    made = message()
    rows(made)[0]["med_list_codg"] = local
    assert decide(made, Reference(codes=codes)).outputs == process(event()).outputs
    assert decide(made).fate is Fate.PASSED_OVER


def test_a_negative_line_names_what_it_refunds_by_its_serial_number() -> None:
    made = message()
    back = rows(made)[0] | {"feedetl_sn": 7, "init_feedetl_sn": 1, "cnt": -1, "det_item_fee_sumamt": "-5300"}
    made["visit"].append({"infno": "2204", "input": {"feedetail": [back]}})
    expected = event(line(), line("-5300", line_no=2, quantity="-1", refunds_line_no=1))
    assert decide(made).outputs == process(expected).outputs


@pytest.mark.parametrize("named", ["99", None, "", 0])
def test_a_refund_of_what_lies_in_no_message_of_the_visit_names_none(named: Any) -> None:
    made = message()
    rows(made)[0] |= {"init_feedetl_sn": named, "cnt": "-1", "det_item_fee_sumamt": "-5300"}
    assert "refunds_line_no" not in plain(made)["line_items"][0]
    assert decide(made).reasons == ("refund_basis_unknown",)


def test_a_refund_of_a_serial_number_that_stands_there_twice_is_told() -> None:
    made = message()
    back = rows(made)[0] | {"init_feedetl_sn": "1", "cnt": -1, "det_item_fee_sumamt": "-5300"}
    rows(made).append(back)
    expected = "feedetail[1].init_feedetl_sn: expected a feedetl_sn that stands there once"
    assert dead_letter(made) == f"schema: {expected}"


def test_the_newest_diagnoses_stand_without_those_of_chinese_medicine_and_the_withdrawn() -> None:
    made = message()
    newest = [
        {"diag_type": "1", "diag_srt_no": "2", "diag_code": "Z08.0", "diag_name": "随诊", "maindiag_flag": "0"},
        {"diag_type": 2, "diag_srt_no": "3", "diag_code": "A17.01", "diag_name": "中医病名"},
        {"diag_type": "1", "diag_srt_no": "1", "diag_code": "C18.9", "diag_name": "结肠恶性肿瘤", "maindiag_flag": "1"},
        {"diag_type": "1", "diag_srt_no": "4", "diag_code": "C50.9", "diag_name": "作废", "vali_flag": 0},
    ]
    made["visit"].append({"infno": "2402", "input": {"diseinfo": newest}})
    assert plain(made)["diagnoses"] == [
        {"code": "C18.9", "name": "结肠恶性肿瘤", "main": True},
        {"code": "Z08.0", "name": "随诊", "main": False},
    ]


def test_a_withdrawal_among_the_messages_of_a_visit_is_the_senders_to_apply() -> None:
    made = message()
    made["visit"].append({"infno": "2205", "input": {"data": {"feedetl_sn": "0000"}}})
    expected = "visit[2].infno: expected no withdrawal of fee lines; send the lines that were left"
    assert dead_letter(made) == f"schema: {expected}"


def test_an_upload_that_failed_holds_no_lines() -> None:
    made = message()
    made["visit"].append(deepcopy(made["visit"][1]) | {"infcode": -1})
    assert decide(made).outputs == process(event()).outputs


# What is passed over.


@pytest.mark.parametrize("infno", ["2204", "2206", "1101", "4101", 3201])
def test_another_transaction_is_none_of_ours(infno: Any) -> None:
    assert decide(message() | {"infno": infno}).fate is Fate.PASSED_OVER


def test_a_settlement_that_failed_is_none() -> None:
    assert decide(message() | {"infcode": "-1"}).fate is Fate.PASSED_OVER


def test_a_settlement_without_an_examination_is_not_looked_at_further() -> None:
    made = message()
    rows(made)[0]["med_list_codg"] = "001101000010000"
    made["output"] = {"note": NATIONAL}
    assert decide(made).fate is Fate.PASSED_OVER


def test_an_event_of_the_contract_on_a_topic_of_the_interface_is_told() -> None:
    assert dead_letter(event()) == "schema: infno: required, the number of a transaction"


# Reversals and voids.


@pytest.mark.parametrize("infno", ["2208", "2305"])
def test_a_reversal_names_what_it_reverses_by_setl_id(infno: str) -> None:
    extension = {"reverses": {"event_id": "H33010200001202107010930000001"}, "reason": "duplicate"}
    made = undoing(infno, setl_id="S2021070100001", exp_content={"petct": extension})
    made["output"] = {"setlinfo": {"setl_id": "S2021070200002"}}
    assert decide(made).outputs == process(reversal()).outputs


def test_what_a_reversal_must_add_is_told() -> None:
    made = undoing("2208", setl_id="S2021070100001")
    made["output"] = {"setlinfo": {"setl_id": "S2021070200002"}}
    assert dead_letter(made) == (
        f"schema: {ADDED}.reverses.event_id: required: the msgid of the settlement that is reversed, which the "
        f"interface does not carry; {ADDED}.reason: required: why it is reversed, which the interface does not carry"
    )


def test_a_reversal_of_what_was_no_examination_is_passed_over_whatever_it_lacks() -> None:
    assert decide(undoing("2208", exp_content={"petct": {"item_codes": ["001101000010000"]}})).fate is Fate.PASSED_OVER
    made = undoing("2208")
    made["input"]["feedetail"] = [{"med_list_codg": "001101000010000"}]
    assert decide(made).fate is Fate.PASSED_OVER


def test_a_void_names_a_message_and_the_extension_the_settlement() -> None:
    extension = {"reverses": {"settlement_id": "S2021070100001"}}
    data = {"omsgid": "H33010200001202107010930000001", "oinfno": "2207", "psn_no": "P1"}
    made = undoing("2601", **data, exp_content={"petct": extension})
    assert decide(made).outputs == process(void(reason="technical")).outputs


def test_a_void_that_names_no_settlement_is_never_guessed_at() -> None:
    made = undoing("2601", omsgid="H33010200001202107010930000001", oinfno="2304")
    assert dead_letter(made) == (
        f"schema: {ADDED}.reverses.settlement_id: required: a 2601 names a message by omsgid, not the settlement that "
        "message made"
    )


def test_a_void_of_a_reversal_is_told_what_to_do_instead() -> None:
    extension = {"reverses": {"settlement_id": "S2021070100001"}}
    made = undoing("2601", omsgid="X", oinfno="2208", exp_content={"petct": extension})
    assert "send the settlement again, under its own msgid" in dead_letter(made)


@pytest.mark.parametrize("oinfno", ["2401", "2102", 3201])
def test_a_void_of_what_was_no_settlement_is_none_of_ours(oinfno: Any) -> None:
    assert decide(undoing("2601", omsgid="X", oinfno=oinfno)).fate is Fate.PASSED_OVER


def test_a_void_that_does_not_say_of_what_kind_is_told() -> None:
    assert dead_letter(undoing("2601", omsgid="X")).startswith("schema: input.data.oinfno: required")
