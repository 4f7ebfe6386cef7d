"""What a draft changes: every settlement counted once, the largest kept with both derivations, memory bounded."""

from __future__ import annotations

import gc
import shutil
import tracemalloc
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import orjson
import pytest

from streams.impact import BEARERS, Impact
from streams.pages.impact import impact_page
from streams.rulebook import Rulebook, load_rulebook
from streams.rulebook.loader import NOTICES
from streams.simulate import events
from tests.builders import Event, InputRecord, event, installed_rulebook, line, process, reversal
from tests.unit.cli.conftest import Petct, petct

__all__ = ["petct"]


def copy(folder: Path, notice: str, before: str, after: str) -> Path:
    shutil.copytree(NOTICES, folder)
    path = folder / f"{notice}.yaml"
    text = path.read_text("utf-8")
    assert before in text
    path.write_text(text.replace(before, after), "utf-8")
    return folder


@pytest.fixture
def cheaper(tmp_path: Path) -> Rulebook:
    """Hangzhou's regulated price is 100 yuan lower."""
    return load_rulebook(copy(tmp_path / "c", "hz-2021-30", 'unit_price: "5300.00"', 'unit_price: "5200.00"'))


def tried(before: Rulebook, after: Rulebook, made: Iterable[Event | bytes], largest: int = 20) -> Impact:
    impact = Impact(before, after, largest)
    for held in made:
        impact.add(InputRecord(orjson.dumps(held) if isinstance(held, dict) else held))
    return impact


PAST = {"own_paid_ytd": "30000.00"}


def test_the_same_rulebook_changes_nothing() -> None:
    impact = tried(installed_rulebook(), load_rulebook(), (value for _, value in events(1, 500, 0.8, 0.1)))
    assert (impact.events, impact.changed, impact.rewritten, impact.disclosures_changed) == (500, 0, 0, 0)
    assert all(before == after for before, after in impact.outcomes)
    assert impact.money[0] == impact.money[1]
    assert impact.outcomes.total() == 500


def test_a_lower_price_moves_money_from_fund_and_patient_to_the_hospital(cheaper: Rulebook) -> None:
    impact = tried(installed_rulebook(), cheaper, [event(account=PAST)])
    (change,) = impact.largest
    assert change.outcomes == ("covered", "covered")
    assert [change.shares[side]["fund"] for side in (0, 1)] == [Decimal("3975.00"), Decimal("3900.00")]
    assert [change.shares[side]["hospital"] for side in (0, 1)] == [Decimal("0.00"), Decimal("100.00")]
    assert change.moved == 100
    assert impact.reasons_new == {"charged_above_regulated_price": 1}
    assert impact.cities["330100"].changed == 1
    assert [adjusted and adjusted["rulebook"] for adjusted in change.adjusted] == [
        installed_rulebook().hash,
        cheaper.hash,
    ]


def test_money_before_and_after_is_what_each_rulebook_decides(cheaper: Rulebook) -> None:
    records = [value for _, value in events(3, 400, 1.0, 0.0)]
    impact = tried(installed_rulebook(), cheaper, records)
    expected = dict.fromkeys(BEARERS, Decimal(0))
    for value in records:
        money = process(value).money
        for bearer in BEARERS:
            expected[bearer] += getattr(money, bearer) if money is not None else 0
    assert impact.money[0] == expected
    assert sum(impact.money[0].values()) == sum(impact.money[1].values()), "what was charged stays"
    for side in (0, 1):
        held = [city.before if side == 0 else city.after for city in impact.cities.values()]
        assert {bearer: sum(city[bearer] for city in held) for bearer in BEARERS} == impact.money[side]


def test_a_change_of_words_alone_is_no_change_of_outcome(tmp_path: Path) -> None:
    draft = load_rulebook(copy(tmp_path / "c", "hz-2021-30", "says: 5300元/次", "says: 5300 元/次"))
    impact = tried(installed_rulebook(), draft, [event(account=PAST), reversal()])
    assert (impact.changed, impact.rewritten) == (0, 1)


def test_a_disclosure_that_is_no_longer_ordered_is_counted(tmp_path: Path) -> None:
    ends = "effective_from: 2021-06-30\n    effective_to: 2021-07-01\n"
    folder = copy(tmp_path / "c", "hz-2021-30", "effective_from: 2021-06-30\n", ends)
    path = folder / "zj-2021-31.yaml"
    path.write_text(path.read_text("utf-8").replace("effective_from: 2021-06-30\n", ends), "utf-8")
    impact = tried(installed_rulebook(), load_rulebook(folder), [event(account=PAST)])
    assert impact.disclosures_changed == 1
    assert impact.outcomes == {("covered", "no_rule"): 1}


def test_other_fates_are_counted_too(cheaper: Rulebook) -> None:
    impact = tried(installed_rulebook(), cheaper, [b"not json", b"{}", reversal(), event(line(amount="-1.00"))])
    assert impact.outcomes == {
        ("dead_letter", "dead_letter"): 2,
        ("passed_over", "passed_over"): 1,
        ("reversed", "reversed"): 1,
    }


