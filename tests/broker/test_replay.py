"""A replay on a real Kafka: what it writes, when it is killed, when live traffic goes on meanwhile."""

import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest

from ops.kafka.broker import RealKafka
from schemas.topics import ADJUSTED, DISCLOSURES, EVENTS, REPLAYS
from streams.bus.rulebook_topic import publish
from streams.replay import Kind, LeftAlone
from streams.replay.audit import read_log
from streams.replay.cluster import live_offsets
from streams.replay.errors import PlanError, ReplayError, RetentionError, RulebookUnknownError, TakenOverError
from streams.replay.lane import Lane
from streams.replay.planning import moment
from streams.replay.rulebooks import resolve, shelves
from streams.replay.store import Store
from streams.rulebook import RulebookError, load_rulebook
from streams.rulebook.loader import NOTICES
from tests.broker.replaying import (
    WHY,
    Past,
    corrected,
    partition_of,
    past,
    reversal_of,
    settlement,
    settlements,
)
from tests.broker.rulebooks import append
from tests.broker.workers import CHECKOUT
from tests.builders import NATIONAL

pytestmark = [pytest.mark.kafka, pytest.mark.real_kafka]

EVENTS_OF_THE_LONG_FORM = 200_000
COMMAND = (sys.executable, "-m", "streams.cli", "replay", "run")


@pytest.fixture
async def of_ningbo(real_kafka: RealKafka, prefix: str, tmp_path: Path) -> Past:
    return await past(real_kafka.bootstrap_servers, prefix, tmp_path)


async def test_a_dry_run_emits_nothing_and_tells_exactly_what_the_notice_changes(of_ningbo: Past) -> None:
    """nb-2021-23: Ningbo resident, 5300: fund 1060.00, patient 4240.00; before, no benefit rule was known."""
    await of_ningbo.settle(list(settlements(400)))
    plan = await of_ningbo.plan()
    topics = (ADJUSTED, DISCLOSURES, REPLAYS, EVENTS)
    before = [await of_ningbo.ends(topic) for topic in topics]
    offsets = await live_offsets(of_ningbo.settings, of_ningbo.settings.group_id)

    outcome, differences = await of_ningbo.run(plan)

    assert outcome.finished
    assert outcome.tally.records == 400
    assert outcome.tally.counts["unchanged"] == 396
    assert sorted(difference.settlement_id for difference in differences) == [
        "S00000007",
        "S00000107",
        "S00000207",
        "S00000307",
    ]
    for difference in differences:
        assert difference.kind is Kind.OUTCOME
        assert (difference.outcome_before, difference.outcome_after) == ("needs_review", "covered")
        assert {bearer: str(amount) for bearer, amount in difference.moved.items()} == {
            "fund": "1060.00",
            "assistance": "0.00",
            "patient": "-1060.00",
            "hospital": "0.00",
        }
    assert [await of_ningbo.ends(topic) for topic in topics] == before
    assert await live_offsets(of_ningbo.settings, of_ningbo.settings.group_id) == offsets


async def test_corrections_supersede_and_the_same_plan_or_another_one_then_emits_nothing(of_ningbo: Past) -> None:
    records = list(settlements(400))
    await of_ningbo.settle(records)
    before = await of_ningbo.written()
    disclosed = await of_ningbo.written(DISCLOSURES)
    plan = await of_ningbo.plan()
    offsets = await live_offsets(of_ningbo.settings, of_ningbo.settings.group_id)

    outcome, _ = await of_ningbo.run(plan, emit=True)

    assert await live_offsets(of_ningbo.settings, of_ningbo.settings.group_id) == offsets
    expected = {output.key: output for output in corrected(records, of_ningbo.before, of_ningbo.after)}
    after = await of_ningbo.written()
    new = [record for number in after for record in after[number][len(before[number]) :]]
    assert {key: (value, headers) for key, value, headers in new} == {
        key: (output.value, tuple(output.headers)) for key, output in expected.items()
    }
    assert len(new) == len(expected) == outcome.tally.emitted == 4
    first = {key: orjson.loads(value) for number in before for key, value, _ in before[number]}
    for key, value, _ in new:
        told = orjson.loads(value)
        assert told["revision"] == 2
        assert told["supersedes"] == first[key]["event_id"]
        assert told["reason"] == "rulebook_change"
    assert await of_ningbo.written(DISCLOSURES) == disclosed, "what is published does not depend on the benefit"

    again, differences = await of_ningbo.run(plan, emit=True)
    assert (again.finished, again.tally.emitted, differences) == (True, 0, [])
    other = await of_ningbo.plan(filters=plan.filters.model_copy(update={"region": "330200"}))
    assert other.hash != plan.hash
    outcome, differences = await of_ningbo.run(other, emit=True)
    assert (outcome.tally.counts["unchanged"], outcome.tally.emitted, differences) == (4, 0, [])
    assert await of_ningbo.written() == after


