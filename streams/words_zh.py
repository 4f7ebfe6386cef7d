"""What the codes of an answer mean, in Chinese: the same codes as in `streams.words`."""

from __future__ import annotations

from typing import Final

from schemas.deadletters import DeadLetterReason

OUTCOMES: Final[dict[str, str]] = {
    "covered": "基金按规定支付其应承担的部分",
    "not_covered": "由患者支付；按通知规定不予支付",
    "needs_review": "在人工审核决定之前由患者支付；缺少的内容见下文",
    "no_rule": "现有规则库中没有适用于该项目当日的支付规定",
}

REASONS: Final[dict[str, str]] = {
    "charged_above_regulated_price": "收费超过政府指导价，超标准收费部分由医院承担。",
    "out_of_catalogue_beside_regulated_price": "在政府指导价之外另收目录外费用，是否属于分解收费值得核查。",
    "amount_differs_from_price_times_quantity": "单价乘以数量与金额不符，以金额为准。",
    "annual_cap_reached": "基金支付已达年度最高支付限额。",
    "no_coverage_rule": "参保地没有有效的支付范围规定。",
    "hospital_not_designated": "该医院不是定点医疗机构。",
    "insurance_inactive": "患者的医保待遇当时不在有效状态。",
    "scheme_not_covered": "通知不适用于患者参加的险种。",
    "out_of_area_not_filed": "在统筹区外就医，未办理异地就医备案。",
    "out_of_area_filing_not_valid": "异地就医备案在检查当日无效。",
    "out_of_area_terms_unknown": "异地就医的支付标准未知。",
    "out_of_area_review_required": "异地就医须经审核后支付。",
    "indication_excluded": "检查目的不在限定支付范围之内。",
    "no_malignancy": "未说明检查目的，诊断也没有提示肿瘤。",
    "indication_not_stated": "未说明检查目的。",
    "indication_not_listed": "通知对该检查目的既未列入也未排除。",
    "indication_contradicted": "诊断与所述检查目的不符。",
    "clinical_basis_missing": "通知要求有临床依据（病理确诊或高度怀疑），但未说明。",
    "submitted_late": "手工报销申请超过了规定期限。",
    "documents_missing": "手工报销申请缺少材料。",
    "accumulator_missing": "未说明年度累计金额。",
    "benefit_rule_missing": "规则库中没有此人适用的支付比例。",
    "benefit_ratio_missing": "通知只给出比例范围，平台未说明适用的比例。",
    "benefit_ratio_out_of_range": "平台给出的比例超出通知规定的范围。",
    "benefit_band_unknown": "年度费用达到的分段，其支付比例未知。",
    "assistance_terms_unknown": "医疗救助对象的支付标准未知。",
    "accumulator_other_year": "账户累计金额与检查不在同一年度。",
    "annual_cap_approximate": "年度限额会影响支付，但来源只给出约数。",
    "refund_basis_unknown": "仅凭本次信息无法得知所退费用当时的支付金额。",
    "calendar_unknown": "该年度的工作日安排尚未公布，无法给出拨付日期。",
    "benign_result_no_clawback": "检查结果为良性，已支付的费用不予追回。",
}

DEAD_LETTERS: Final[dict[DeadLetterReason, tuple[str, str]]] = {
    DeadLetterReason.EMPTY_VALUE: ("没有内容。", "请填入一条结算事件。"),
    DeadLetterReason.TOO_LARGE: (
        "事件超过允许的大小：1 MiB、1000 条明细、64 层嵌套。",
        "请拆分结算，或去掉规范中没有的内容。",
    ),
    DeadLetterReason.NOT_UTF8: ("不是 UTF-8 编码。", "请使用 UTF-8 编码，不要使用 GB 18030 或 GBK。"),
    DeadLetterReason.NOT_JSON: (
        "不是一份完整的 JSON 文档。",
        "请检查是否被截断、带有字节顺序标记或 NaN，或含有第二份文档；请用 JSON 程序库生成。",
    ),
    DeadLetterReason.NOT_AN_EVENT: ("是 JSON，但不是对象。", "每次提交一条事件，不要提交列表。"),
    DeadLetterReason.UNSUPPORTED_VERSION: (
        "事件属于规范更新的主版本。",
        "请按第 1 版提交，或安装支持该版本的程序。",
    ),
    DeadLetterReason.SCHEMA: ("缺少某个字段，或字段不符合规范。", "请更正上述字段后重新提交。"),
    DeadLetterReason.INVALID_LINE: ("某条明细违反规范。", "请更正上述明细（从 0 开始计数）后重新提交。"),
    DeadLetterReason.PROCESSING_ERROR: (
        "程序出现错误。",
        "请将上述位置和程序版本告知维护者；事件之后可以重新处理。",
    ),
}
