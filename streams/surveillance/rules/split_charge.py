"""分解项目收费: two or more examinations of one person on one day, or one of a part of the body beside a whole one.

Planning of radiotherapy for several sites may need a second one on the day, and says nothing up to a number. Scans of a
part of the body are seen only on bills that also hold a whole-body one: other bills are none of ours.
Source: 医疗保障基金使用监督管理条例 第三十八条.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Final

from schemas.decimals import ZERO
from streams.surveillance.examined import Examined
from streams.surveillance.facts import Fact, Fee
from streams.surveillance.periods import day_of
from streams.surveillance.rules.saying import PLANNING, charged, counted, suspicion
from streams.surveillance.suspicion import Measured, Suspicion
from streams.surveillance.thresholds import Threshold, Thresholds

RULE: Final = "split_charge"
CATEGORY: Final = "分解项目收费"


def split_charge(exams: Sequence[Examined], thresholds: Thresholds) -> Iterator[Suspicion]:
    """`exams` of one person, in order of time."""
    of_day: defaultdict[date, list[Examined]] = defaultdict(list)
    for exam in exams:
        of_day[exam.day].append(exam)
    for day, found in sorted(of_day.items()):
        threshold = thresholds.of(RULE, found[-1].fact.insured_region, day)
        if threshold is None:
            continue
        whole = sum(_number(exam.quantity) for exam in found)
        parts = _parts(found, threshold, day)
        if whole < threshold.whole("min_scans") and not parts:
            continue
        planned = all(exam.fact.indication == PLANNING for exam in found)
        if planned and whole + len(parts) <= threshold.whole("planning_scans"):
            continue
        part_amount = sum((part.amount for part in parts), ZERO)
        amount = charged(found) - max(_unit(exam) for exam in found) + part_amount
        yield suspicion(
            threshold,
            CATEGORY,
            subject=found[-1].fact.person,
            period=day_of(day),
            window=day_of(day),
            facts=[exam.fact for exam in found],
            of_person=True,
            measures=(
                Measured("scans_on_the_day", str(whole), str(threshold.whole("min_scans"))),
                Measured("partial_scans_on_the_day", str(len(parts)), "1"),
                Measured("amount_beside_the_first", str(amount)),
            ),
            amount=amount,
            says=f"{counted(whole, 'whole-body examination')}"
            + (f" and {len(parts)} of a part of the body" if parts else "")
            + f" of one person on {day.isoformat()}.",
        )


def _number(quantity: Decimal) -> int:
    return max(1, int(quantity))


def _unit(exam: Examined) -> Decimal:
    return (exam.charged / _number(exam.quantity)).quantize(ZERO)


def _parts(exams: Iterable[Examined], threshold: Threshold, day: date) -> list[Fee]:
    """Scans of a part of the body on the day that were not taken back on their bill."""
    facts: dict[str, Fact] = {exam.fact.event_id: exam.fact for exam in exams}
    codes = threshold.codes["partial_scan_codes"]
    found: list[Fee] = []
    for fact in facts.values():
        by_code: defaultdict[str, list[Fee]] = defaultdict(list)
        for part in fact.partial_scans:
            # Without a readable day of its own it belongs to the first examination of its bill.
            if part.item_code in codes and (part.day or min(scan.day for scan in fact.scans)) == day:
                by_code[part.item_code].append(part)
        for parts in by_code.values():
            if sum((part.amount for part in parts), ZERO) > ZERO:
                found += [part for part in parts if part.amount > ZERO]
    return found