async def test_the_way_back_makes_a_third_revision(of_ningbo: Past) -> None:
    await of_ningbo.settle([settlement(7)])
    await of_ningbo.run(await of_ningbo.plan(), emit=True)
    second = (await of_ningbo.newest())[b"S00000007"]
    back = of_ningbo.settings.model_copy(update={"notices": of_ningbo.folder})
    of_ningbo.settings = back

    await of_ningbo.run(await of_ningbo.plan(rulebook=of_ningbo.before), emit=True)

    third = (await of_ningbo.newest())[b"S00000007"]
    assert (third["revision"], third["supersedes"]) == (3, second["event_id"])
    assert third["outcome"] == "needs_review"


async def test_a_settlement_that_was_reversed_meanwhile_is_left_alone_and_told(of_ningbo: Past) -> None:
    await of_ningbo.settle(list(settlements(20)))
    plan = await of_ningbo.plan()
    await of_ningbo.settle([reversal_of(7)])
    written = await of_ningbo.written()

    outcome, (difference,) = await of_ningbo.run(plan, emit=True)

    assert difference.settlement_id == "S00000007"
    assert difference.left_alone is LeftAlone.REVERSED
    assert not difference.counts, "a settlement reversed long ago makes no difference"
    assert outcome.tally.emitted == 0
    assert await of_ningbo.written() == written


