"""What a replay does about each answer, held against what stands. The topics are lists here, the rest is real."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest

from schemas.adjusted import AdjustedRecord
from schemas.disclosures import DisclosureRecord
from schemas.secrets import DisclosureSecrets
from schemas.topics import ADJUSTED, DISCLOSURES
from streams.processors.settlement import Answer, Output, SettlementProcessor
from streams.replay.difference import Kind, LeftAlone
from streams.replay.judge import Judge, MovedError, Verdict
from streams.replay.plans import Filters
from streams.replay.standing import NOTHING, disclosed, emitted, take, take_disclosed
from streams.replay.store import Store, digest
from streams.rulebook import Rulebook, load_rulebook
from streams.rulebook.loader import NOTICES
from tests.builders import (
    SECRET,
    Event,
    InputRecord,
    event,
    installed_rulebook,
    line,
    processor,
    reversal,
    shenzhen,
    void,
)

EVERYTHING = Filters()
NO_CLAWBACK = (
    """    no_clawback:
      clause: "3.7"
      says: 只要检查前符合报销条件,即使结果为良性,也不会追回已报销费用
""",
    "",
)


@dataclass
class Bus:
    """Both output topics of one partition, and the store kept from them."""

    store: Store
    topics: dict[str, list[Output]] = field(default_factory=lambda: {ADJUSTED: [], DISCLOSURES: []})
    secrets: bytes | DisclosureSecrets = SECRET

    def write(self, outputs: Sequence[Output]) -> None:
        for output in outputs:
            assert output.key is not None
            assert output.value is not None
            offset = len(self.topics[output.topic])
            self.topics[output.topic].append(output)
            hash = dict(output.headers)["rulebook"] or b""
            mark = digest(output.value, hash)
            if output.topic == ADJUSTED:
                new = emitted(output.value, offset, mark)
                assert new is not None
                held = self.store.settlements([output.key]).get(output.key, NOTHING)
                self.store.put_settlements({output.key: take(held, new)})
            else:
                published = disclosed(output.value, offset, mark)
                assert published is not None
                before = self.store.disclosures([output.key]).get(output.key)
                self.store.put_disclosures({output.key: take_disclosed(before, published)})

    def live(self, rulebook: Rulebook, *events: Event) -> None:
        for made in events:
            self.write(answer(rulebook, made, self.secrets).outputs)

    def replay(
        self,
        rulebook: Rulebook,
        *events: Event | bytes,
        retrying: bool = False,
        filters: Filters = EVERYTHING,
        answers: Sequence[Answer] = (),
        emit: bool = True,
    ) -> Verdict:
        judge = Judge(self.store, 3, rulebook.hash, self.secrets, filters, processor().plain, retrying=retrying)
        given = answers or [answer(rulebook, made, self.secrets) for made in events]
        records = [InputRecord(made if isinstance(made, bytes) else orjson.dumps(made)) for made in events]
        cases = [
            judge.case(record, answered, offset)
            for offset, (record, answered) in enumerate(zip(records, given, strict=True))
        ]
        batch, wanted = judge.wanted(cases)
        read = {
            (topic, offset): self.topics[topic][offset].value or b"" for topic in wanted for offset in wanted[topic]
        }
        verdict = judge.judge(cases, batch, read)
        judge.accept(verdict)
        if emit:
            for outputs in verdict.outputs.values():
                self.write(outputs)
        return verdict


def answer(rulebook: Rulebook, made: Event | bytes, secrets: bytes | DisclosureSecrets = SECRET) -> Answer:
    value = made if isinstance(made, bytes) else orjson.dumps(made)
    return SettlementProcessor(rulebook, secrets, "0")(InputRecord(value))


def records(verdict: Verdict, topic: str = ADJUSTED) -> list[dict[str, Any]]:
    return [orjson.loads(output.value or b"") for output in verdict.outputs.get(topic, [])]


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Bus]:
    with Store(tmp_path / "store.db") as store:
        yield Bus(store)


@pytest.fixture
def changed(tmp_path: Path) -> Callable[..., Rulebook]:
    """`changed("hz-2021-30", "5300.00", "5000.00")`: the installed rulebook with a word of one notice changed."""

    def change(notice: str, *pairs: str) -> Rulebook:
        folder = tmp_path / f"notices{len(list(tmp_path.iterdir()))}"
        shutil.copytree(NOTICES, folder)
        file = folder / f"{notice}.yaml"
        text = file.read_text("utf-8")
        for was, now in zip(pairs[::2], pairs[1::2], strict=True):
            assert was in text
            text = text.replace(was, now)
        file.write_text(text, "utf-8")
        return load_rulebook(folder)

    return change


@pytest.fixture
def cheaper(changed: Callable[..., Rulebook]) -> Rulebook:
    return changed("hz-2021-catastrophic-employee", '"0.75"', '"0.60"')


def test_what_is_answered_alike_is_unchanged(bus: Bus) -> None:
    bus.live(installed_rulebook(), event())
    verdict = bus.replay(installed_rulebook(), event())
    assert (verdict.outputs, dict(verdict.counts)) == ({}, {"unchanged": 1})


def test_a_rulebook_that_changes_something_else_changes_nothing_here(
    bus: Bus, changed: Callable[..., Rulebook]
) -> None:
    bus.live(installed_rulebook(), event())
    other = changed("nb-2021-23", "2026-12-31", "2026-12-30")
    assert other.hash != installed_rulebook().hash
    assert bus.replay(other, event()).outputs == {}


def test_a_correction_is_a_record_of_the_contract(bus: Bus, cheaper: Rulebook) -> None:
    from pydantic import TypeAdapter

    bus.live(installed_rulebook(), event())
    verdict = bus.replay(cheaper, event())
    (correction,) = records(verdict)
    read = TypeAdapter(AdjustedRecord).validate_python(correction)

    assert (read.revision, read.reason) == (2, "rulebook_change")
    first = orjson.loads(bus.topics[ADJUSTED][0].value or b"")
    assert correction["supersedes"] == first["event_id"]
    assert correction["event_id"] != first["event_id"]
    (output,) = verdict.outputs[ADJUSTED]
    assert dict(output.headers)["ce_id"] == correction["event_id"].encode()
    assert dict(output.headers)["rulebook"] == cheaper.hash.encode()
    (difference,) = verdict.differences
    assert difference.kind is Kind.AMOUNTS
    assert str(difference.moved["fund"]) == "-645.00"


def test_the_same_settlement_twice_in_a_batch_is_corrected_once(bus: Bus, cheaper: Rulebook) -> None:
    bus.live(installed_rulebook(), event(), event())
    verdict = bus.replay(cheaper, event(), event())
    assert [record["revision"] for record in records(verdict)] == [2]
    assert verdict.counts["unchanged"] == 1


@pytest.mark.parametrize("emit", [True, False])
def test_and_once_over_two_batches_written_or_not(bus: Bus, cheaper: Rulebook, emit: bool) -> None:
    """A dry run remembers what it would have written."""
    bus.live(installed_rulebook(), event())
    assert len(bus.replay(cheaper, event(), emit=emit).differences) == 1
    assert bus.replay(cheaper, event(), emit=emit).differences == []


def test_another_rulebook_than_the_records_is_told_from_other_code(bus: Bus) -> None:
    """The same rulebook and another answer: it was the code."""
    rulebook = installed_rulebook()
    bus.live(rulebook, event(account={"own_paid_ytd": "30000.00"}))
    (correction,) = records(bus.replay(rulebook, event()))
    assert correction["reason"] == "code_change"


def test_what_nothing_stands_for_is_newly_decided_as_its_first_record(bus: Bus) -> None:
    verdict = bus.replay(installed_rulebook(), event())
    (record,) = records(verdict)
    first = answer(installed_rulebook(), event()).adjusted
    assert first is not None
    assert (record["revision"], record["supersedes"], record["event_id"]) == (1, None, first["event_id"])
    assert verdict.differences[0].kind is Kind.NEW
    assert [published["status"] for published in records(verdict, DISCLOSURES)] == ["published"]


def test_what_is_none_of_ours_any_more_is_left_to_a_person(bus: Bus) -> None:
    bus.live(installed_rulebook(), event())
    other = event(line(item_code="001101000010000"))
    (difference,) = (verdict := bus.replay(installed_rulebook(), other)).differences
    assert (difference.kind, difference.left_alone) == (Kind.VANISHED, LeftAlone.FOR_A_PERSON)
    assert difference.counts
    assert verdict.outputs == {}


def test_what_cannot_be_read_any_more_is_left_to_a_person(bus: Bus) -> None:
    bus.live(installed_rulebook(), event())
    (difference,) = (verdict := bus.replay(installed_rulebook(), event(schema_version="2.0"))).differences
    assert (difference.kind, difference.left_alone) == (Kind.DEAD_LETTER, LeftAlone.FOR_A_PERSON)
    assert difference.dead_letter_reason == "unsupported_version"
    assert verdict.outputs == {}


def test_a_dead_letter_that_stays_one_makes_no_difference(bus: Bus) -> None:
    verdict = bus.replay(installed_rulebook(), b'{"line_items": "002304000070000"', b"\xff")
    assert (verdict.differences, verdict.outputs) == ([], {})
    assert verdict.counts == {"dead_letter": 2}


@pytest.mark.parametrize("undo", [reversal, void])
def test_a_reversed_or_voided_settlement_is_left_alone(bus: Bus, cheaper: Rulebook, undo: Callable[..., Event]) -> None:
    bus.live(installed_rulebook(), event(), undo())
    verdict = bus.replay(cheaper, event(), undo())
    assert verdict.outputs == {}
    assert [difference.left_alone for difference in verdict.differences] == [LeftAlone.REVERSED]


def test_a_reversal_refused_by_mistake_is_made_good(bus: Bus, changed: Callable[..., Rulebook]) -> None:
    """The notice that forbade the clawback turns out not to say so."""
    settled = shenzhen()
    undo = reversal(insured_region="440300", occurred_at="2023-06-02T10:00:00+08:00", reason="benign_result")
    bus.live(installed_rulebook(), settled, undo)
    without = changed("sz-2023-article", *NO_CLAWBACK)

    verdict = bus.replay(without, settled, undo)

    (undone,) = records(verdict)
    assert undone["event_type"] == "settlement.adjustment_reversed"
    assert (undone["revision"], undone["reason"], undone["revision_reason"]) == (2, "benign_result", "rulebook_change")
    assert undone["supersedes"] == orjson.loads(bus.topics[ADJUSTED][1].value or b"")["event_id"]
    (difference,) = verdict.differences
    assert str(difference.moved["fund"]) == "-5600.00"
    assert bus.replay(without, settled, undo).outputs == {}


def test_a_reversal_that_should_have_been_refused_is_left_to_a_person(
    bus: Bus, changed: Callable[..., Rulebook]
) -> None:
    settled = shenzhen()
    undo = reversal(insured_region="440300", occurred_at="2023-06-02T10:00:00+08:00", reason="benign_result")
    bus.live(changed("sz-2023-article", *NO_CLAWBACK), settled, undo)
    verdict = bus.replay(installed_rulebook(), settled, undo)
    assert verdict.outputs == {}
    assert [difference.left_alone for difference in verdict.differences] == [LeftAlone.FOR_A_PERSON]


def test_a_changed_disclosure_is_published_again_and_nothing_else(bus: Bus) -> None:
    from pydantic import TypeAdapter

    rulebook = installed_rulebook()
    bus.live(rulebook, event())
    adjusted, published = answer(rulebook, event()).outputs
    other = orjson.loads(published.value or b"")
    other["exams"][0]["surname"] = "王"
    bus.topics[DISCLOSURES][0] = Output(DISCLOSURES, published.key, orjson.dumps(other), published.headers)
    assert published.key is not None
    held = disclosed(orjson.dumps(other), 0, b"another")
    assert held is not None
    bus.store.put_disclosures({published.key: take_disclosed(None, held)})

    verdict = bus.replay(rulebook, event())

    (record,) = records(verdict, DISCLOSURES)
    TypeAdapter(DisclosureRecord).validate_python(record)
    assert (record["revision"], record["exams"][0]["surname"]) == (2, "欧阳")
    assert ADJUSTED not in verdict.outputs
    assert verdict.differences[0].kind is Kind.DISCLOSURE
    assert adjusted.topic == ADJUSTED


def test_what_no_notice_orders_any_more_is_withdrawn_and_may_be_published_again(
    bus: Bus, changed: Callable[..., Rulebook]
) -> None:
    undesignated = event(hospital={"designated": False})
    bus.live(installed_rulebook(), event())
    (withdrawn,) = records(bus.replay(installed_rulebook(), undesignated), DISCLOSURES)
    assert (withdrawn["status"], withdrawn["revision"], withdrawn["exams"]) == ("withdrawn", 2, [])
    (published,) = records(bus.replay(installed_rulebook(), event()), DISCLOSURES)
    assert (published["status"], published["revision"]) == ("published", 3)


def test_a_retried_event_replaces_another_one_only_if_it_occurred_later(bus: Bus) -> None:
    rulebook = installed_rulebook()
    bus.live(rulebook, event())
    earlier = event(event_id="EARLIER", occurred_at="2021-07-01T09:00:00")
    later = event(event_id="LATER", occurred_at="2021-07-01T01:31:00Z", account={"own_paid_ytd": "30000.00"})

    verdict = bus.replay(rulebook, earlier, retrying=True)
    assert [difference.left_alone for difference in verdict.differences] == [LeftAlone.ANOTHER_EVENT]
    (record,) = records(bus.replay(rulebook, later, retrying=True))
    first = orjson.loads(bus.topics[ADJUSTED][0].value or b"")
    assert (record["revision"], record["supersedes"]) == (2, first["event_id"])
    assert (record["source_event_id"], record["reason"]) == ("LATER", "dead_letter_retry")


def test_an_event_that_is_not_retried_never_replaces_another_one(bus: Bus) -> None:
    rulebook = installed_rulebook()
    bus.live(rulebook, event())
    verdict = bus.replay(rulebook, event(event_id="LATER", occurred_at="2021-07-02T09:30:00"))
    assert (verdict.outputs, dict(verdict.counts)) == ({}, {"superseded": 1})


def test_the_filter_on_outcomes_is_by_what_stands_before(bus: Bus, cheaper: Rulebook) -> None:
    bus.live(installed_rulebook(), event())
    verdict = bus.replay(cheaper, event(), filters=Filters(outcomes=("needs_review",)))
    assert dict(verdict.counts) == {"filtered": 1}
    assert bus.replay(cheaper, event(), filters=Filters(outcomes=("covered",))).outputs


def test_a_decision_that_compaction_took_is_not_guessed(bus: Bus) -> None:
    settled = shenzhen()
    undo = reversal(insured_region="440300", occurred_at="2023-06-02T10:00:00+08:00", reason="benign_result")
    bus.live(installed_rulebook(), undo)
    verdict = bus.replay(installed_rulebook(), settled)
    assert verdict.outputs == {}
    assert [difference.left_alone for difference in verdict.differences] == [LeftAlone.UNKNOWN_BEFORE]


def test_a_record_that_is_gone_is_asked_for_again(bus: Bus, cheaper: Rulebook) -> None:
    bus.live(installed_rulebook(), event())
    judge = Judge(bus.store, 3, cheaper.hash, SECRET, EVERYTHING, processor().plain, retrying=False)
    cases = [judge.case(InputRecord(orjson.dumps(event())), answer(cheaper, event()), 0)]
    batch, wanted = judge.wanted(cases)
    assert wanted[ADJUSTED] == {0}
    with pytest.raises(MovedError):
        judge.judge(cases, batch, {})


# After a rotation of the disclosure secret.

ROTATED = DisclosureSecrets(SECRET, ((date(2021, 7, 2), b"another one"),))


def test_a_rotation_leaves_what_was_published_before_it_under_its_id(
    bus: Bus,
) -> None:
    """What is corrected goes to the board under the old id, not beside it under a new one."""
    bus.live(installed_rulebook(), event())
    (before,) = bus.topics[DISCLOSURES]
    bus.secrets = ROTATED

    assert bus.replay(installed_rulebook(), event()).outputs == {}
    corrected = bus.replay(installed_rulebook(), event(diagnoses=[]))
    assert [output.key for output in corrected.outputs[DISCLOSURES]] == [before.key]


def test_a_reversal_replayed_after_a_rotation_withdraws_under_both_ids(bus: Bus) -> None:
    bus.live(installed_rulebook(), event())
    (before,) = bus.topics[DISCLOSURES]
    bus.secrets = ROTATED

    verdict = bus.replay(installed_rulebook(), reversal())

    withdrawn = records(verdict, DISCLOSURES)
    assert [record["status"] for record in withdrawn] == ["withdrawn", "withdrawn"]
    assert before.key in {output.key for output in verdict.outputs[DISCLOSURES]}
    assert bus.replay(installed_rulebook(), reversal()).outputs == {}
