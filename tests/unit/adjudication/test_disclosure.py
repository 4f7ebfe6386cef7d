"""What hospitals publish of an examination: 患者的姓（不含名）、年龄、疾病诊断、收费价格, and nothing else."""

from __future__ import annotations

import hmac
import shutil
from datetime import date
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

import orjson
import pytest

from streams.adjudication.disclosure import age
from streams.adjudication.surname import _COMMON, split_name
from streams.processors.settlement import SettlementProcessor
from streams.rulebook import load_rulebook
from streams.rulebook.loader import NOTICES
from streams.rulebook.model import DisclosureRule
from tests.builders import (
    SECRET,
    InputRecord,
    event,
    installed_rulebook,
    line,
    process,
    reversal,
    shenzhen,
    void,
)

NAMESPACE = uuid5(NAMESPACE_DNS, "petct-settlement")


def published(made: dict[str, Any]) -> dict[str, Any]:
    disclosure = process(made).disclosure
    assert disclosure is not None
    return disclosure


def test_the_record_holds_what_the_notice_orders_and_not_one_field_more() -> None:
    record = published(event())
    disclosure_id = hmac.new(SECRET, b"H33010200001202107010930000001", "sha256").hexdigest()[:32]
    assert record.pop("rulebook").startswith("sha256:")
    assert record == {
        "schema_version": "1.0",
        "event_id": str(uuid5(NAMESPACE, f"{disclosure_id}|disclosure.published|1")),
        "event_type": "disclosure.published",
        "disclosure_id": disclosure_id,
        "status": "published",
        "revision": 1,
        "hospital": {"code": "H33010200001", "name": "示例医院", "region": "330102"},
        "rule": "hz-2021-30/disclosure",
        "exams": [
            {
                "service_date": "2021-07-01",
                "exam": "petct_whole_body",
                "surname": "欧阳",
                "age": 61,
                "diagnosis": "肺恶性肿瘤",
                "charged_price": "5300.00",
            }
        ],
    }


def test_what_is_not_covered_is_published_all_the_same() -> None:
    assert published(event(request={"indication": "check_up"}))["exams"]


def test_nothing_is_published_before_the_notice_outside_the_province_or_of_an_undesignated_hospital() -> None:
    assert process(event(line(service_date="2021-06-29"))).disclosure is None
    assert process(shenzhen()).disclosure is None
    assert process(event(hospital={"designated": False})).disclosure is None


def test_a_reversal_withdraws_what_was_published_under_the_same_id() -> None:
    first = published(event())
    for undone in (reversal(), void()):
        withdrawn = published(undone)
        assert withdrawn["disclosure_id"] == first["disclosure_id"]
        assert (withdrawn["status"], withdrawn["exams"]) == ("withdrawn", [])


def test_a_refused_reversal_withdraws_nothing() -> None:
    refused = reversal(reason="benign_result", insured_region="440300", occurred_at="2023-06-01T00:00:00")
    answer = process(refused)
    assert answer.disclosure is None
    assert answer.adjusted is not None
    assert answer.adjusted["event_type"] == "settlement.reversal_refused"
    assert answer.adjusted["reasons"] == ["benign_result_no_clawback"]
    for granted in (
        {**refused, "reason": "duplicate"},
        {**refused, "insured_region": "330100"},
        {**refused, "occurred_at": "2022-12-31T15:59:59Z"},
        {**refused, "event_type": "settlement.voided", "settlement_id": "S2021070100001"},
    ):
        assert process(granted).disclosure is not None


@pytest.mark.parametrize(
    ("name", "surname"),
    [
        ("欧阳某某", "欧阳"),
        ("欧阳某", "欧阳"),
        ("欧阳", "欧"),
        ("王某", "王"),
        ("王某某某某某", "王"),
        ("王某某某某某某", "＊"),
        ("王", "＊"),
        ("", "＊"),
        ("王 某", "王"),
        ("王\u3000某", "王"),
        ("阿依·某某", "＊"),
        ("Wang Mou", "＊"),
        ("王某2", "＊"),
        ("爱新觉罗某", "爱新觉罗"),
        ("鮮于某", "鮮于"),
        ("爱新觉罗", "爱"),
        ("〇某", "〇"),
        ("\U00030edd某", "\U00030edd"),
        ("\ufa0e某", "\ufa0e"),
        ("\uf9b4某", "領"),  # a compatibility ideograph is folded to the unified one
        ("々某", "＊"),
    ],
)
def test_the_surname_is_all_that_is_told_of_a_name(name: str, surname: str) -> None:
    assert split_name(name)[0] == surname


@pytest.mark.parametrize(
    ("born", "on", "years"),
    [
        ("1960-02-29", "2021-02-28", 60),
        ("1960-02-29", "2021-03-01", 61),
        ("1960-02-29", "2020-02-29", 60),
        ("2021-07-01", "2021-07-01", 0),
        ("1960-07-02", "2021-07-01", 60),
    ],
)
def test_age_in_whole_years(born: str, on: str, years: int) -> None:
    assert age(date.fromisoformat(born), date.fromisoformat(on)) == years


