"""Where a finding stands after what the watch and the officers wrote, and what the daily summary counts."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.alerts import FindingHandled
from schemas.codec import dumps
from streams.pages.surveillance_daily import WRITE
from streams.rulebook import load_rulebook
from streams.surveillance.daily import summary
from streams.surveillance.desk import (
    Deed,
    Desk,
    Handling,
    Refused,
    Standing,
    UnknownFinding,
    Wanted,
    end_of,
    handle,
    record_of,
    stands,
)
from streams.surveillance.offline import Offline
from streams.surveillance.thresholds import load_thresholds
from tests.broker.supervised import records, settlements
from tests.findings import HOSPITAL, OTHER_HOSPITAL, PERSON, finding, name_of, of_hospital, value

DAY = date(2021, 8, 1)
NOON = end_of(DAY) - 12 * 3_600_000
A_DAY = 86_400_000
AT = "2021-08-01T12:00:00+08:00"
ACK = Deed("desk-1", "records asked for", AT)
UNFOUNDED = Deed("desk-1", "restaging after treatment", AT, "unfounded")
CONFIRMED = Deed("desk-2", "refunded", AT, "confirmed")


class Topic:
    """One partition: whatever is written is taken, at the next offset and second."""

    def __init__(self, **given: Any) -> None:
        self.desk = Desk(**given)
        self.offset = 0
        self.now = NOON

    def write(self, *records: dict[str, Any]) -> None:
        for record in records:
            self.desk.take((0, self.offset), value(record), self.now)
            self.offset += 1
            self.now += 1000

    def done(self, deed: Deed, number: int = 1) -> Handling | None:
        held = self.desk.findings[name_of(number)]
        made = handle(held, deed)
        if made is not None:
            record = record_of(held, made)
            FindingHandled.model_validate(record)
            self.write(record)
        return made

    def state(self) -> str:
        return self[1].state

    def __getitem__(self, number: int) -> Standing:
        return self.desk.findings[name_of(number)]


def test_a_finding_goes_from_open_over_acknowledged_to_closed_and_says_by_whom() -> None:
    topic = Topic()
    topic.write(finding())
    assert topic.state() == "open"
    topic.done(ACK)
    assert topic.state() == "acknowledged"
    topic.done(UNFOUNDED)
    assert (topic[1].state, topic[1].handling.by if topic[1].handling else "") == ("closed", "desk-1")
    assert topic[1].plain()["handled"] == {
        "what": "closed",
        "as": "unfounded",
        "by": "desk-1",
        "at": AT,
        "of_revision": 1,
    }


def test_a_finding_revised_after_it_was_closed_is_open_again() -> None:
    topic = Topic()
    topic.write(finding())
    topic.done(UNFOUNDED)
    topic.write(finding(revision=2, amount_at_stake="10600.00"))
    assert (topic[1].state, topic[1].again, topic[1].at_stake) == ("open", True, Decimal("10600.00"))
    topic.done(CONFIRMED)
    assert (topic[1].state, topic[1].again) == ("closed", False)


def test_an_acknowledged_finding_stays_so_when_it_is_revised_and_tells_it() -> None:
    topic = Topic()
    topic.write(finding())
    topic.done(ACK)
    topic.write(finding(revision=2))
    assert (topic[1].state, topic[1].revised_since, topic[1].again) == ("acknowledged", True, False)


def test_a_withdrawn_finding_cannot_be_handled_and_one_raised_once_more_is_open_again() -> None:
    topic = Topic()
    topic.write(finding(), finding(revision=2, status="withdrawn"))
    assert topic.state() == "withdrawn"
    for deed in (ACK, UNFOUNDED):
        with pytest.raises(Refused, match="withdrawn"):
            topic.done(deed)
    topic.write(finding(revision=3))
    assert (topic[1].state, topic[1].again) == ("open", True)


def test_doing_the_same_twice_writes_nothing() -> None:
    topic = Topic()
    topic.write(finding())
    assert topic.done(ACK) is not None
    assert topic.done(ACK) is None
    assert topic.done(UNFOUNDED) is not None
    assert topic.done(UNFOUNDED) is None


def test_a_wrong_closing_is_corrected_by_another_and_cannot_be_acknowledged_away() -> None:
    topic = Topic()
    topic.write(finding())
    topic.done(UNFOUNDED)
    with pytest.raises(Refused, match="closed already, as unfounded"):
        topic.done(ACK)
    topic.done(CONFIRMED)
    assert topic[1].handling is not None
    assert topic[1].handling.closed_as == "confirmed"


def test_what_was_revised_since_it_was_looked_at_is_refused() -> None:
    topic = Topic()
    topic.write(finding(), finding(revision=2))
    with pytest.raises(Refused, match="at revision 2, not 1"):
        topic.done(replace(UNFOUNDED, seen=1))
    assert topic.done(replace(UNFOUNDED, seen=2)) is not None


def test_a_revision_written_at_the_same_moment_defeats_the_handling_and_it_is_told() -> None:
    topic = Topic()
    topic.write(finding())
    held = topic[1]
    made = handle(held, UNFOUNDED)
    assert made is not None
    topic.write(finding(revision=2), record_of(held, made))
    assert topic.state() == "open"
    with pytest.raises(Refused, match="revised at the same moment"):
        stands(topic[1], made)


def test_of_two_officers_at_the_same_moment_the_first_counts() -> None:
    topic = Topic()
    topic.write(finding())
    held = topic[1]
    first, second = handle(held, UNFOUNDED), handle(held, CONFIRMED)
    assert first is not None
    assert second is not None
    topic.write(record_of(held, first), record_of(held, second))
    stands(topic[1], first)
    with pytest.raises(Refused, match="Somebody else"):
        stands(topic[1], second)


@given(st.data())
def test_repeats_of_what_was_written_change_nothing(data: st.DataObject) -> None:
    topic = Topic()
    written = [finding(), finding(revision=2)]
    topic.write(*written)
    made = handle(topic[1], ACK)
    assert made is not None
    written.append(record_of(topic[1], made))
    topic.write(written[-1])
    written.append(finding(revision=3))
    topic.write(written[-1])
    before = topic[1]
    topic.write(*data.draw(st.lists(st.sampled_from(written), max_size=8)))
    assert topic[1] == before


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (Wanted(), [3, 2, 1]),
        (Wanted(rules=frozenset({"spend_spike"})), [2]),
        (Wanted(hospital=OTHER_HOSPITAL), [3, 2]),
        (Wanted(city="330100"), [1]),
        (Wanted(city="330000"), [3, 2, 1]),
        (Wanted(states=frozenset({"open"}), severities=frozenset({"serious"})), [3]),
        (Wanted(since=date(2021, 7, 21)), [2]),
        (Wanted(until=date(2021, 7, 1)), [3, 1]),
    ],
)
def test_findings_are_selected_by_what_they_are_about(wanted: Wanted, numbers: list[int]) -> None:
    topic = Topic()
    topic.write(
        finding(1),
        of_hospital(
            2,
            "spend_spike",
            ("spend", "100.00", "50.00"),
            city="330200",
            hospitals=[OTHER_HOSPITAL],
            window={"from": "2021-07-02", "to": "2021-07-31"},
        ),
        finding(3, severity="serious", city="330200", hospitals=[HOSPITAL, OTHER_HOSPITAL]),
    )
    assert [held.id for held in topic.desk.select(wanted)] == [name_of(number) for number in numbers]


def test_a_finding_is_found_by_eight_digits_that_only_it_begins_with() -> None:
    topic = Topic()
    twin = finding(1)
    topic.write(finding(1), {**twin, "finding_id": name_of(1)[:-1] + "1"}, finding(2))
    assert topic.desk.find(name_of(2)[:8]).id == name_of(2)
    assert topic.desk.find(name_of(1)).id == name_of(1)
    with pytest.raises(UnknownFinding, match="2 findings"):
        topic.desk.find(name_of(1)[:8])
    for text in ("", name_of(2)[:7], "ffffffff"):
        with pytest.raises(UnknownFinding, match="no finding"):
            topic.desk.find(text)


def test_what_cannot_be_read_is_counted_and_the_rest_goes_on() -> None:
    topic = Topic()
    broken: list[bytes] = [
        b"{",
        b"[]",
        dumps({"event_type": "finding.forgotten"}),
        dumps({"event_type": "finding.raised"}),
    ]
    for number, one in enumerate(broken):
        topic.desk.take((0, number), one, NOON)
    topic.desk.take((0, 9), None, NOON)
    topic.write(finding(revision=1))
    assert (topic.desk.unread, len(topic.desk.findings)) == (4, 1)


def test_beyond_the_most_those_that_ended_longest_ago_are_let_go() -> None:
    topic = Topic(most=20)
    topic.write(*(finding(number) for number in range(1, 20)))
    for number in (7, 3):
        topic.done(UNFOUNDED, number)
    topic.write(finding(20), finding(21))
    assert name_of(7) not in topic.desk.findings
    assert name_of(3) not in topic.desk.findings
    assert (len(topic.desk.findings), topic.desk.let_go) == (19, 2)


def test_what_is_kept_of_a_finding_does_not_grow_with_its_evidence_and_holds_no_person() -> None:
    topic = Topic()
    many = [{"name": f"m{number}", "value": "1", "threshold": None} for number in range(1000)]
    evidence = {"settlement_ids": [f"S{number}" for number in range(200)], "settlements": 10_000, "measures": many}
    topic.write(finding(1, evidence=evidence), finding(2, evidence=evidence, person=None))
    assert not topic[1].measures
    assert len(topic[2].measures) == 24
    assert PERSON not in repr(topic.desk)
    assert "S199" not in repr(topic.desk)


def test_what_retention_deleted_is_forgotten() -> None:
    topic = Topic()
    topic.write(finding(1), finding(2), finding(1, revision=2))
    topic.desk.forget_before(1, 99)
    topic.desk.forget_before(0, 2)
    assert list(topic.desk.findings) == [name_of(1)]


@pytest.mark.parametrize(
    "wrong", [{"by": " "}, {"note": ""}, {"note": "x" * 501}, {"note": "a\nb"}, {"by": "\x1b[31m"}]
)
def test_a_deed_says_who_and_why_in_one_line(wrong: dict[str, str]) -> None:
    topic = Topic()
    topic.write(finding())
    with pytest.raises(Refused):
        topic.done(replace(UNFOUNDED, **wrong))  # type: ignore[arg-type]


def test_the_desk_reads_all_that_the_judges_write() -> None:
    """Of settlements with every kind of abuse in them, judged by the worker's own functions."""
    judged = Offline(load_rulebook(), load_thresholds(), b"s")
    for _, made in records(settlements(seed=1, persons=40, scans=6)):
        judged.take(made)
    found = list(judged.findings().values())
    topic = Topic()
    topic.write(*found)
    assert topic.desk.unread == 0
    assert {held.id for held in topic.desk.findings.values()} == {record["finding_id"] for record in found}
    assert len({held.rule for held in topic.desk.findings.values()}) > 3
    for held in topic.desk.findings.values():
        FindingHandled.model_validate(record_of(held, handle(held, CONFIRMED) or pytest.fail("it is open")))