def test_a_new_code_makes_events_ours_that_were_not(tmp_path: Path) -> None:
    shutil.copytree(NOTICES, tmp_path / "c")
    exams = (NOTICES.parent / "exams.yaml").read_text("utf-8")
    more = '      - {code: "012304000010000", system: national-2025, source: 附件}\n'
    (tmp_path / "c" / "exams.yaml").write_text(exams + more, "utf-8")
    draft = load_rulebook(tmp_path / "c")
    impact = tried(installed_rulebook(), draft, [event(line(item_code="012304000010000"), account=PAST)])
    assert impact.outcomes == {("passed_over", "covered"): 1}
    assert impact.largest[0].shares[1]["fund"] == Decimal("3975.00")
    assert impact.largest[0].settlement_id == event()["settlement_id"]


def test_the_largest_are_kept_and_no_more(cheaper: Rulebook) -> None:
    """Each unit charged at the old price is 100 yuan the hospital bears; of equal ones the earlier are kept."""
    quantities = [1, 3, 2, 3, 5, 1, 4, 3]
    made = [
        event(
            line(f"{5300 * quantity}.00", quantity=str(quantity), unit_price="5300.00"),
            account=PAST,
            settlement_id=f"s{number}",
        )
        for number, quantity in enumerate(quantities)
    ]
    impact = tried(installed_rulebook(), cheaper, made, largest=4)
    assert [(change.settlement_id, int(change.moved)) for change in impact.largest] == [
        ("s4", 500),
        ("s6", 400),
        ("s1", 300),
        ("s3", 300),
    ]
    assert impact.changed == len(quantities)


def test_memory_does_not_grow_with_the_events(cheaper: Rulebook) -> None:
    """Each of them is a change, and of a settlement of its own."""
    impact = Impact(installed_rulebook(), cheaper)
    template = orjson.dumps(event(account=PAST, event_id="@", settlement_id="@"))

    def after(first: int, end: int) -> int:
        for number in range(first, end):
            impact.add(InputRecord(template.replace(b'"@"', b'"S%06d"' % number)))
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        few, many = after(0, 50), after(50, 300)
    finally:
        tracemalloc.stop()
    assert impact.changed == 300
    assert many - few < 64 * 1024, "one change kept takes some kilobytes"


def test_the_page_shows_both_derivations_and_loads_nothing(cheaper: Rulebook) -> None:
    hostile = event(account=PAST, settlement_id="<script>alert(1)</script>")
    page = impact_page(tried(installed_rulebook(), cheaper, [hostile]), "Events of a test")
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "3,975.00" in page
    assert "3,900.00" in page
    assert page.count("borne by the hospital (超标准收费)") == 1
    assert "http" not in page.replace('http-equiv="Content-Security-Policy"', "")


def test_the_command_compares_files_in_words_json_and_a_page(petct: Petct, tmp_path: Path) -> None:
    copy(tmp_path / "draft", "hz-2021-30", 'unit_price: "5300.00"', 'unit_price: "5200.00"')
    made = [event(account=PAST, settlement_id="one"), event(hospital={"region": "440305"})]
    (tmp_path / "events.jsonl").write_bytes(b"\n".join(map(orjson.dumps, made)) + b"\n\n")
    arguments = ("rulebook", "impact", "draft", "--against", "installed", "--events", "events.jsonl")
    text = petct(*arguments).stdout.decode()
    assert "1 of 2 come out otherwise" in text
    assert "one (330100): covered → covered" in text
    told = orjson.loads(petct(*arguments, "--json", "--html", "impact.html").stdout)
    assert (told["events"], told["changed"], told["money"]["after"]["hospital"]) == (2, 1, "100.00")
    assert told["largest"][0]["after"]["lines"][0]["fund_amount"] == "3900.00"
    assert "one (330100)" in (tmp_path / "impact.html").read_text("utf-8")


ON_THE_BUS = ("--topic", "settlement.events")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("installed",), "give either --events or --topic"),
        (("installed", "--events", "-", "--topic", "settlement.events"), "give either --events or --topic"),
        (("installed", "--events", "-", "--since", "2021-07-01"), "--since and --until are about a topic"),
        (("installed", "--topic", "other"), "--topic 'other' is unknown"),
        (("installed", *ON_THE_BUS, "--since", "yesterday"), "'yesterday' is no time"),
        (("installed", *ON_THE_BUS, "--since", "0001-01-01"), "--since 0001-01-01 lies before 1970"),
        (
            ("installed", *ON_THE_BUS, "--since", "2021-07-02", "--until", "2021-07-01"),
            "is not after --since 2021-07-02",
        ),
        (("installed", *ON_THE_BUS, "--until", "0001-01-01"), "is not after --since 1970-01-01"),
        (
            ("installed", "--events", "-", "--html", "nowhere/page.html"),
            "cannot be written, there is no folder nowhere",
        ),
        (("installed", "--events", "-", "--html", "."), "cannot be written, it is a directory"),
        (("installed", "--events", "absent.jsonl"), "there is no such file"),
        (("./absent", "--events", "-"), "./absent: there is no such folder"),
        (("newest", "--events", "-"), "PETCT_KAFKA_BOOTSTRAP_SERVERS is not set"),
    ],
)
def test_a_wrong_argument_is_told(petct: Petct, arguments: tuple[str, ...], says: str) -> None:
    done = petct("rulebook", "impact", *arguments)
    assert done.returncode == 2
    assert says in done.stderr.decode()
