"""2208 and 2305, which reverse a settlement, and 2601, which says that an earlier message never happened."""

from __future__ import annotations

from typing import Any

from schemas.events import REVERSED, VOIDED
from schemas.nhsa import tables
from schemas.nhsa.record import Record
from schemas.nhsa.reference import Reference
from schemas.nhsa.values import first, moment, node, text, without_nulls


def reversal(record: Record, reference: Reference) -> dict[str, Any]:
    """`setl_id` goes in as the settlement to reverse and comes out as the reversal's own.

    The message that made the settlement, and why it is reversed, are the extension's to say.
    """
    return _undoing(
        record,
        reference,
        REVERSED,
        settlement_id=text(record.info.get("setl_id")),
        reverses=without_nulls(
            event_id=text(node(record.extension.get("reverses")).get("event_id")),
            settlement_id=text(record.data.get("setl_id")),
        ),
        reason=record.extension.get("reason"),
    )


def void(record: Record, reference: Reference) -> dict[str, Any] | None:
    """Names a message by `omsgid`; which settlement that message made is the extension's to say. None: it made none.

    A 2601 is sent where a response got lost, so its reason is technical where the extension states no other.
    """
    undone = tables.transaction(text(record.data.get("oinfno")))
    if undone in tables.REVERSALS:
        record.problems.append(
            "input.data.oinfno: expected 2207 or 2304; a reversal that never happened leaves its settlement standing: "
            "send the settlement again, under its own msgid"
        )
    elif undone is None:
        record.problems.append("input.data.oinfno: required, to tell what kind of message never happened")
    elif undone not in tables.SETTLEMENTS:
        return None
    settlement_id = text(node(record.extension.get("reverses")).get("settlement_id"))
    return _undoing(
        record,
        reference,
        VOIDED,
        settlement_id=settlement_id,
        reverses=without_nulls(event_id=text(record.data.get("omsgid")), settlement_id=settlement_id),
        reason=first(record.extension.get("reason"), "technical"),
    )


def _undoing(record: Record, reference: Reference, event_type: str, **fields: Any) -> dict[str, Any]:
    # Of a reversal setlinfo may repeat what it reverses, setl_time with it: inf_time is its own.
    return without_nulls(
        schema_version="1.0",
        event_id=text(record.message.get("msgid")),
        event_type=event_type,
        occurred_at=moment(record.message.get("inf_time")),
        insured_region=record.area("insuplc_admdvs", "insuplc_admvs"),
        item_codes=_item_codes(record, reference),
        **fields,
    )


def _item_codes(record: Record, reference: Reference) -> Any:
    """What was examined: as the extension says, or by the fee lines that came along; None: nobody said."""
    stated = record.extension.get("item_codes")
    if stated is None:
        stated = [code for row in record.fees if (code := node(row).get("med_list_codg")) is not None] or None
    return [reference.national(text(code)) for code in stated] if type(stated) is list else stated
