"""The parts of the watch role that need no bus: which settlement stands, and which lists are late."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import faust
import orjson
import pytest

from schemas.moments import CHINA
from streams.metrics import WatchMetrics
from streams.processors.board import Entry, Signboard
from streams.processors.shelf import Shelf
from streams.settings import SettingsError, WatchSettings, load
from streams.watch.freshness import freshness
from streams.watch.host import STEP_SECONDS, Watch
from streams.watch.inquiry import answer, fold
from tests.builders import event, process, reversal

EMPTY = Entry.read({"rank": [False, 1], "rows": [], "changes": {}})


def _adjusted(made: dict[str, Any]) -> bytes:
    return process(made).outputs[0].value or b""


def _stands(*values: bytes) -> dict[str, Any]:
    held: bytes | None = None
    for offset, value in enumerate(values):
        held = fold(held, value, offset, 1_625_103_062_123)
    assert held is not None
    told = answer("S1", held)
    assert told is not None
    return told


def test_the_newest_record_of_a_settlement_is_told_as_it_is() -> None:
    value = _adjusted(event())
    assert _stands(value) == {
        "settlement_id": "S1",
        "record": orjson.loads(value),
        "recorded_at": "2021-07-01T09:31:02.123+08:00",
    }


def test_a_reversal_stands_over_what_it_undoes() -> None:
    told = _stands(_adjusted(event()), _adjusted(reversal()))
    assert told["record"]["event_type"] == "settlement.adjustment_reversed"


def test_a_correction_stands_over_the_revision_before() -> None:
    first = orjson.loads(_adjusted(event()))
    second = {**first, "revision": 2, "supersedes": first["event_id"], "reason": "rulebook_change"}
    told = _stands(orjson.dumps(first, option=orjson.OPT_SORT_KEYS), orjson.dumps(second, option=orjson.OPT_SORT_KEYS))
    assert told["record"]["revision"] == 2


def test_a_record_read_again_changes_nothing() -> None:
    decision, undoing = _adjusted(event()), _adjusted(reversal())
    held = fold(None, decision, 7, 0)
    after = fold(held, undoing, 8, 0)
    assert fold(fold(after, decision, 7, 0), undoing, 8, 0) == after


def test_what_is_none_of_ours_is_not_kept() -> None:
    assert fold(None, b'{"event_type": "something"}', 0, 0) is None
    assert fold(None, b"no json", 0, 0) is None


def _at(clock: str) -> datetime:
    return datetime.fromisoformat(f"2021-07-02T{clock}:00").replace(tzinfo=CHINA)


def _shelf() -> Shelf:
    """Two hospitals of Hangzhou with examinations on July 1; one has a list of it."""
    shelf = Shelf()
    for code in ("H1", "H2"):
        shelf.await_list(code, "2021-07-01", "330102")
    shelf.name("H1", Signboard("示例医院", "330102", 0, ""))
    shelf.put("H1", "2021-07-01", "00" * 16, None, EMPTY)
    return shelf


def test_a_hospital_with_examinations_and_no_list_is_late_from_the_set_hour() -> None:
    city = {"330102": "330100"}.__getitem__
    assert freshness(_shelf(), city, _at("08:59"), 9)[1] == {}
    assert freshness(_shelf(), city, _at("09:00"), 9)[1] == {"330100": 1}
    assert freshness(_shelf(), city, _at("23:59"), 9)[1] == {"330100": 1}


def test_a_list_whose_rows_were_all_withdrawn_is_a_list() -> None:
    shelf = _shelf()
    shelf.put("H2", "2021-07-01", "01" * 16, None, EMPTY)
    assert not freshness(shelf, lambda _: "330100", _at("09:00"), 9)[1]


def test_the_newest_day_of_a_city_is_that_of_its_newest_list() -> None:
    newest, _ = freshness(_shelf(), lambda _: "330100", _at("09:00"), 9)
    assert newest == {"330100": datetime(2021, 7, 1, tzinfo=CHINA).timestamp()}


def test_an_inquiry_needs_a_token_and_a_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PETCT_KAFKA_BOOTSTRAP_SERVERS", "localhost:9092")
    monkeypatch.setenv("PETCT_INQUIRY", "true")
    monkeypatch.setenv("PETCT_WATCH_API_PORT", "0")
    with pytest.raises(SettingsError) as told:
        load(WatchSettings)
    assert [problem.variable for problem in told.value.problems] == [
        "PETCT_INQUIRY_TOKEN or PETCT_INQUIRY_TOKEN_FILE",
        "PETCT_WATCH_API_PORT",
    ]


async def test_a_process_that_reads_its_tables_for_long_is_alive(tmp_path: Path) -> None:
    """Faust's start returns when they are read; a liveness probe would end it before that, again and again."""
    read = asyncio.Event()
    watch = Watch(WatchSettings(kafka_bootstrap_servers="localhost:1", watch_folder=tmp_path), WatchMetrics())
    watch._last_step = time.monotonic() - STEP_SECONDS
    assert watch.not_live()
    app = SimpleNamespace(start=read.wait, consumer=SimpleNamespace(out_of_the_group=False))
    starting = asyncio.create_task(watch._start(cast("faust.App", app)))
    async with asyncio.timeout(60):
        while watch.not_live():  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.1)
    assert not starting.done()
    read.set()
    await starting
