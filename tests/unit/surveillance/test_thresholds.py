"""What a writer of thresholds is told, and which threshold holds where and when.

`bad_thresholds/<mistake>.yaml` holds one mistake or more, `….txt` the whole answer.
"""

from __future__ import annotations

import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from ops.kafka.broker import CHECKOUT
from schemas.alerts import Finding
from streams.surveillance import judge
from streams.surveillance.terms import TERMS, numbers_of
from streams.surveillance.thresholds import (
    CITY_RULES,
    INSTALLED,
    PERSON_RULES,
    RULES,
    Thresholds,
    ThresholdsError,
    load_thresholds,
)
from tests.facts import installed

BAD = Path(__file__).parent / "bad_thresholds"
CASES = sorted(path.stem for path in BAD.glob("*.yaml"))
DAY = date(2023, 3, 6)
NATIONAL = (INSTALLED / "national.yaml").read_text("utf-8")


def refusal(directory: Path) -> str:
    with pytest.raises(ThresholdsError) as told:
        load_thresholds(directory)
    return str(told.value)


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_is_told_with_file_line_key_and_mend(case: str, tmp_path: Path) -> None:
    shutil.copy(BAD / f"{case}.yaml", tmp_path)
    assert refusal(tmp_path) == (BAD / f"{case}.txt").read_text(encoding="utf-8").rstrip("\n")


def test_every_answer_belongs_to_a_mistake() -> None:
    assert sorted(path.stem for path in BAD.glob("*.txt")) == CASES


def test_the_mistakes_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    for case in CASES:
        shutil.copy(BAD / f"{case}.yaml", tmp_path)
    with pytest.raises(ThresholdsError) as told:
        load_thresholds(tmp_path)
    assert {mistake.file for mistake in told.value.mistakes} >= {f"{case}.yaml" for case in CASES}


def test_a_folder_that_holds_none_is_told(tmp_path: Path) -> None:
    assert "holds no thresholds" in refusal(tmp_path)
    assert "is no folder" in refusal(tmp_path / "absent")
    (tmp_path / "ours.yml").write_text(NATIONAL, "utf-8")
    assert refusal(tmp_path) == "ours.yml: would not be read; rename it ours.yaml"


def written(tmp_path: Path, **files: str) -> Thresholds:
    for name, text in files.items():
        (tmp_path / f"{name}.yaml").write_text(text, "utf-8")
    return load_thresholds(tmp_path)


def contradiction(name: str, *, more: str = "", severity: str = "info", since: str = "2021-06-30") -> str:
    return (
        f"id: {name}\ntitle: A test\nentries:\n  contradiction:\n    origin: a test\n    severity: {severity}\n"
        f"    effective_from: {since}\n{more}    late_days: {{value: 92, origin: a test}}\n"
    )


def test_the_most_specific_place_decides(tmp_path: Path) -> None:
    thresholds = written(
        tmp_path,
        everywhere=contradiction("everywhere"),
        zhejiang=contradiction("zhejiang", more='    region: "330000"\n'),
        hangzhou=contradiction("hangzhou", more='    region: "330100"\n'),
    )
    held = {region: thresholds.of("contradiction", region, DAY) for region in ("330102", "330200", "440300")}
    assert {region: entry.id for region, entry in held.items() if entry is not None} == {
        "330102": "hangzhou/contradiction",
        "330200": "zhejiang/contradiction",
        "440300": "everywhere/contradiction",
    }


def test_an_entry_holds_from_its_first_day_to_before_its_last(tmp_path: Path) -> None:
    first = contradiction("first", more="    effective_to: 2023-01-01\n")
    thresholds = written(tmp_path, first=first, then=contradiction("then", since="2023-01-01"))
    found = [
        thresholds.of("contradiction", "330100", date.fromisoformat(day))
        for day in ("2021-06-29", "2021-06-30", "2022-12-31", "2023-01-01")
    ]
    assert [entry and entry.id for entry in found] == [
        None,
        "first/contradiction",
        "first/contradiction",
        "then/contradiction",
    ]


