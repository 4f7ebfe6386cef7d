"""A plan as a file: read back as it was written, refused when it was changed."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from streams.processors.form import Nhsa
from streams.processors.settlement import SettlementProcessor
from streams.replay.api import reference
from streams.replay.errors import PlanError, RulebookUnknownError
from streams.replay.filters import EventFilter
from streams.replay.planning import moment
from streams.replay.plans import Filters, Plan, Stretch, read, write
from streams.replay.rulebooks import Folder, resolve
from tests.builders import event, installed_rulebook, line, processor, reversal
from tests.unit.nhsa.test_convert import message

PLAN = Plan(
    source="events",
    group="petct-settle",
    topic_prefix="",
    since="2021-06-30T00:00:00+08:00",
    until="2021-07-24T00:00:00+08:00",
    rulebook="sha256:" + "0" * 64,
    filters=Filters(region="330200", settlement_ids=("S1", "S2")),
    partitions=(Stretch(partition=0, start=5, end=105), Stretch(partition=3, start=0, end=7)),
)


def test_a_plan_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    file = tmp_path / "plan.yaml"
    file.write_text(write(PLAN), "utf-8")

    assert read(file) == PLAN
    assert "records_at_most: 107" in file.read_text("utf-8")
    assert PLAN.transactional_id(3) == f"petct-settle.replay.{PLAN.name}.3"


@pytest.mark.parametrize(
    ("was", "now", "told"),
    [
        ("end: 105", "end: 205", "was changed after it was made"),
        ("region: '330200'", "region: '330100'", "was changed after it was made"),
        ("source: events", "source: elsewhere", "look at source"),
        ("version: 1", "version: 2", "look at version"),
        ("hash: ", "hush: ", "it has no hash"),
        ("group:", "group: [", "is not YAML"),
    ],
)
def test_a_plan_that_was_changed_is_refused(tmp_path: Path, was: str, now: str, told: str) -> None:
    text = write(PLAN)
    assert was in text
    file = tmp_path / "plan.yaml"
    file.write_text(text.replace(was, now, 1), "utf-8")

    with pytest.raises(PlanError, match=told):
        read(file)


def test_a_plan_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="there is no such file"):
        read(tmp_path / "plan.yaml")


def test_a_time_without_an_offset_is_chinas() -> None:
    assert moment("2021-07-01").isoformat() == "2021-07-01T00:00:00+08:00"
    assert moment("2021-07-01T09:30:00Z") == datetime(2021, 7, 1, 9, 30, tzinfo=UTC)
    with pytest.raises(PlanError, match="'yesterday' is no time"):
        moment("yesterday")


@pytest.mark.parametrize(
    ("filters", "meant"),
    [
        (Filters(), True),
        (Filters(region="330100"), True),
        (Filters(region="330102"), True),
        (Filters(region="330000"), True),
        (Filters(region="330200"), False),
        (Filters(region="440000"), False),
        (Filters(hospital="H33010200001"), True),
        (Filters(hospital="H1"), False),
        (Filters(scheme="employee"), True),
        (Filters(scheme="resident"), False),
        (Filters(event_types=("settlement.completed",)), True),
        (Filters(event_types=("settlement.reversed",)), False),
        (Filters(settlement_ids=("S2021070100001",)), True),
        (Filters(settlement_ids=("S",)), False),
    ],
)
def test_filters_mean_an_event_by_its_content(filters: Filters, meant: bool) -> None:
    import orjson

    assert EventFilter(filters, processor().plain)(orjson.dumps(event(line()))) is meant
    of_the_interface = SettlementProcessor(installed_rulebook(), b"", "test", Nhsa())
    assert EventFilter(filters, of_the_interface.plain)(orjson.dumps(message())) is meant


def test_a_reversal_is_meant_by_what_it_reverses_and_broken_bytes_by_nothing() -> None:
    import orjson

    of_settlement = EventFilter(Filters(settlement_ids=("S2021070100001",)), processor().plain)
    assert of_settlement(orjson.dumps(reversal()))
    for broken in (b"\xff", b"[]", None, b'{"hospital": 7, "patient": []}'):
        assert not of_settlement(broken)
        assert EventFilter(Filters(), processor().plain)(broken)


async def test_a_rulebook_is_found_by_hash_or_refused_with_the_mend() -> None:
    book, shelf = installed_rulebook(), [Folder(None)]
    assert await resolve("newest", shelf) == book
    assert await resolve(book.hash, shelf) == book
    assert await resolve(book.hash[7:15], shelf) == book
    with pytest.raises(RulebookUnknownError, match="petct rulebook log"):
        await resolve("sha256:" + "0" * 64, shelf)
    with pytest.raises(RulebookUnknownError, match="is no rulebook hash"):
        await resolve("latest", shelf)
    with pytest.raises(RulebookUnknownError, match="No rulebook is known of at 2021-07-22"):
        await resolve(reference("as-known-at 2021-07-22"), shelf)
