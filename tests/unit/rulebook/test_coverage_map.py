"""The coverage map draws what a lookup answers, day by day, and nothing else."""

from __future__ import annotations

import re
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest

from streams.pages.coverage import coverage_page, coverage_svg
from streams.rulebook.coverage import coverage_map
from tests.builders import installed_rulebook
from tests.unit.cli.conftest import ROOT, Petct, petct

__all__ = ["petct"]


def test_every_day_of_the_map_shows_what_a_lookup_answers() -> None:
    book = installed_rulebook()
    map = coverage_map(book, ["330100", "330302", "330200", "440305", "110101"])
    for row in map.rows:
        assert (row.spans[0].start, row.spans[-1].end) == (map.start, map.end)
        assert all(before.end == after.start and before.rule is not after.rule for before, after in pairwise(row.spans))
        for span in row.spans:
            for day in (span.start, span.end - timedelta(days=1)):
                assert getattr(book, row.kind)(row.region, row.exam, day) is span.rule


def test_a_rule_of_a_wider_region_is_inherited() -> None:
    row = next(row for row in coverage_map(installed_rulebook(), ["330302"]).rows if row.kind == "price")
    gap, held = row.spans
    assert (gap.rule, held.rule and held.rule.id) == (None, "zj-2021-31/price")
    assert row.inherited(held)
    assert row.gaps == (gap,)


def test_what_lies_past_its_review_is_marked() -> None:
    map = coverage_map(installed_rulebook(), ["330100"], ["price", "benefit"])
    price, benefit = map.rows
    assert price.spans[-1].reviewed_until == date(2026, 12, 31)
    assert benefit.spans[1].reviewed_until is None, "it ended before its review ran out"


def test_every_region_with_a_rule_has_its_rows() -> None:
    book = installed_rulebook()
    assert {row.region for row in coverage_map(book).rows} == {rule.region for rule in book.rules}


def test_the_picture_is_well_formed_and_shows_every_span() -> None:
    map = coverage_map(installed_rulebook())
    picture = ElementTree.fromstring(coverage_svg(map, date(2026, 1, 1)))
    titled = [held for held in picture.iter() if held.tag.endswith("rect") and len(held)]
    stale = sum(span.reviewed_until is not None for row in map.rows for span in row.spans)
    # A span past its review has a second rectangle; the pattern of those is one too.
    assert len([held for held in titled if held.get("class") != "stale"]) == sum(len(row.spans) for row in map.rows)
    assert len([held for held in titled if held.get("class") == "stale"]) == stale
    assert all(float(held.get("width", "0")) > 0 for held in titled)


def test_the_page_loads_nothing_and_escapes_what_notices_say() -> None:
    page = coverage_page(installed_rulebook(), coverage_map(installed_rulebook()), date(2026, 1, 1))
    assert not re.search(r"<script|<link|<img|@import|url\((?!#)", page)
    assert set(re.findall(r'https?://[^"<\s]+', page)) == {"http://www.w3.org/2000/svg"}
    assert "default-src 'none'" in page


def test_the_picture_in_the_docs_is_that_of_the_installed_notices() -> None:
    """Written by: petct rulebook coverage --svg docs/rulebook-coverage.svg"""
    drawn = (ROOT / "docs" / "rulebook-coverage.svg").read_text("utf-8")
    assert drawn == coverage_svg(coverage_map(installed_rulebook()))


def test_the_command_draws_on_a_terminal(petct: Petct) -> None:
    done = petct("rulebook", "coverage", "--region", "330100", "--region", "330302")
    text = done.stdout.decode()
    assert done.returncode == 0
    bars = {
        (region, kind): bar
        for region, block in re.findall(r"^(\d{6}) petct_whole_body\n((?:  .*\n)+)", text, re.M)
        for kind, bar in re.findall(r"^  (\w+) +(\S+)$", block, re.M)
    }
    assert re.fullmatch("·+█+░+", bars["330100", "price"])
    assert re.fullmatch("·+█+·+", bars["330100", "benefit"])
    assert re.fullmatch("·+▓+░+", bars["330302", "price"])
    assert re.fullmatch("·+", bars["330302", "benefit"])
    assert "gap: no benefit rule in 330100 from 2022-01-01 on" in text


def test_the_command_writes_files_and_json(petct: Petct, tmp_path: Path) -> None:
    assert petct("rulebook", "coverage", "--html", "map.html", "--svg", "map.svg").returncode == 0
    assert "<svg" in (tmp_path / "map.html").read_text("utf-8")
    assert (tmp_path / "map.svg").read_text("utf-8").startswith("<svg")
    told = petct("rulebook", "coverage", "--json").stdout
    assert b'"rule": "nb-2021-23/benefit"' in told


@pytest.mark.parametrize("place", ["nowhere/map.html"])
def test_a_file_that_cannot_be_written_is_told(petct: Petct, place: str) -> None:
    done = petct("rulebook", "coverage", "--html", place)
    assert done.returncode == 2
    assert b"cannot be written" in done.stderr


def test_a_region_that_is_no_division_code_is_told(petct: Petct) -> None:
    done = petct("rulebook", "coverage", "--region", "Ningbo")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"--region 'Ningbo' is not a division code of six digits" in done.stderr
