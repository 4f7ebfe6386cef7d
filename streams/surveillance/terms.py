"""The shape of a thresholds file: which numbers each rule needs, of what kind, and how far back it looks by them.

Closed like a notice: no unknown key, and no number without its origin.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, PlainSerializer, PlainValidator, ValidationInfo, field_validator

from schemas.alerts import Severity
from schemas.decimals import exact_decimal
from streams.rulebook.fields import Code, Count, Day, Flaw, Identifier, Money, Ratio, Region, Text, flawed, refuse
from streams.rulebook.reader import Words
from streams.rulebook.wire import Wire

_read_factor = exact_decimal(4, low=0, high=1000)


def _factor(value: Any) -> Decimal:
    if not isinstance(value, str):
        raise flawed(f"{value!r} is not in quotes, so its places are lost", 'write it in quotes, as in "2.5"')
    try:
        return _read_factor(value)
    except ValueError as wrong:
        raise flawed(f'"{value}" cannot stand here: {wrong}', 'write a number such as "2.5"') from None


Factor = Annotated[Decimal, PlainValidator(_factor), PlainSerializer(str)]


class Term(Wire):
    """One number, and where it comes from."""

    origin: Text


class CountTerm(Term):
    value: Count


class ShareTerm(Term):
    value: Ratio


class FactorTerm(Term):
    value: Factor


class YuanTerm(Term):
    value: Money


class CodeTerm(Term):
    """An item code, matched exactly, never by its beginning or by a name."""

    code: Code
    name: Text


def _each_once(items: list[CodeTerm]) -> list[CodeTerm]:
    if not items:
        raise flawed("is an empty list", "name at least one")
    codes = [item.code for item in items]
    refuse(
        Flaw((at, "code"), f"{code} is written twice", "leave one of them away")
        for at, code in enumerate(codes)
        if code in codes[:at]
    )
    return items


Codes = Annotated[list[CodeTerm], AfterValidator(_each_once)]


class Terms(Wire):
    """What every entry states. Without a region it holds wherever no more specific one does."""

    origin: Text
    severity: Severity
    region: Region | None = None
    effective_from: Day
    effective_to: Day | None = None
    late_days: CountTerm

    @field_validator("effective_to")
    @classmethod
    def _after_the_start(cls, value: Any, info: ValidationInfo) -> Any:
        start = info.data.get("effective_from")
        if start is not None and value is not None and value <= start:
            raise flawed(f"{value} is not after effective_from {start}", "write a later day, or correct effective_from")
        return value

    def numbers(self) -> dict[str, Decimal]:
        return {name: Decimal(term.value) for name, term in self if isinstance(term, _NUMBERS)}

    def codes(self) -> dict[str, frozenset[str]]:
        return {name: frozenset(item.code for item in held) for name, held in self if isinstance(held, list)}


_NUMBERS: Final = (CountTerm, ShareTerm, FactorTerm, YuanTerm)


class Overcharge(Terms):
    min_scans: CountTerm
    min_amount: YuanTerm


class DuplicateReportFee(Terms):
    min_amount: YuanTerm
    within_days: CountTerm
    report_fee_codes: Codes


class SplitCharge(Terms):
    min_scans: CountTerm
    planning_scans: CountTerm
    partial_scan_codes: Codes


class RepeatScan(Terms):
    max_scans: CountTerm
    window_days: CountTerm
    short_max_scans: CountTerm
    short_window_days: CountTerm
    planning_days: CountTerm


class SpendSpike(Terms):
    window_weeks: CountTerm
    history_weeks: CountTerm
    min_history_weeks: CountTerm
    min_scans: CountTerm
    min_ratio: FactorTerm
    min_deviations: FactorTerm
    grace_days: CountTerm


class OutOfScopeShare(Terms):
    window_months: CountTerm
    min_scans: CountTerm
    min_city_scans: CountTerm
    min_difference: ShareTerm
    min_deviations: FactorTerm
    grace_days: CountTerm


class IndicationDrift(Terms):
    window_months: CountTerm
    history_months: CountTerm
    min_scans: CountTerm
    min_history_scans: CountTerm
    min_shift: ShareTerm
    min_chi_square: FactorTerm
    grace_days: CountTerm


class Contradiction(Terms):
    pass


TERMS: Final[dict[str, type[Terms]]] = {
    "overcharge": Overcharge,
    "duplicate_report_fee": DuplicateReportFee,
    "split_charge": SplitCharge,
    "repeat_scan": RepeatScan,
    "spend_spike": SpendSpike,
    "out_of_scope_share": OutOfScopeShare,
    "indication_drift": IndicationDrift,
    "contradiction": Contradiction,
}


class Header(Wire):
    """What a thresholds file says of itself."""

    id: Identifier
    title: Text


_DAY, _MONTH, _QUARTER, _YEAR = 1, 31, 92, 366
_REACH: Final[dict[str, tuple[int, Callable[[Mapping[str, Decimal]], Decimal | int]]]] = {
    "overcharge": (_MONTH, lambda _: 0),
    "duplicate_report_fee": (_DAY, lambda _: 0),
    "split_charge": (_DAY, lambda _: 0),
    "repeat_scan": (
        _YEAR,
        lambda n: max(n["window_days"], n["short_window_days"]) + n["planning_days"],
    ),
    "spend_spike": (_QUARTER, lambda n: 7 * (n["window_weeks"] + n["history_weeks"])),
    "out_of_scope_share": (_QUARTER, lambda n: _MONTH * n["window_months"]),
    "indication_drift": (_QUARTER, lambda n: _MONTH * (n["window_months"] + n["history_months"])),
    "contradiction": (_DAY, lambda _: 0),
}


def period_days(rule: str) -> int:
    """The longest period of which the rule has one finding a subject."""
    return _REACH[rule][0]


def reach_days(rule: str, numbers: Mapping[str, Decimal]) -> int:
    """How far before the first day of its period the rule looks."""
    return int(_REACH[rule][1](numbers))


Kind = Literal["count", "share", "factor", "yuan"]
_KINDS: Final[dict[type[Term], Kind]] = {
    CountTerm: "count",
    ShareTerm: "share",
    FactorTerm: "factor",
    YuanTerm: "yuan",
}


def numbers_of(rule: str) -> dict[str, Kind]:
    """The numbers of a rule by name, and of what kind each is."""
    fields = TERMS[rule].model_fields
    return {name: _KINDS[field.annotation] for name, field in fields.items() if field.annotation in _KINDS}


HINTS: Final[dict[str, str]] = {
    "id": "its id, which is also the name of the file, such as national",
    "title": "what the file is for",
    "entries": "an entry a rule, such as repeat_scan",
    "origin": "where the number comes from, or who set it",
    "severity": "info, warning or serious",
    "effective_from": "the first day it holds, such as 2021-06-30",
    "value": "the number",
    "code": "the exact item code in quotes",
    "name": "the name of the item",
    "report_fee_codes": "the item codes of separate report fees, each with code, name and origin",
    "partial_scan_codes": "the item codes of scans of a part of the body, each with code, name and origin",
}
_EXAMPLES: Final[dict[Kind, str]] = {"count": "3", "share": '"0.25"', "factor": '"2.5"', "yuan": '"10.00"'}
_WRITTEN: Final = {
    name: f"{{value: {_EXAMPLES[kind]}, origin: where it comes from}}"
    for rule in TERMS
    for name, kind in numbers_of(rule).items()
}
WORDS: Final = Words(
    {**HINTS, **_WRITTEN},
    sorted({*HINTS, *_WRITTEN, "region", "effective_to"}),
    {name: f"write {written}" for name, written in _WRITTEN.items()},
)
