"""Ids of disclosures through a rotation of their secret: a settlement keeps its id, and a withdrawal reaches it."""

from __future__ import annotations

import hmac
from datetime import date, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.secrets import DisclosureSecrets, read_later
from streams.processors.settlement import Answer, SettlementProcessor
from tests.builders import InputRecord, event, installed_rulebook, line, reversal, void

FIRST, SECOND, THIRD = b"first secret", b"second secret", b"third secret"
ROTATED = DisclosureSecrets(FIRST, ((date(2021, 7, 2), SECOND), (date(2022, 1, 1), THIRD)))
BEFORE = "2021-07-01T23:59:59+08:00"
AFTER = "2021-07-02T00:00:00+08:00"


def answer(made: dict[str, Any], secrets: bytes | DisclosureSecrets) -> Answer:
    return SettlementProcessor(installed_rulebook(), secrets, "0")(InputRecord(orjson.dumps(made)))


def settled(occurred_at: str) -> dict[str, Any]:
    return event(line(service_date="2021-07-01"), occurred_at=occurred_at)


def published(occurred_at: str, secrets: bytes | DisclosureSecrets) -> str:
    disclosure = answer(settled(occurred_at), secrets).disclosure
    assert disclosure is not None
    return str(disclosure["disclosure_id"])


def withdrawn(undone: dict[str, Any], secrets: bytes | DisclosureSecrets) -> list[str]:
    """The keys of what goes to the disclosures."""
    outputs = answer(undone, secrets).outputs[1:]
    assert {orjson.loads(output.value or b"")["status"] for output in outputs} == {"withdrawn"}
    return [(output.key or b"").decode() for output in outputs]


def expected(secret: bytes) -> str:
    return hmac.digest(secret, settled(BEFORE)["event_id"].encode(), "sha256").hex()[:32]


def test_a_settlement_is_keyed_by_the_secret_of_the_day_on_which_it_occurred() -> None:
    assert published(BEFORE, ROTATED) == published(BEFORE, FIRST) == expected(FIRST)
    assert published(AFTER, ROTATED) == published(AFTER, SECOND) == expected(SECOND)


def test_the_day_is_chinas() -> None:
    assert published("2021-07-01T16:00:00Z", ROTATED) == expected(SECOND)
    assert published("2021-07-01T15:59:59Z", ROTATED) == expected(FIRST)


@pytest.mark.parametrize("undo", [reversal, void])
@pytest.mark.parametrize("occurred_at", [BEFORE, AFTER])
@pytest.mark.parametrize("undone_at", ["2021-07-02T08:00:00", "2021-08-01T08:00:00", "2023-01-01T08:00:00"])
def test_a_withdrawal_reaches_the_id_from_before_and_from_after_each_rotation(
    undo: Any, occurred_at: str, undone_at: str
) -> None:
    ids = withdrawn(undo(occurred_at=undone_at), ROTATED)
    assert published(occurred_at, ROTATED) in ids
    assert set(ids) == {expected(secret) for secret in (FIRST, SECOND, THIRD)}
    assert len(ids) == 3


def test_the_likeliest_id_is_withdrawn_first_and_is_the_answers_own() -> None:
    undone = reversal(occurred_at="2021-08-01T08:00:00")
    given_answer = answer(undone, ROTATED)
    assert given_answer.disclosure is not None
    assert given_answer.disclosure["disclosure_id"] == expected(SECOND) == withdrawn(undone, ROTATED)[0]
    assert [record["disclosure_id"] for record in given_answer.also_withdrawn] == withdrawn(undone, ROTATED)[1:]


def test_without_a_rotation_everything_is_byte_for_byte_as_ever() -> None:
    for made in (settled(BEFORE), reversal(), void()):
        assert answer(made, DisclosureSecrets(FIRST)).outputs == answer(made, FIRST).outputs
    assert answer(reversal(), FIRST).also_withdrawn == ()


def test_a_rotation_to_come_changes_no_answer_to_a_settlement_of_today() -> None:
    """So that workers may be given it one after the other, at leisure."""
    later = DisclosureSecrets(FIRST, ((date(2030, 1, 1), SECOND),))
    assert answer(settled(BEFORE), later).outputs == answer(settled(BEFORE), FIRST).outputs


@given(st.lists(st.dates(), unique=True, max_size=4).map(sorted), st.dates(), st.dates())
def test_whenever_it_occurred_and_was_undone_its_id_is_among_those_withdrawn(
    days: list[date], occurred: date, undone: date
) -> None:
    secrets = DisclosureSecrets(FIRST, tuple((day, str(day).encode()) for day in days))
    ids = secrets.ids("E", undone)
    assert secrets.id("E", occurred) in ids
    assert ids[0] == secrets.id("E", undone)
    assert len(ids) == len(set(ids)) == len(days) + 1
    if days and days[0] > date.min:
        assert secrets.id("E", days[0] - timedelta(days=1)) == DisclosureSecrets(FIRST).id("E", days[0])


def test_later_secrets_are_lines_of_a_day_and_a_secret_which_may_hold_blanks() -> None:
    assert read_later("2026-01-01 one two \n\n2027-01-01 x\n") == (
        (date(2026, 1, 1), b"one two "),
        (date(2027, 1, 1), b"x"),
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "expected lines of"),
        ("4711", "line 1: expected YYYY-MM-DD, a blank, the secret"),
        ("2026-01-01", "line 1"),
        ("2026-01-01 ", "line 1"),
        ("2026-13-01 4711", "line 1"),
        ("2026-01-01 4711\n\n2026-01-01 4711", "line 3: expected a later day"),
        ("2026-01-01 4711\n2025-01-01 4711", "line 2: expected a later day"),
    ],
)
def test_what_is_no_such_line_is_told_by_its_number_and_never_shown(text: str, told: str) -> None:
    with pytest.raises(ValueError, match="expected") as error:
        read_later(text)
    assert told in str(error.value)
    assert "4711" not in str(error.value)


def test_secrets_are_not_shown() -> None:
    assert "secret" not in repr(ROTATED).replace("DisclosureSecrets", "")
