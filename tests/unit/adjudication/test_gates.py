"""The gates: each denial and each doubt, and the order in which they are told."""

from __future__ import annotations

from typing import Any

import pytest

from tests.builders import event, first_line, line, shenzhen

C34 = {"code": "C34.900x001", "name": "肺恶性肿瘤", "main": True}


def decision(made: dict[str, Any]) -> tuple[str, list[str]]:
    decided = first_line(made)
    return decided["outcome"], decided["reasons"]


def stated(indication: str | None, *codes: str, **changes: Any) -> dict[str, Any]:
    """A Hangzhou event with this indication and these diagnosis codes."""
    return event(
        request={"indication": indication},
        diagnoses=[{"code": code, "name": "示例"} for code in codes],
        **changes,
    )


def test_an_undesignated_hospital_is_not_paid() -> None:
    assert decision(event(hospital={"designated": False})) == ("not_covered", ["hospital_not_designated"])


def test_without_active_insurance_nothing_is_paid() -> None:
    assert decision(event(patient={"insurance_active": False})) == ("not_covered", ["insurance_inactive"])


def test_reasons_are_told_gate_by_gate_after_the_charging_reasons() -> None:
    made = event(
        line("6500.00", unit_price="1.00", out_of_catalogue_amount="10.00"),
        hospital={"designated": False},
        patient={"insurance_active": False},
        request={"indication": "check_up"},
    )
    assert decision(made) == (
        "not_covered",
        [
            "charged_above_regulated_price",
            "out_of_catalogue_beside_regulated_price",
            "amount_differs_from_price_times_quantity",
            "hospital_not_designated",
            "insurance_inactive",
            "indication_excluded",
        ],
    )


def test_before_the_notice_there_is_no_rule_and_the_patient_pays() -> None:
    decided = first_line(event(line("6500.00", service_date="2021-06-29")))
    assert (decided["outcome"], decided["reasons"]) == ("no_rule", ["no_coverage_rule"])
    assert decided["patient_amount"] == "6500.00"
    assert decided["eligible_amount"] == "0.00"
    assert decided["nhsa"]["fulamt_ownpay_amt"] == "6500.00"


@pytest.mark.parametrize(
    ("indication", "codes", "expected"),
    [
        ("staging", ["C34.900x001"], []),
        ("staging", ["D38.1"], ["indication_contradicted"]),
        ("staging", [], ["indication_contradicted"]),
        ("post_treatment_recurrence_or_metastasis", ["Z85.1"], []),
        ("post_treatment_recurrence_or_metastasis", ["Z08.9"], []),
        ("unknown_primary_search", ["C78.0"], []),
        ("unknown_primary_search", ["C80.000x001"], []),
        ("unknown_primary_search", ["C80.900"], ["indication_contradicted"]),
        ("unknown_primary_search", ["C80"], ["indication_contradicted"]),
        ("unknown_primary_search", ["C34.9"], ["indication_contradicted"]),
        ("radiotherapy_planning", ["C97"], []),
        ("radiotherapy_planning", ["C98"], ["indication_contradicted"]),
        ("recurrence_monitoring", ["C34.9"], ["indication_not_listed"]),
        (None, ["C34.9"], ["indication_not_stated"]),
        (None, ["Z03.100"], ["indication_not_stated"]),
        (None, ["R91.x00"], ["indication_not_stated"]),
        (None, [], ["indication_not_stated"]),
        (None, ["Z12.1", "C34.9"], ["indication_not_stated"]),
    ],
)
def test_an_indication_is_borne_out_by_diagnoses_or_doubted(
    indication: str | None, codes: list[str], expected: list[str]
) -> None:
    outcome = "needs_review" if expected else "covered"
    assert decision(stated(indication, *codes)) == (outcome, expected)


@pytest.mark.parametrize(
    ("indication", "codes", "expected"),
    [
        ("diagnosis", ["C34.9"], "indication_excluded"),
        ("check_up", ["C34.9"], "indication_excluded"),
        (None, ["Z00.0", "Z12.1"], "indication_excluded"),
        (None, ["J18.9"], "no_malignancy"),
        (None, ["Z00.0", "J18.9"], "no_malignancy"),
        (None, ["Z03.9"], "no_malignancy"),
        (None, ["c34.9"], "no_malignancy"),
    ],
)
def test_an_excluded_purpose_is_not_paid(indication: str | None, codes: list[str], expected: str) -> None:
    assert decision(stated(indication, *codes)) == ("not_covered", [expected])


def test_shenzhen_accepts_high_suspicion_and_wants_a_clinical_basis() -> None:
    suspected = shenzhen(
        request={"indication": "diagnosis", "clinical_basis": "highly_suspected"},
        diagnoses=[{"code": "R91", "name": "肺部阴影"}],
    )
    assert decision(suspected) == ("covered", [])
    confirmed = shenzhen(request={"clinical_basis": "pathology_confirmed"}, diagnoses=[{"code": "R91", "name": "示例"}])
    assert decision(confirmed) == ("needs_review", ["indication_contradicted"])
    silent = shenzhen(request={"clinical_basis": None}, diagnoses=[])
    assert decision(silent) == ("needs_review", ["indication_contradicted", "clinical_basis_missing"])


