"""`petct rulebook check|show`."""

from __future__ import annotations

import shutil
from pathlib import Path

import orjson
import pytest

import streams.rulebook
from tests.builders import installed_rulebook
from tests.unit.cli.conftest import Petct

NOTICES = Path(streams.rulebook.__file__).parent / "notices"
KINDS = ["price", "coverage", "benefit", "out_of_area_factors", "disclosure", "monitoring"]


@pytest.fixture
def spoilt(tmp_path: Path) -> Path:
    """The installed notices with two mistakes in one file."""
    folder = tmp_path / "spoilt"
    shutil.copytree(NOTICES, folder)
    notice = folder / "hz-2021-30.yaml"
    text = notice.read_text("utf-8").replace('unit_price: "5300.00"', "unit_price: much").replace("role:", "rolle:", 1)
    notice.write_text(text, "utf-8")
    return folder


def place(folder: Path, key: str) -> str:
    lines = (folder / "hz-2021-30.yaml").read_text("utf-8").splitlines()
    return f"hz-2021-30.yaml:{next(n for n, row in enumerate(lines, start=1) if key in row)}: "


def test_the_installed_notices_are_sound(petct: Petct) -> None:
    done = petct("rulebook", "check")
    assert done.returncode == 0
    assert installed_rulebook().hash in done.stdout.decode()


def test_a_copy_of_the_installed_notices_is_the_same_rulebook(petct: Petct, tmp_path: Path) -> None:
    shutil.copytree(NOTICES, tmp_path / "mine")
    told = orjson.loads(petct("rulebook", "check", "mine", "--json").stdout)
    assert told["ok"] is True
    assert told["rulebook"] == installed_rulebook().hash
    assert told["rules"] == len(installed_rulebook().rules)


def test_all_mistakes_are_told_with_file_line_and_mend(petct: Petct, spoilt: Path) -> None:
    done = petct("rulebook", "check", spoilt)
    assert done.returncode == 1
    told = done.stdout.decode()
    for key in ("unit_price: much", "rolle:"):
        assert place(spoilt, key) in told


def test_mistakes_are_told_as_json(petct: Petct, spoilt: Path) -> None:
    done = petct("rulebook", "check", spoilt, "--json")
    assert done.returncode == 1
    told = orjson.loads(done.stdout)
    assert told["ok"] is False
    assert all(mistake["problem"] and mistake["mend"] for mistake in told["mistakes"])
    assert {(mistake["file"], mistake["line"]) for mistake in told["mistakes"]} >= {
        ("hz-2021-30.yaml", int(place(spoilt, key).split(":")[1])) for key in ("unit_price: much", "rolle:")
    }


def test_a_folder_without_notices_is_a_mistake(petct: Petct, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = petct("rulebook", "check", "empty")
    assert done.returncode == 1
    assert done.stdout


def test_a_folder_that_is_none_is_a_wrong_argument(petct: Petct, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert petct("rulebook", "check", "absent").returncode == 2
    assert petct("rulebook", "check", "file").returncode == 2


def test_what_applies_is_shown_with_its_source(petct: Petct) -> None:
    done = petct("rulebook", "show", "--region", "330102", "--exam", "petct_whole_body", "--on", "2021-07-01")
    text = done.stdout.decode()
    assert done.returncode == 0
    assert "5300元/次" in text
    assert "杭医保〔2021〕30号, 二 (official, of 330100)" in text
    assert "in force from 2021-06-30 to the day before 2022-01-01" in text  # the benefit


def test_gaps_are_named(petct: Petct) -> None:
    text = petct("rulebook", "show", "--region", "330302", "--on", "2021-07-01").stdout.decode()
    assert "gap: benefit" in text
    assert "gap: price" not in text


@pytest.mark.parametrize(
    ("region", "day", "gaps"),
    [
        ("330102", "2021-06-29", KINDS),
        ("330102", "2021-06-30", ["out_of_area_factors"]),
        ("330102", "2022-01-01", ["benefit", "out_of_area_factors"]),
        ("440305", "2023-09-30", ["price", "out_of_area_factors", "disclosure", "monitoring"]),
        ("440305", "2023-10-01", ["price", "disclosure", "monitoring"]),
    ],
)
def test_gaps_and_rules_by_day_as_json(petct: Petct, region: str, day: str, gaps: list[str]) -> None:
    told = orjson.loads(petct("rulebook", "show", "--region", region, "--on", day, "--json").stdout)
    assert told["gaps"] == gaps
    assert told["rulebook"] == installed_rulebook().hash
    assert list(told["rules"]) == KINDS
    for kind, rule in told["rules"].items():
        assert (rule is None) is (kind in gaps)
        assert rule is None or (rule["source"] and rule["clause"] and rule["says"] and rule["effective_from"] <= day)


def test_the_whole_entry_stands_in_the_json(petct: Petct) -> None:
    told = orjson.loads(petct("rulebook", "show", "--region", "330102", "--on", "2021-07-01", "--json").stdout)
    assert told["rules"]["price"]["unit_price"] == "5300.00"
    assert told["rules"]["benefit"]["bands"][0] == {"lower": "25000.00", "upper": "100000.00", "ratio": "0.7500"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--region", "33"), "330000, 330100, 330200, 330600, 440300"),
        (("--region", "杭州"), "330000, 330100, 330200, 330600, 440300"),
        (("--region", "110101"), "330000, 330100, 330200, 330600, 440300"),
        (("--region", "330102", "--exam", "mri"), "petct_whole_body"),
        (("--region", "330102", "--on", "2021-13-01"), "2021-13-01"),
        (("--region", "330102", "--on", "yesterday"), "yesterday"),
        ((), "--region"),
    ],
)
def test_a_wrong_argument_is_told_with_what_is_known(petct: Petct, arguments: tuple[str, ...], says: str) -> None:
    done = petct("rulebook", "show", *arguments)
    assert (done.returncode, done.stdout) == (2, b"")
    assert says in done.stderr.decode()
