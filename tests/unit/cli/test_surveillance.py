"""`petct surveillance check|backtest`."""

from __future__ import annotations

import re
import shutil
import textwrap
from datetime import date, timedelta
from pathlib import Path

import orjson
import pytest

from streams.surveillance.thresholds import INSTALLED, RULES, load_thresholds
from tests import builders
from tests.facts import installed
from tests.unit.cli.conftest import ROOT, Petct


@pytest.fixture
def spoilt(tmp_path: Path) -> Path:
    """The installed thresholds with two mistakes in one file."""
    folder = tmp_path / "spoilt"
    shutil.copytree(INSTALLED, folder)
    text = (folder / "national.yaml").read_text("utf-8")
    text = text.replace("    severity: info", "    severity: grave", 1).replace("    min_scans:", "    min_scan:", 1)
    (folder / "national.yaml").write_text(text, "utf-8")
    return folder


@pytest.fixture
def events(tmp_path: Path) -> Path:
    """Six bills above the price of one person, a fortnight apart, one of them reversed, and a broken one."""
    bills = [
        builders.event(
            builders.line("6500.00", service_date=day.isoformat()),
            event_id=f"E{at}",
            settlement_id=f"S{at}",
            occurred_at=f"{day.isoformat()}T09:00:00+08:00",
        )
        for at, day in enumerate(date(2021, 7, 5) + timedelta(14 * n) for n in range(6))
    ]
    undoing = builders.reversal(
        reverses={"event_id": "E5", "settlement_id": "S5"}, occurred_at="2021-10-01T09:00:00+08:00"
    )
    others = [builders.event({"item_code": "330100001"}), builders.event(hospital={"level": "huge"})]
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"\n".join(orjson.dumps(one) for one in [*bills, undoing, *others]) + b"\n\n")
    return path


def test_the_installed_thresholds_are_sound(petct: Petct) -> None:
    done = petct("surveillance", "check")
    assert done.returncode == 0
    assert installed().hash in done.stdout.decode()


def test_a_copy_of_the_installed_thresholds_is_the_same(petct: Petct, tmp_path: Path) -> None:
    shutil.copytree(INSTALLED, tmp_path / "ours")
    told = orjson.loads(petct("surveillance", "check", "ours", "--json").stdout)
    assert (told["ok"], told["thresholds"], told["silent"]) == (True, installed().hash, [])


def test_all_mistakes_are_told_with_file_line_and_mend(petct: Petct, spoilt: Path) -> None:
    done = petct("surveillance", "check", spoilt)
    assert done.returncode == 1
    told = done.stdout.decode()
    assert "severity: 'grave' is not known here; write info, warning or serious" in told
    assert "min_scan: is no key known here; write min_scans if that is meant" in told


def test_mistakes_are_told_as_json(petct: Petct, spoilt: Path) -> None:
    done = petct("surveillance", "check", spoilt, "--json")
    assert done.returncode == 1
    told = orjson.loads(done.stdout)
    assert told["ok"] is False
    assert {"file", "line", "key", "problem", "mend"} == told["mistakes"][0].keys()


def test_a_rule_that_has_no_entry_is_a_warning(petct: Petct, tmp_path: Path) -> None:
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "ours.yaml").write_text(
        "id: ours\ntitle: A test\nentries:\n  contradiction:\n    origin: a test\n    severity: info\n"
        "    effective_from: 2021-06-30\n    late_days: {value: 92, origin: a test}\n",
        "utf-8",
    )
    done = petct("surveillance", "check", "ours")
    assert done.returncode == 0
    assert b"warning: overcharge has no entry" in done.stderr


def test_a_backtest_tells_findings_by_rule_and_month_and_a_curve(petct: Petct, events: Path) -> None:
    done = petct(
        "surveillance", "backtest", "--events", events, "--vary", "repeat_scan.short_max_scans=2,3,5", "--json"
    )
    assert done.returncode == 0, done.stderr
    told = orjson.loads(done.stdout)
    assert (told["events"], told["settlements"], told["dead_letters"]) == (9, 6, 1)
    assert told["findings"].keys() == set(RULES)
    assert told["findings"]["overcharge"] == {"2021-07": 1, "2021-08": 1}
    assert told["findings"]["repeat_scan"] == {"2021-08": 1}
    (curve,) = told["curves"]
    assert (curve["rule"], curve["threshold"]) == ("repeat_scan", "short_max_scans")
    assert [(point["value"], point["findings"], point["in_force"]) for point in curve["points"]] == [
        ("2", 1, False),
        ("3", 1, True),
        ("5", 1, False),
    ]
    assert [point["amount_at_stake"] for point in curve["points"]] == ["19500.00", "13000.00", "6500.00"]


