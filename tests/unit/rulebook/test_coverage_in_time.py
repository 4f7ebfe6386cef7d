"""For every region, examination, ownership, scheme and boundary day: exactly one rule, or a gap that is stated here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import product

from streams.rulebook import Rulebook, load_rulebook
from streams.rulebook.model import BenefitRule, CoverageRule, PriceRule, Rule
from streams.rulebook.regions import lookup_chain

ZHEJIANG = [f"33{city:02}00" for city in range(1, 12)]
DISTRICTS = ["330102", "330212", "330602", "440305"]
OWNERSHIPS = ["public", "public_equivalent", "private"]
SCHEMES = ["employee", "resident"]
KINDS = {
    "price": OWNERSHIPS,
    "coverage": SCHEMES,
    "benefit": SCHEMES,
    "disclosure": [""],
    "out_of_area_factors": [""],
    "monitoring": [""],
}
BEFORE, EVER = date.min, date.max


@dataclass(frozen=True)
class Gap:
    """No rule of `kind` serves `who` ("" anyone) in these regions (by prefix) from `start` to before `end`: `why`."""

    kind: str
    regions: tuple[str, ...]
    who: tuple[str, ...]
    start: date
    end: date
    why: str

    def holds(self, kind: str, region: str, who: str, day: date) -> bool:
        return (
            kind == self.kind and region.startswith(self.regions) and who in self.who and self.start <= day < self.end
        )


ZJ_START, YEAR_END = date(2021, 6, 30), date(2022, 1, 1)
SZ_START, SZ_FACTORS = date(2023, 1, 1), date(2023, 10, 1)
ONLY_PROVINCE = ("3300", "3303", "3304", "3305", "3307", "3308", "3309", "3310", "3311")
ANY = tuple(SCHEMES)
GAPS = [
    *(
        Gap(
            kind,
            ("33",),
            tuple(who),
            BEFORE,
            ZJ_START,
            "both notices apply from 2021-06-30; before, a press figure only",
        )
        for kind, who in KINDS.items()
        if kind != "out_of_area_factors"
    ),
    Gap("price", ("3302",), ("private",), ZJ_START, EVER, "a private hospital sets its own price"),
    *(
        Gap("price", (city,), ("private", "public_equivalent"), ZJ_START, EVER, "二 speaks of 公立医疗机构 only")
        for city in (*ONLY_PROVINCE, "3301", "3306")
    ),
    *(
        Gap("benefit", (city,), ANY, ZJ_START, EVER, "the province leaves it to the cities; theirs was not found")
        for city in ONLY_PROVINCE
    ),
    Gap("benefit", ("3301",), ("resident",), ZJ_START, YEAR_END, "Hangzhou residents: not known"),
    Gap("benefit", ("3301",), ANY, YEAR_END, EVER, "Hangzhou from 2022: not known"),
    Gap("benefit", ("3306",), ANY, YEAR_END, EVER, "Shaoxing from 2022: not known"),
    Gap("out_of_area_factors", ("33",), ("",), BEFORE, EVER, "Zhejiang decides out of area by other terms"),
    Gap("price", ("44",), tuple(OWNERSHIPS), BEFORE, EVER, "no regulated price is known for Shenzhen"),
    Gap("coverage", ("44",), ANY, BEFORE, SZ_START, "the article speaks of 2023"),
    Gap("benefit", ("44",), ANY, BEFORE, SZ_START, "the article speaks of 2023"),
    Gap("benefit", ("44",), ("resident",), SZ_START, EVER, "no ratio is stated for residents"),
    Gap("disclosure", ("44",), ("",), BEFORE, EVER, "no order to publish is known"),
    Gap("monitoring", ("44",), ("",), BEFORE, EVER, "no order to watch is known"),
    Gap("out_of_area_factors", ("44",), ("",), BEFORE, SZ_FACTORS, "the regulation applies from 2023-10-01"),
]


def serves(rule: Rule, who: str) -> bool:
    match rule:
        case PriceRule():
            return who in rule.binds
        case CoverageRule():
            return who in rule.schemes
        case BenefitRule():
            return who in rule.buckets
        case _:
            return True


def in_force(book: Rulebook, kind: str, region: str, exam: str, day: date) -> list[Rule]:
    """By looking at every rule: those of the most specific region that has any."""
    for place in lookup_chain(region):
        found = [
            rule
            for rule in book.rules
            if (rule.id.partition("/")[2], rule.region, rule.exam) == (kind, place, exam)
            and rule.effective_from <= day < (rule.effective_to or EVER)
        ]
        if found:
            return found
    return []


def cases(book: Rulebook) -> Iterator[tuple[str, str, str, str, date]]:
    edges = {day for rule in book.rules for day in (rule.effective_from, rule.effective_to) if day is not None}
    days = sorted(edge + timedelta(step) for edge in edges for step in (-1, 0, 1))
    regions = sorted({rule.region for rule in book.rules} | {*ZHEJIANG, *DISTRICTS})
    for kind, exam, region, day in product(KINDS, book.exams, regions, days):
        for who in KINDS[kind]:
            yield kind, exam, region, who, day


def test_exactly_one_rule_applies_or_a_stated_gap() -> None:
    book = load_rulebook()
    for kind, exam, region, who, day in cases(book):
        found = in_force(book, kind, region, exam, day)
        serving = [rule for rule in found if serves(rule, who)]
        stated = [gap for gap in GAPS if gap.holds(kind, region, who, day)]
        assert len(found) <= 1, (kind, region, who, day, found)
        assert len(serving) + len(stated) == 1, (kind, region, who, day, serving, stated)
        assert getattr(book, kind)(region, exam, day) == (found[0] if found else None)


def test_no_stated_gap_is_idle() -> None:
    seen = list(cases(load_rulebook()))
    for gap in GAPS:
        assert any(gap.holds(kind, region, who, day) for kind, _, region, who, day in seen), gap
