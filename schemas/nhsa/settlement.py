"""2207 and 2304, with the messages of their visit: a completed settlement."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from decimal import Decimal
from typing import Any, Final

from schemas.decimals import exact_decimal
from schemas.events import COMPLETED
from schemas.moments import read_moment
from schemas.nhsa import tables
from schemas.nhsa.lines import line_items
from schemas.nhsa.record import Record
from schemas.nhsa.reference import Reference
from schemas.nhsa.values import day, first, moment, node, nodes, number, text, without_nulls

_OF_THE_PLATFORM: Final = ("claim_channel", "account", "filing", "request", "manual_claim")
_YUAN: Final = exact_decimal(2)


def settlement(record: Record, reference: Reference, codes: Collection[str]) -> dict[str, Any]:
    """The event of the contract, not validated; what is missing is absent."""
    info, added = record.info, record.extension
    occurred_at = moment(info.get("setl_time"))
    return without_nulls(
        schema_version="1.0",
        event_id=text(record.message.get("msgid")),
        event_type=COMPLETED,
        settlement_id=text(info.get("setl_id")),
        occurred_at=occurred_at,
        hospital=_hospital(record, reference, occurred_at),
        patient=_patient(record),
        diagnoses=_diagnoses(record),
        line_items=line_items(record, reference, codes),
        **{name: added.get(name) for name in _OF_THE_PLATFORM},
    )


def _hospital(record: Record, reference: Reference, occurred_at: Any) -> dict[str, Any]:
    """What the message says, then the extension, then the reference; of the region the other way round.

    `mdtrtarea_admvs` is the pool that pays there, which for a hospital under the province is no place.
    """
    message, info, added = record.message, record.info, node(record.extension.get("hospital"))
    code = first(text(message.get("fixmedins_code")), text(info.get("fixmedins_code")))
    known = reference.hospital(code, _china_day(occurred_at))
    area = record.area("mdtrtarea_admvs", "mdtrtarea_admdvs")
    return without_nulls(
        code=code,
        name=first(
            text(message.get("fixmedins_name")),
            text(info.get("fixmedins_name")),
            added.get("name"),
            known and known.name,
        ),
        region=first(added.get("region"), known and known.region, area),
        level=first(
            tables.level(first(text(info.get("hosp_lv")), text(record.data.get("hosp_lv")))),
            added.get("level"),
            known and known.level,
        ),
        ownership=first(added.get("ownership"), known and known.ownership),
        designated=first(added.get("designated"), known and known.designated),
    )


def _patient(record: Record) -> dict[str, Any]:
    info, added = record.info, node(record.extension.get("patient"))
    person = record.person
    base = node(person.get("baseinfo"))
    insutype = first(text(info.get("insutype")), text(record.data.get("insutype")))
    area = record.area("insuplc_admdvs", "insuplc_admvs")
    insured = _insured(person, insutype, area)
    assistance = added.get("assistance")
    if assistance is None and _paid(info.get("maf_pay")):
        record.problems.append(
            "input.data.exp_content.petct.patient.assistance: required, since output.setlinfo.maf_pay is not 0"
        )
    return without_nulls(
        person_id=first(text(record.data.get("psn_no")), text(info.get("psn_no"))),
        name=first(text(info.get("psn_name")), text(base.get("psn_name"))),
        birth_date=day(first(info.get("brdy"), base.get("brdy"))),
        insured_region=first(area, text(insured.get("insuplc_admdvs"))),
        scheme=tables.scheme(insutype),
        status=tables.status(first(text(info.get("psn_type")), text(insured.get("psn_type")))),
        tier=added.get("tier"),
        insurance_active=first(added.get("insurance_active"), _active(insured)),
        assistance=assistance,
    )


def _insured(person: dict[str, Any], insutype: Any, area: Any) -> dict[str, Any]:
    """The one insurance of 1101 that this settlement is by; none where several could be meant."""
    found = [
        insured
        for insured in map(node, nodes(person.get("insuinfo")))
        if insutype is not None and text(insured.get("insutype")) == insutype
    ]
    if len(found) > 1:
        found = [insured for insured in found if text(insured.get("insuplc_admdvs")) == area]
    return found[0] if len(found) == 1 else {}


def _active(insured: dict[str, Any]) -> bool | None:
    state = text(insured.get("psn_insu_stas"))
    if state == tables.INSURED:
        return True
    return False if isinstance(state, str) and state in tables.NOT_INSURED else None


def _diagnoses(record: Record) -> list[Any]:
    """Valid ones by ICD-10, in the order of `diag_srt_no` where each has one."""
    rows = [
        row
        for row in record.diagnoses
        if type(row) is not dict or (text(row.get("vali_flag")) != "0" and not _is_chinese(text(row.get("diag_type"))))
    ]
    places = [_place(node(row).get("diag_srt_no")) for row in rows]
    if None not in places:
        rows = [row for _, row in sorted(zip(places, rows, strict=True), key=lambda placed: placed[0] or 0)]
    return [
        without_nulls(
            code=text(row.get("diag_code")),
            name=text(row.get("diag_name")),
            main=text(row.get("maindiag_flag")) == "1",
        )
        if type(row) is dict
        else row
        for row in rows
    ]


def _is_chinese(diag_type: Any) -> bool:
    return isinstance(diag_type, str) and diag_type in tables.CHINESE_DIAGNOSES


def _place(value: Any) -> int | None:
    value = text(value)
    return int(value) if type(value) is str and value.isascii() and value.isdigit() and len(value) < 10 else None


def _paid(value: Any) -> bool:
    try:
        return _YUAN(number(value)) != Decimal(0)
    except ValueError:
        return False


def _china_day(occurred_at: Any) -> date | None:
    try:
        return read_moment(occurred_at).day
    except ValueError:
        return None
