"""A year with planted abuse and planted innocents: made as it says, and all that was planted is found."""

from __future__ import annotations

import os
import resource
import tracemalloc
from collections import Counter, defaultdict
from datetime import date, timedelta
from decimal import Decimal
from itertools import islice, pairwise

import orjson
import pytest

from ops.kafka.broker import CHECKOUT
from schemas.events import COMPLETED
from streams.processors.settlement import Fate
from streams.simulate import NATIONAL_CODE, ZHEJIANG_CODE, Event
from streams.simulate_year import RULES, Year
from streams.surveillance.thresholds import load_thresholds
from tests.builders import process
from tests.planted import Verdict, judged

SEED = 1
SCALE = 0.03
"""30,000 settlements. Of examinations there are more than that share, as every kind of case is still there."""
MOST_FALSE = {
    "overcharge": 0,
    "duplicate_report_fee": 0,
    "split_charge": 0,
    "repeat_scan": 1,
    "spend_spike": 2,
    "out_of_scope_share": 1,
    "indication_drift": 3,
    "contradiction": 0,
}
"""Of a scaled year, by rule. A bill shows what is charged too much or twice; of the rest numbers only make one look."""
MOST_FALSE_IN_A_WHOLE_YEAR = {
    **MOST_FALSE,
    "repeat_scan": 4,
    "spend_spike": 8,
    "out_of_scope_share": 3,
    "indication_drift": 6,
}
"""Of 300 hospitals, and 14,000 patients or more."""
BEGIN = "<!-- measured: make test-year -->"
END = "<!-- end of what was measured -->"
PAGE = CHECKOUT / "docs" / "surveillance.md"


@pytest.fixture(scope="module")
def small() -> tuple[list[tuple[bytes, bytes]], Year]:
    year = Year(SEED, SCALE)
    return list(year.records()), year


def ours(records: list[tuple[bytes, bytes]]) -> list[Event]:
    """Completed settlements with an examination, each once, in the order in which they came."""
    seen: dict[str, Event] = {}
    for _, value in records:
        if NATIONAL_CODE.encode() in value or ZHEJIANG_CODE.encode() in value:
            event = orjson.loads(value)
            if event["event_type"] == COMPLETED:
                seen.setdefault(event["settlement_id"], event)
    return list(seen.values())


def test_the_same_seed_makes_the_same_year_and_another_seed_another(
    small: tuple[list[tuple[bytes, bytes]], Year],
) -> None:
    assert list(islice(Year(SEED, SCALE).records(), 5_000)) == small[0][:5_000]
    assert not set(islice(Year(SEED + 1, SCALE).records(), 5_000)) & set(small[0])


def test_it_has_as_many_settlements_and_examinations_as_it_says(small: tuple[list[tuple[bytes, bytes]], Year]) -> None:
    records, year = small
    completed = {key for key, value in records if b'"settlement.completed"' in value}
    assert len(completed) == year.settlements == 30_000
    assert len(ours(records)) == year.scans
    assert not any(b"\n" in value for _, value in records)


def test_the_whole_year_has_a_million_settlements_of_300_hospitals() -> None:
    year = Year(SEED)
    assert (year.settlements, year.scans, len(year.hospitals)) == (1_000_000, 40_000, 300)
    assert len({hospital.city.region for hospital in year.hospitals}) == 11


def test_every_examination_is_decided_and_none_is_a_dead_letter(
    small: tuple[list[tuple[bytes, bytes]], Year],
) -> None:
    fates = Counter(process(event).fate for event in ours(small[0])[:1_500])
    assert set(fates) == {Fate.DECIDED}


def test_what_is_undone_came_before_and_is_undone_once(small: tuple[list[tuple[bytes, bytes]], Year]) -> None:
    seen: set[str] = set()
    undone: set[str] = set()
    for key, value in small[0]:
        event = orjson.loads(value)
        if "reverses" in event:
            target = event["reverses"]["settlement_id"]
            assert key.decode() == target in seen - undone
            undone.add(target)
        else:
            assert key.decode() == event["settlement_id"]
            seen.add(key.decode())
    assert len(undone) > 50


def test_some_come_late_some_out_of_order_and_some_twice(small: tuple[list[tuple[bytes, bytes]], Year]) -> None:
    records, _ = small
    times = [event["occurred_at"] for event in ours(records)]
    assert 0.001 < sum(one > after for one, after in pairwise(times)) / len(times) < 0.2
    newest, late = date.min, 0
    for time in times:
        day = date.fromisoformat(time[:10])
        newest = max(newest, day)
        late += day < newest
    assert 0.005 < late / len(times) < 0.03
    assert len(records) > len(set(records))


