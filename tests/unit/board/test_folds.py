"""From disclosure records to lists: what stands, where, in what order, and what is told of later changes."""

from __future__ import annotations

import random
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.board import PUBLISHED, DailyList, daily_list_schema, written
from streams.processors.board import Entry, Placed, Signboard, Told, enter, lists, moment_of, place, rename
from streams.processors.shelf import Shelf
from tests.board import DAY, HOSPITAL, OTHER_HOSPITAL, Record, exam, published, withdrawn


def at(day: str, clock: str = "12:00") -> int:
    """A record's time, given in China."""
    return int(datetime.fromisoformat(f"{day}T{clock}:00+08:00").timestamp() * 1000)


ON_THE_DAY = at(DAY)
LATER = at("2021-07-05")


def made(*records: tuple[Record, int]) -> dict[tuple[str, str], DailyList]:
    return {(held.hospital.code, held.day): held for held in lists(records)}


def the_list(*records: tuple[Record, int]) -> DailyList:
    [held] = made(*records).values()
    return held


def surnames(held: DailyList) -> set[str]:
    return {row.surname for row in held.rows}


def test_a_disclosure_is_a_row_on_the_list_of_its_hospital_and_day() -> None:
    held = the_list((published(1), ON_THE_DAY))

    assert held.plain() == {
        "schema_version": "1.0",
        "hospital": HOSPITAL,
        "day": DAY,
        "rows": (
            {
                "exam": "petct_whole_body",
                "surname": "欧阳",
                "age": 61,
                "diagnosis": "肺恶性肿瘤",
                "charged_price": "5300.00",
            },
        ),
        "updates": (),
    }


def test_a_record_seen_twice_counts_once() -> None:
    record = published(1)
    assert the_list((record, ON_THE_DAY)) == the_list((record, ON_THE_DAY), (record, ON_THE_DAY), (record, LATER))


def test_a_corrected_disclosure_replaces_the_one_before_whatever_came_first() -> None:
    old, new = published(1, exam("王")), published(1, exam("李"), revision=2)
    assert surnames(the_list((old, ON_THE_DAY), (new, ON_THE_DAY))) == {"李"}
    assert surnames(the_list((new, ON_THE_DAY), (old, ON_THE_DAY))) == {"李"}


def test_a_withdrawn_disclosure_leaves_a_list_without_rows() -> None:
    held = the_list((published(1), ON_THE_DAY), (withdrawn(1), ON_THE_DAY))
    assert held.rows == ()


def test_the_withdrawal_of_a_reversal_is_final() -> None:
    again = published(1, revision=3)
    assert the_list((published(1), ON_THE_DAY), (withdrawn(1), ON_THE_DAY), (again, ON_THE_DAY)).rows == ()


def test_what_a_replay_withdrew_a_later_one_may_publish_again() -> None:
    records = [(published(1), ON_THE_DAY), (withdrawn(1, revision=2), LATER), (published(1, revision=3), LATER)]
    assert len(the_list(*records).rows) == 1


def test_a_disclosure_that_moves_to_another_hospital_or_day_leaves_the_old_list() -> None:
    moved = published(1, exam(day="2021-07-02"), revision=2, hospital=OTHER_HOSPITAL)
    held = made((published(1), ON_THE_DAY), (moved, ON_THE_DAY))

    assert {place: len(one.rows) for place, one in held.items()} == {
        (HOSPITAL["code"], DAY): 0,
        (OTHER_HOSPITAL["code"], "2021-07-02"): 1,
    }


def test_rows_of_one_event_go_to_the_list_of_their_own_day() -> None:
    held = made((published(1, exam("王"), exam("李", "2021-07-02"), exam("张")), ON_THE_DAY))
    assert {day: surnames(one) for (_, day), one in held.items()} == {DAY: {"王", "张"}, "2021-07-02": {"李"}}


