"""超医保支付范围: a hospital examines out of scope more often than the other hospitals of its city, over some months.

Out of scope is what the indication decides: excluded, not listed, not stated, contradicted, or without malignancy. What
lies with the insured person, with a filing, or with a benefit that nobody published, is not the hospital's and does not
count. The share of the others is what is usual; chance is allowed for. Months are judged when they are over by event
time; all hits that end in a calendar quarter are one finding of the hospital. Source: 杭医保〔2021〕30号, 一 and 三.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Final, NamedTuple

from streams.surveillance.examined import Examined
from streams.surveillance.periods import month_number, months, quarter_of
from streams.surveillance.rules.saying import charged, rounded, share, suspicion
from streams.surveillance.rules.windows import is_over, within
from streams.surveillance.suspicion import Days, Measured, Suspicion
from streams.surveillance.thresholds import Threshold, Thresholds

RULE: Final = "out_of_scope_share"
CATEGORY: Final = "超医保支付范围"
OUT_OF_SCOPE: Final = frozenset(
    {
        "indication_excluded",
        "no_malignancy",
        "indication_not_stated",
        "indication_not_listed",
        "indication_contradicted",
        "clinical_basis_missing",
    }
)
_OUTCOMES: Final = frozenset({"not_covered", "needs_review"})
_LEAST_SHARE: Final = Decimal("0.05")
"""A city without any is still no proof that one in twenty would be unusual."""


class _Hit(NamedTuple):
    deviations: Decimal
    last: int
    scans: int
    out: int
    others: int
    others_out: int
    threshold: Threshold


class _Months:
    """Of one place, by month: how many examinations, and how many of them out of scope."""

    __slots__ = ("out", "scans")

    def __init__(self) -> None:
        self.scans: defaultdict[int, int] = defaultdict(int)
        self.out: defaultdict[int, int] = defaultdict(int)

    def add(self, month: int, *, out: bool) -> None:
        self.scans[month] += 1
        self.out[month] += out

    def within(self, first: int, last: int) -> tuple[int, int]:
        span = range(first, last + 1)
        return sum(self.scans.get(month, 0) for month in span), sum(self.out.get(month, 0) for month in span)


def out_of_scope_share(exams: Sequence[Examined], thresholds: Thresholds, today: date) -> Iterator[Suspicion]:
    """`exams` of one city, in order of time."""
    city, of_hospital = _Months(), defaultdict[str, _Months](_Months)
    region: dict[str, str] = {}
    for exam in exams:
        month, out = month_number(exam.day), is_out_of_scope(exam)
        city.add(month, out=out)
        of_hospital[exam.fact.hospital].add(month, out=out)
        region[exam.fact.hospital] = exam.fact.hospital_region
    for hospital, held in sorted(of_hospital.items()):
        hits: defaultdict[Days, list[_Hit]] = defaultdict(list)
        for last in sorted(held.scans):
            end = months(last, last).last
            threshold = thresholds.of(RULE, region[hospital], end)
            if threshold is None or not is_over(end, threshold, today):
                continue
            if (hit := _compared(held, city, last, threshold)) is not None:
                hits[quarter_of(end)].append(hit)
        for quarter, found in sorted(hits.items()):
            hit = max(found, key=lambda hit: (hit.deviations, hit.last))
            yield _said(hospital, quarter, hit, exams)


def is_out_of_scope(exam: Examined) -> bool:
    return exam.scan.outcome in _OUTCOMES and not OUT_OF_SCOPE.isdisjoint(exam.scan.reasons)


def _compared(held: _Months, city: _Months, last: int, threshold: Threshold) -> _Hit | None:
    first = last - threshold.whole("window_months") + 1
    scans, out = held.within(first, last)
    if scans < threshold.whole("min_scans"):
        return None
    in_city, out_in_city = city.within(first, last)
    others, others_out = in_city - scans, out_in_city - out
    if others < threshold.whole("min_city_scans"):
        return None
    usual = Decimal(others_out) / others
    if Decimal(out) / scans - usual < threshold.number("min_difference"):
        return None
    likely = min(max(usual, _LEAST_SHARE), 1 - _LEAST_SHARE)
    # The usual share is itself only as sure as the number of the others.
    spread = (scans * likely * (1 - likely) * (1 + Decimal(scans) / others)).sqrt()
    deviations = (out - scans * likely) / spread
    if deviations < threshold.number("min_deviations"):
        return None
    return _Hit(deviations, last, scans, out, others, others_out, threshold)


def _said(hospital: str, quarter: Days, hit: _Hit, exams: Sequence[Examined]) -> Suspicion:
    threshold = hit.threshold
    window = months(hit.last - threshold.whole("window_months") + 1, hit.last)
    out = [exam for exam in within(exams, window) if exam.fact.hospital == hospital and is_out_of_scope(exam)]
    here, usual = share(hit.out, hit.scans), share(hit.others_out, hit.others)
    return suspicion(
        threshold,
        CATEGORY,
        subject=hospital,
        period=quarter,
        window=window,
        facts=[exam.fact for exam in out],
        of_person=False,
        measures=(
            Measured("out_of_scope_scans", str(hit.out)),
            Measured("scans", str(hit.scans), str(threshold.whole("min_scans"))),
            Measured("share", str(here)),
            Measured("share_of_the_others", str(usual)),
            Measured("difference", str(here - usual), str(threshold.number("min_difference"))),
            Measured("deviations", rounded(hit.deviations), rounded(threshold.number("min_deviations"))),
        ),
        amount=charged(out),
        says=f"{hit.out} of {hit.scans} examinations in {threshold.whole('window_months')} months were out of scope or "
        f"in doubt by their indication, a share of {here}; at the city's other hospitals it was {usual}.",
    )
