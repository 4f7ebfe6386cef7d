"""The pages under docs/decisions: each says the same four things, and the list has all of them."""

from __future__ import annotations

import re

import pytest

from tests.docs.pages import CHECKOUT

FOLDER = CHECKOUT / "docs" / "decisions"
PAGES = sorted(path for path in FOLDER.glob("*.md") if path.name != "index.md")
SECTIONS = ["Context", "Decision", "Consequences", "What would change our mind"]


@pytest.mark.parametrize("name", [path.name for path in PAGES])
def test_a_decision_says_what_was_known_what_was_decided_what_it_costs_and_what_would_overturn_it(name: str) -> None:
    title, *sections = re.split(r"^## ", (FOLDER / name).read_text("utf-8"), flags=re.MULTILINE)
    assert title.startswith("# ")
    assert [section.partition("\n")[0] for section in sections] == SECTIONS
    assert all(len(section.split()) > 15 for section in sections)


def test_the_list_of_decisions_has_each_of_them_under_its_title() -> None:
    titles = {path.name: path.read_text("utf-8").partition("\n")[0].removeprefix("# ") for path in PAGES}
    listed = re.findall(r"^\| \[([^\]]+)\]\(([^)]+)\) \|", (FOLDER / "index.md").read_text("utf-8"), re.MULTILINE)
    assert {page: title for title, page in listed} == titles
