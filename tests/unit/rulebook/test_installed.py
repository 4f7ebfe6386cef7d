"""The installed notices say what the sources say."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from streams.rulebook import Rulebook, load_rulebook
from streams.rulebook.model import Band, RatioRange, Terms

EXAM = "petct_whole_body"
D = Decimal


@pytest.fixture(scope="module")
def book() -> Rulebook:
    return load_rulebook()


def test_the_seven_notices_are_there(book: Rulebook) -> None:
    assert [rule.id for rule in book.rules] == [
        "hz-2021-30/coverage",
        "hz-2021-30/disclosure",
        "hz-2021-30/monitoring",
        "hz-2021-30/price",
        "hz-2021-catastrophic-employee/benefit",
        "nb-2021-23/benefit",
        "nb-2021-23/coverage",
        "nb-2021-23/price",
        "sx-2021-catastrophic/benefit",
        "sz-2023-358/out_of_area_factors",
        "sz-2023-article/benefit",
        "sz-2023-article/coverage",
        "zj-2021-31/coverage",
        "zj-2021-31/disclosure",
        "zj-2021-31/monitoring",
        "zj-2021-31/price",
    ]


def test_an_examination_has_a_national_and_a_provincial_code(book: Rulebook) -> None:
    """附件: 国家医疗服务项目代码 002304000070000, 编码 23040000700."""
    assert book.exam_by_code == {"002304000070000": EXAM, "23040000700": EXAM}
    assert book.codes == {"002304000070000", "23040000700"}
    assert book.exams[EXAM].name == "肿瘤全身断层显像"


def test_hangzhou_sets_5300_a_time_for_public_hospitals(book: Rulebook) -> None:
    """二: 全市各公立医疗机构肿瘤全身断层显像（PET-CT）价格与省级公立医院同步调整为 5300 元/次."""
    rule = book.price("330102", EXAM, date(2021, 6, 30))
    assert rule is not None
    assert (rule.id, rule.source, rule.clause, rule.says) == (
        "hz-2021-30/price",
        "杭医保〔2021〕30号",
        "二",
        "5300元/次",
    )
    assert (rule.unit_price, rule.role) == (D("5300.00"), "price")
    assert rule.binds == {"public"}
    assert book.price("330102", EXAM, date(2021, 6, 29)) is None


def test_a_city_without_a_price_has_the_provinces_ceiling(book: Rulebook) -> None:
    """二: 各设区市在不高于省级公立医院价格前提下，依法制定本辖区内公立医疗机构价格."""
    rule = book.price("330302", EXAM, date(2021, 7, 1))
    assert rule is not None
    assert (rule.id, rule.role) == ("zj-2021-31/price", "ceiling")


@pytest.mark.parametrize("region", ["330100", "330200", "330000"])
def test_zhejiang_and_its_cities_cover_the_same_three_purposes(book: Rulebook, region: str) -> None:
    """一: 限恶性肿瘤分期及治疗后复发/转移的检测；原发灶不明转移性肿瘤原发灶的寻找；指导放疗计划靶区的设定."""
    rule = book.coverage(region, EXAM, date(2021, 7, 1))
    assert rule is not None
    assert rule.covered == {
        "staging",
        "post_treatment_recurrence_or_metastasis",
        "unknown_primary_search",
        "radiotherapy_planning",
    }
    assert rule.doubtful == {"recurrence_monitoring"}
    assert rule.excluded == {"diagnosis", "efficacy_evaluation", "check_up", "non_tumour"}
    assert rule.schemes == {"employee", "resident"}
    assert rule.payment_ceiling == D("5300.00")
    assert rule.payment_ceiling_clause is not None
    assert rule.payment_ceiling_clause.says == "大病保险按上述价格和相关规定支付"
    assert not rule.accepts_suspicion
    assert not rule.requires_clinical_basis
    assert rule.out_of_area == ("after_review" if region == "330200" else "same_province")


def test_hangzhou_employees_are_paid_75_percent_from_25000_and_nobody_knows_above_100000(book: Rulebook) -> None:
    rule = book.benefit("330100", EXAM, date(2021, 12, 31))
    assert rule is not None
    assert rule.authority == "press"
    assert rule.terms == Terms(None, (Band(D(25_000), D(100_000), D("0.75")), Band(D(100_000), None, None)))
    assert rule.buckets == {"employee": "hifob_pay"}
    assert rule.assistance_unknown
    assert book.benefit("330100", EXAM, date(2022, 1, 1)) is None


def test_ningbo_pays_a_fifth_without_deductible(book: Rulebook) -> None:
    rule = book.benefit("330212", EXAM, date(2021, 6, 30))
    assert rule is not None
    assert (rule.kind, rule.terms) == ("flat", Terms(D("0.20"), None))
    assert rule.buckets == {"employee": "hifob_pay", "resident": "hifmi_pay"}
    price = book.price("330212", EXAM, date(2021, 6, 30))
    assert price is not None
    assert price.binds == {"public", "public_equivalent"}
    (notice,) = (notice for notice in book.notices if notice.id == "nb-2021-23")
    assert notice.posted == date(2021, 7, 23)


def test_shaoxing_halves_the_deductible_of_the_assisted(book: Rulebook) -> None:
    rule = book.benefit("330600", EXAM, date(2021, 7, 1))
    assert rule is not None
    assert rule.terms == Terms(None, (Band(D(25_000), D(400_000), D("0.70")), Band(D(400_000), None, D(0))))
    assisted = Terms(None, (Band(D(12_500), D(400_000), D("0.80")), Band(D(400_000), None, D(0))))
    assert rule.assistance_terms == {"low_income": assisted, "extreme_poverty": assisted}
    assert rule.assistance_clause is not None
    assert rule.assistance_clause.source == "浙医保联发〔2021〕1号"


def test_shenzhen_states_ranges_and_an_approximate_cap_for_employees_only(book: Rulebook) -> None:
    """1.2: 在职职工医保报销比例约为70%-80%,退休人员约为85%-90%; 职工医保约60万元."""
    rule = book.benefit("440305", EXAM, date(2023, 1, 1))
    assert rule is not None
    assert rule.ranges == {
        ("employee", "in_service"): RatioRange(D("0.70"), D("0.80")),
        ("employee", "retired"): RatioRange(D("0.85"), D("0.90")),
    }
    assert rule.buckets == {"employee": "hifp_pay"}
    assert (rule.caps["employee"].amount, rule.caps["employee"].approximate) == (D(600_000), True)
    assert "resident" not in rule.caps


def test_shenzhen_covers_by_indication_and_takes_manual_claims_for_30_days(book: Rulebook) -> None:
    """2.3: 在检查后30天内; 2.4: 手工报销通常需15-30个工作日; 3.7: 也不会追回已报销费用."""
    rule = book.coverage("440305", EXAM, date(2023, 1, 1))
    assert rule is not None
    assert rule.covered == {
        "diagnosis",
        "staging",
        "efficacy_evaluation",
        "recurrence_monitoring",
        "post_treatment_recurrence_or_metastasis",
    }
    assert rule.doubtful == {"unknown_primary_search", "radiotherapy_planning"}
    assert rule.excluded == {"check_up", "non_tumour"}
    assert rule.accepts_suspicion
    assert rule.requires_clinical_basis
    assert rule.payment_ceiling is None
    assert rule.out_of_area == "filing_required"
    assert rule.manual_claim is not None
    assert rule.manual_claim.window_days == 30
    assert len(rule.manual_claim.documents) == 6
    assert rule.manual_claim.documents_out_of_area == {"out_of_area_filing"}
    assert rule.payout is not None
    assert (rule.payout.earliest, rule.payout.latest) == (15, 30)
    assert rule.no_clawback is not None
    assert rule.no_clawback.clause == "3.7"


def test_shenzhen_factors_do_not_know_a_temporary_stay_within_guangdong(book: Rulebook) -> None:
    rule = book.out_of_area_factors("440300", EXAM, date(2023, 10, 1))
    assert rule is not None
    assert {(held.kind, held.where): held.factor for held in rule.factors} == {
        ("long_term", None): D(1),
        ("referral", None): D(1),
        ("emergency", None): D("0.90"),
        ("temporary", "out_of_province"): D("0.80"),
    }


def test_the_fields_published_are_those_ordered(book: Rulebook) -> None:
    """四: 包括患者的姓（不含名）、年龄、疾病诊断、收费价格等每日在院网上公开."""
    for region, id in (("330102", "hz-2021-30/disclosure"), ("330212", "zj-2021-31/disclosure")):
        rule = book.disclosure(region, EXAM, date(2021, 7, 1))
        assert rule is not None
        assert (rule.id, rule.fields) == (id, ("surname", "age", "diagnosis", "price"))


def test_every_entry_waits_for_review_by_the_end_of_2026(book: Rulebook) -> None:
    assert {rule.reviewed_until for rule in book.rules} == {date(2026, 12, 31)}
    assert {rule.reviewed_note for rule in book.rules} == {"carried over unchanged; no later notice was found"}
    assert book.earliest_review == date(2026, 12, 31)
