"""Fee lines of 2204 and 2301. A line's number is its place among all that were sent for the visit, from 1."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from schemas.nhsa.extension import extension
from schemas.nhsa.record import Record
from schemas.nhsa.reference import Reference
from schemas.nhsa.values import day, first, node, number, text, without_nulls


def line_items(record: Record, reference: Reference, codes: Collection[str]) -> list[Any]:
    """A line of ours in full, of any other its code: it is somebody else's business."""
    rows = record.fees
    by_serial = _by_serial(rows)
    items: list[Any] = []
    for place, row in enumerate(rows):
        if type(row) is not dict:
            items.append(row)
            continue
        code = reference.national(text(row.get("med_list_codg")))
        if type(code) is str and code in codes:
            items.append(_line(record, row, place, code, by_serial))
        else:
            items.append({"item_code": "" if code is None else code})
    return items


def _line(
    record: Record, row: dict[str, Any], place: int, code: str, by_serial: Mapping[str, int | None]
) -> dict[str, Any]:
    for name in ("mdtrt_id", "psn_no"):
        of_line, of_visit = text(row.get(name)), first(text(record.data.get(name)), text(record.info.get(name)))
        if None not in (of_line, of_visit) and of_line != of_visit:
            record.problems.append(f"feedetail[{place}].{name}: expected that of the settlement")
    added, wrong = extension(row)
    if wrong:
        record.problems.append(f"feedetail[{place}].{wrong}")
    quantity = number(row.get("cnt"))
    return without_nulls(
        line_no=place + 1,
        item_code=code,
        # No field of the interface holds it, and no decision looks at it.
        item_name=first(text(row.get("medins_list_name")), code),
        service_date=day(row.get("fee_ocur_time")),
        quantity=quantity,
        unit_price=number(row.get("pric")),
        amount=number(row.get("det_item_fee_sumamt")),
        # Not fulamt_ownpay_amt: basic insurance counts all of a PET-CT as 全自费, also what serious-illness
        # insurance pays for.
        out_of_catalogue_amount=number(added.get("out_of_catalogue_amount")),
        refunds_line_no=_refunded(record, row, place, by_serial) if _negative(quantity) else None,
    )


def _by_serial(rows: list[Any]) -> dict[str, int | None]:
    """Line numbers by `feedetl_sn`, which is unique within a visit; None where it is not."""
    numbers: dict[str, int | None] = {}
    for place, row in enumerate(rows):
        serial = text(node(row).get("feedetl_sn"))
        if type(serial) is str:
            numbers[serial] = None if serial in numbers else place + 1
    return numbers


def _refunded(record: Record, row: dict[str, Any], place: int, by_serial: Mapping[str, int | None]) -> int | None:
    """The line that `init_feedetl_sn` names; None where that lies in no message of this visit."""
    named = text(row.get("init_feedetl_sn"))
    if type(named) is not str:
        return None
    if named in by_serial and by_serial[named] is None:
        record.problems.append(f"feedetail[{place}].init_feedetl_sn: expected a feedetl_sn that stands there once")
    return by_serial.get(named)


def _negative(quantity: Any) -> bool:
    if type(quantity) is str:
        return quantity.startswith("-")
    return type(quantity) in (int, float) and bool(quantity < 0)
