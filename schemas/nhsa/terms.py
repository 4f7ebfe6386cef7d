"""What is wrong with an event, in the words of the message it was made from."""

from __future__ import annotations

import re
from typing import Final

from schemas.events import VOIDED

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

_FIELDS: Final[dict[str, str]] = {
    "event_id": "msgid",
    "settlement_id": "output.setlinfo.setl_id",
    "occurred_at": "output.setlinfo.setl_time",
    "insured_region": "insuplc_admdvs",
    "hospital.code": "fixmedins_code",
    "hospital.name": "fixmedins_name",
    "hospital.region": "mdtrtarea_admvs",
    "patient.person_id": "input.data.psn_no",
    "patient.name": "output.setlinfo.psn_name",
    "patient.birth_date": "output.setlinfo.brdy",
    "patient.insured_region": "insuplc_admdvs",
    "patient.scheme": "output.setlinfo.insutype",
    "patient.status": "output.setlinfo.psn_type",
    "reverses.settlement_id": "input.data.setl_id",
    "diagnoses": "diseinfo",
}
_EXPECTED: Final[dict[str, str]] = {
    "patient.scheme": "expected 310, 390, 391 or 392",
    "patient.status": "expected first two digits from 11 to 16",
    "patient.insurance_active": f"required in {_ADDED}, or as psn_insu_stas of a 1101 in visit",
    "hospital.level": f"required: output.setlinfo.hosp_lv from 01 to 11, {_ADDED}.hospital.level, {_OR_REFERENCE}",
    "hospital.ownership": f"required, {_OR_REFERENCE}: the interface does not carry it",
    "hospital.designated": f"required, {_OR_REFERENCE}: the interface does not carry it",
    "reverses.event_id": "required: the msgid of the settlement that is reversed, which the interface does not carry",
    "reason": "required: why it is reversed, which the interface does not carry",
}
_OF_AN_UNDOING: Final = {"occurred_at": "inf_time"}
_OF_A_VOID: Final = {
    "reverses.event_id": "input.data.omsgid",
    "settlement_id": f"{_ADDED}.reverses.settlement_id",
    "reverses.settlement_id": f"{_ADDED}.reverses.settlement_id",
}
_VOID_EXPECTED: Final = "required: a 2601 names a message by omsgid, not the settlement that message made"


def in_their_terms(detail: str, event_type: str | None = None) -> str:
    """`detail` of a dead letter, with the fields of the interface in place of the contract's."""
    told: list[str] = []
    for piece in detail.split("; "):
        path, colon, expected = piece.partition(": ")
        named = _told(path, expected, event_type) if colon else piece
        if named not in told:
            told.append(named)
    return "; ".join(told)


def _told(path: str, expected: str, event_type: str | None) -> str:
    expected = _within(expected)
    if path == "item_codes" or (event_type != VOIDED and event_type is not None and path == "reverses.event_id"):
        return f"{_ADDED}.{path}: {_missing(path, expected)}"
    if event_type == VOIDED and path in _OF_A_VOID:
        name = _OF_A_VOID[path]
        return f"{name}: {_VOID_EXPECTED if name.startswith(_ADDED) and expected == 'required' else expected}"
    if event_type is not None and path in _OF_AN_UNDOING:
        return f"{_OF_AN_UNDOING[path]}: {_TIME}"
    if path == "occurred_at":
        return f"{_FIELDS[path]}: {'required' if expected == 'required' else _TIME}"
    if (line := _LINE.fullmatch(path)) and line[2] == "service_date" and expected.startswith("expected a date"):
        return f"{_within(path)}: {_TIME}"
    within = _within(path)
    if within != path:
        return f"{within}: {expected}"
    name = _FIELDS.get(path, f"{_ADDED}.{path}")
    return f"{name}: {_missing(path, expected)}"


def _missing(path: str, expected: str) -> str:
    """What is missing is told with where to put it; what is there is told as the contract does."""
    if path in ("patient.scheme", "patient.status"):
        return _EXPECTED[path]
    return _EXPECTED.get(path, expected) if expected == "required" else expected


def _within(told: str) -> str:
    """Lines and diagnoses under their names in the interface, wherever they are mentioned."""
    told = _LINE.sub(lambda found: _named(f"feedetail[{found[1]}]", found[2], _LINE_FIELDS), told)
    told = _DIAGNOSIS.sub(lambda found: _named("diseinfo", found[1], _DIAGNOSIS_FIELDS), told)
    return told.replace("the date of occurred_at", "the date of setl_time")


def _named(node: str, field: str | None, names: dict[str, str]) -> str:
    return node if field is None else f"{node}.{names.get(field, field)}"