def test_a_backtest_for_people_shows_the_same(petct: Petct, events: Path) -> None:
    done = petct("surveillance", "backtest", "--events", events, "--vary", "overcharge.min_scans=1,9")
    told = done.stdout.decode()
    assert "9 events, 6 settlements with an examination, 1 dead letters" in told
    assert "2021-07" in told
    assert "overcharge.min_scans (* as it is)" in told
    assert "█" in told


def test_a_backtest_tells_no_person(petct: Petct, events: Path) -> None:
    done = petct("surveillance", "backtest", "--events", events, "--json")
    assert b"P1" not in done.stdout
    assert "欧阳".encode() not in done.stdout


def test_events_come_from_standard_input_too(petct: Petct, events: Path) -> None:
    done = petct("surveillance", "backtest", "--events", "-", "--json", stdin=events.read_bytes())
    assert orjson.loads(done.stdout)["settlements"] == 6


def test_a_backtest_takes_thresholds_of_a_folder(petct: Petct, events: Path, tmp_path: Path) -> None:
    folder = tmp_path / "ours"
    shutil.copytree(INSTALLED, folder)
    text = (folder / "national.yaml").read_text("utf-8")
    (folder / "national.yaml").write_text(text.replace("min_scans: {value: 1,", "min_scans: {value: 99,", 1), "utf-8")
    told = orjson.loads(petct("surveillance", "backtest", "--events", events, "--rules", folder, "--json").stdout)
    assert told["findings"]["overcharge"] == {}


def test_the_commands_of_the_page_run(petct: Petct, events: Path, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "surveillance.md").read_text("utf-8")
    blocks = re.findall(r"test_surveillance.py -->\n```sh\npetct (.+)\n```", page)
    assert [command.split()[1] for command in blocks] == ["check", "backtest"]
    shutil.copytree(INSTALLED, tmp_path / "our-thresholds")
    shutil.copy(events, tmp_path / "2024.jsonl")
    for command in blocks:
        done = petct(*command.partition("#")[0].split())
        assert done.returncode == 0, done.stderr


def test_an_entry_as_the_page_shows_it_is_one(tmp_path: Path) -> None:
    """With the numbers it leaves out."""
    page = (ROOT / "docs" / "surveillance.md").read_text("utf-8")
    (shown,) = re.findall(r"```yaml\n(.+?)```", page, re.DOTALL)
    rest = {"short_max_scans": 3, "short_window_days": 60, "planning_days": 14, "late_days": 92}
    entry = shown + "".join(f"  {name}: {{value: {value}, origin: a test}}\n" for name, value in rest.items())
    text = "id: ours\ntitle: A test\nentries:\n" + textwrap.indent(entry, "  ")
    (tmp_path / "ours.yaml").write_text(text, "utf-8")
    assert load_thresholds(tmp_path).entries[0].whole("max_scans") == 4


def test_thresholds_with_mistakes_judge_nothing(petct: Petct, events: Path, spoilt: Path) -> None:
    done = petct("surveillance", "backtest", "--events", events, "--rules", spoilt)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"holds mistakes, told above" in done.stderr


@pytest.mark.parametrize(
    ("vary", "mend"),
    [
        ("repeat_scan", b"repeat_scan.max_scans=3,4,5"),
        ("repeat_scan.most=1", b"It has late_days"),
        ("nothing.at=1", b"It is one of overcharge"),
        ("repeat_scan.max_scans=0", b"whole number"),
    ],
)
def test_a_variation_that_cannot_be_tried_is_a_wrong_argument(
    petct: Petct, events: Path, vary: str, mend: bytes
) -> None:
    done = petct("surveillance", "backtest", "--events", events, "--vary", vary)
    assert done.returncode == 2
    assert mend in done.stderr