async def test_a_reversal_in_the_moment_of_the_correction_stands_in_the_end(
    of_ningbo: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The live worker answers between our look and our write. What stands is written again behind the correction."""
    await of_ningbo.settle(list(settlements(20)))
    plan = await of_ningbo.plan()
    transact, reversed_now = Lane._transact, False

    async def late(self: Lane, outputs: dict[str, list[Any]]) -> None:
        nonlocal reversed_now
        if ADJUSTED in outputs and not reversed_now:
            reversed_now = True
            await of_ningbo.settle([reversal_of(7)])
        await transact(self, outputs)

    monkeypatch.setattr(Lane, "_transact", late)
    outcome, _ = await of_ningbo.run(plan, emit=True)

    of_7 = [
        orjson.loads(value)
        for key, value, _ in (await of_ningbo.written())[partition_of(b"S00000007")]
        if key == b"S00000007"
    ]
    assert [(told["event_type"], told["revision"]) for told in of_7] == [
        ("settlement.adjusted", 1),
        ("settlement.adjustment_reversed", 1),
        ("settlement.adjusted", 2),
        ("settlement.adjustment_reversed", 1),
    ]
    assert of_7[1] == of_7[3], "the same event id, so that a reader drops the repeat"
    assert outcome.restored == 1


async def test_what_a_killed_run_buried_the_next_run_restores(of_ningbo: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    await of_ningbo.settle(list(settlements(20)))
    plan = await of_ningbo.plan()
    transact = Lane._transact

    class Killed(BaseException):
        pass

    async def late(self: Lane, outputs: dict[str, list[Any]]) -> None:
        if ADJUSTED in outputs:
            await of_ningbo.settle([reversal_of(7)])
            await transact(self, outputs)
            raise Killed
        await transact(self, outputs)

    with monkeypatch.context() as patch:
        patch.setattr(Lane, "_transact", late)
        with pytest.raises(Killed):
            await of_ningbo.run(plan, emit=True)
    assert (await of_ningbo.newest())[b"S00000007"]["event_type"] == "settlement.adjusted"

    await of_ningbo.run(plan, emit=True)

    assert (await of_ningbo.newest())[b"S00000007"]["event_type"] == "settlement.adjustment_reversed"


async def test_a_newer_event_of_the_same_settlement_stands(of_ningbo: Past) -> None:
    """The platform settled it anew under the same id: what was before has no say any more."""
    key, value = settlement(7)
    newer = value.replace(b'"E00000007"', b'"F00000007"').replace(b"330200", b"330100").replace(b"330203", b"330102")
    await of_ningbo.settle([(key, value), (key, newer)])
    written = await of_ningbo.written()

    outcome, differences = await of_ningbo.run(await of_ningbo.plan(), emit=True)

    assert differences == []
    assert outcome.tally.counts["superseded"] == 1
    assert await of_ningbo.written() == written


async def test_live_traffic_and_its_reversals_go_on_exactly_once_and_the_groups_offsets_are_its_own(
    of_ningbo: Past,
) -> None:
    """Ten of the fifteen settlements that the replay would correct are reversed while it is at work."""
    first = list(settlements(1_500))
    await of_ningbo.settle(first)
    plan = await of_ningbo.plan()
    more = list(settlements(600, first=1_500))
    undone = [number for number in range(7, 1_500, 100) if number % 300 != 7]
    members: set[int] = set()
    async with of_ningbo.live.settling():

        async def traffic() -> None:
            for lot, number in enumerate(undone):
                await of_ningbo.send([*more[60 * lot : 60 * (lot + 1)], reversal_of(number)])
                members.add(await asyncio.to_thread(of_ningbo.members))

        outcome_and_found, _ = await asyncio.gather(of_ningbo.run(plan, emit=True, rate=800), traffic())
        await of_ningbo.settled()
    outcome, _ = outcome_and_found

    assert len(undone) == 10
    written = [held for partition in (await of_ningbo.written()).values() for held in partition]
    decided = [(key, orjson.loads(value), value) for key, value, _ in written]
    firsts = [key for key, told, _ in decided if told["event_type"] == "settlement.adjusted" and told["revision"] == 1]
    assert sorted(firsts) == [key for key, _ in [*first, *more]], "each live event once, none twice"

    possible = {o.key: o.value for o in corrected(first, of_ningbo.before, of_ningbo.after)}
    corrections = {key: value for key, told, value in decided if told["revision"] == 2}
    assert sum(told["revision"] == 2 for _, told, _ in decided) == len(corrections), "none twice"
    assert corrections.items() <= possible.items()

    keys = {settlement(number)[0] for number in undone}
    answers = Counter(value for _, told, value in decided if told["event_type"] == "settlement.adjustment_reversed")
    assert {orjson.loads(value)["settlement_id"].encode() for value in answers} == keys
    assert len(answers) == len(keys)
    assert answers.total() - len(answers) == outcome.restored, "the same again, only behind a correction"
    newest = {key: told["event_type"] for key, told, _ in decided}
    assert {key for key, type in newest.items() if type == "settlement.adjustment_reversed"} == keys
    assert possible.keys() - keys <= corrections.keys()

    assert outcome.tally.records == len(first), "the plan's offsets are frozen: what came later is not of it"
    assert members == {1}, "the replay joins no group"
    assert await live_offsets(of_ningbo.settings, of_ningbo.settings.group_id) == await of_ningbo.ends(EVENTS)


@pytest.mark.parametrize(
    "count",
    [
        3_000,
        pytest.param(
            EVENTS_OF_THE_LONG_FORM,
            marks=[
                pytest.mark.slow,
                pytest.mark.timeout(3_600),
                pytest.mark.skipif(
                    os.environ.get("PETCT_LONG_TESTS") != "1", reason="the long form: make test-replay-long"
                ),
            ],
        ),
    ],
)
async def test_killed_three_times_at_random_it_ends_as_if_it_had_not_been(
    real_kafka: RealKafka, prefix: str, tmp_path: Path, count: int
) -> None:
    records = list(settlements(count))
    ended = []
    for kills in (0, 3):
        here = await past(real_kafka.bootstrap_servers, f"{prefix}{kills}.", tmp_path)
        await here.settle(records)
        plan = await here.plan()
        outcome, differences = await here.run(plan)
        assert outcome.tally.records == count
        assert len(differences) == count // 100
        if kills:
            file = here.file(plan)
            for kill in range(kills):
                assert await asyncio.to_thread(_killed_on_the_way, here, file, count // 10, random.Random(kill)), (
                    "it ended before"
                )
        outcome, _ = await here.run(plan, emit=True)
        assert outcome.finished
        ended.append([await here.written(topic) for topic in (ADJUSTED, DISCLOSURES)])
        log = await read_log(here.settings)
        assert len(log) == kills + 1
        assert sum(run["emitted"] for run in log) == count // 100, "the counts of killed runs are exact too"
        assert {run["why"] for run in log} == {WHY}

    assert ended[0] == ended[1]
    outputs = corrected(records, here.before, here.after)
    corrections = [held for number in ended[0][0].values() for held in number if orjson.loads(held[1])["revision"] > 1]
    assert sorted(corrections) == sorted((output.key, output.value, tuple(output.headers)) for output in outputs)


def _killed_on_the_way(here: Past, plan: Path, rate: int, dice: random.Random) -> bool:
    """Start the command, kill -9 it at a random moment after it has emitted something; whether it had not yet ended."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PETCT_")}
    command = [*COMMAND, str(plan), "--emit", "--why", WHY, "--rate", str(rate)]
    with subprocess.Popen(
        command, cwd=CHECKOUT, env=kept | here.environment(), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as process:
        assert process.stderr is not None
        for told in process.stderr:
            if told.startswith(b"{") and orjson.loads(told)["records"] > 0:
                time.sleep(dice.random())
                break
        alive = process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.stderr.read()
    return alive


async def test_ctrl_c_stops_at_a_batch_border_and_the_same_command_goes_on(of_ningbo: Past) -> None:
    await of_ningbo.settle(list(settlements(1_000)))
    plan = of_ningbo.file(await of_ningbo.plan())
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PETCT_")}

    def run(*more: str, interrupt: bool) -> tuple[int, dict[str, Any]]:
        command = [*COMMAND, str(plan), "--emit", "--why", WHY, "--json", *more]
        with subprocess.Popen(
            command, cwd=CHECKOUT, env=kept | of_ningbo.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stderr is not None
            while interrupt:
                told = process.stderr.readline()
                assert told, "it ended before"
                if told.startswith(b"{") and orjson.loads(told)["records"] > 0:
                    process.send_signal(signal.SIGINT)
                    break
            out, error = process.communicate(timeout=120)
        assert b"Traceback" not in error
        return process.returncode, orjson.loads(out)

    code, told = await asyncio.to_thread(run, "--rate", "200", interrupt=True)
    assert code == 130
    assert not told["run"]["finished"]
    assert 0 < told["run"]["records"] < 1_000

    code, rest = await asyncio.to_thread(run, interrupt=False)
    assert code == 0
    assert rest["run"]["records"] == 1_000 - told["run"]["records"]
    assert rest["run"]["emitted"] + told["run"]["emitted"] == 10


async def test_it_rests_while_live_traffic_is_behind(of_ningbo: Past) -> None:
    await of_ningbo.settle(list(settlements(50)))
    plan = await of_ningbo.plan()
    await of_ningbo.send(list(settlements(30, first=50)))
    stop = asyncio.Event()
    running = asyncio.create_task(of_ningbo.run(plan, stop=stop, pause_when_lag_over=10))
    await asyncio.sleep(3)
    assert not running.done()

    async with of_ningbo.live.settling():
        outcome, _ = await running
    assert outcome.finished
    assert outcome.tally.records == 50


async def test_what_live_has_not_settled_is_not_of_the_plan(of_ningbo: Past) -> None:
    """Answering it before the live worker does would make two first answers of one event."""
    await of_ningbo.settle(list(settlements(40)))
    settled = await of_ningbo.ends(EVENTS)
    await of_ningbo.send(list(settlements(40, first=40)))

    plan = await of_ningbo.plan()

    assert {stretch.partition: stretch.end for stretch in plan.partitions} == settled


async def test_retention_that_ate_of_the_stretch_is_told_and_not_skipped(of_ningbo: Past) -> None:
    from confluent_kafka import TopicPartition
    from confluent_kafka.admin import AdminClient

    await of_ningbo.settle(list(settlements(200)))
    plan = await of_ningbo.plan()
    admin = AdminClient({"bootstrap.servers": of_ningbo.settings.kafka_bootstrap_servers})
    gone = TopicPartition(of_ningbo.settings.topic(EVENTS), 0, 10)
    for deleted in admin.delete_records([gone]).values():
        deleted.result(timeout=30)

    with pytest.raises(RetentionError, match="offsets 0 to 9 are gone"):
        await of_ningbo.run(plan)

    later = await of_ningbo.plan()
    assert [stretch.retention for stretch in later.partitions if stretch.partition == 0] == ["beginning_may_be_gone"]
    outcome, _ = await of_ningbo.run(plan, accept_gap=True)
    assert outcome.tally.records == 190


async def test_a_plan_for_other_topics_or_another_group_is_refused(of_ningbo: Past) -> None:
    await of_ningbo.settle(list(settlements(10)))
    plan = await of_ningbo.plan()
    of_ningbo.settings = of_ningbo.settings.model_copy(update={"group_id": "another"})

    with pytest.raises(PlanError, match="PETCT_GROUP_ID"):
        await of_ningbo.run(plan)


async def test_the_rulebook_is_the_newest_release_or_as_it_was_known_then(of_ningbo: Past) -> None:
    """Two releases: without Ningbo's notice from 2021-07-01 on, with it from 2021-07-23 on."""
    for book, known_from in ((of_ningbo.before, "2021-07-01"), (of_ningbo.after, "2021-07-23")):
        await publish(of_ningbo.settings, book, "a release", "test", moment(known_from))
    held = shelves(of_ningbo.settings, None)

    assert await resolve("newest", held) == of_ningbo.after
    assert await resolve(of_ningbo.before.hash[7:15], held) == of_ningbo.before
    assert await resolve(moment("2021-07-22"), held) == of_ningbo.before
    assert await resolve(moment("2021-07-23"), held) == of_ningbo.after
    with pytest.raises(RulebookUnknownError, match="2021-06-30"):
        await resolve(moment("2021-06-30"), held)

    # A damaged record harms nothing; one of a hash that was released before hides no good one.
    await append(of_ningbo.settings, of_ningbo.before.hash.encode(), b"{}")
    held = shelves(of_ningbo.settings, None)
    assert await resolve("newest", held) == of_ningbo.after
    assert await resolve(of_ningbo.before.hash, held) == of_ningbo.before


async def test_where_no_release_can_be_used_the_installed_notices_are_no_answer(of_ningbo: Past) -> None:
    """Nor are they for a worker: somebody meant to release others."""
    assert await resolve("newest", shelves(of_ningbo.settings, None)) == of_ningbo.after
    await append(of_ningbo.settings, of_ningbo.before.hash.encode(), b"{}")

    with pytest.raises(RulebookError, match="release at offset 0"):
        await resolve("newest", shelves(of_ningbo.settings, None))


async def test_several_processes_write_what_one_would_and_stop_when_told(of_ningbo: Past) -> None:
    records = list(settlements(800))
    await of_ningbo.settle(records)
    plan = await of_ningbo.plan()
    stop = asyncio.Event()

    stopped, first = await of_ningbo.run(
        plan, emit=True, jobs=3, rate=150, stop=stop, on_difference=lambda _: stop.set()
    )
    assert not stopped.finished
    outcome, rest = await of_ningbo.run(plan, emit=True, jobs=3)

    assert outcome.finished
    assert stopped.tally.records + outcome.tally.records == 800
    assert len(first) + len(rest) == 8
    new = [
        held for partition in (await of_ningbo.written()).values() for held in partition if b'"revision":2' in held[1]
    ]
    outputs = corrected(records, of_ningbo.before, of_ningbo.after)
    assert sorted(new) == sorted((output.key, output.value, tuple(output.headers)) for output in outputs)


async def test_what_ends_one_process_is_told_by_the_run(of_ningbo: Past) -> None:
    from confluent_kafka import TopicPartition
    from confluent_kafka.admin import AdminClient

    await of_ningbo.settle(list(settlements(100)))
    plan = await of_ningbo.plan()
    admin = AdminClient({"bootstrap.servers": of_ningbo.settings.kafka_bootstrap_servers})
    for deleted in admin.delete_records([TopicPartition(of_ningbo.settings.topic(EVENTS), 3, 5)]).values():
        deleted.result(timeout=30)

    with pytest.raises(RetentionError, match="offsets 0 to 4 are gone"):
        await of_ningbo.run(plan, jobs=2)


async def test_while_it_runs_it_has_no_file_that_a_kill_would_leave(
    of_ningbo: Past, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (own := tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(own))
    await of_ningbo.settle(list(settlements(200)))
    seen: list[list[Path]] = []

    await of_ningbo.run(await of_ningbo.plan(), on_difference=lambda _: seen.append(list(own.iterdir())))

    assert seen == [[], []]


async def test_a_full_disk_is_told_with_the_mend(of_ningbo: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    await of_ningbo.settle(list(settlements(200)))
    made = Store.__init__

    def small(self: Store, path: Path) -> None:
        made(self, path)
        self._db.execute("PRAGMA max_page_count = 8")

    monkeypatch.setattr(Store, "__init__", small)
    with pytest.raises(ReplayError, match=r"disk is full.*set TMPDIR"):
        await of_ningbo.run(await of_ningbo.plan())


async def test_of_two_runs_of_one_plan_the_later_one_goes_on(of_ningbo: Past) -> None:
    records = list(settlements(400))
    await of_ningbo.settle(records)
    plan = await of_ningbo.plan()
    begun = asyncio.Event()
    first = asyncio.create_task(of_ningbo.run(plan, emit=True, rate=40, on_difference=lambda _: begun.set()))
    await begun.wait()

    outcome, _ = await of_ningbo.run(plan, emit=True)

    with pytest.raises(TakenOverError):
        await first
    assert outcome.finished
    corrections = [v for held in (await of_ningbo.written()).values() for _, v, _ in held if b'"revision":2' in v]
    assert len(corrections) == len(set(corrections)) == 4


async def test_what_a_forgotten_code_decided_has_vanished_although_its_bytes_are_passed_over(of_ningbo: Past) -> None:
    """The sieve drops what holds no code of the rulebook, but not what holds a code of an earlier one."""
    await of_ningbo.settle(list(settlements(40)))
    (folder := of_ningbo.folder / "other").mkdir()
    for notice in NOTICES.glob("*.yaml"):
        shutil.copy(notice, folder)
    exams = (NOTICES.parent / "exams.yaml").read_text("utf-8")
    assert NATIONAL in exams
    (folder / "exams.yaml").write_text(exams.replace(NATIONAL, "002304000079999"), "utf-8")
    of_ningbo.after = load_rulebook(folder)
    assert NATIONAL not in of_ningbo.after.codes

    outcome, differences = await of_ningbo.run(await of_ningbo.plan())

    assert [difference.kind for difference in differences] == [Kind.VANISHED] * 40
    assert {difference.left_alone for difference in differences} == {LeftAlone.FOR_A_PERSON}
    assert outcome.tally.records == 40
