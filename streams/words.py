"""What the codes of an answer mean, in plain words; the Chinese term stands where the law has one.

`streams.words_zh` says the same in Chinese.
"""

from __future__ import annotations

from typing import Final

from schemas.deadletters import DeadLetterReason

OUTCOMES: Final[dict[str, str]] = {
    "covered": "the fund pays its share",
    "not_covered": "the patient pays; the notice gives no right to payment",
    "needs_review": "the patient pays until a person has decided; what is missing stands below",
    "no_rule": "no notice known here says anything about this examination on this day",
}

REASONS: Final[dict[str, str]] = {
    "charged_above_regulated_price": "Charged above the regulated price; the hospital bears the excess (超标准收费).",
    "out_of_catalogue_beside_regulated_price": "Something out of the catalogue was charged beside a regulated price; "
    "whether the charge was split (分解收费) deserves a look.",
    "amount_differs_from_price_times_quantity": "Unit price times quantity is not the amount; the amount stands.",
    "annual_cap_reached": "The fund has paid up to its yearly limit (年度最高支付限额).",
    "no_coverage_rule": "No coverage rule is in force where the patient is insured.",
    "hospital_not_designated": "The hospital is not designated (非定点医疗机构).",
    "insurance_inactive": "The patient's insurance was not active.",
    "scheme_not_covered": "The notice does not cover the patient's scheme (险种).",
    "out_of_area_not_filed": "Treated outside the pool without a filing (未办理异地就医备案).",
    "out_of_area_filing_not_valid": "The filing for treatment outside the pool (异地就医备案) was not valid that day.",
    "out_of_area_terms_unknown": "What is paid for treatment outside the pool (异地就医) is not known.",
    "out_of_area_review_required": "Treatment outside the pool (异地就医) is paid only after a review (经审核).",
    "indication_excluded": "The notice excludes what the examination was for (限定支付范围).",
    "no_malignancy": "No purpose is stated and no diagnosis speaks of a tumour.",
    "indication_not_stated": "What the examination was for is not stated.",
    "indication_not_listed": "The notice neither lists nor excludes what the examination was for.",
    "indication_contradicted": "The diagnoses do not bear out what the examination was for.",
    "clinical_basis_missing": "The notice wants a clinical basis (pathology, or strong suspicion); none is stated.",
    "submitted_late": "The claim for reimbursement (手工报销) came after its time limit.",
    "documents_missing": "The claim for reimbursement (手工报销) lacks documents.",
    "accumulator_missing": "What was already paid this year (年度累计) is not stated.",
    "benefit_rule_missing": "How much the fund pays this person is not known to the rulebook.",
    "benefit_ratio_missing": "The notice gives a range of ratios, and the platform did not state which applies.",
    "benefit_ratio_out_of_range": "The platform's ratio lies outside the range of the notice.",
    "benefit_band_unknown": "The year's expenses reach a band (分段) whose ratio is not known.",
    "assistance_terms_unknown": "The terms for assisted patients (医疗救助对象) are not known.",
    "accumulator_other_year": "The account's totals are those of another year than the examination's.",
    "annual_cap_approximate": "The yearly limit would cut the payment, but the source gives it only roughly (约).",
    "refund_basis_unknown": "What was paid for the refunded charge cannot be known from this event.",
    "calendar_unknown": "The working days of that year are not known yet, so no payment day is given.",
    "benign_result_no_clawback": "What was paid is not claimed back because the result was benign.",
}

DEAD_LETTERS: Final[dict[DeadLetterReason, tuple[str, str]]] = {
    DeadLetterReason.EMPTY_VALUE: ("The record has no value.", "Send the settlement event as the record's value."),
    DeadLetterReason.TOO_LARGE: (
        "The event is larger than an event may be: 1 MiB, 1,000 lines, 64 levels of nesting.",
        "Split the settlement, or leave out what the contract does not name.",
    ),
    DeadLetterReason.NOT_UTF8: ("The bytes are not UTF-8.", "Encode the event in UTF-8, not in GB 18030 or GBK."),
    DeadLetterReason.NOT_JSON: (
        "The bytes are not one JSON document.",
        "Look for a cut end, a byte order mark, NaN, or a second document; write it with a JSON library.",
    ),
    DeadLetterReason.NOT_AN_EVENT: ("It is JSON, but no object.", "Send one event a record, not a list of them."),
    DeadLetterReason.UNSUPPORTED_VERSION: (
        "The event is of a newer major version of the contract.",
        "Send version 1, or install a release that reads this version.",
    ),
    DeadLetterReason.SCHEMA: (
        "A field is missing or not what the contract asks for.",
        "Mend the field named above and send the event again.",
    ),
    DeadLetterReason.INVALID_LINE: (
        "A line breaks a rule of the contract.",
        "Mend the line named above (counted from 0) and send the event again.",
    ),
    DeadLetterReason.PROCESSING_ERROR: (
        "The event met a bug of ours.",
        "Report the place named above with this release's version; the event can be replayed afterwards.",
    ),
}
