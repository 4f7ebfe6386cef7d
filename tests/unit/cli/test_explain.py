"""`petct explain`: one event, in words a person can follow with a pocket calculator."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import orjson
import pytest

from schemas.adjusted import LineOutcome, LineReason
from schemas.deadletters import DeadLetterReason
from streams.words import DEAD_LETTERS, OUTCOMES, REASONS
from tests.builders import Event, event, line, reversal, shenzhen, void
from tests.unit.cli.conftest import Petct

OVERCHARGED = event(line("6500.00"), account={"own_paid_ytd": "30000.00"})


def told(petct: Petct, made: Event | bytes) -> str:
    done = petct("explain", "-", stdin=made if isinstance(made, bytes) else orjson.dumps(made))
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def document(petct: Petct, made: Event | bytes) -> dict[str, Any]:
    done = petct("explain", "-", "--json", stdin=made if isinstance(made, bytes) else orjson.dumps(made))
    read: dict[str, Any] = orjson.loads(done.stdout)
    return read


def test_each_step_names_its_clause_and_amount(petct: Petct) -> None:
    rows = [" ".join(row.split()) for row in told(petct, OVERCHARGED).splitlines()]
    assert "price 5300元/次 杭医保〔2021〕30号, 二 5300.00" in rows
    assert "disallowed borne by the hospital (超标准收费) = 6500.00 − 5300.00 杭医保〔2021〕30号, 二 1200.00" in rows
    assert any(row.startswith("band 30000.00 to 35300.00: 5300.00 × 0.75 = 3975") for row in rows)


def test_it_ends_in_four_shares_that_add_up(petct: Petct) -> None:
    rows = [row.split() for row in told(petct, OVERCHARGED).splitlines() if row.strip()]
    [charged_at] = [n for n, row in enumerate(rows) if row[0] == "charged"]
    shares = [Decimal(row[-1]) for row in rows[charged_at - 5 : charged_at - 1]]
    assert shares == [Decimal("3975.00"), Decimal("0.00"), Decimal("1325.00"), Decimal("1200.00")]
    assert sum(shares) == Decimal(rows[charged_at][-1]) == Decimal("6500.00")


def test_reasons_are_told_in_words_with_the_term_of_the_law(petct: Petct) -> None:
    text = told(petct, OVERCHARGED)
    assert "the hospital bears the excess (超标准收费). [charged_above_regulated_price]" in text


@pytest.mark.parametrize(
    ("made", "outcome", "says"),
    [
        (event(hospital={"designated": False}), "not_covered", "not designated"),
        (event(request=None), "needs_review", "If approved the fund pays 3225.00."),
        (shenzhen(ratio=None), "needs_review", "If approved the fund pays 5600.00 to 6400.00."),
        (event(line(service_date="2021-06-01")), "no_rule", "No coverage rule"),
    ],
)
def test_the_outcome_is_explained(petct: Petct, made: Event, outcome: str, says: str) -> None:
    text = told(petct, made)
    assert f"{outcome}: {OUTCOMES[outcome]}" in text
    assert says in text


def test_what_is_published_is_shown_without_its_id(petct: Petct) -> None:
    text = told(petct, event())
    assert "Published by 示例医院 (330102), under hz-2021-30/disclosure" in text
    assert "欧阳" in text
    assert "某某" not in text
    published = document(petct, event())["disclosure"]
    assert published["exams"][0]["surname"] == "欧阳"
    assert not {"disclosure_id", "event_id"} & published.keys()


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (reversal(), "Settlement S2021070100001 is reversed"),
        (void(), "Settlement S2021070100001 is void"),
        (
            reversal(reason="benign_result", insured_region="440300", occurred_at="2023-06-01T10:00:00"),
            "the reversal is refused",
        ),
    ],
)
def test_reversals_and_voids_are_explained(petct: Petct, made: Event, says: str) -> None:
    assert says in told(petct, made)


@pytest.mark.parametrize(
    ("value", "reason", "where"),
    [
        (b"", "empty_value", "no value"),
        (b'{"002304000070000": "\xff"}', "not_utf8", "UTF-8"),
        (b'{"002304000070000": NaN}', "not_json", "JSON"),
        (b'["002304000070000"]', "not_an_event", "object"),
        (orjson.dumps(event(schema_version="2.0")), "unsupported_version", "schema_version"),
        (orjson.dumps(event(patient={"birth_date": "tomorrow"})), "schema", "patient.birth_date"),
        (orjson.dumps(event(line(quantity="0"))), "invalid_line", "line_items[0].quantity"),
        (b'{"002304000070000": ' + b"[" * 70 + b"]" * 70 + b"}", "too_large", "64 levels"),
    ],
)
def test_a_dead_letter_is_told_with_reason_field_and_mend(petct: Petct, value: bytes, reason: str, where: str) -> None:
    text = told(petct, value)
    says, mend = DEAD_LETTERS[DeadLetterReason(reason)]
    assert f"It cannot be decided: {reason}" in text
    assert says in text
    assert where in text
    assert mend in text
    letter = document(petct, value)["dead_letter"]
    assert (letter["reason"], letter["mend"]) == (reason, mend)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (orjson.dumps(event(line(item_code="0023040000700001"))), "none of its 1 lines has exactly one of"),
        (orjson.dumps(reversal(item_codes=["001101000010000"])), "item_codes hold no examination code"),
        (b"{}", "it has no line_items"),
        (b"{no json}", "not even read"),
    ],
)
def test_an_event_that_is_none_of_ours_is_told_why(petct: Petct, value: bytes, why: str) -> None:
    text = told(petct, value)
    assert text.startswith("Passed over: ")
    assert why in text
    assert why in document(petct, value)["passed_over"]


def test_an_event_may_be_written_over_several_lines_of_a_file(petct: Petct, tmp_path: Path) -> None:
    (tmp_path / "event.json").write_bytes(orjson.dumps(OVERCHARGED, option=orjson.OPT_INDENT_2))
    done = petct("explain", "event.json", "--json")
    assert orjson.loads(done.stdout)["adjusted"]["totals"]["hospital_disallowed_amount"] == "1200.00"


def test_several_events_in_one_file_are_told_how_to_ask(petct: Petct) -> None:
    one = orjson.dumps(event())
    assert "give one, as in `sed -n 7p FILE | petct explain -`" in told(petct, one + b"\n" + one)


@pytest.mark.parametrize(("name", "says"), [("absent", b"no such file"), (".", b"is a directory")])
def test_what_cannot_be_read_is_told(petct: Petct, name: str, says: bytes) -> None:
    done = petct("explain", name)
    assert done.returncode == 2
    assert says in done.stderr


def test_every_code_of_an_answer_has_its_words() -> None:
    assert set(REASONS) == {*get_args(LineReason), "calendar_unknown", "benign_result_no_clawback"}
    assert set(OUTCOMES) == set(get_args(LineOutcome))
    assert set(DEAD_LETTERS) == set(DeadLetterReason)