def test_in_the_same_province_zhejiang_pays_as_at_home() -> None:
    """A Wenzhou hospital falls under the province's ceiling; the insured city's coverage and benefit apply."""
    decided = first_line(event(line("6500.00"), hospital={"region": "330302"}))
    assert (decided["price_rule"], decided["coverage_rule"]) == ("zj-2021-31/price", "hz-2021-30/coverage")
    assert (decided["outcome"], decided["fund_amount"]) == ("covered", "3225.00")


def test_outside_the_province_zhejiangs_terms_are_unknown() -> None:
    decided = first_line(event(line("7000.00"), hospital={"region": "310115"}))
    assert (decided["outcome"], decided["reasons"]) == ("needs_review", ["out_of_area_terms_unknown"])
    assert decided["if_approved"] is None
    assert decided["regulated_unit_price"] is None
    assert decided["eligible_amount"] == "5300.00"
    assert decided["patient_amount"] == "7000.00"


def test_ningbo_pays_out_of_area_as_at_home_after_review() -> None:
    decided = first_line(event(hospital={"region": "310115"}, patient={"insured_region": "330200"}))
    assert (decided["outcome"], decided["reasons"]) == ("needs_review", ["out_of_area_review_required"])
    assert decided["if_approved"] == {"fund_amount_min": "1060.00", "fund_amount_max": "1060.00"}


def test_the_districts_of_a_municipality_are_one_city() -> None:
    made = shenzhen(hospital={"region": "310101"}, patient={"insured_region": "310115"})
    assert decision(made) == ("no_rule", ["no_coverage_rule"])


def abroad(kind: str | None, *, day: str = "2023-11-01", region: str = "330102", **filing: Any) -> dict[str, Any]:
    made = shenzhen(
        occurred_at=f"{day}T10:00:00",
        hospital={"region": region, "ownership": "private"},
        filing=None if kind is None else {"kind": kind, "valid_from": "2023-01-01", "valid_to": "2023-11-01", **filing},
    )
    made["line_items"][0]["service_date"] = day
    return made


@pytest.mark.parametrize(
    ("made", "fund"),
    [
        (abroad("long_term"), "5600.00"),
        (abroad("referral"), "5600.00"),
        (abroad("emergency", valid_to="1999-01-01"), "5040.00"),
        (abroad("temporary"), "4480.00"),
    ],
)
def test_shenzhen_pays_by_the_kind_of_filing(made: dict[str, Any], fund: str) -> None:
    """《深圳市医疗保障办法》 第四十条."""
    decided = first_line(made)
    assert (decided["outcome"], decided["fund_amount"]) == ("covered", fund)


@pytest.mark.parametrize(
    ("made", "outcome", "reason"),
    [
        (abroad(None), "not_covered", "out_of_area_not_filed"),
        (abroad("referral", valid_to="2023-10-31"), "not_covered", "out_of_area_filing_not_valid"),
        (abroad("referral", valid_from="2023-11-02"), "not_covered", "out_of_area_filing_not_valid"),
        (abroad("temporary", region="440102"), "needs_review", "out_of_area_terms_unknown"),
        (abroad("referral", day="2023-09-30"), "needs_review", "out_of_area_terms_unknown"),
    ],
)
def test_shenzhen_wants_a_valid_filing(made: dict[str, Any], outcome: str, reason: str) -> None:
    assert decision(made) == (outcome, [reason])


DOCUMENTS = ["insurance_card", "identity_card", "invoice", "itemised_list", "examination_report", "diagnosis_proof"]


def manual(submitted_on: str | None, documents: list[str], **changes: Any) -> dict[str, Any]:
    claim = None if submitted_on is None else {"submitted_on": submitted_on, "documents": documents}
    return shenzhen(claim_channel="manual", manual_claim=claim, **changes)


def test_day_30_of_a_manual_claim_is_in_time_and_day_31_is_late() -> None:
    """Seed 001, 2.3: 在检查后30天内."""
    assert decision(manual("2023-07-01", DOCUMENTS)) == ("covered", [])
    assert decision(manual("2023-07-02", DOCUMENTS)) == ("not_covered", ["submitted_late"])


def test_a_manual_claim_needs_all_its_documents_and_the_filing_only_out_of_area() -> None:
    assert decision(manual(None, [])) == ("needs_review", ["documents_missing"])
    assert decision(manual("2023-06-02", DOCUMENTS[1:])) == ("needs_review", ["documents_missing"])
    away = {"hospital": {"region": "440102"}, "filing": {"kind": "emergency"}, "occurred_at": "2023-11-01T10:00:00"}
    made = manual("2023-11-02", DOCUMENTS, **away)
    made["line_items"][0]["service_date"] = "2023-11-01"
    assert decision(made) == ("needs_review", ["documents_missing"])
    made["manual_claim"]["documents"] = [*DOCUMENTS, "out_of_area_filing", "a document nobody knows"]
    assert decision(made) == ("covered", [])


def test_late_and_incomplete_are_both_told() -> None:
    assert decision(manual("2023-08-01", [])) == ("not_covered", ["submitted_late", "documents_missing"])
