"""The interface's own code tables, as far as an event of ours depends on them.

Source: 国家医疗保障局, 信息业务编码标准 (INSUTYPE, PSN_TYPE, HOSP_LV, DIAG_TYPE, PSN_INSU_STAS).
"""

from __future__ import annotations

from typing import Final

SETTLEMENTS: Final = frozenset({"2207", "2304"})
"""门诊结算 and 住院结算."""
REVERSALS: Final = frozenset({"2208", "2305"})
"""Their 结算撤销: a new settlement that undoes one."""
VOID: Final = "2601"
"""冲正: an earlier message never happened."""
FEES: Final = frozenset({"2204", "2301"})
"""费用明细上传."""
FEE_WITHDRAWALS: Final = frozenset({"2205", "2302"})
"""费用明细撤销."""
DIAGNOSES: Final = frozenset({"2203", "2401", "2402", "2403"})
"""门诊就诊信息, 入院办理, 出院办理, 入院信息变更: what holds `diseinfo`."""
PERSON: Final = "1101"
"""人员信息获取."""

SCHEMES: Final = {"310": "employee", "390": "resident", "391": "resident", "392": "resident"}

STATUSES: Final = {
    "11": "in_service",
    "12": "retired",
    "13": "retired",
    "14": "minor",
    "15": "adult",
    "16": "senior",
}
"""By the first two digits of `psn_type`: what follows them is a local extension."""

LEVELS: Final = (
    dict.fromkeys(("01", "02", "03", "04"), "tertiary")
    | dict.fromkeys(("05", "06", "07"), "secondary")
    | dict.fromkeys(("08", "09", "10"), "primary")
    | {"11": "ungraded"}
)

ICD_DIAGNOSIS: Final = "1"
"""`diag_type` of a 西医诊断; 2 and 3 are those of Chinese medicine, whose codes are no ICD-10."""
CHINESE_DIAGNOSES: Final = frozenset({"2", "3"})

INSURED: Final = "1"
"""`psn_insu_stas` 正常参保; 2 and 4 are suspended and ended."""
NOT_INSURED: Final = frozenset({"2", "3", "4"})

NO_PRICE_LIMIT: Final = "999999.00"
"""`pric_uplmt_amt` where no limit holds."""


def scheme(insutype: object) -> str | None:
    return SCHEMES.get(insutype) if isinstance(insutype, str) else None


def status(psn_type: object) -> str | None:
    return STATUSES.get(psn_type[:2]) if isinstance(psn_type, str) else None


def level(hosp_lv: object) -> str | None:
    """Sent as a number it has lost its leading zero."""
    return LEVELS.get(hosp_lv.zfill(2)) if isinstance(hosp_lv, str) else None


def transaction(infno: object) -> str | None:
    """The number of a transaction; some regions send their variant of one, `2207A`, which holds the same fields."""
    return infno.removesuffix("A") if isinstance(infno, str) else None