@pytest.mark.parametrize(
    ("name", "diagnosis", "code", "expected"),
    [
        ("欧阳某某", "肺恶性肿瘤", "C34.900", "肺恶性肿瘤"),
        ("欧阳某某", "欧 阳某某之肺恶性肿瘤", "C34.900", "C34"),
        ("欧阳甲乙", "甲乙的肺恶性肿瘤", "C34.900", "C34"),
        ("欧阳甲乙 ", "甲乙的肺恶性肿瘤", "C34.900", "C34"),
        ("欧 阳甲乙", "甲乙的肺恶性肿瘤", "C34.900", "C34"),
        ("王\uf9d1甲", "六甲的肺恶性肿瘤", "C34.900", "C34"),  # a compatibility ideograph is folded to the unified one
        ("王甲", "甲状腺恶性肿瘤", "C73.x00", "甲状腺恶性肿瘤"),
        ("甲", "甲状腺恶性肿瘤", "C73.x00", "C73"),
        ("阿依·买买", "买买肿瘤", "C34.900", "C34"),
        ("Anna Example", "tumour of ＥＸＡＭＰＬＥ", "C34.900", "C34"),
        ("王甲乙", "  ", "C34.900", "C34"),
        ("王甲乙", "", "c34.900", "未填写"),
        ("王甲乙", "甲乙", "", "未填写"),
    ],
)
def test_a_diagnosis_that_names_the_patient_gives_way_to_its_category(
    name: str, diagnosis: str, code: str, expected: str
) -> None:
    made = event(patient={"name": name}, diagnoses=[{"code": code, "name": diagnosis, "main": True}])
    assert published(made)["exams"][0]["diagnosis"] == expected


def test_the_main_diagnosis_else_the_first_else_none() -> None:
    lung, skin = {"code": "C34.9", "name": "肺恶性肿瘤"}, {"code": "C44.9", "name": "皮肤恶性肿瘤"}
    for diagnoses, expected in (
        ([lung, {**skin, "main": True}], "皮肤恶性肿瘤"),
        ([lung, skin], "肺恶性肿瘤"),
        ([], "未填写"),
    ):
        assert published(event(diagnoses=diagnoses))["exams"][0]["diagnosis"] == expected


def test_only_days_with_an_order_in_force_are_published_and_the_first_dates_the_record() -> None:
    made = event(line(service_date="2021-06-29"), line(line_no=2, service_date="2021-06-30"))
    answer = process(made)
    assert answer.disclosure is not None
    assert [exam["service_date"] for exam in answer.disclosure["exams"]] == ["2021-06-30"]
    assert dict(answer.outputs[1].headers)["ce_time"] == b"2021-06-30T00:00:00+08:00"


def test_the_id_needs_the_secret() -> None:
    other = SettlementProcessor(installed_rulebook(), b"another secret", "test")
    answer = other(InputRecord(orjson.dumps(event())))
    assert answer.disclosure is not None
    assert answer.disclosure["disclosure_id"] != published(event())["disclosure_id"]


def _publishing(tmp_path: Path, *options: str) -> SettlementProcessor:
    """The installed notices, with `options` in Hangzhou's order to publish."""
    folder = Path(shutil.copytree(NOTICES, tmp_path / "notices"))
    notice = folder / "hz-2021-30.yaml"
    ordered = "    fields: [surname, age, diagnosis, price]\n"
    text = notice.read_text("utf-8")
    assert ordered in text
    notice.write_text(text.replace(ordered, ordered + "".join(f"    {option}\n" for option in options)), "utf-8")
    return SettlementProcessor(load_rulebook(folder), SECRET, "test")


def _row(process: SettlementProcessor, **patient: str) -> dict[str, Any]:
    disclosure = process(InputRecord(orjson.dumps(event(patient=patient)))).disclosure
    assert disclosure is not None
    [row] = disclosure["exams"]
    return {name: row[name] for name in ("surname", "age", "age_or_over") if name in row}


@pytest.mark.parametrize(
    ("name", "surname"),
    [("王小明", "王"), ("常某", "常"), ("欧阳某某", "＊"), ("傅某某", "＊"), ("萧某", "＊"), ("Ann Example", "＊")],
)
def test_where_a_notice_masks_rare_surnames_only_the_hundred_most_common_are_published(
    tmp_path: Path, name: str, surname: str
) -> None:
    assert _row(_publishing(tmp_path, "surname_policy: mask_rare"), name=name)["surname"] == surname


@pytest.mark.parametrize(
    ("birth_date", "published"),
    [
        ("1931-07-02", {"age": 89}),
        ("1931-07-01", {"age": 90, "age_or_over": True}),
        ("1919-01-01", {"age": 90, "age_or_over": True}),
    ],
)
def test_where_a_notice_tops_ages_the_oldest_cannot_be_told_apart(
    tmp_path: Path, birth_date: str, published: dict[str, Any]
) -> None:
    row = _row(_publishing(tmp_path, "age_top: 90"), birth_date=birth_date)
    assert row == {"surname": "欧阳", **published}


def test_as_ordered_says_what_an_entry_without_a_policy_means(tmp_path: Path) -> None:
    process = _publishing(tmp_path, "surname_policy: as_ordered")
    assert _row(process, name="欧阳某某") == {"surname": "欧阳", "age": 61}


def test_the_options_leave_no_mark_on_rulebooks_that_do_not_use_them() -> None:
    """The canonical form, and with it the hash of every release, is as it was before there were any."""
    disclosures = [rule for rule in installed_rulebook().rules if isinstance(rule, DisclosureRule)]
    assert {(rule.surname_policy, rule.age_top) for rule in disclosures} == {("as_ordered", None)}
    assert b"surname_policy" not in installed_rulebook().canonical
    assert b"age_top" not in installed_rulebook().canonical


def test_the_common_surnames_are_a_hundred() -> None:
    assert len(_COMMON) == 100
    assert all(split_name(f"{surname}某") == (surname, "某") for surname in _COMMON)