def test_holidays_are_quiet_and_the_days_after_them_are_busy(small: tuple[list[tuple[bytes, bytes]], Year]) -> None:
    by_day = Counter(date.fromisoformat(event["occurred_at"][:10]) for event in ours(small[0]))

    def mean(first: date, days: int) -> float:
        return sum(by_day[first + timedelta(days=number)] for number in range(days)) / days

    ordinary = mean(date(2021, 9, 6), 5)
    assert mean(date(2021, 10, 1), 7) < 0.3 * ordinary  # National Day
    assert mean(date(2021, 10, 8), 2) > 1.1 * ordinary
    assert mean(date(2021, 9, 11), 2) < 0.6 * ordinary  # a weekend


def test_of_every_rule_there_is_abuse_and_there_are_innocents_of_most() -> None:
    planted = Year(SEED, 0.001).planted
    assert {case.rule for case in planted if case.abuse} == set(RULES)
    assert {case.rule for case in planted if not case.abuse} == set(RULES)
    kinds = {case.kind for case in planted}
    assert kinds == {case.kind for case in Year(SEED, 0.5).planted}, "scaled down, kinds are lost"


def test_a_case_is_about_settlements_that_were_sent(small: tuple[list[tuple[bytes, bytes]], Year]) -> None:
    records, year = small
    sent = {key.decode() for key, _ in records}
    events = {event["settlement_id"]: event for event in ours(records)}
    for case in year.planted:
        assert case.settlement_ids, case.case
        assert set(case.settlement_ids) <= sent
        for event in (events[name] for name in case.settlement_ids if name in events):
            assert event["hospital"]["code"] in case.hospitals
            assert case.person_id in {None, event["patient"]["person_id"]}
            days = {date.fromisoformat(line["service_date"]) for line in event["line_items"][:1]}
            assert all(case.first <= day <= case.last for day in days), case.case


def test_nobody_but_the_planted_is_examined_often(small: tuple[list[tuple[bytes, bytes]], Year]) -> None:
    records, year = small
    planted = {case.person_id for case in year.planted}
    visits: defaultdict[str, set[str]] = defaultdict(set)
    for event in ours(records):
        visits[event["patient"]["person_id"]].add(event["line_items"][0]["service_date"])
    often = [person for person, days in visits.items() if len(days) > 4 and person not in planted]
    assert not often


def test_the_year_is_made_a_day_at_a_time() -> None:
    tracemalloc.start()
    try:
        size = sum(len(value) for _, value in Year(SEED, SCALE).records())
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < size / 20


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_all_that_was_planted_is_found_and_little_else(seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    verdict = judged(seed, SCALE)
    with capsys.disabled():
        print(f"\n\nseed {seed}, {verdict.records:,} records:\n{verdict.table()}")
    assert all(told.planted for told in verdict.rules.values())
    assert not _missed(verdict)
    assert not _too_many(verdict, MOST_FALSE)


def test_a_threshold_that_is_too_low_finds_innocents_and_one_that_is_too_high_misses_abuse() -> None:
    low = load_thresholds().varied("repeat_scan", "max_scans", Decimal(2))
    innocents = judged(SEED, SCALE, low).rules["repeat_scan"].innocents
    assert {"restaging after treatment", "referred and back"} <= set(innocents)
    high = low.varied("repeat_scan", "max_scans", Decimal(9)).varied("repeat_scan", "short_max_scans", Decimal(9))
    told = judged(SEED, SCALE, high).rules["repeat_scan"]
    assert (told.found, len(told.missed)) == (0, told.planted)


@pytest.mark.slow
@pytest.mark.timeout(1_800)
@pytest.mark.skipif(os.environ.get("PETCT_LONG_TESTS") != "1", reason="make test-year")
def test_of_a_whole_year_all_that_was_planted_is_found() -> None:
    verdict = judged(SEED, 1.0)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    text = "\n".join(
        (
            BEGIN,
            f"{verdict.records:,} records, {verdict.scans:,} examinations, 300 hospitals; made, decided and judged in "
            f"one process in {verdict.seconds:,.0f} s, {memory:,.0f} MiB resident at most:",
            "",
            verdict.table(),
            END,
        )
    )
    print("\n" + text)
    assert not _missed(verdict)
    assert not _too_many(verdict, MOST_FALSE_IN_A_WHOLE_YEAR)
    before, begin, rest = PAGE.read_text("utf-8").partition(BEGIN)
    assert begin, f"{PAGE.name} has no place for it"
    PAGE.write_text(before + text + rest.partition(END)[2], "utf-8")


def _missed(verdict: Verdict) -> list[str]:
    return [case for told in verdict.rules.values() for case in told.missed]


def _too_many(verdict: Verdict, most: dict[str, int]) -> list[str]:
    counts = {rule: len(told.false) for rule, told in verdict.rules.items()}
    return [f"{rule}: {count} false, {most[rule]} at most" for rule, count in counts.items() if count > most[rule]]
