"""`petct rulebook new` writes a notice that passes the check and decides nothing nobody has stated."""

from __future__ import annotations

from datetime import date
from itertools import combinations
from pathlib import Path

import orjson
import pytest
from ruamel.yaml import YAML

from streams.processors.settlement import SettlementProcessor
from streams.rulebook import load_rulebook
from streams.rulebook.template import KINDS, Draft, needs, notice_yaml
from tests.builders import SECRET, InputRecord, event
from tests.unit.cli.conftest import Petct, petct

__all__ = ["petct"]

ALL = tuple(kinds for length in range(1, len(KINDS) + 1) for kinds in combinations(KINDS, length))
GIVEN = (
    *("--id", "hz-2022-5", "--source", "杭医保〔2022〕5号", "--clause", "二", "--says", "5000元/次: “x” # 1"),
    *("--region", "330100", "--from", "2022-01-01"),
)


def draft(kinds: tuple[str, ...], ratio: str | None = None) -> Draft:
    wanted = needs(kinds)
    return Draft(
        id="hz-2022-5",
        title="标题: 一",
        source="杭医保〔2022〕5号",
        authority="official",
        found="全文",
        clause="二",
        says='5000元/次 "x" # \\',
        region="330100",
        exam="petct_whole_body",
        effective_from=date(2022, 1, 1),
        effective_to=None,
        reviewed_until=date(2099, 12, 31),
        kinds=kinds,
        unit_price="5000.00" if "unit_price" in wanted else None,
        ratio=ratio,
        factor="0.9" if "factor" in wanted else None,
    )


@pytest.mark.parametrize("kinds", ALL, ids="+".join)
def test_every_choice_of_kinds_makes_a_sound_notice(kinds: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "hz-2022-5.yaml").write_text(notice_yaml(draft(kinds)), encoding="utf-8")
    book = load_rulebook(tmp_path)
    assert {rule.id for rule in book.rules} == {f"hz-2022-5/{kind}" for kind in kinds}
    assert {rule.says for rule in book.rules} == {'5000元/次 "x" # \\'}


def test_a_ratio_makes_a_flat_benefit(tmp_path: Path) -> None:
    (tmp_path / "hz-2022-5.yaml").write_text(notice_yaml(draft(("benefit",), ratio="0.20")), encoding="utf-8")
    data = YAML(typ="safe").load((tmp_path / "hz-2022-5.yaml").read_text("utf-8"))
    assert data["entries"]["benefit"]["ratio"] == "0.20"
    assert len(load_rulebook(tmp_path).rules) == 1


def test_what_is_not_filled_in_is_reviewed_and_never_paid(tmp_path: Path) -> None:
    (tmp_path / "hz-2022-5.yaml").write_text(notice_yaml(draft(("price", "coverage", "benefit"))), encoding="utf-8")
    process = SettlementProcessor(load_rulebook(tmp_path), SECRET, "test")
    made = event(occurred_at="2022-02-01T10:00:00+08:00")
    made["line_items"][0]["service_date"] = "2022-02-01"
    adjusted = process(InputRecord(orjson.dumps(made))).adjusted
    assert adjusted is not None
    assert (adjusted["outcome"], adjusted["totals"]["fund_amount"]) == ("needs_review", "0.00")
    assert adjusted["lines"][0]["reasons"] == [
        "charged_above_regulated_price",
        "indication_not_listed",
        "benefit_band_unknown",
    ]


def test_options_write_a_file_that_passes_the_check(petct: Petct, tmp_path: Path) -> None:
    done = petct("rulebook", "new", *GIVEN, "--kind", "price", "--kind", "coverage", "--unit-price", "5000")
    assert done.returncode == 0, done.stderr.decode()
    assert petct("rulebook", "check", ".").returncode == 0
    assert "# " in (tmp_path / "hz-2022-5.yaml").read_text("utf-8")


def test_what_is_not_given_is_asked_and_asked_again_when_wrong(petct: Petct, tmp_path: Path) -> None:
    answers = [
        "Hz",
        "hz-2022-5",
        "杭医保〔2022〕5号",
        "price",
        "much",
        "5000.00",
        "soon",
        "2022-01-01",
        "二",
        "5000元/次",
    ]
    done = petct("rulebook", "new", stdin="\n".join([*answers, "33", "330100", ""]).encode())
    assert done.returncode == 0, done.stderr.decode()
    told = done.stderr.decode()
    assert "'Hz' is no id" in told
    assert "'soon' is no date" in told
    assert "'33' is no region" in told
    assert load_rulebook(tmp_path).rules[0].region == "330100"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "--id is not given, and nobody answers"),
        ((*GIVEN, "--kind", "prices"), "--kind 'prices' is unknown"),
        ((*GIVEN, "--kind", "price"), "--unit-price is not given"),
        ((*GIVEN, "--kind", "price", "--unit-price", "0"), "--unit-price: a price of 0"),
        ((*GIVEN, "--kind", "monitoring", "--to", "2022-13-01"), "--to: 2022-13-01 is a day no calendar has"),
        ((*GIVEN, "--kind", "monitoring", "--authority", "hearsay"), "--authority: "),
        ((*GIVEN, "--kind", "monitoring", "--into", "nowhere"), "nowhere"),
    ],
)
def test_a_wrong_or_missing_option_is_told_by_its_name(petct: Petct, arguments: tuple[str, ...], says: str) -> None:
    done = petct("rulebook", "new", *arguments)
    assert done.returncode == 2
    assert says in done.stderr.decode()


def test_nothing_is_written_over(petct: Petct, tmp_path: Path) -> None:
    (tmp_path / "hz-2022-5.yaml").write_text("mine", "utf-8")
    done = petct("rulebook", "new", *GIVEN, "--kind", "monitoring")
    assert (done.returncode, (tmp_path / "hz-2022-5.yaml").read_text("utf-8")) == (2, "mine")


def test_a_notice_that_does_not_agree_with_the_folder_is_told(petct: Petct) -> None:
    petct("rulebook", "new", *GIVEN, "--kind", "monitoring")
    other = ["hz-2022-6" if given == "hz-2022-5" else given for given in GIVEN]
    done = petct("rulebook", "new", *other, "--kind", "monitoring")
    assert done.returncode == 1
    assert "overlaps hz-2022-5/monitoring" in done.stdout.decode()


def test_an_end_before_the_beginning_is_told(petct: Petct) -> None:
    done = petct("rulebook", "new", *GIVEN, "--kind", "monitoring", "--to", "2021-01-01")
    assert done.returncode == 1
    assert "is not after effective_from" in done.stdout.decode()
