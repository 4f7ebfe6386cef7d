"""An entry past its review is a warning, not a mistake: what it says may still hold."""

from __future__ import annotations

import math
import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import orjson
import pytest

from streams.metrics import Metrics
from streams.rulebook import load_rulebook
from streams.rulebook.loader import NOTICES
from streams.rulebook.review import deadline, overdue, today_in_china
from tests.builders import installed_rulebook
from tests.unit.cli.conftest import Petct, petct

__all__ = ["petct"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ningbo's price was looked at last in 2022."""
    folder = Path(shutil.copytree(NOTICES, tmp_path / "notices"))
    path = folder / "nb-2021-23.yaml"
    path.write_text(path.read_text("utf-8").replace("reviewed_until: 2026-12-31", "reviewed_until: 2022-12-31", 1))
    return folder


def test_the_last_reviewed_day_itself_is_in_time() -> None:
    book = installed_rulebook()
    assert overdue(book, date(2026, 12, 31)) == ()
    late = overdue(book, date(2027, 1, 1))
    assert "hz-2021-30/price" in {rule.id for rule in late}
    assert "hz-2021-catastrophic-employee/benefit" not in {rule.id for rule in late}, "it ended before"


def test_the_deadline_is_the_end_of_that_day_in_china() -> None:
    assert deadline(installed_rulebook()) == datetime(2026, 12, 31, 16, tzinfo=UTC)
    assert today_in_china(datetime(2026, 12, 31, 16, tzinfo=UTC)) == date(2027, 1, 1)


def test_check_warns_and_still_says_ok(petct: Petct, folder: Path) -> None:
    done = petct("rulebook", "check", folder)
    assert done.returncode == 0
    assert (
        "warning: nb-2021-23/price was reviewed until 2022-12-31; look whether it still holds" in done.stderr.decode()
    )
    told = orjson.loads(petct("rulebook", "check", folder, "--json").stdout)
    assert (told["ok"], "nb-2021-23/price" in told["overdue"]) == (True, True)


def test_the_metric_holds_it_and_nothing_that_compares_before_there_is_a_rulebook(folder: Path) -> None:
    metrics = Metrics("1")

    def at() -> float:
        return metrics.registry.get_sample_value("petct_rulebook_review_deadline_timestamp_seconds") or 0.0

    assert math.isnan(at())
    metrics.rulebook(installed_rulebook())
    assert at() == datetime(2026, 12, 31, 16, tzinfo=UTC).timestamp()
    metrics.rulebook(load_rulebook(folder))
    assert at() == datetime(2022, 12, 31, 16, tzinfo=UTC).timestamp()


def test_only_the_rulebook_in_use_shows(folder: Path) -> None:
    metrics, before, after = Metrics("1"), installed_rulebook(), load_rulebook(folder)
    metrics.rulebook(before)
    metrics.rulebook(after)
    assert metrics.registry.get_sample_value("petct_rulebook_info", {"hash": before.hash}) is None
    assert metrics.registry.get_sample_value("petct_rulebook_info", {"hash": after.hash}) == 1
