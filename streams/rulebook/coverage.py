"""The coverage map: which rule applies where and when, and where none does.

One row for each region, examination and kind of rule; along it, from left to right, the rules a lookup finds. Those of
a wider region are inherited. Nothing is drawn that a lookup does not answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from streams.rulebook.index import Rulebook
from streams.rulebook.model import Rule
from streams.rulebook.regions import city_of, lookup_chain, province_of

KINDS: Final = ("price", "coverage", "benefit")
_MARGIN: Final = timedelta(days=92)


@dataclass(frozen=True, slots=True)
class Span:
    """Days `start` <= day < `end` on which one rule applies, or none does. Cut at the edges of the map."""

    start: date
    end: date
    rule: Rule | None

    @property
    def reviewed_until(self) -> date | None:
        """The first day within the span for which nobody has looked whether the rule still holds."""
        if self.rule is None or self.rule.reviewed_until >= self.end:
            return None
        return max(self.start, self.rule.reviewed_until)


@dataclass(frozen=True, slots=True)
class Row:
    """`spans` follow each other without a hole."""

    region: str
    exam: str
    kind: str
    spans: tuple[Span, ...]

    def inherited(self, span: Span) -> bool:
        """The rule is one of a wider region."""
        return span.rule is not None and span.rule.region != self.region

    @property
    def gaps(self) -> tuple[Span, ...]:
        return tuple(span for span in self.spans if span.rule is None)


@dataclass(frozen=True, slots=True)
class CoverageMap:
    """Rows by region, examination and kind; every row reaches from `start` to before `end`."""

    rulebook: str
    start: date
    end: date
    rows: tuple[Row, ...]

    @property
    def years(self) -> tuple[date, ...]:
        """Each January 1 on the map."""
        return tuple(
            day
            for year in range(self.start.year, self.end.year + 1)
            if self.start <= (day := date(year, 1, 1)) < self.end
        )

    def share(self, day: date) -> float:
        """How far along the map a day lies, 0 to 1."""
        return (min(max(day, self.start), self.end) - self.start) / (self.end - self.start)


def coverage_map(book: Rulebook, regions: Sequence[str] = (), kinds: Sequence[str] = KINDS) -> CoverageMap:
    """The map of these regions; without any, of those the rulebook has a rule for.

    It reaches from a quarter before the first rule to a quarter after the last day that anything is known of.
    """
    edges = [day for rule in book.rules for day in (rule.effective_from, rule.effective_to, rule.reviewed_until) if day]
    start, end = min(edges) - _MARGIN, max(edges) + _MARGIN
    shown = regions or sorted({rule.region for rule in book.rules})
    return CoverageMap(
        book.hash,
        start,
        end,
        tuple(
            Row(region, exam, kind, tuple(_spans(book, region, exam, kind, start, end)))
            for region in shown
            for exam in sorted(book.exams)
            for kind in kinds
        ),
    )


def _spans(book: Rulebook, region: str, exam: str, kind: str, start: date, end: date) -> Iterator[Span]:
    """What a lookup answers between each two days on which its answer can change."""
    find = getattr(book, kind)
    wider = frozenset(lookup_chain(region))
    days = {
        day
        for rule in book.rules
        if rule.region in wider and rule.exam == exam
        for day in (rule.effective_from, rule.effective_to)
        if day is not None and start < day < end
    }
    since, rule = start, find(region, exam, start)
    for day in sorted(days):
        found = find(region, exam, day)
        if found is not rule:
            yield Span(since, day, rule)
            since, rule = day, found
    yield Span(since, end, rule)


def level(region: str) -> str:
    """`province`, `city` or `district`."""
    if region == province_of(region):
        return "province"
    return "city" if region == city_of(region) else "district"
