"""The way back: an adjusted settlement in the fields of the interface.

It holds the examination lines of the settlement and no others: what basic insurance decided of the rest stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from schemas.decimals import ZERO
from schemas.identity import output_event_id
from schemas.nhsa.record import Message, Record, read_record
from schemas.nhsa.tables import NO_PRICE_LIMIT
from schemas.nhsa.values import first, node, text

Plain = dict[str, Any]

BUCKETS: Final = {
    "hifp_pay": "基本医疗保险统筹基金",
    "hifob_pay": "职工大额医疗费用补助基金",
    "hifmi_pay": "居民大病保险资金",
    "maf_pay": "医疗救助基金",
}
"""Fields of `setlinfo` and what each is called; the last is what assistance pays."""

_PER_LINE: Final = ("det_item_fee_sumamt", "fulamt_ownpay_amt", "overlmt_amt", "preselfpay_amt", "inscp_scp_amt")
_AT_FAULT: Final = "1"
"""`vola_item_type` 违规项; 2 is an item that is only concerned."""


def answer(message: Message, adjusted: Plain, fund_pay_types: Mapping[str, str] | None = None) -> Plain:
    """`{"fees", "settlement", "findings"}`, shaped like the outputs of 2204, 2207 and 3101.

    `message` is the record that `adjusted` answers; `fund_pay_types` gives the `fund_pay_type` of each of BUCKETS where
    a region wants it: the codes are the regions' own. Raises ValueError when `adjusted` answers another message, or is
    no adjusted settlement.
    """
    if adjusted.get("event_type") != "settlement.adjusted":
        raise ValueError("expected a settlement.adjusted")
    if adjusted["source_event_id"] != text(message.get("msgid")):
        raise ValueError("expected the message that was adjusted: its msgid is another")
    record = read_record(message)
    fees = record.fees
    lines = [(line, node(fees[line["line_no"] - 1])) for line in adjusted["lines"]]
    return {
        "fees": {"result": [_fee(line, row) for line, row in lines]},
        "settlement": {
            "setlinfo": _setlinfo(record, adjusted),
            "setldetail": list(_setldetail(adjusted["lines"], fund_pay_types or {})),
        },
        "findings": {"result": [found for line, row in lines for found in _findings(record, adjusted, line, row)]},
    }


def _fee(line: Plain, row: Plain) -> Plain:
    return {
        "feedetl_sn": text(row.get("feedetl_sn")),
        "cnt": row.get("cnt"),
        "pric": row.get("pric"),
        "pric_uplmt_amt": first(line["regulated_unit_price"], NO_PRICE_LIMIT),
        **{name: line["nhsa"][name] for name in _PER_LINE},
    }


def _setlinfo(record: Record, adjusted: Plain) -> Plain:
    lines, totals = adjusted["lines"], adjusted["totals"]
    paid = {bucket: _sum(line["fund_amount"] for line in lines if line["fund_bucket"] == bucket) for bucket in BUCKETS}
    paid["maf_pay"] = Decimal(totals["assistance_amount"])
    split = {name: _sum(line["nhsa"][name] for line in lines) for name in _PER_LINE}
    return {
        "setl_id": adjusted["settlement_id"],
        "mdtrt_id": _visit(record),
        "medfee_sumamt": totals["charged_amount"],
        "fulamt_ownpay_amt": str(split["fulamt_ownpay_amt"]),
        # The settlement says selfpay where its lines say amt.
        "overlmt_selfpay": str(split["overlmt_amt"]),
        "preselfpay_amt": str(split["preselfpay_amt"]),
        "inscp_scp_amt": str(split["inscp_scp_amt"]),
        **{bucket: str(amount) for bucket, amount in paid.items()},
        "fund_pay_sumamt": str(sum(paid.values(), ZERO)),
        "psn_part_amt": totals["patient_amount"],
        "hosp_part_amt": totals["hospital_disallowed_amount"],
    }


def _setldetail(lines: list[Plain], fund_pay_types: Mapping[str, str]) -> Iterable[Plain]:
    for bucket, name in BUCKETS.items():
        field = "assistance_amount" if bucket == "maf_pay" else "fund_amount"
        ours = [line for line in lines if bucket in ("maf_pay", line["fund_bucket"])]
        paying = [line for line in ours if Decimal(line[field])]
        if not paying:
            continue
        yield {
            "fund_pay_type": fund_pay_types.get(bucket),
            "fund_pay_type_name": name,
            "inscp_scp_amt": str(_sum(line["nhsa"]["inscp_scp_amt"] for line in paying)),
            "crt_payb_lmt_amt": None,
            "fund_payamt": str(_sum(line[field] for line in paying)),
            "setl_proc_info": ", ".join(sorted({line["benefit_rule"] for line in paying if line["benefit_rule"]})),
        }


def _findings(record: Record, adjusted: Plain, line: Plain, row: Plain) -> Iterable[Plain]:
    """One a reason. The dictionaries of severity, behaviour and state of the amount are the regions' own: null."""
    person = first(text(record.data.get("psn_no")), text(record.info.get("psn_no")))
    for reason in line["reasons"]:
        step: Plain = next((entry for entry in line["trace"] if entry.get("reason") == reason), {})
        amount = line["hospital_disallowed_amount"] if reason == "charged_above_regulated_price" else None
        finding = output_event_id(adjusted["event_id"], f"{line['line_no']}|{reason}", adjusted["revision"])
        about = {"patn_id": person, "mdtrt_id": _visit(record)}
        yield {
            "jr_id": finding,
            "rule_id": first(step.get("rule"), line["coverage_rule"]),
            "rule_name": reason,
            "vola_cont": step.get("says"),
            **about,
            "judge_result_detail_dtos": [
                {
                    "jrd_id": output_event_id(finding, "detail", 1),
                    **about,
                    "rx_id": text(row.get("feedetl_sn")),
                    "vola_item_type": _AT_FAULT,
                    "vola_amt": amount,
                }
            ],
            "vola_amt": amount,
            "vola_amt_stas": None,
            "sev_deg": None,
            "vola_evid": " ".join(filter(None, (step.get("source"), step.get("clause")))) or None,
            "vola_bhvr_type": None,
            "task_id": None,
        }


def _visit(record: Record) -> Any:
    return first(text(record.data.get("mdtrt_id")), text(record.info.get("mdtrt_id")))


def _sum(amounts: Iterable[str]) -> Decimal:
    return sum(map(Decimal, amounts), ZERO)