def _days() -> Topic:
    """1 new and open, 2 new and acknowledged, 3 closed before, 4 closed, 5 withdrawn, 6 open again, 7 the day after."""
    topic = Topic(before=end_of(DAY))
    topic.now = NOON - A_DAY
    topic.write(*(finding(number, amount_at_stake=f"{number}00.00") for number in (3, 4, 5, 6)))
    topic.done(CONFIRMED, 3)
    topic.done(UNFOUNDED, 6)
    topic.now = NOON
    topic.write(finding(1, amount_at_stake="100.00"))
    topic.write(finding(2, amount_at_stake="200.00", hospitals=[HOSPITAL, OTHER_HOSPITAL], city="330200"))
    topic.done(ACK, 2)
    topic.done(UNFOUNDED, 4)
    topic.write(finding(5, revision=2, status="withdrawn"), finding(6, revision=2, amount_at_stake="600.00"))
    topic.now = end_of(DAY)
    topic.write(finding(7), finding(1, revision=2, status="withdrawn"))
    return topic


def test_the_daily_summary_counts_a_day_as_it_stood_at_its_end() -> None:
    made = summary(_days().desk, DAY)
    assert made.all.plain() == {
        "new": 2,
        "reopened": 1,
        "open": 3,
        "acknowledged": 1,
        "closed": 1,
        "withdrawn": 1,
        "new_amount_at_stake": "300.00",
        "open_amount_at_stake": "900.00",
    }
    by_hospital = {row["hospital"]: row["open"] for row in made.plain()["by_hospital"]}
    assert by_hospital == {HOSPITAL: 3, OTHER_HOSPITAL: 1}
    assert {row["city"]: row["new"] for row in made.plain()["by_city"]} == {"330100": 1, "330200": 1}


def test_the_summary_says_the_same_in_each_format_and_nothing_of_persons_or_officers() -> None:
    desk = _days().desk
    texts = {form: write(summary(desk, DAY)) for form, write in WRITE.items()}
    rows = list(csv.DictReader(io.StringIO(texts["csv"].removeprefix("\ufeff"))))
    (whole,) = [row for row in rows if row["by"] == "all"]
    told = json.loads(texts["json"])
    assert {name: str(told[name]) for name in told if name in whole and name != "on"} == {
        name: text for name, text in whole.items() if name not in {"by", "of", "on"}
    }
    assert "900.00" in texts["html"]
    for form, text in texts.items():
        for hidden in (PERSON, "S1", "desk-1", "restaging", name_of(1)):
            assert hidden not in text, (form, hidden)


def test_a_hospital_whose_code_is_a_formula_is_text_in_the_summary() -> None:
    topic = Topic(before=end_of(DAY))
    topic.write(finding(hospitals=["=1+1", "＠x"]))
    text = WRITE["csv"](summary(topic.desk, DAY))
    assert ",'=1+1," in text
    assert ",'＠x," in text
