"""What the rules have in common when they look: examinations of one hospital or bill, and those of some days."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import date

from streams.surveillance.examined import Examined
from streams.surveillance.suspicion import Days
from streams.surveillance.thresholds import Threshold


def grouped(exams: Iterable[Examined], key: Callable[[Examined], str]) -> list[tuple[str, list[Examined]]]:
    """By `key`, in its order; within a group in the order they come."""
    groups: defaultdict[str, list[Examined]] = defaultdict(list)
    for exam in exams:
        groups[key(exam)].append(exam)
    return sorted(groups.items())


def of_hospital(exam: Examined) -> str:
    return exam.fact.hospital


def of_bill(exam: Examined) -> str:
    return exam.fact.event_id


def within(exams: Iterable[Examined], window: Days) -> list[Examined]:
    """Those of a day of the window, both ends included."""
    return [exam for exam in exams if window.first <= exam.day <= window.last]


def is_over(last: date, threshold: Threshold, today: date) -> bool:
    """Whether a window that ends on `last` is over by event time, late bills included."""
    return last.toordinal() + threshold.whole("grace_days") < today.toordinal()
