"""Which record stands: the rule of docs/replay.md, one sentence a test."""

from itertools import permutations
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streams.replay.standing import (
    NOTHING,
    Disclosed,
    Emitted,
    Held,
    disclosed,
    emitted,
    take,
    take_disclosed,
)
from tests.builders import event, line, process, reversal

REVERSED = "settlement.adjustment_reversed"
REFUSED = "settlement.reversal_refused"


def decision(source: str, revision: int = 1, offset: int = 0, supersedes: str | None = None) -> Emitted:
    return Emitted(
        "settlement.adjusted", source, revision, "2021-07-01T09:30:00+08:00", offset, b"d", supersedes, None, "covered"
    )


def undoing(source: str, reverses: str, revision: int = 1, offset: int = 0, kind: str = REVERSED) -> Emitted:
    return Emitted(kind, source, revision, "2021-07-02T09:30:00+08:00", offset, b"d", None, reverses)


def after(*records: Emitted) -> Held:
    """What stands after these, at offsets 0, 1, …"""
    held = NOTHING
    for offset, record in enumerate(records):
        held = take(held, Emitted(*_with(record, offset)))
    return held


def _with(record: Emitted, offset: int) -> tuple[Any, ...]:
    values: list[Any] = [getattr(record, name) for name in Emitted.__slots__]
    values[Emitted.__slots__.index("offset")] = offset
    return tuple(values)


def test_of_one_source_event_the_higher_revision_stands() -> None:
    first, second = decision("E"), decision("E", 2)
    for order in permutations((first, second, first)):
        standing = after(*order).standing
        assert standing is not None
        assert standing.revision == 2


def test_a_correction_that_lies_before_a_late_repeat_of_what_it_corrects_is_buried() -> None:
    assert after(decision("E"), decision("E", 2), decision("E")).buried
    assert not after(decision("E"), decision("E", 2)).buried


def test_a_repeat_moves_the_place_where_a_reader_finds_it() -> None:
    standing = after(decision("E"), decision("E")).standing
    assert standing is not None
    assert standing.offset == 1


def test_the_first_record_of_a_newer_source_event_stands_over_any_revision_of_an_older_one() -> None:
    standing = after(decision("E"), decision("E", 5), decision("F")).standing
    assert standing is not None
    assert (standing.source, standing.revision) == ("F", 1)


def test_a_correction_of_what_no_longer_stands_changes_nothing_and_is_known_to_bury() -> None:
    held = after(decision("E"), decision("F"), decision("E", 2, supersedes=decision("E").event_id))
    assert held.standing is not None
    assert held.standing.source == "F"
    assert held.buried


def test_a_reversal_stands_over_every_revision_before_and_after_it() -> None:
    for order in (
        (decision("E"), undoing("R", "E"), decision("E", 2)),
        (decision("E"), decision("E", 2), undoing("R", "E")),
    ):
        held = after(*order)
        assert held.undone
        assert held.standing is not None
        assert held.standing.type == REVERSED
    assert after(decision("E"), undoing("R", "E"), decision("E", 2)).buried
    assert not after(decision("E"), decision("E", 2), undoing("R", "E")).buried


def test_what_was_written_again_behind_the_correction_is_not_buried_any_more() -> None:
    assert not after(decision("E"), undoing("R", "E"), decision("E", 2), undoing("R", "E")).buried


def test_a_settlement_settled_anew_after_its_reversal_stands() -> None:
    held = after(decision("E"), undoing("R", "E"), decision("F"))
    assert not held.undone
    assert held.standing is not None
    assert held.standing.source == "F"


def test_a_repeat_of_what_was_reversed_does_not_bring_it_back() -> None:
    assert after(decision("E"), undoing("R", "E"), decision("E")).undone
    # Compaction may have taken the decision.
    assert after(undoing("R", "E"), decision("E")).undone


def test_a_refused_reversal_withdraws_nothing() -> None:
    held = after(decision("E"), undoing("R", "E", kind=REFUSED))
    assert not held.undone
    assert held.standing is not None
    assert held.standing.is_decision
    assert not held.buried


def test_a_refusal_corrected_into_a_reversal_undoes() -> None:
    assert after(decision("E"), undoing("R", "E", kind=REFUSED), undoing("R", "E", revision=2)).undone


