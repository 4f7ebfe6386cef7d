"""The worked examples of the notices and of the seeds, to the fen. Each quotes its source."""

from __future__ import annotations

import pytest

from tests.builders import event, first_line, line, shenzhen

RESIDENT = {"insured_region": "330200", "scheme": "resident", "status": "adult"}


def shares(made: dict[str, object]) -> tuple[str, str, str]:
    """(fund, patient, hospital)"""
    decided = first_line(made)
    return decided["fund_amount"], decided["patient_amount"], decided["hospital_disallowed_amount"]


@pytest.mark.parametrize(
    ("own_paid", "fund", "patient"),
    [
        # 大病保险 2021, 杭州: 25 000 元以上至 100 000 元 75 %; "5300 元 → 3975 / 1325" past the deductible
        ("30000.00", "3975.00", "1325.00"),
        ("24000.00", "3225.00", "2075.00"),
        ("0.00", "0.00", "5300.00"),
    ],
)
def test_a_hangzhou_employee_pays_below_the_deductible_and_the_fund_75_percent_above(
    own_paid: str, fund: str, patient: str
) -> None:
    assert shares(event(account={"own_paid_ytd": own_paid})) == (fund, patient, "0.00")


def test_ningbo_pays_a_resident_20_percent_without_a_deductible() -> None:
    """甬医保发〔2021〕23号: 单列计算, 20 %."""
    made = event(hospital={"region": "330203"}, patient=RESIDENT)
    assert shares(made) == ("1060.00", "4240.00", "0.00")


def test_a_public_hospital_bears_what_it_charges_above_the_regulated_price() -> None:
    """杭医保〔2021〕30号, 二: 全市各公立医疗机构 … 价格 … 5300 元/次."""
    made = event(line("6500.00"), account={"own_paid_ytd": "25000.00"})
    assert shares(made) == ("3975.00", "1325.00", "1200.00")


def test_a_private_hospital_is_not_bound_so_the_patient_bears_the_excess() -> None:
    made = event(line("6500.00"), account={"own_paid_ytd": "25000.00"}, hospital={"ownership": "private"})
    assert shares(made) == ("3975.00", "2525.00", "0.00")


@pytest.mark.parametrize(
    ("status", "ratio", "fund", "patient"),
    [
        # sz-2023-article, 1.2: 总费用为8000元 … 医保可报销约70%(5600元),个人自付约2400元
        ("in_service", "0.70", "5600.00", "2400.00"),
        # sz-2023-article, 1.2: 退休人员,报销比例可能升至85%,自付仅1200元
        ("retired", "0.85", "6800.00", "1200.00"),
        # sz-2023-article, 4.4: 检查费用8000元 … 医保报销6400元(80%),自付1600元
        ("in_service", "0.80", "6400.00", "1600.00"),
    ],
)
def test_shenzhen_pays_by_the_ratio_the_platform_states(status: str, ratio: str, fund: str, patient: str) -> None:
    assert shares(shenzhen(status=status, ratio=ratio)) == (fund, patient, "0.00")


def test_what_lies_outside_the_catalogue_is_the_patients_own() -> None:
    """Seed 001, 2.2: 检查总费用为8500元,其中医保目录内费用为7000元,目录外费用(如特殊示踪剂)为1500元."""
    made = shenzhen(line("8500.00", out_of_catalogue_amount="1500.00"))
    assert shares(made) == ("4900.00", "3600.00", "0.00")


def test_the_contracts_example_event_gives_the_contracts_example_record() -> None:
    decided = first_line(event())
    trace = decided.pop("trace")
    assert decided == {
        "line_no": 1,
        "item_code": "002304000070000",
        "exam": "petct_whole_body",
        "service_date": "2021-07-01",
        "outcome": "covered",
        "reasons": [],
        "charged_amount": "5300.00",
        "regulated_unit_price": "5300.00",
        "hospital_disallowed_amount": "0.00",
        "out_of_catalogue_amount": "0.00",
        "eligible_amount": "5300.00",
        "fund_amount": "3225.00",
        "fund_bucket": "hifob_pay",
        "assistance_amount": "0.00",
        "patient_amount": "2075.00",
        "if_approved": None,
        "nhsa": {
            "det_item_fee_sumamt": "5300.00",
            "fulamt_ownpay_amt": "0.00",
            "overlmt_amt": "0.00",
            "preselfpay_amt": "0.00",
            "inscp_scp_amt": "5300.00",
        },
        "price_rule": "hz-2021-30/price",
        "coverage_rule": "hz-2021-30/coverage",
        "benefit_rule": "hz-2021-catastrophic-employee/benefit",
    }
    assert {
        "step": "price",
        "rule": "hz-2021-30/price",
        "source": "杭医保〔2021〕30号",
        "clause": "二",
        "says": "5300元/次",
        "amount": "5300.00",
    } in trace
