"""Why an examination is asked for: the stated indication, the diagnoses that go with it, and how often each occurs."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

Mix = tuple[float, ...]
"""How often each of REASONS occurs, in their order."""


@dataclass(frozen=True, slots=True)
class Reason:
    """`indication` and `purpose` are None where nothing is stated; one of `diagnoses` (code, name) is the main one."""

    indication: str | None
    purpose: str | None
    diagnoses: tuple[tuple[str, str], ...]


_LUNG: Final = ("C34.900", "肺恶性肿瘤")
_BREAST: Final = ("C50.900", "乳腺恶性肿瘤")
_STOMACH: Final = ("C16.900", "胃恶性肿瘤")
_COLON: Final = ("C18.900", "结肠恶性肿瘤")
_LYMPHOMA: Final = ("C85.900", "非霍奇金淋巴瘤")
_NASOPHARYNX: Final = ("C11.900", "鼻咽恶性肿瘤")
_OESOPHAGUS: Final = ("C15.900", "食管恶性肿瘤")
_AFTER_SURGERY: Final = ("Z08.000", "恶性肿瘤手术后随诊检查")

STAGING: Final = Reason("staging", "肿瘤分期", (_LUNG, _BREAST, _STOMACH, _COLON, _LYMPHOMA))
POST_TREATMENT: Final = Reason(
    "post_treatment_recurrence_or_metastasis", "治疗后复发或转移", (_AFTER_SURGERY, _COLON, _LUNG, _LYMPHOMA)
)
UNKNOWN_PRIMARY: Final = Reason(
    "unknown_primary_search",
    "原发灶寻找",
    (("C79.900", "继发性恶性肿瘤"), ("C77.900", "淋巴结继发恶性肿瘤"), ("C80.000", "原发部位不明的恶性肿瘤")),
)
PLANNING: Final = Reason("radiotherapy_planning", "放疗计划靶区设定", (_NASOPHARYNX, _OESOPHAGUS, _LUNG))
MONITORING: Final = Reason("recurrence_monitoring", "定期复查", (_AFTER_SURGERY, _BREAST))
DIAGNOSIS: Final = Reason("diagnosis", "占位性质待查", (("R91.x00", "肺部阴影"), ("D38.100", "肺动态未定肿瘤")))
EFFICACY: Final = Reason("efficacy_evaluation", "疗效评估", (_LYMPHOMA, _LUNG))
CHECK_UP: Final = Reason("check_up", "健康体检", (("Z00.000", "健康查体"),))
NON_TUMOUR: Final = Reason("non_tumour", "炎症", (("M06.900", "类风湿性关节炎"), ("J18.900", "肺炎")))
NOT_STATED: Final = Reason(None, None, (_LUNG, _STOMACH, _COLON))

REASONS: Final = (
    STAGING,
    POST_TREATMENT,
    UNKNOWN_PRIMARY,
    PLANNING,
    MONITORING,
    DIAGNOSIS,
    EFFICACY,
    CHECK_UP,
    NON_TUMOUR,
    NOT_STATED,
)
OUTSIDE: Final = REASONS[4:]
"""What the notice does not name. Source: 浙医保发〔2021〕31号, 一 (限, so no others)."""

BASE: Final[Mix] = (0.45, 0.33, 0.05, 0.08, 0.025, 0.012, 0.012, 0.008, 0.008, 0.025)
OUT_OF_SCOPE: Final[Mix] = (0.2, 0.15, 0.02, 0.03, 0.01, 0.02, 0.02, 0.35, 0.15, 0.05)
"""Most of what is done is outside of what the notice pays for."""
SEARCHES: Final[Mix] = (0.18, 0.13, 0.6, 0.03, 0.02, 0.01, 0.01, 0.005, 0.005, 0.01)
"""Suddenly most patients have a tumour of unknown origin."""
RADIOTHERAPY: Final[Mix] = (0.4, 0.28, 0.04, 0.2, 0.02, 0.012, 0.012, 0.008, 0.008, 0.02)
"""Of a hospital with a department of radiotherapy."""

CONTRADICTED: Final = (
    Reason("staging", "肿瘤分期", (("J18.900", "肺炎"), ("D13.100", "胃良性肿瘤"))),
    Reason("radiotherapy_planning", "放疗计划靶区设定", (("M06.900", "类风湿性关节炎"), ("D36.900", "良性肿瘤"))),
)
"""An indication of a malignant tumour where every diagnosis is of something else."""


def blurred(rng: Random, mix: Mix) -> Mix:
    """The mix of one hospital: no two are alike."""
    return tuple(weight * rng.lognormvariate(0, 0.2) for weight in mix)
