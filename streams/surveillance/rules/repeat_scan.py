"""过度检查: more examinations of one person within some days than a course of disease usually needs, anywhere.

Days are counted, not lines: two on one day are a matter of `split_charge`. Examinations to plan radiotherapy that lie
close together count once. Each examination that exceeds the number within the days up to it is a hit; all hits of a
calendar year are one finding of the person, told by the strongest. No public number exists; a reference is Medicare's
NCD 220.6.17 (one initial and three subsequent). Source: 医疗保障基金使用监督管理条例 第三十八条.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Final, NamedTuple

from streams.surveillance.examined import Examined
from streams.surveillance.periods import year_of
from streams.surveillance.rules.saying import PLANNING, charged, suspicion
from streams.surveillance.suspicion import Days, Measured, Suspicion
from streams.surveillance.thresholds import Threshold, Thresholds

RULE: Final = "repeat_scan"
CATEGORY: Final = "过度检查"

_Course = list[list[Examined]]
"""Occasions in order of time; of each, its examinations."""


class _Hit(NamedTuple):
    above: int
    most: int
    days: int
    at: date
    course: _Course
    threshold: Threshold


def repeat_scan(exams: Sequence[Examined], thresholds: Thresholds) -> Iterator[Suspicion]:
    """`exams` of one person, in order of time."""
    hits: defaultdict[Days, list[_Hit]] = defaultdict(list)
    days = sorted({exam.day for exam in exams})
    for day in days:
        last = next(exam for exam in reversed(exams) if exam.day == day)
        threshold = thresholds.of(RULE, last.fact.insured_region, day)
        if threshold is None:
            continue
        for most, span in (("max_scans", "window_days"), ("short_max_scans", "short_window_days")):
            since = day - timedelta(min(threshold.whole(span) - 1, day.toordinal() - 1))
            within = [exam for exam in exams if since <= exam.day <= day]
            course = _occasions(within, threshold.whole("planning_days"))
            if (above := len(course) - threshold.whole(most)) > 0:
                hit = _Hit(above, threshold.whole(most), threshold.whole(span), day, course, threshold)
                hits[year_of(day)].append(hit)
    for year, found in sorted(hits.items()):
        # The longer window first: of two equally strong it tells more.
        yield _said(year, max(found, key=lambda hit: (hit.above, hit.days, hit.at)))


def _occasions(exams: Sequence[Examined], planning_days: int) -> _Course:
    """`exams` by day; days that only serve to plan radiotherapy are one with an earlier such day close before."""
    course: _Course = []
    by_day: defaultdict[date, list[Examined]] = defaultdict(list)
    for exam in exams:
        by_day[exam.day].append(exam)
    planned: list[Examined] | None = None
    for day, held in sorted(by_day.items()):
        if not all(exam.fact.indication == PLANNING for exam in held):
            course.append(held)
        elif planned is not None and (day - planned[0].day).days <= planning_days:
            planned += held
        else:
            planned = list(held)
            course.append(planned)
    return course


def _said(year: Days, hit: _Hit) -> Suspicion:
    exams = sorted((exam for held in hit.course for exam in held), key=lambda exam: exam.day)
    beyond = [exam for held in hit.course[hit.most :] for exam in held]
    hospitals = {exam.fact.hospital for exam in exams}
    where = "at one hospital" if len(hospitals) == 1 else f"at {len(hospitals)} hospitals"
    return suspicion(
        hit.threshold,
        CATEGORY,
        subject=exams[-1].fact.person,
        period=year,
        window=Days(exams[0].day, hit.at),
        facts=[exam.fact for exam in exams],
        of_person=True,
        measures=(
            Measured("scans_in_window", str(len(hit.course)), str(hit.most)),
            Measured("window_days", str(hit.days)),
            Measured("hospitals", str(len(hospitals))),
        ),
        amount=charged(beyond),
        says=f"One person was examined {len(hit.course)} times within {hit.days} days {where}.",
    )