def test_a_change_after_the_day_is_told_with_its_day_and_the_number_of_rows() -> None:
    records = [
        (published(1, exam("王"), exam("李")), ON_THE_DAY),
        (published(2, exam("张")), at(DAY, "23:59")),
        (published(1, exam("王"), exam("赵")), at("2021-07-02")),  # the same revision: a repeat, and no change
        (published(1, exam("王"), exam("赵"), revision=2), at("2021-07-03")),
        (withdrawn(2), LATER),
        (published(3, exam("吴"), exam("周")), LATER),
    ]

    held = the_list(*records)

    assert [(update.on, update.rows) for update in held.updates] == [("2021-07-03", 1), ("2021-07-05", 3)]
    assert surnames(held) == {"王", "赵", "吴", "周"}


def test_the_day_of_a_change_is_that_of_china() -> None:
    before, after = at("2021-07-02", "00:00") - 1, at("2021-07-02", "00:00")
    assert the_list((published(1), before)).updates == ()
    assert [update.on for update in the_list((published(1), after)).updates] == ["2021-07-02"]
    assert moment_of(after) == "2021-07-02T00:00:00.000+08:00"


def test_a_revision_that_leaves_the_rows_as_they_are_is_no_change() -> None:
    assert the_list((published(1), ON_THE_DAY), (published(1, revision=2), LATER)).updates == ()


def test_the_order_of_the_rows_is_stable_and_not_that_of_arrival_or_of_ids() -> None:
    records = [(published(number, exam(age=number)), ON_THE_DAY) for number in range(100)]
    ages = [row.age for row in the_list(*records).rows]

    shuffled = records[:]
    random.Random(1).shuffle(shuffled)
    assert [row.age for row in the_list(*shuffled).rows] == ages
    assert ages != sorted(ages)
    # Without the others the rest stand as they stood.
    assert [row.age for row in the_list(*records[::2]).rows] == [age for age in ages if age % 2 == 0]


def test_no_id_that_could_be_followed_is_on_a_list() -> None:
    record = published(0xABCDEF)
    held = the_list((record, ON_THE_DAY)).model_dump_json()
    assert record["disclosure_id"] not in held
    assert "id" not in {name for row in the_list((record, ON_THE_DAY)).plain()["rows"] for name in row}


def test_the_hospital_is_called_as_its_newest_disclosure_calls_it() -> None:
    renamed = {**HOSPITAL, "name": "示例第一医院"}
    held = the_list((published(1), ON_THE_DAY), (published(2, hospital=renamed), ON_THE_DAY + 1))
    assert held.hospital.name == "示例第一医院"


def test_the_published_schema_is_that_of_the_list() -> None:
    """Written by: python -m schemas.board"""
    assert PUBLISHED.read_text("utf-8") == written(daily_list_schema())


def test_a_list_is_valid_by_the_published_schema() -> None:
    import json

    import jsonschema

    held = the_list((published(1, exam(age=90, age_or_over=True), exam("王")), LATER))
    document = json.loads(json.dumps(held.plain()))
    jsonschema.validate(document, daily_list_schema())
    assert [row.get("age_or_over") for row in sorted(document["rows"], key=lambda row: row["age"])] == [None, True]
    document["rows"][0]["person_id"] = "P1"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, daily_list_schema())


# Whatever the order, whatever is repeated: the same rows.

_days = st.sampled_from(["2021-07-01", "2021-07-02", "2021-07-03"])
_exams = st.builds(exam, st.sampled_from("王李张"), _days)


@st.composite
def _histories(draw: st.DrawFn) -> list[tuple[Record, int]]:
    """Some disclosures with their revisions, moves and withdrawals: what a topic may hold of them."""
    records: list[tuple[Record, int]] = []
    for number in range(draw(st.integers(1, 4))):
        revisions = draw(st.integers(1, 4))
        for revision in range(1, revisions + 1):
            hospital = draw(st.sampled_from([HOSPITAL, OTHER_HOSPITAL]))
            if revision > 1 and draw(st.booleans()):
                records.append((withdrawn(number, revision), ON_THE_DAY + revision))
            else:
                exams = draw(st.lists(_exams, min_size=1, max_size=3))
                records.append((published(number, *exams, revision=revision, hospital=hospital), ON_THE_DAY + revision))
        if draw(st.booleans()):
            records.append((withdrawn(number), ON_THE_DAY + 9))
    return records


