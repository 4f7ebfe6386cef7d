"""The tables of docs/reliability.md, written by the suite: each row stands as the last long run of its test left it."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Final

from ops.kafka.broker import CHECKOUT, fetch_jars
from tests.faults.scenarios import SCENARIOS
from tests.faults.stage import Result

DOCUMENT: Final = CHECKOUT / "docs" / "reliability.md"
Rows = dict[str, str]
"""Lines of a table by their first cell."""

_FAULTS_HEAD: Final = (
    "| fault | times | events | outputs | lost | repeated | differing | recovery, s | counted from | run on |\n"
    "|---|--:|--:|--:|--:|--:|--:|--:|---|---|\n"
)
_CONTROLS_HEAD: Final = (
    "| wrong on purpose | times | events | outputs | lost | repeated | differing | run on |\n"
    "|---|--:|--:|--:|--:|--:|--:|---|\n"
)
_MEMORY_HEAD: Final = "| load | what was measured | run on |\n|---|---|---|\n"


def write(results: Iterable[Result], measured: dict[str, str]) -> None:
    """Put these into the document, in the order of the catalogue; rows of scenarios that did not run stay.

    `measured` are figures of memory and latency, by load.
    """
    results = list(results)
    if not results and not measured:
        return
    text = DOCUMENT.read_text("utf-8")
    today = datetime.now(UTC).date().isoformat()
    faults, controls, memory = (rows(text, name) for name in ("faults", "controls", "memory"))
    for result in results:
        (controls if result.scenario.control else faults)[result.scenario.title] = _row(result, today)
    memory |= {load: f"| {load} | {figures} | {today} |" for load, figures in measured.items()}
    order = [scenario.title for scenario in SCENARIOS.values()]
    text = _replaced(text, "faults", _FAULTS_HEAD, [faults[title] for title in order if title in faults])
    text = _replaced(text, "controls", _CONTROLS_HEAD, [controls[title] for title in order if title in controls])
    text = _replaced(text, "memory", _MEMORY_HEAD, list(memory.values()))
    text = _replaced(text, "where", "", [_where()])
    DOCUMENT.write_text(text, "utf-8")


def rows(text: str, name: str) -> Rows:
    """The rows of one table of the document, as they stand."""
    begin, end = _between(text, name)
    lines = [line for line in text[begin:end].splitlines() if line.startswith("| ")][1:]
    return {line.split(" | ")[0].removeprefix("| "): line for line in lines}


def _row(result: Result, today: str) -> str:
    verdict, scenario = result.verdict, result.scenario
    cells = [
        scenario.title,
        f"{result.faults:,}",
        f"{verdict.events:,}",
        f"{verdict.outputs:,}",
        f"{verdict.lost:,}",
        f"{verdict.repeated:,}",
        f"{verdict.differing:,}",
    ]
    if not scenario.control:
        since = scenario.since if result.recoveries else "–"
        cells += [result.recovery, f"{since}; {result.note}" if result.note else since]
    return f"| {' | '.join([*cells, today])} |"


def _where() -> str:
    (jar,) = fetch_jars().glob("kafka-clients-*.jar")
    kafka = jar.stem.removeprefix("kafka-clients-")
    return (
        f"Kafka {kafka}, aiokafka {version('aiokafka')}, Python {platform.python_version()}, "
        f"{os.cpu_count()} processors shared by brokers, workers and the suite."
    )


def _between(text: str, name: str) -> tuple[int, int]:
    """Where the place of that name begins and ends."""
    found = re.search(rf"<!-- {name}:[^>]*-->\n(.*?)<!-- end -->", text, re.DOTALL)
    assert found is not None, f"{DOCUMENT.name} has no place for {name}"
    return found.span(1)


def _replaced(text: str, name: str, head: str, lines: list[str]) -> str:
    begin, end = _between(text, name)
    body = "\n" + head + "".join(f"{line}\n" for line in lines) + "\n"
    return text[:begin] + body + text[end:]
