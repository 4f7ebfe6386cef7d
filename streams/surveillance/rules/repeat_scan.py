"""过度检查: more examinations of one person within some days than a course of disease usually needs, anywhere.

Days are counted, not lines: two on one day are a matter of `split_charge`. Examinations to plan radiotherapy that lie
close together count once. Each examination that exceeds the number within the days up to it is a hit; all hits of a
calendar year are one finding of the person, told by the strongest. No public number exists; a reference is Medicare's
NCD 220.6.17 (one initial and three subsequent). Source: 医疗保障基金使用监督管理条例 第三十八条.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import groupby
from typing import Final, NamedTuple

from streams.surveillance.examined import Examined
from streams.surveillance.periods import year_of
from streams.surveillance.rules.saying import PLANNING, charged, suspicion
from streams.surveillance.suspicion import Days, Measured, Suspicion
from streams.surveillance.thresholds import Threshold, Thresholds

RULE: Final = "repeat_scan"
CATEGORY: Final = "过度检查"


class _Day(NamedTuple):
    day: date
    exams: list[Examined]
    planning: bool
    """Whether all of them only serve to plan radiotherapy."""


_Course = list[list[_Day]]
"""Occasions in order of time; of each, its days."""


class _Hit(NamedTuple):
    above: int
    most: int
    days: int
    at: date
    course: _Course
    threshold: Threshold


def repeat_scan(exams: Sequence[Examined], thresholds: Thresholds) -> Iterator[Suspicion]:
    """`exams` of one person, in order of time."""
    days = _by_day(exams)
    hits: defaultdict[Days, list[_Hit]] = defaultdict(list)
    for at, (day, held, _) in enumerate(days):
        threshold = thresholds.of(RULE, held[-1].fact.insured_region, day)
        if threshold is None:
            continue
        for most, span in (("max_scans", "window_days"), ("short_max_scans", "short_window_days")):
            width = threshold.whole(span)
            first = bisect_left(days, day.toordinal() - width + 1, hi=at, key=lambda one: one.day.toordinal())
            if at + 1 - first <= threshold.whole(most):
                continue
            course = _occasions(days[first : at + 1], threshold.whole("planning_days"))
            if (above := len(course) - threshold.whole(most)) > 0:
                hits[year_of(day)].append(_Hit(above, threshold.whole(most), width, day, course, threshold))
    for year, found in sorted(hits.items()):
        # The longer window first: of two equally strong it tells more.
        yield _said(year, max(found, key=lambda hit: (hit.above, hit.days, hit.at)))


def _by_day(exams: Sequence[Examined]) -> list[_Day]:
    return [
        _Day(day, held, all(exam.fact.indication == PLANNING for exam in held))
        for day, same in groupby(exams, key=lambda exam: exam.day)
        for held in (list(same),)
    ]


def _occasions(days: Sequence[_Day], planning_days: int) -> _Course:
    """A day of planning is one occasion with an earlier such day close before."""
    course: _Course = []
    planned: list[_Day] | None = None
    for one in days:
        if one.planning and planned is not None and (one.day - planned[0].day).days <= planning_days:
            planned.append(one)
            continue
        course.append([one])
        if one.planning:
            planned = course[-1]
    return course


def _said(year: Days, hit: _Hit) -> Suspicion:
    # In order of time again: days of planning were put with the first of them.
    days = sorted((one for held in hit.course for one in held), key=lambda one: one.day)
    exams = [exam for one in days for exam in one.exams]
    beyond = [exam for held in hit.course[hit.most :] for one in held for exam in one.exams]
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