def _rows(records: list[tuple[Record, int]]) -> dict[tuple[str, str], Any]:
    return {place: held.rows for place, held in made(*records).items() if held.rows}


@given(_histories(), st.data())
def test_any_order_and_any_repetition_give_the_same_rows(
    records: list[tuple[Record, int]], data: st.DataObject
) -> None:
    arrived = data.draw(st.permutations(records + data.draw(st.lists(st.sampled_from(records), max_size=6))))
    assert _rows(arrived) == _rows(records)


@given(_histories(), st.data())
def test_a_process_that_begins_again_anywhere_ends_with_the_same_lists(
    records: list[tuple[Record, int]], data: st.DataObject
) -> None:
    """What was read and not committed is read again: from any place on, any number of times."""
    arrived: list[tuple[Record, int]] = []
    for end in data.draw(st.lists(st.integers(0, len(records)), max_size=4)):
        arrived += records[data.draw(st.integers(0, end)) : end]
    whole = [*records]
    # Begin at the front, fall back as often as drawn, then go through to the end.
    assert made(*whole) == made(*records[: len(records) // 2], *records[len(records) // 3 :])
    assert _rows([*records, *arrived]) == _rows(whole)


@given(_histories())
def test_what_is_written_is_read_back_the_same(records: list[tuple[Record, int]]) -> None:
    import orjson

    placed: dict[str, Placed] = {}
    for record, time in records:
        id = record["disclosure_id"]
        placed[id], told = place(placed.get(id), record, time)
        assert Placed.read(orjson.loads(placed[id].value())) == placed[id]
        for one in told:
            assert Told.read(one.hospital, orjson.loads(one.value())) == one
            sign = rename(None, one)
            assert sign is None or Signboard.read(orjson.loads(sign.value())) == sign
            for day in one.days:
                entry = enter(None, one, day)
                assert Entry.read(orjson.loads(entry.value())) == entry


@given(_histories())
def test_a_shelf_kept_up_to_date_is_the_shelf_made_anew(records: list[tuple[Record, int]]) -> None:
    kept, entries, signs = Shelf(), dict[tuple[str, str, str], Entry](), dict[str, Signboard]()
    placed: dict[str, Placed] = {}
    for record, time in [*records, *records]:
        id = record["disclosure_id"]
        placed[id], told = place(placed.get(id), record, time)
        for one in told:
            if (sign := rename(signs.get(one.hospital), one)) is not None:
                signs[one.hospital] = sign
                kept.name(one.hospital, sign)
            for day in one.days:
                before = entries.get((one.hospital, day, id))
                entries[one.hospital, day, id] = entry = enter(before, one, day)
                kept.put(one.hospital, day, id, before, entry)
    anew = Shelf()
    for (code, day, id), entry in entries.items():
        anew.put(code, day, id, None, entry)
    for code, sign in signs.items():
        anew.name(code, sign)

    assert kept.hospitals == anew.hospitals
    assert {code: held.version for code, held in kept.hospitals.items()} == {
        code: held.version for code, held in anew.hospitals.items()
    }
    for (code, day), held in made(*records).items():
        shelved = kept.hospitals[code].days[day]
        assert shelved.rows == len(held.rows)
        assert shelved.updated_on == (held.updates[-1].on if held.updates else None)


def test_a_version_changes_with_what_is_below_it() -> None:
    shelf = Shelf()
    entry = Entry.read({"rank": [False, 1], "rows": [], "changes": {}})
    corrected = Entry.read({"rank": [False, 2], "rows": [], "changes": {}})
    shelf.name("H", Signboard("示例医院", "330102", 1, "0"))
    versions = [shelf.hospitals["H"].version]
    shelf.put("H", DAY, f"{1:032x}", None, entry)
    versions.append(shelf.hospitals["H"].version)
    shelf.put("H", DAY, f"{1:032x}", entry, corrected)
    versions.append(shelf.hospitals["H"].version)
    shelf.await_list("H", DAY, "330102")
    versions.append(shelf.hospitals["H"].version)

    assert len(set(versions)) == 4
