"""Monitoring: the mix of stated indications at a hospital is sharply another than before.

How sharply: the share of examinations that would have to state another indication to restore the mix of the months
before (the total variation distance). Whether chance would do it: the chi-square statistic of both mixes. Months are
judged when they are over by event time; all hits that end in a calendar quarter are one finding of the hospital.
Source: 浙医保发〔2021〕31号, 一 and 三.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Final, NamedTuple

from schemas.decimals import ZERO
from streams.surveillance.examined import Examined
from streams.surveillance.periods import month_number, months, quarter_of
from streams.surveillance.rules.saying import NOT_STATED, rounded, share, suspicion
from streams.surveillance.rules.windows import grouped, is_over, of_hospital, within
from streams.surveillance.suspicion import Days, Measured, Suspicion
from streams.surveillance.thresholds import Threshold, Thresholds

RULE: Final = "indication_drift"
CATEGORY: Final = "monitoring"


class _Hit(NamedTuple):
    shift: Decimal
    last: int
    chi_square: Decimal
    now: Counter[str]
    past: Counter[str]
    threshold: Threshold


def indication_drift(exams: Sequence[Examined], thresholds: Thresholds, today: date) -> Iterator[Suspicion]:
    """`exams` of one city, in order of time."""
    for hospital, held in grouped(exams, of_hospital):
        mixes: defaultdict[int, Counter[str]] = defaultdict(Counter)
        for exam in held:
            mixes[month_number(exam.day)][exam.fact.indication or NOT_STATED] += 1
        hits: defaultdict[Days, list[_Hit]] = defaultdict(list)
        for last in sorted(mixes):
            end = months(last, last).last
            threshold = thresholds.of(RULE, held[-1].fact.hospital_region, end)
            if threshold is None or not is_over(end, threshold, today):
                continue
            if (hit := _compared(mixes, last, threshold)) is not None:
                hits[quarter_of(end)].append(hit)
        for quarter, found in sorted(hits.items()):
            hit = max(found, key=lambda hit: (hit.shift, hit.last))
            window = months(hit.last - hit.threshold.whole("window_months") + 1, hit.last)
            yield _said(hospital, quarter, window, hit, within(held, window))


def _compared(mixes: Mapping[int, Counter[str]], last: int, threshold: Threshold) -> _Hit | None:
    first = last - threshold.whole("window_months") + 1
    now = _sum(mixes, range(first, last + 1))
    if now.total() < threshold.whole("min_scans"):
        return None
    past = _sum(mixes, range(first - threshold.whole("history_months"), first))
    if past.total() < threshold.whole("min_history_scans"):
        return None
    names = sorted({*now, *past})
    shift = sum((abs(_share(now, name) - _share(past, name)) for name in names), Decimal(0)) / 2
    if shift < threshold.number("min_shift"):
        return None
    chi_square = _chi_square(now, past, names)
    if chi_square < threshold.number("min_chi_square"):
        return None
    return _Hit(shift, last, chi_square, now, past, threshold)


def _sum(mixes: Mapping[int, Counter[str]], span: range) -> Counter[str]:
    total: Counter[str] = Counter()
    for month in span:
        total.update(mixes.get(month, {}))
    return total


def _share(mix: Counter[str], name: str) -> Decimal:
    return Decimal(mix[name]) / mix.total()


def _chi_square(now: Counter[str], past: Counter[str], names: Sequence[str]) -> Decimal:
    """Of both mixes against their common one."""
    whole = now.total() + past.total()
    statistic = Decimal(0)
    for mix in (now, past):
        for name in names:
            expected = Decimal(mix.total() * (now[name] + past[name])) / whole
            statistic += (mix[name] - expected) ** 2 / expected
    return statistic


def _said(hospital: str, quarter: Days, window: Days, hit: _Hit, exams: Sequence[Examined]) -> Suspicion:
    threshold = hit.threshold
    grown = max(sorted(hit.now), key=lambda name: _share(hit.now, name) - _share(hit.past, name))
    before, after = (share(mix[grown], mix.total()) for mix in (hit.past, hit.now))
    return suspicion(
        threshold,
        CATEGORY,
        subject=hospital,
        period=quarter,
        window=window,
        facts=[exam.fact for exam in exams],
        of_person=False,
        measures=(
            Measured("shift", rounded(hit.shift), str(threshold.number("min_shift"))),
            Measured("chi_square", rounded(hit.chi_square), rounded(threshold.number("min_chi_square"))),
            Measured("scans", str(hit.now.total()), str(threshold.whole("min_scans"))),
            Measured("scans_before", str(hit.past.total()), str(threshold.whole("min_history_scans"))),
            Measured("grown_most", grown),
            Measured("share_of_grown_most", str(after)),
            Measured("share_of_grown_most_before", str(before)),
        ),
        # The mix says nothing of any one bill.
        amount=ZERO,
        says=f"The stated indications are others than in the {threshold.whole('history_months')} months before: "
        f"{grown} went from a share of {before} to {after}.",
    )
