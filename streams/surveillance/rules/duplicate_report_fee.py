"""重复收费: a fee for a report, by its exact item code, on the bill of an examination whose price includes it.

The same code may be charged for another examination of a long stay, so the fee must be dated close to ours; a fee whose
date cannot be read counts. Source: 国家医保局 self-check list 2025; 医疗保障基金使用监督管理条例 第三十八条.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final

from schemas.decimals import ZERO
from streams.surveillance.examined import Examined
from streams.surveillance.facts import Fact, Fee
from streams.surveillance.periods import day_of
from streams.surveillance.rules.saying import suspicion
from streams.surveillance.rules.windows import grouped, of_bill
from streams.surveillance.suspicion import Days, Measured, Suspicion
from streams.surveillance.thresholds import Threshold, Thresholds

RULE: Final = "duplicate_report_fee"
CATEGORY: Final = "重复收费"


def duplicate_report_fee(exams: Sequence[Examined], thresholds: Thresholds) -> Iterator[Suspicion]:
    """`exams` of one person, in order of time."""
    for _, found in grouped((exam for exam in exams if exam.fact.report_fees), of_bill):
        fact = found[0].fact
        threshold = thresholds.of(RULE, fact.hospital_region, found[-1].day)
        if threshold is None:
            continue
        fees = _close(fact, threshold, {exam.day for exam in found})
        # A fee that is taken back on the same bill was not charged.
        amount = sum((fee.amount for fee in fees), ZERO)
        if amount <= ZERO or amount < threshold.number("min_amount"):
            continue
        yield suspicion(
            threshold,
            CATEGORY,
            subject=f"{fact.person}|{fact.settlement_id}",
            period=day_of(fact.occurred_on),
            window=Days(found[0].day, found[-1].day),
            facts=[fact],
            of_person=True,
            measures=(
                Measured("report_fees", str(amount), str(threshold.number("min_amount"))),
                Measured("report_fee_codes", ", ".join(sorted({fee.item_code for fee in fees}))),
            ),
            amount=amount,
            says=f"The bill of a whole-body examination holds a separate fee for a report, {amount} yuan.",
        )


def _close(fact: Fact, threshold: Threshold, days: set[date]) -> list[Fee]:
    codes, near = threshold.codes["report_fee_codes"], threshold.whole("within_days")
    return [
        fee
        for fee in fact.report_fees
        if fee.item_code in codes and (fee.day is None or any(abs((fee.day - day).days) <= near for day in days))
    ]
