"""What is wrong with an event, in the words of the message it was made from."""

from __future__ import annotations

import re
from typing import Final

from schemas.events import COMPLETED, REVERSED, VOIDED

_ADDED: Final = "input.data.exp_content.petct"
_OR_REFERENCE: Final = "or give it in the table of hospitals"
_TIME: Final = "expected a time yyyy-MM-dd HH:mm:ss"

_LINE: Final = re.compile(r"line_items\[([0-9]+)\](?:\.([a-z_]+))?")
_DIAGNOSIS: Final = re.compile(r"diagnoses\[[0-9]+\](?:\.([a-z_]+))?")

_LINE_FIELDS: Final = {
    "line_no": "feedetl_sn",
    "item_code": "med_list_codg",
    "item_name": "medins_list_name",
    "service_date": "fee_ocur_time",
    "quantity": "cnt",
    "unit_price": "pric",
    "amount": "det_item_fee_sumamt",
    "out_of_catalogue_amount": "exp_content.petct.out_of_catalogue_amount",
    "refunds_line_no": "init_feedetl_sn",
}
_DIAGNOSIS_FIELDS: Final = {"code": "diag_code", "name": "diag_name", "main": "maindiag_flag"}

_COMPLETED: Final = {
    "event_id": "msgid",
    "settlement_id": "output.setlinfo.setl_id",
    "occurred_at": "output.setlinfo.setl_time",
    "hospital.code": "fixmedins_code",
    "hospital.name": "fixmedins_name",
    "hospital.region": "mdtrtarea_admvs",
    "patient.person_id": "input.data.psn_no",
    "patient.name": "output.setlinfo.psn_name",
    "patient.birth_date": "output.setlinfo.brdy",
    "patient.insured_region": "insuplc_admdvs",
    "patient.scheme": "output.setlinfo.insutype",
    "patient.status": "output.setlinfo.psn_type",
    "diagnoses": "diseinfo",
}
_REVERSED: Final = {
    "event_id": "msgid",
    "settlement_id": "output.setlinfo.setl_id",
    "occurred_at": "inf_time",
    "insured_region": "insuplc_admdvs",
    "reverses.settlement_id": "input.data.setl_id",
}
_VOIDED: Final = {
    "event_id": "msgid",
    "settlement_id": f"{_ADDED}.reverses.settlement_id",
    "occurred_at": "inf_time",
    "insured_region": "insuplc_admdvs",
    "reverses.event_id": "input.data.omsgid",
}
_NAMES: Final = {COMPLETED: _COMPLETED, REVERSED: _REVERSED, VOIDED: _VOIDED}
"""Where a field of the event comes from, by the type of the event; what is not here comes from the extension."""

_MISSING: Final = {
    "patient.insurance_active": f"required in {_ADDED}, or as psn_insu_stas of a 1101 in visit",
    "hospital.level": f"required: output.setlinfo.hosp_lv from 01 to 11, {_ADDED}.hospital.level, {_OR_REFERENCE}",
    "hospital.ownership": f"required, {_OR_REFERENCE}: the interface does not carry it",
    "hospital.designated": f"required, {_OR_REFERENCE}: the interface does not carry it",
    "reverses.event_id": "required: the msgid of the settlement that is reversed, which the interface does not carry",
    "reason": "required: why it is reversed, which the interface does not carry",
    # Absent from the event too where its code is in no table.
    "patient.scheme": "expected 310, 390, 391 or 392",
    "patient.status": "expected first two digits from 11 to 16",
}
_NO_SETTLEMENT: Final = "required: a 2601 names a message by omsgid, not the settlement that message made"
_MISSING_OF_A_VOID: Final = {
    "settlement_id": _NO_SETTLEMENT,
    "reverses.settlement_id": _NO_SETTLEMENT,
    "reverses.event_id": "required",
}


def in_their_terms(detail: str, event_type: str) -> str:
    """`detail` of a dead letter, with the fields of the interface in place of the contract's."""
    told: list[str] = []
    for piece in detail.split("; "):
        path, colon, expected = piece.partition(": ")
        named = _told(path, expected, event_type) if colon else piece
        if named not in told:
            told.append(named)
    return "; ".join(told)


def _told(path: str, expected: str, event_type: str) -> str:
    within = _within(path)
    if within != path:
        is_time = path.endswith(".service_date") and expected.startswith("expected a date")
        return f"{within}: {_TIME if is_time else _within(expected)}"
    name = _NAMES[event_type].get(path, f"{_ADDED}.{path}")
    if expected == "required":
        missing = _MISSING | _MISSING_OF_A_VOID if event_type == VOIDED else _MISSING
        return f"{name}: {missing.get(path, expected)}"
    return f"{name}: {_TIME if path == 'occurred_at' else _within(expected)}"


def _within(told: str) -> str:
    """Lines and diagnoses under their names in the interface, wherever they are mentioned."""
    told = _LINE.sub(lambda found: _named(f"feedetail[{found[1]}]", found[2], _LINE_FIELDS), told)
    told = _DIAGNOSIS.sub(lambda found: _named("diseinfo", found[1], _DIAGNOSIS_FIELDS), told)
    told = told.replace("the date of occurred_at", "the date of setl_time")
    return told.replace("the sign of quantity", "the sign of cnt").replace(
        "the sign of amount", "the sign of det_item_fee_sumamt"
    )


def _named(node: str, field: str | None, names: dict[str, str]) -> str:
    return node if field is None else f"{node}.{names.get(field, field)}"
