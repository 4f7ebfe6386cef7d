"""What codes are called on the pages, in Chinese and English. What is not named here is shown as its code."""

from __future__ import annotations

from typing import Final

Both = tuple[str, str]
"""Chinese, English."""

REGIONS: Final[dict[str, Both]] = {
    "330000": ("浙江省", "Zhejiang"),
    "330100": ("杭州市", "Hangzhou"),
    "330200": ("宁波市", "Ningbo"),
    "330600": ("绍兴市", "Shaoxing"),
    "440300": ("深圳市", "Shenzhen"),
}
INDICATIONS: Final[dict[str, Both]] = {
    "staging": ("肿瘤分期", "staging"),
    "post_treatment_recurrence_or_metastasis": ("治疗后复发或转移的检测", "recurrence or metastasis after treatment"),
    "unknown_primary_search": ("寻找不明原发灶", "search for an unknown primary"),
    "radiotherapy_planning": ("指导放疗计划", "radiotherapy planning"),
    "diagnosis": ("诊断", "diagnosis"),
    "efficacy_evaluation": ("疗效评估", "evaluation of a treatment"),
    "recurrence_monitoring": ("复发监测", "monitoring for recurrence"),
    "check_up": ("健康体检", "check-up"),
    "non_tumour": ("非肿瘤", "not a tumour"),
}
KINDS: Final[dict[str, tuple[Both, Both]]] = {
    "price": (("价格", "Price"), ("当地医院可以收取的费用", "what a hospital there may charge")),
    "coverage": (
        ("支付范围", "Coverage"),
        ("当地参保人的哪些检查予以支付", "what is paid for, for people insured there"),
    ),
    "benefit": (
        ("支付标准", "Benefit"),
        ("基金为当地参保人支付多少", "how much the fund pays for people insured there"),
    ),
    "out_of_area_factors": (
        ("异地就医", "Out of area"),
        ("当地参保人在外地就医时支付多少", "how much less outside the pool, for people insured there"),
    ),
    "disclosure": (("信息公开", "Disclosure"), ("当地医院须公开的内容", "what a hospital there publishes")),
    "monitoring": (("监管", "Monitoring"), ("当地部门须监测的内容", "what the authority there must watch")),
}
AUTHORITIES: Final[dict[str, Both]] = {
    "official": ("官方文件", "official"),
    "press": ("媒体报道", "press"),
    "article": ("文章", "article"),
}
OUTCOMES: Final[dict[str, Both]] = {
    "covered": ("予以支付", "Covered"),
    "not_covered": ("不予支付", "Not covered"),
    "needs_review": ("待人工审核", "Needs review"),
    "no_rule": ("无适用规定", "No rule"),
}
STEPS: Final[dict[str, Both]] = {
    "split": ("拆分目录内外", "split"),
    "price": ("价格", "price"),
    "allowed": ("允许收费", "allowed"),
    "disallowed": ("超标准收费", "disallowed"),
    "out_of_catalogue": ("目录外费用", "out of catalogue"),
    "arithmetic": ("算术核对", "arithmetic"),
    "coverage": ("支付范围", "coverage"),
    "designation": ("定点医疗机构", "designation"),
    "membership": ("参保状态", "membership"),
    "out_of_area": ("异地就医", "out of area"),
    "indication": ("适应症", "indication"),
    "manual_claim": ("手工报销", "manual claim"),
    "eligible": ("可纳入支付", "eligible"),
    "accumulate": ("年度累计", "accumulate"),
    "band": ("分段", "band"),
    "ratio": ("比例", "ratio"),
    "benefit": ("支付标准", "benefit"),
    "annual_cap": ("年度限额", "annual cap"),
    "assistance": ("医疗救助", "assistance"),
    "payout": ("拨付", "payout"),
    "refund": ("退费", "refund"),
    "result": ("结果", "result"),
}
UNDOING: Final[dict[str, Both]] = {
    "settlement.adjustment_reversed": (
        "该结算已冲销，此前的调整一并撤回。",
        "This settlement is reversed: what was adjusted for it is taken back.",
    ),
    "settlement.adjustment_voided": (
        "该结算已作废：上报它的信息视为从未发生。",
        "This settlement is void: the message that reported it never happened.",
    ),
    "settlement.reversal_refused": (
        "该结算保持不变：冲销被拒绝。",
        "This settlement stays as it is: the reversal is refused.",
    ),
}
EXAMPLES: Final[dict[str, Both]] = {
    "above-price": ("杭州：超标准收费", "Hangzhou: charged above the price"),
    "check-up": ("杭州：健康体检", "Hangzhou: a check-up"),
    "ratio-missing": ("深圳：未给出支付比例", "Shenzhen: no ratio stated"),
    "manual-claim": ("深圳：手工报销", "Shenzhen: a manual claim"),
    "out-of-area": ("宁波参保人在杭州就医", "Insured in Ningbo, treated in Hangzhou"),
    "no-rule": ("上海：规则库中无规定", "Shanghai: no rule known here"),
    "reversal": ("冲销", "A reversal"),
}
"""Synthetic events in `examples/`: no person and no hospital in them exists."""
SEVERITIES: Final[dict[str, Both]] = {
    "serious": ("严重", "serious"),
    "warning": ("警示", "warning"),
    "info": ("提示", "info"),
}
STATES: Final[dict[str, Both]] = {
    "open": ("待处理", "open"),
    "acknowledged": ("已受理", "acknowledged"),
    "closed": ("已办结", "closed"),
    "withdrawn": ("已撤回", "withdrawn"),
}
CLOSED_AS: Final[dict[str, Both]] = {
    "confirmed": ("属实", "confirmed"),
    "unfounded": ("不属实", "unfounded"),
    "duplicate": ("重复线索", "duplicate"),
}
CATEGORIES: Final[dict[str, Both]] = {
    "超标准收费": ("超标准收费", "charged above the standard (超标准收费)"),
    "重复收费": ("重复收费", "charged twice (重复收费)"),
    "分解项目收费": ("分解项目收费", "items split up (分解项目收费)"),
    "过度检查": ("过度检查", "excessive examination (过度检查)"),
    "超医保支付范围": ("超医保支付范围", "beyond the scope of payment (超医保支付范围)"),
    "monitoring": ("监测", "monitoring"),
}
REFUSALS: Final[dict[str, Both]] = {
    "revised": (
        "该线索在您查看之后已经更新，此次操作未生效。请核对下面的最新内容后再决定。",
        "The finding was revised after you looked at it: nothing was done. Look at it as it is now, then decide.",
    ),
    "handled": (
        "其他人员刚刚处理了该线索，此次操作未生效。",
        "Somebody else handled the finding at the same moment: what you did does not count.",
    ),
    "withdrawn": (
        "该线索已撤回：其所依据的结算已被撤销，无需处理。",
        "The finding is withdrawn: what it rested on was undone. There is nothing to do any more.",
    ),
    "closed": ("该线索已经办结。", "The finding is closed already."),
    "empty": ("请填写办理意见。", "Please say why, in a few words."),
    "unreadable": (
        "办理意见应为一行文字，不超过500个字。",
        "A note is one line of at most 500 characters.",
    ),
    "form": ("页面已过期，操作未生效，请重新提交。", "The page was too old: nothing was done. Please send it again."),
}
STATED: Final[dict[str, Both]] = {**INDICATIONS, "not_stated": ("未填写", "not stated")}
"""In the order of the plots."""
MEASURES: Final[dict[str, Both]] = {
    "amount_above_price": ("超出政府指导价的金额（元）", "above the regulated price (yuan)"),
    "amount_beside_the_first": ("首次检查之外的金额（元）", "charged beside the first (yuan)"),
    "charged_in_window": ("时段内收费（元）", "charged in the window (yuan)"),
    "chi_square": ("卡方统计量", "chi-square"),
    "deviations": ("偏离程度（倍标准差）", "deviations"),
    "difference": ("占比之差", "difference of the shares"),
    "grown_most": ("增长最多的适应症", "indication that grew most"),
    "highest_excess": ("单次最高超出（元）", "highest excess of one (yuan)"),
    "hospitals": ("涉及医院数", "hospitals"),
    "indication": ("填写的适应症", "stated indication"),
    "out_of_scope_scans": ("超范围或存疑的检查次数", "examinations out of scope or in doubt"),
    "partial_scans_on_the_day": ("当日局部检查次数", "partial scans on the day"),
    "report_fee_codes": ("报告费项目代码", "item codes of the report fees"),
    "report_fees": ("单独收取的报告费（元）", "separate report fees (yuan)"),
    "scans": ("检查次数", "examinations"),
    "scans_above_price": ("超出政府指导价的检查次数", "examinations above the regulated price"),
    "scans_before": ("此前检查次数", "examinations before"),
    "scans_in_window": ("时段内检查次数", "examinations in the window"),
    "scans_on_the_day": ("当日检查次数", "examinations on the day"),
    "share": ("占比", "share"),
    "share_of_grown_most": ("增长最多的适应症占比", "share of the indication that grew most"),
    "share_of_grown_most_before": ("该适应症此前占比", "its share before"),
    "share_of_the_others": ("同城其他医院占比", "share at the city's other hospitals"),
    "shift": ("构成变动幅度", "shift of the mix"),
    "times_the_usual": ("为平常的倍数", "times the usual"),
    "usual_scans": ("平常检查次数", "usual number of examinations"),
    "usually_charged": ("平常收费（元）", "usually charged (yuan)"),
    "window_days": ("时段天数", "days of the window"),
}
"""What the rules of `streams/surveillance/rules/` measure."""
