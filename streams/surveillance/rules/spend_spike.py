"""Monitoring: a hospital's examinations, or what was charged for them, in some weeks against its own past.

The past is the same span of weeks sliding through its history: its median, and its spread by the median of absolute
deviations, so that a few holidays, or an earlier spike, move neither. Chance is allowed for: the spread is never below
the square root of the count. Windows are weeks from Monday on, judged when they are over by event time; all hits that
end in a calendar quarter are one finding of the hospital, told by the strongest. Source: 浙医保发〔2021〕31号, 三.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from statistics import median
from typing import Final, NamedTuple

from schemas.decimals import ZERO, to_fen
from streams.surveillance.examined import Examined
from streams.surveillance.periods import quarter_of, week_number, weeks
from streams.surveillance.rules.saying import charged, rounded, suspicion
from streams.surveillance.rules.windows import grouped, is_over, of_hospital, within
from streams.surveillance.suspicion import Days, Measured, Suspicion
from streams.surveillance.thresholds import Threshold, Thresholds

RULE: Final = "spend_spike"
CATEGORY: Final = "monitoring"
# Of normally spread numbers, the standard deviation in terms of the median absolute deviation.
_DEVIATION_OF_MAD: Final = Decimal("1.4826")


class _Hit(NamedTuple):
    deviations: Decimal
    last: int
    scans: int
    usual: Decimal
    spent: Decimal
    usually_spent: Decimal
    threshold: Threshold


def spend_spike(exams: Sequence[Examined], thresholds: Thresholds, today: date) -> Iterator[Suspicion]:
    """`exams` of one city, in order of time."""
    for hospital, held in grouped(exams, of_hospital):
        hits: defaultdict[Days, list[_Hit]] = defaultdict(list)
        for hit in _hits(held, thresholds, today):
            hits[quarter_of(weeks(hit.last, hit.last).last)].append(hit)
        for quarter, found in sorted(hits.items()):
            hit = max(found, key=lambda hit: (hit.deviations, hit.last))
            window = weeks(hit.last - hit.threshold.whole("window_weeks") + 1, hit.last)
            yield _said(hospital, quarter, window, hit, within(held, window))


def _hits(exams: Sequence[Examined], thresholds: Thresholds, today: date) -> Iterator[_Hit]:
    """`exams` of one hospital."""
    count: defaultdict[int, int] = defaultdict(int)
    spent: defaultdict[int, Decimal] = defaultdict(lambda: ZERO)
    for exam in exams:
        week = week_number(exam.day)
        count[week] += 1
        spent[week] += exam.charged
    region = exams[-1].fact.hospital_region
    # A window that ends in a week without any holds no more than one that ended before.
    for last in sorted(count):
        sunday = weeks(last, last).last
        threshold = thresholds.of(RULE, region, sunday)
        if threshold is None or not is_over(sunday, threshold, today):
            continue
        width, reach = threshold.whole("window_weeks"), threshold.whole("history_weeks")
        span = range(last - width + 1, last + 1)
        here = sum(count[week] for week in span if week in count)
        if here < threshold.whole("min_scans"):
            continue
        first = next((week for week in range(span[0] - reach, span[0]) if week in count), span[0])
        if span[0] - first < max(threshold.whole("min_history_weeks"), width):
            continue
        past = [range(start, start + width) for start in range(first, span[0] - width + 1)]
        hit = _compared(
            threshold,
            last,
            (here, [sum(count[week] for week in weeks_ if week in count) for weeks_ in past]),
            (
                sum((spent[week] for week in span if week in spent), ZERO),
                [sum((spent[week] for week in weeks_ if week in spent), ZERO) for weeks_ in past],
            ),
        )
        if hit is not None:
            yield hit


def _compared(
    threshold: Threshold, last: int, counts: tuple[int, list[int]], amounts: tuple[Decimal, list[Decimal]]
) -> _Hit | None:
    here, past = counts
    spent, spent_past = amounts
    usual, usually_spent = Decimal(str(median(past))), median(spent_past)
    chance = max(usual, Decimal(1)).sqrt()
    by_count = (here - usual) / max(_DEVIATION_OF_MAD * _mad([Decimal(n) for n in past], usual), chance)
    # What chance does to a count it does to the money that goes with it.
    least = max(_DEVIATION_OF_MAD * _mad(spent_past, usually_spent), usually_spent / chance, Decimal(1))
    by_spending = (spent - usually_spent) / least
    ratio, wanted = threshold.number("min_ratio"), threshold.number("min_deviations")
    hits = [
        deviations
        for deviations, now, before in ((by_count, Decimal(here), usual), (by_spending, spent, usually_spent))
        if deviations >= wanted and now >= ratio * before
    ]
    return _Hit(max(hits), last, here, usual, spent, to_fen(usually_spent), threshold) if hits else None


def _mad(numbers: Sequence[Decimal], middle: Decimal) -> Decimal:
    return median([abs(number - middle) for number in numbers])


def _said(hospital: str, quarter: Days, window: Days, hit: _Hit, exams: Sequence[Examined]) -> Suspicion:
    threshold = hit.threshold
    usual = rounded(hit.usual)
    return suspicion(
        threshold,
        CATEGORY,
        subject=hospital,
        period=quarter,
        window=window,
        facts=[exam.fact for exam in exams],
        of_person=False,
        measures=(
            Measured("scans_in_window", str(hit.scans), str(threshold.whole("min_scans"))),
            Measured("usual_scans", usual),
            Measured("charged_in_window", str(hit.spent)),
            Measured("usually_charged", str(hit.usually_spent)),
            Measured("deviations", rounded(hit.deviations), rounded(threshold.number("min_deviations"))),
            Measured("times_the_usual", rounded(_ratio(hit)), rounded(threshold.number("min_ratio"))),
        ),
        amount=max(ZERO, charged(exams) - hit.usually_spent),
        says=f"{hit.scans} examinations for {hit.spent} yuan in {threshold.whole('window_weeks')} weeks, where {usual} "
        f"for {hit.usually_spent} yuan were usual.",
    )


def _ratio(hit: _Hit) -> Decimal:
    return max(Decimal(hit.scans) / max(hit.usual, Decimal(1)), hit.spent / max(hit.usually_spent, Decimal(1)))
