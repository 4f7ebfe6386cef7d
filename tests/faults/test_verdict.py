"""The judge of the suite sees what it is there to see, and the tables hold what they promise."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.topics import ADJUSTED, DEADLETTERS
from tests.faults import report
from tests.faults.form import LONG
from tests.faults.scenarios import SCENARIOS
from tests.faults.stage import Result
from tests.faults.verdict import Content, Contents, Verdict, compare


def _answer(number: int, value: bytes = b"{}") -> Content:
    return (b"key", value, (("ce_id", b"%d" % number),))


DUE: Contents = {(ADJUSTED, 0): [_answer(1), _answer(2), _answer(3)], (DEADLETTERS, 1): [_answer(4)]}


@pytest.mark.parametrize(
    ("there", "lost", "repeated", "differing"),
    [
        ([_answer(1), _answer(2), _answer(3)], 0, 0, 0),
        ([_answer(1), _answer(3)], 1, 0, 0),
        ([_answer(1), _answer(2), _answer(2), _answer(3)], 0, 1, 0),
        ([_answer(1), _answer(2, b"other"), _answer(3)], 0, 0, 1),
        (
            [
                _answer(1),
                (
                    b"key",
                    b"{}",
                    (("ce_id", b"2"), ("more", b"")),
                ),
                _answer(3),
            ],
            0,
            0,
            1,
        ),
        ([_answer(2), _answer(1), _answer(3)], 0, 0, 2),
        ([_answer(1), _answer(2), _answer(3), _answer(9)], 0, 0, 1),
        ([_answer(1), _answer(1), _answer(3)], 1, 1, 0),
        ([], 3, 0, 0),
    ],
    ids=["as due", "lost", "repeated", "other bytes", "other headers", "other order", "nobody's", "both", "nothing"],
)
def test_what_is_lost_repeated_or_different_is_told_apart(
    there: list[Content], lost: int, repeated: int, differing: int
) -> None:
    verdict = compare(DUE, {**DUE, (ADJUSTED, 0): there}, events=4)

    assert (verdict.lost, verdict.repeated, verdict.differing) == (lost, repeated, differing)
    assert verdict.exactly_once is not any((lost, repeated, differing))


def test_an_output_in_another_partition_is_lost_in_one_and_wrong_in_the_other() -> None:
    found = {**DUE, (ADJUSTED, 0): [_answer(1), _answer(2)], (ADJUSTED, 1): [_answer(3)]}

    verdict = compare(DUE, found, events=4)

    assert (verdict.lost, verdict.repeated, verdict.differing) == (1, 0, 1)


def test_the_tables_hold_every_scenario_without_an_error_and_every_control_with_some() -> None:
    """Written by the last long runs; a scenario that was added or renamed has to be run."""
    text = report.DOCUMENT.read_text("utf-8")
    faults, controls = report.rows(text, "faults"), report.rows(text, "controls")

    assert list(faults) == [scenario.title for scenario in SCENARIOS.values() if not scenario.control]
    assert list(controls) == [scenario.title for scenario in SCENARIOS.values() if scenario.control]
    for row in faults.values():
        assert _numbers(row)[3:] == [0, 0, 0]
    for row in [*faults.values(), *controls.values()]:
        assert _numbers(row)[1] >= LONG.events
    for row in controls.values():
        assert sum(_numbers(row)[3:]) > 0


def _numbers(row: str) -> list[int]:
    """times, events, outputs, lost, repeated, differing"""
    return [int(cell.replace(",", "")) for cell in row.strip("| ").split(" | ")[1:7]]


def test_a_row_is_written_in_its_place_and_the_rest_of_the_page_stays(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page = tmp_path / "reliability.md"
    places = [f"<!-- {name}: written -->\n\n<!-- end -->\n" for name in ("where", "faults", "controls", "memory")]
    page.write_text("# Title\n\n" + "\nProse.\n".join(places), "utf-8")
    monkeypatch.setattr(report, "DOCUMENT", page)
    monkeypatch.setattr(report, "_where", lambda: "on some machine")
    verdict = Verdict(events=40_000, outputs=30_000, lost=0, repeated=0, differing=0)

    report.write([Result(SCENARIOS["scale"], LONG, verdict, 2, (1.0, 3.0))], {})
    report.write(
        [Result(SCENARIOS["kill"], LONG, verdict, 2, (1.0,)), Result(SCENARIOS["control_seek"], LONG, verdict, 1, ())],
        {},
    )
    report.write([Result(SCENARIOS["scale"], LONG, verdict, 2, (2.0, 4.0))], {"a load": "small"})

    text = page.read_text("utf-8")
    assert list(report.rows(text, "faults")) == [SCENARIOS["kill"].title, SCENARIOS["scale"].title]
    assert " | 3.0 / 4.0 | " in report.rows(text, "faults")[SCENARIOS["scale"].title]
    assert list(report.rows(text, "controls")) == [SCENARIOS["control_seek"].title]
    assert list(report.rows(text, "memory")) == ["a load"]
    assert text.count("Prose.") == 3
    assert text.count("on some machine") == 1
