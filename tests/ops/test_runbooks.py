"""Every alert has its runbook and the other way round; every command in one is a command there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.ops.commands import CommandError, blocks, check, commands
from tests.ops.prometheus import CHECKOUT, RUNBOOKS, alerts, series
from tests.ops.promql import labels_of

PAGES = {path.stem: path.read_text("utf-8") for path in sorted(RUNBOOKS.glob("*.md"))}
SECTIONS = ["Meaning", "Impact", "Diagnosis", "Mitigation", "Escalation"]
DOCUMENTS = sorted([*RUNBOOKS.glob("*.md"), *(CHECKOUT / "docs").glob("deployment.md")])
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    assert PAGES.keys() - {"README"} == alerts().keys()


def test_the_table_of_alerts_in_the_document_has_all_of_them() -> None:
    document = (CHECKOUT / "docs" / "deployment.md").read_text("utf-8")
    told = re.findall(r"^\| \[(\w+)\]\(../ops/runbooks/\1.md\) \| (\w+) \|", document, re.MULTILINE)
    assert dict(told) == {name: rule["labels"]["severity"] for name, rule in alerts().items()}


@pytest.mark.parametrize("name", alerts())
def test_a_runbook_says_what_it_means_what_it_costs_how_to_look_what_to_do_and_whom_to_call(name: str) -> None:
    page = PAGES[name]
    assert page.startswith(f"# {name}\n")
    assert f"Severity: {alerts()[name]['labels']['severity']}." in page
    _, *sections = re.split(r"^## ", page, flags=re.MULTILINE)
    assert [section.partition("\n")[0] for section in sections] == SECTIONS
    assert all(len(section.split()) > 8 for section in sections)
    assert list(blocks(sections[2], "sh"))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_every_command_is_one_that_there_is(path: Path) -> None:
    for block in blocks(path.read_text("utf-8"), "sh"):
        for words in commands(block):
            check(words)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_every_query_asks_for_what_there_is(path: Path) -> None:
    for block in blocks(path.read_text("utf-8"), "promql"):
        for query in block.splitlines():
            labels_of(query, series())


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_every_link_leads_somewhere(path: Path) -> None:
    for target in LINK.findall(path.read_text("utf-8")):
        assert (path.parent / target).exists(), target


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        ("petct rulebook publis", "has no command publis"),
        ("petct replay run", "plan_file"),
        ("petct replay run plan.yaml --emmit", "--emmit"),
        ("petct replay run plan.yaml --jobs many", "valid integer"),
        ("petct doctor now", "unexpected extra argument"),
        ("kubectl -n petct exec deploy/tools -- petct docter", "has no command docter"),
        ("PETCT_LOG_LEVEL=debug petct adjudicate < a.json | petct explane", "has no command explane"),
        ("make kafka-upp", "no target kafka-upp"),
        ("kafka-offsets.sh --list", "not among the programs"),
        ("rm -rf /", "not among the programs"),
    ],
)
def test_a_command_that_there_is_not_is_found(command: str, wrong: str) -> None:
    def look() -> None:
        for words in commands(command):
            check(words)

    with pytest.raises(CommandError, match=wrong):
        look()
