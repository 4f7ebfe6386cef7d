"""Properties of surveillance as a whole: how events come does not matter, only which there are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from schemas.alerts import AlertRecord
from schemas.codec import dumps
from streams.surveillance.examined import event_day
from streams.surveillance.facts import Fact, Fee
from streams.surveillance.findings import Held, Record, reconcile
from streams.surveillance.judge import judge_city, judge_person
from streams.surveillance.keeping import Judge, Kept, Step, step
from streams.surveillance.offline import Offline, subjects_of, suspicions_of
from streams.surveillance.periods import before
from streams.surveillance.suspicion import Suspicion
from streams.surveillance.thresholds import Thresholds
from tests import builders
from tests.facts import ABOVE, EXCLUDED, SECRET, SPRING, fact, installed, scan


def low() -> Thresholds:
    """So that few facts make findings of every rule."""
    thresholds = installed()
    for rule, name, value in [
        ("spend_spike", "min_scans", 2), ("spend_spike", "window_weeks", 1), ("spend_spike", "min_history_weeks", 1),
        ("spend_spike", "min_ratio", 1), ("spend_spike", "min_deviations", 0), ("spend_spike", "grace_days", 1),
        ("out_of_scope_share", "min_scans", 1), ("out_of_scope_share", "min_city_scans", 1),
        ("out_of_scope_share", "min_difference", 0), ("out_of_scope_share", "min_deviations", 0),
        ("indication_drift", "min_scans", 1), ("indication_drift", "min_history_scans", 1),
        ("indication_drift", "min_shift", 0), ("indication_drift", "min_chi_square", 0),
        ("repeat_scan", "max_scans", 1), ("repeat_scan", "short_max_scans", 1),
    ]:  # fmt: skip
        thresholds = thresholds.varied(rule, name, Decimal(value))
    return thresholds


LOW = low()
READ = TypeAdapter[Any](AlertRecord)
PERSON, CITY = LOW.person_horizon_days(), LOW.city_horizon_days()


def numbered(number: int) -> Fact:
    """What an event says is always the same: of one number there is one fact. One in six of each kind."""
    day = SPRING + timedelta(number * 17 % 120)
    made = fact(number, day=day, person=f"{number % 4:032x}", hospital=f"H{number % 3}")
    match number % 6:
        case 1:
            return replace(made, scans=(scan(day, "6500.00", reasons=(ABOVE,)), scan(day, line_no=2)))
        case 2:
            outcome, reasons = EXCLUDED
            return replace(made, scans=(scan(day, outcome=outcome, reasons=reasons),), indication="check_up")
        case 3:
            doubt = scan(day, outcome="needs_review", reasons=("indication_contradicted",))
            return replace(made, scans=(doubt,), contradicted=True)
        case 4:
            return replace(made, report_fees=(Fee("002208000080000", Decimal("80.00"), day),))
        case 5:
            return replace(made, scans=(scan(day, "-5300.00", quantity=Decimal(-1)),))
        case _:
            return made


FACTS = st.builds(
    lambda number, undone: numbered(number).undo() if undone else numbered(number),
    st.integers(0, 25),
    st.sampled_from([False, False, False, True]),
)


AMOUNTS = st.decimals(-(10**14) + 1, 10**14 - 1, places=2)
SCANS = st.builds(
    lambda day, quantity, charged, regulated, reasons, outcome: scan(
        day, str(charged), quantity=quantity, regulated=regulated, reasons=reasons, outcome=outcome
    ),
    st.dates() | st.sampled_from([date.min, date.max, SPRING]),
    st.decimals(-(10**14) + 1, 10**14 - 1, places=4).filter(bool) | st.sampled_from([Decimal(1), Decimal(-1)]),
    AMOUNTS,
    st.none() | AMOUNTS,
    st.sampled_from([(), (ABOVE,), ("indication_contradicted",), EXCLUDED[1]]),
    st.sampled_from(["covered", "not_covered", "needs_review", "no_rule"]),
)
WILD = st.builds(
    lambda number, scans, fees, indication, occurred: replace(
        fact(number, *scans, person=f"{number % 3:032x}", hospital=f"H{number % 2}"),
        report_fees=fees,
        partial_scans=fees,
        indication=indication,
        contradicted=True,
        occurred_on=occurred,
    ),
    st.integers(0, 9),
    st.lists(SCANS, min_size=1, max_size=4),
    st.builds(
        lambda amount, day: (Fee("002208000080000", amount, day), Fee("002304000080000", amount, day)),
        AMOUNTS,
        st.none() | st.dates() | st.sampled_from([date.min, date.max]),
    ),
    st.none() | st.sampled_from(["staging", "radiotherapy_planning"]),
    st.dates() | st.sampled_from([date.min, date.max]),
)


@settings(max_examples=150)
@given(st.lists(WILD, max_size=12))
def test_no_fact_whatever_stops_the_judging(come: list[Fact]) -> None:
    judge_person(come, LOW)
    suspicions = [*judge_person(come, LOW), *judge_city(come, LOW, date.max), *judge_city(come, LOW, event_day(come))]
    records, held = reconcile({}, suspicions, secret=SECRET, version=LOW.hash, since=date.min)
    for record in records:
        READ.validate_json(dumps(record))
    assert {id: Held.read(one.value()) for id, one in held.items()} == held


class Live:
    """As the watch role does it: set by key, judge, reconcile, at each fact; its tables are plain dicts."""

    def __init__(self, thresholds: Thresholds = LOW) -> None:
        self.thresholds = thresholds
        self.kept: dict[str, Kept] = {}
        self.written: list[Record] = []

    def take(self, come: Fact) -> None:
        self._step(come.person, come, lambda held: judge_person(held, self.thresholds), PERSON)
        self._step(come.city, come, self._judge_city, CITY)

    def _judge_city(self, facts: Iterable[Fact]) -> list[Suspicion]:
        held = list(facts)
        return judge_city(held, self.thresholds, event_day(held))

    def _step(self, subject: str, come: Fact, judge: Judge, horizon: int) -> None:
        kept = self.kept.setdefault(subject, Kept())
        known = {**kept.facts, come.key: come}
        since = before(event_day(known.values()), horizon)
        made = step(subject, kept, [come], judge, since=since, secret=SECRET, version=self.thresholds.hash)
        made = Step.read(made.value())
        self.written += made.records
        kept.apply(made)

    def open(self) -> dict[str, Any]:
        """By finding id, without what depends on how often it was written."""
        newest: dict[str, Record] = {}
        for record in self.written:
            newest[record["finding_id"]] = record
        passing = {"event_id", "event_type", "revision"}
        return {
            id: {name: value for name, value in record.items() if name not in passing}
            for id, record in newest.items()
            if record["status"] == "open"
        }


def end_of(order: Sequence[Fact]) -> dict[str, Any]:
    live = Live()
    for one in order:
        live.take(one)
    return live.open()


@settings(max_examples=60)
@given(st.lists(FACTS, max_size=20), st.randoms())
def test_the_end_does_not_depend_on_order_or_repetition(come: list[Fact], random: Any) -> None:
    shuffled = [*come, *come[: len(come) // 2]]
    random.shuffle(shuffled)
    assert end_of(come) == end_of(shuffled)


@settings(max_examples=40)
@given(st.lists(FACTS, max_size=16))
def test_what_is_undone_in_the_end_leaves_no_finding(come: list[Fact]) -> None:
    assert end_of([*come, *(one.undo() for one in come)]) == {}


@settings(max_examples=40)
@given(st.lists(FACTS, max_size=16))
def test_no_finding_is_written_twice(come: list[Fact]) -> None:
    live = Live()
    for one in [*come, *come]:
        live.take(one)
    ids = [record["event_id"] for record in live.written]
    assert len(ids) == len(set(ids))
    said = len(live.written)
    for one in come:
        live.take(one)
    assert len(live.written) == said


def test_what_expires_changes_no_finding_and_bounds_what_is_held() -> None:
    """Five years of one city, some of it up to three months late, in a state that forgets, and in one that does not."""
    random = Random(5)
    come: list[tuple[int, Fact]] = []
    for number in range(400):
        day = SPRING + timedelta(number * 1825 // 400)
        one = fact(number, day=day, person=f"{random.randrange(12):032x}", hospital=f"H{random.randrange(3)}")
        indication, outcome = random.choice([("staging", "covered"), ("check_up", "not_covered")])
        reasons = ("indication_excluded",) if outcome == "not_covered" else random.choice([(), (ABOVE,)])
        one = replace(one, indication=indication, scans=(scan(day, "5400.00", outcome=outcome, reasons=reasons),))
        come.append((number + random.choice([0, 0, 0, 18]), one))
    live = Live()
    most = 0
    for _, one in sorted(come, key=lambda late: (late[0], late[1].key)):
        live.take(one)
        most = max(most, *(len(kept.facts) for kept in live.kept.values()))
    everything = [one for _, one in come]
    suspicions = suspicions_of(subjects_of(everything), LOW)
    records, _ = reconcile({}, suspicions, secret=SECRET, version=LOW.hash)
    passing = {"event_id", "event_type", "revision"}
    assert live.open() == {
        record["finding_id"]: {name: value for name, value in record.items() if name not in passing}
        for record in records
    }
    assert len({record["rule"] for record in records}) == 5, "all but those on the lines of one bill"
    assert most < 150
    assert sum(len(kept.held) for kept in live.kept.values()) < len(live.open()) / 2


def test_the_low_thresholds_let_every_rule_speak() -> None:
    """Else the properties above would hold of nothing."""
    live = Live()
    for number in range(26):
        live.take(numbered(number))
    assert {record["rule"] for record in live.written} == {
        "overcharge", "duplicate_report_fee", "split_charge", "repeat_scan", "spend_spike", "out_of_scope_share",
        "indication_drift", "contradiction",
    }  # fmt: skip


def bill(number: int, day: date, **changes: Any) -> dict[str, Any]:
    return builders.event(
        builders.line("6500.00", service_date=day.isoformat()),
        event_id=f"E{number}",
        settlement_id=f"S{number}",
        occurred_at=f"{day.isoformat()}T09:00:00+08:00",
        **changes,
    )


EVENTS = [bill(number, date(2021, 7, 1) + timedelta(number // 2)) for number in range(8)]
UNDOING = builders.reversal(reverses={"event_id": "E3", "settlement_id": "S3"}, occurred_at="2021-07-09T09:00:00")


def offline(events: Sequence[dict[str, Any] | bytes]) -> dict[str, Record]:
    taken = Offline(builders.installed_rulebook(), installed(), SECRET)
    for event in events:
        taken.take(event if isinstance(event, bytes) else orjson.dumps(event))
    return taken.findings()


@settings(max_examples=25)
@given(st.permutations([*EVENTS, *EVENTS[:3], UNDOING]))
def test_offline_an_undoing_that_comes_first_undoes_too(order: list[dict[str, Any]]) -> None:
    found = offline(order)
    assert found == offline([*EVENTS, UNDOING])
    assert {(record["rule"], record["evidence"]["settlements"]) for record in found.values()} == {
        ("overcharge", 7),
        ("split_charge", 2),
        ("repeat_scan", 7),
    }
    assert all("S3" not in record["evidence"]["settlement_ids"] for record in found.values())


def test_offline_what_is_none_of_ours_or_broken_changes_nothing() -> None:
    others: list[dict[str, Any] | bytes] = [
        b"",
        b"{",
        b'{"line_items": []}',
        builders.event(hospital={"level": "huge"}),
    ]
    assert offline([*others, *EVENTS, UNDOING]) == offline([*EVENTS, UNDOING])


def test_offline_a_refused_reversal_withdraws_nothing() -> None:
    days = ("2023-06-01", "2023-06-01")
    bills = [
        builders.shenzhen(builders.line("8000.00", service_date=day), event_id=f"E{at}", settlement_id=f"S{at}")
        for at, day in enumerate(days)
    ]
    refused = builders.reversal(
        insured_region="440300",
        reason="benign_result",
        occurred_at="2023-06-02T09:00:00",
        reverses={"event_id": "E1", "settlement_id": "S1"},
    )
    assert [record["rule"] for record in offline([*bills, refused]).values()] == ["split_charge"]
    assert offline([*bills, {**refused, "reason": "duplicate"}]) == {}
