"""An entry past its review is a warning, not a mistake: what it says may still hold."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime, timedelta
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


def test_the_metric_counts_down_to_it_and_goes_below_zero(folder: Path) -> None:
    metrics = Metrics("1")

    def seconds() -> float:
        return metrics.registry.get_sample_value("petct_rulebook_review_seconds") or 0.0

    metrics.rulebook("sha256:a", (datetime.now(UTC) + timedelta(days=1)).timestamp())
    assert 0 < seconds() <= 86_400
    book = load_rulebook(folder)
    metrics.rulebook(book.hash, deadline(book).timestamp())
    assert seconds() < 0


def test_only_the_rulebook_in_use_shows() -> None:
    metrics = Metrics("1")
    metrics.rulebook("sha256:a", 0.0)
    metrics.rulebook("sha256:b", 0.0)
    assert metrics.registry.get_sample_value("petct_rulebook_info", {"hash": "sha256:a"}) is None
    assert metrics.registry.get_sample_value("petct_rulebook_info", {"hash": "sha256:b"}) == 1