def test_a_rule_without_an_entry_is_silent_and_named(tmp_path: Path) -> None:
    thresholds = written(tmp_path, only=contradiction("only"))
    assert thresholds.of("repeat_scan", "330100", DAY) is None
    assert thresholds.silent == tuple(rule for rule in RULES if rule != "contradiction")


def test_the_version_changes_with_what_the_files_say_and_not_with_how(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "c").mkdir()
    plain = written(tmp_path / "a", only=contradiction("only"))
    commented = written(tmp_path / "b", only="# A comment\n" + contradiction("only"))
    other = written(tmp_path / "c", only=contradiction("only", severity="serious"))
    assert plain.hash == commented.hash != other.hash
    assert plain.hash.startswith("sha256:")


def test_the_installed_thresholds_let_every_rule_speak_everywhere() -> None:
    assert installed().silent == ()
    for rule in RULES:
        assert installed().of(rule, "330102", DAY) is not None
        assert installed().of(rule, "650100", DAY) is not None


def test_the_installed_threshold_of_repeated_scans_says_that_no_public_number_exists() -> None:
    found = installed().of("repeat_scan", "330100", DAY)
    assert found is not None
    assert "no public number exists" in found.origin
    assert "NCD 220.6.17" in found.origin


def test_every_rule_has_terms_a_judge_and_a_place_on_the_wire() -> None:
    assert {*PERSON_RULES, *CITY_RULES} == set(RULES) == set(TERMS) == {*judge.PERSON, *judge.CITY}
    assert set(RULES) == set(Finding.model_json_schema()["properties"]["rule"]["enum"])


def test_a_varied_threshold_changes_one_number_and_the_version() -> None:
    varied = installed().varied("repeat_scan", "max_scans", Decimal(7))
    found = varied.of("repeat_scan", "330100", DAY)
    assert found is not None
    assert (found.whole("max_scans"), found.whole("window_days")) == (7, 365)
    assert varied.hash != installed().hash
    assert varied.item_codes == installed().item_codes


@pytest.mark.parametrize(
    ("name", "value"), [("max_scans", "0"), ("max_scans", "2.5"), ("max_scans", "-1"), ("window_days", "0")]
)
def test_a_number_cannot_be_varied_to_what_it_cannot_be(name: str, value: str) -> None:
    with pytest.raises(ValueError, match="whole number"):
        installed().varied("repeat_scan", name, Decimal(value))


def test_a_share_lies_between_nothing_and_all() -> None:
    with pytest.raises(ValueError, match="0 to 1"):
        installed().varied("out_of_scope_share", "min_difference", Decimal("1.5"))


def test_facts_are_kept_as_long_as_a_rule_looks_back_from_a_late_event() -> None:
    longer = installed().varied("repeat_scan", "window_days", Decimal(1000))
    assert longer.person_horizon_days() - installed().person_horizon_days() == 1000 - 365
    assert longer.city_horizon_days() == installed().city_horizon_days()


def test_the_page_says_how_long_facts_are_kept() -> None:
    page = (CHECKOUT / "docs" / "surveillance.md").read_text("utf-8")
    days = installed().person_horizon_days(), installed().city_horizon_days()
    assert f"{days[0]} days of a person and {days[1]} of a city" in page


def test_the_page_tells_every_number_of_every_rule() -> None:
    page = (CHECKOUT / "docs" / "surveillance.md").read_text("utf-8")
    assert {name for rule in RULES for name in numbers_of(rule) if f"`{name}`" not in page} == set()


def test_every_number_has_an_origin_in_the_file() -> None:
    for rule in RULES:
        assert NATIONAL.count(f"  {rule}:") == 1
        for name in numbers_of(rule):
            assert f"    {name}:" in NATIONAL
