"""Every block of every page is run, parsed, or says why not; what is JSON or YAML is what it claims to be."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from streams.contract.catalogue import BY_NAME
from tests.docs.pages import CHECKOUT, SHELL, Block, blocks, blocks_of
from tests.ops.conftest import Promtool

REASONS = {
    "needs Docker",
    "needs a Kubernetes cluster",
    "needs Kafka's own tools",
    "it installs what runs the tests",
    "it runs the tests that would run it",
    "it stands for three languages",
    "it is for an incident on a cluster",
}
MOST = Counter(
    {
        "needs Docker": 3,
        "needs a Kubernetes cluster": 5,
        "needs Kafka's own tools": 3,
        "it installs what runs the tests": 1,
        "it runs the tests that would run it": 1,
        "it stands for three languages": 1,
    }
)
"""Blocks not run outside of the runbooks, which are all about a cluster. It takes a hand to raise a number here."""
RUNBOOKS = "ops/runbooks/"
CHECKED_ELSEWHERE = {"promql": "tests/ops/test_runbooks.py", "csv": "tests/contract/test_nhsa_docs.py"}
OF_THE_SITE = {"{toctree}"}
PLAIN = ""
EVERY = SHELL | {"python", "json", "yaml", PLAIN} | CHECKED_ELSEWHERE.keys() | OF_THE_SITE
PUBLISHED = CHECKOUT / "schemas" / "published"


def ids(block: Block) -> str:
    return str(block)


def of(*languages: str) -> list[Block]:
    return [block for block in blocks() if block.language in languages]


def test_every_block_has_a_language_that_somebody_looks_after() -> None:
    assert [str(block) for block in blocks() if block.language not in EVERY] == []
    for language, test in CHECKED_ELSEWHERE.items():
        assert f"{language}" in (CHECKOUT / test).read_text("utf-8")
    assert {block.page for block in of("promql")} <= {
        f"{RUNBOOKS}{path.name}" for path in (CHECKOUT / RUNBOOKS).glob("*.md")
    } | {"docs/deployment.md"}


def test_what_is_not_run_has_one_of_few_reasons() -> None:
    wrong = [f"{block}: {block.not_run}" for block in blocks() if block.not_run and block.not_run not in REASONS]
    assert wrong == []


def test_not_more_is_left_out_than_was_agreed() -> None:
    left_out = Counter(block.not_run for block in blocks() if block.not_run and not block.page.startswith(RUNBOOKS))
    assert left_out <= MOST


def test_the_file_that_is_said_to_run_a_block_reads_its_page_or_holds_its_commands() -> None:
    for block in blocks():
        if not block.run_by:
            continue
        runs = CHECKOUT / block.run_by
        assert runs.is_file(), f"{block}: there is no {block.run_by}"
        text = runs.read_text("utf-8")
        lines = [line.partition("#")[0].strip() for line in block.text.splitlines()]
        page = block.page.rpartition("/")[2]
        assert re.search(rf"\b{re.escape(page)}\b", text) or all(line in text for line in lines), block


def test_a_plain_block_hides_no_command() -> None:
    """What is shown is output or a drawing: no line of it begins like a command, so none escapes being run."""
    for block in of(PLAIN):
        assert not re.search(r"^(?:\$ |petct |make |[A-Z_]+=\S+ petct )", block.text, re.MULTILINE), block


@cache
def _validator(path: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads((PUBLISHED / path).read_text("utf-8")))


def _schema(document: Any) -> str:
    """Of a record, by what it says it is."""
    if isinstance(document, dict) and document.get("event_type") in BY_NAME:
        return f"v1/{document['event_type']}.schema.json"
    if isinstance(document, dict) and document.keys() >= {"hospital", "day", "rows"}:
        return "daily-list.schema.json"
    raise AssertionError("neither a record of the contract nor a daily list; let a test of its own read it, and say so")


@pytest.mark.parametrize("block", of("json"), ids=ids)
def test_json_is_a_record_that_its_published_schema_takes(block: Block) -> None:
    document = json.loads(block.text)
    if not block.run_by:
        _validator(_schema(document)).validate(document)


def _plain(value: Any) -> Any:
    """As JSON would say it: days as text."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value


@pytest.mark.parametrize("block", of("yaml"), ids=ids)
def test_yaml_is_what_its_reader_takes(block: Block, promtool: Promtool, tmp_path: Path) -> None:
    """A whole notice an editor's schema, item codes the same, a scrape Prometheus; a part of a notice is parsed."""
    document = _plain(YAML(typ="safe").load(re.sub("<the new code>", "000000000000000", block.text)))
    if isinstance(document, list):
        for job in document:
            del job["kubernetes_sd_configs"]  # Debian's Prometheus is built without it
        (tmp_path / "prometheus.yml").write_text(json.dumps({"scrape_configs": document}), "utf-8")
        promtool("check", "config", tmp_path / "prometheus.yml")
    elif "exams" in document:
        _validator("exams.schema.json").validate(document)
    elif document.get("entries"):
        _validator("notice.schema.json").validate(document)
    else:
        assert document


@pytest.mark.parametrize("block", of("python"), ids=ids)
def test_python_can_be_read(block: Block) -> None:
    compile(block.text, str(block), "exec")


def test_what_takes_pages_apart_sees_fences_in_lists_markers_and_those_of_a_whole_page() -> None:
    text = """
<!-- not run on this page: needs Docker -->

1. first

   <!-- run by tests/x.py -->
   ```sh
   petct a
   ```

```sh
petct b
```

<!-- not run: needs Kafka's own tools -->

words in between

```json
{}
```

<!-- not run: needs Kafka's own tools -->
```console
petct c
```
"""
    assert [(block.line, block.language, block.text, block.marker) for block in blocks_of("x.md", text)] == [
        (7, "sh", "petct a\n", "run by tests/x.py"),
        (11, "sh", "petct b\n", "not run: needs Docker"),
        (19, "json", "{}\n", ""),
        (24, "console", "petct c\n", "not run: needs Kafka's own tools"),
    ]