def test_a_late_correction_of_a_refusal_does_not_undo_a_newer_settlement() -> None:
    held = after(decision("E"), undoing("R", "E", kind=REFUSED), decision("F"), undoing("R", "E", revision=2))
    assert not held.undone


def test_a_retried_event_stands_over_what_it_supersedes() -> None:
    held = after(decision("E"), decision("F", 2, supersedes=decision("E").event_id))
    assert held.standing is not None
    assert held.standing.source == "F"


def test_what_live_did_alone_is_never_called_buried() -> None:
    """It is not for a replay to write again what no correction ever touched."""
    assert not after(decision("E"), undoing("R", "E"), decision("E")).buried


RECORDS = st.sampled_from(
    [
        decision("E"),
        decision("E", 2),
        decision("F"),
        decision("F", 2, supersedes=decision("F").event_id),
        undoing("R", "E"),
        undoing("Q", "F"),
        undoing("R", "E", kind=REFUSED),
    ]
)


@given(st.lists(RECORDS, max_size=8))
def test_reading_a_topic_again_from_its_beginning_gives_the_same(records: list[Emitted]) -> None:
    """A run that reads anew after a fault folds the same records twice; the last ones decide."""
    placed = [Emitted(*_with(record, offset)) for offset, record in enumerate(records)]
    once = NOTHING
    for record in placed:
        once = take(once, record)
    assert once.standing is None or once.standing.offset >= 0
    if once.standing is not None and not once.buried and once.last >= 0:
        assert once.last_revision == 1 or once.last == once.standing.offset


@given(st.lists(RECORDS, min_size=1, max_size=8))
def test_writing_again_what_stands_ends_the_burial(records: list[Emitted]) -> None:
    held = after(*records)
    if held.buried:
        assert held.standing is not None
        again = take(held, Emitted(*_with(held.standing, len(records))))
        assert not again.buried
        assert again.standing is not None
        assert again.standing.event_id == held.standing.event_id


def test_a_disclosure_withdrawn_by_a_reversal_stays_so_whatever_revision_is_published() -> None:
    published, withdrawn = Disclosed(False, 1, 0, b"d"), Disclosed(True, 1, 1, b"w")
    held = take_disclosed(take_disclosed(published, withdrawn), Disclosed(False, 2, 2, b"e"))
    assert held.final
    assert held.buried


def test_a_disclosure_withdrawn_by_a_replay_may_be_published_again() -> None:
    held = take_disclosed(Disclosed(False, 1, 0, b"d"), Disclosed(True, 2, 1, b"w"))
    assert held.withdrawn
    assert not held.final
    assert not take_disclosed(held, Disclosed(False, 3, 2, b"d")).withdrawn


def test_the_records_of_the_processor_are_read() -> None:
    answer = process(event(line()))
    adjusted, published = (output.value or b"" for output in answer.outputs)
    told = emitted(adjusted, 5, b"d")
    assert told is not None
    assert answer.adjusted is not None
    assert told.event_id == answer.adjusted["event_id"]
    assert (told.source, told.outcome, told.is_decision) == (answer.adjusted["source_event_id"], "covered", True)
    assert disclosed(published, 5, b"d") == Disclosed(False, 1, 5, b"d")
    undone = process(reversal())
    told = emitted(undone.outputs[0].value or b"", 6, b"d")
    assert told is not None
    assert (told.undoes, told.reverses) == (True, "H33010200001202107010930000001")


def test_a_text_that_looks_like_the_end_of_the_lines_deceives_nobody() -> None:
    """A value of an event can stand in a line, where its quotation marks are escaped."""
    answer = process(event(line(), settlement_id='x],"occurred_at":"'))
    told = emitted(answer.outputs[0].value or b"", 0, b"d")
    assert told is not None
    assert answer.adjusted is not None
    assert told.event_id == answer.adjusted["event_id"]


def test_what_is_none_of_ours_is_not_read() -> None:
    for value in (b"", b"{}", b"not json", b"[1]", b'{"event_type":"settlement.adjusted"}', b'],"occurred_at":'):
        assert emitted(value, 0, b"") is None
        assert disclosed(value, 0, b"") is None
