"""超标准收费: a hospital bound by the regulated price charged above it; how often and how much in a calendar month.

Whether the price binds the hospital was decided with the bill. A part of the charge that was called out of catalogue
counts: splitting a charge must not hide it. Source: 浙医保发〔2021〕31号, 二; 医疗保障基金使用监督管理条例 第三十八条.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Final

from schemas.decimals import ZERO, times, to_fen
from streams.surveillance.examined import Examined
from streams.surveillance.periods import month_number, months
from streams.surveillance.rules.saying import counted, suspicion
from streams.surveillance.suspicion import Measured, Suspicion
from streams.surveillance.thresholds import Thresholds

RULE: Final = "overcharge"
CATEGORY: Final = "超标准收费"
_ABOVE: Final = frozenset({"charged_above_regulated_price", "out_of_catalogue_beside_regulated_price"})


def overcharge(exams: Sequence[Examined], thresholds: Thresholds, _today: date) -> Iterator[Suspicion]:
    """`exams` of one city, in order of time. A month need not be over: what was charged stands."""
    above: defaultdict[tuple[str, int], list[Examined]] = defaultdict(list)
    count: defaultdict[tuple[str, int], int] = defaultdict(int)
    for exam in exams:
        place = exam.fact.hospital, month_number(exam.day)
        count[place] += 1
        if excess(exam):
            above[place].append(exam)
    for place, found in sorted(above.items()):
        hospital, month = place
        period = months(month, month)
        threshold = thresholds.of(RULE, found[-1].fact.hospital_region, period.last)
        amount = sum((excess(exam) for exam in found), ZERO)
        if threshold is None or len(found) < threshold.whole("min_scans") or amount < threshold.number("min_amount"):
            continue
        yield suspicion(
            threshold,
            CATEGORY,
            subject=hospital,
            period=period,
            window=period,
            facts=[exam.fact for exam in found],
            of_person=False,
            measures=(
                Measured("scans_above_price", str(len(found)), str(threshold.whole("min_scans"))),
                Measured("amount_above_price", str(amount), str(threshold.number("min_amount"))),
                Measured("scans", str(count[place])),
                Measured("highest_excess", str(max(excess(exam) for exam in found))),
            ),
            amount=amount,
            says=f"{counted(len(found), 'examination')} of {count[place]} in {period.first:%Y-%m} cost more than the "
            f"regulated price, {amount} yuan together.",
        )


def excess(exam: Examined) -> Decimal:
    """What was charged above the regulated price that binds the hospital, in yuan; 0 where none does."""
    regulated = exam.scan.regulated
    if regulated is None or _ABOVE.isdisjoint(exam.scan.reasons):
        return ZERO
    return max(ZERO, exam.charged - to_fen(times(regulated, exam.quantity)))
