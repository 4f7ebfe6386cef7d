"""A new release takes over in running workers: between two batches, on every lane, and nothing is lost or repeated."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from ops.kafka.broker import RealKafka
from schemas.codec import dumps
from schemas.topics import ADJUSTED, DEADLETTERS, DISCLOSURES
from streams.bus.rules import Rules
from streams.exit_codes import ExitCode
from streams.processors.settlement import Answer, Fate, Output, Record
from streams.rulebook import Rulebook, load_rulebook
from streams.rulebook.canonical import digest
from streams.simulate import events
from tests.broker.expected import Records, load
from tests.broker.rulebooks import (
    append,
    batches_of,
    cheaper,
    decided_by,
    hash_of,
    identity,
    installed,
    petct,
    release,
    without_ningbo,
)
from tests.broker.settling import PATIENCE, Scene, scene
from tests.broker.workers import Worker, environment
from tests.builders import event
from tests.kafka import Broker

pytestmark = [pytest.mark.kafka, pytest.mark.real_kafka]

REFUSED = "a release of the rulebook is refused; the one in use stays"
SMALL = {"PETCT_BATCH_RECORDS": "75"}


@pytest.fixture
async def on_kafka(real_kafka: RealKafka, prefix: str) -> Scene:
    made = scene(Broker("real", real_kafka.bootstrap_servers), prefix)
    await made.create_topics()
    return made


@pytest.fixture
def other(tmp_path: Path) -> Rulebook:
    return load_rulebook(cheaper(tmp_path / "cheaper"))


def released(on: Scene, **more: str) -> dict[str, str]:
    """A worker that has no notices but those released."""
    return environment(on.settings) | {"PETCT_RULEBOOK_FALLBACK": "none"} | more


def in_use(worker: Worker, book: Rulebook) -> bool:
    return worker.metric(f'petct_rulebook_info{{hash="{book.hash}"}}') == 1


async def until(condition: Any, within: float = PATIENCE) -> None:
    """Ask, off the loop, until it holds."""
    async with asyncio.timeout(within):
        while True:
            if await asyncio.to_thread(condition):
                return
            await asyncio.sleep(0.05)


async def check(on: Scene, records: Records, old: Rulebook, new: Rulebook) -> Counter[str]:
    """Every output is there once, whole, by one of the two; no batch mixes them. How many were decided by which."""
    expected = decided_by(records, old, new)
    by: Counter[str] = Counter()
    for topic in (ADJUSTED, DISCLOSURES, DEADLETTERS):
        found = await on.records(topic)
        wanted = Counter(identity(topic, value) for value in expected[topic][old.hash].elements())
        assert Counter(identity(topic, record.value) for record in found) == wanted, topic
        for record in found:
            assert expected[topic][hash_of(record)][record.value], (topic, hash_of(record))
        for batch in batches_of(found):
            assert len({hash_of(record) for record in batch}) == 1, topic
        by.update(map(hash_of, found))
    adjusted = {
        orjson.loads(record.value).get("source_event_id"): hash_of(record) for record in await on.records(ADJUSTED)
    }
    assert None not in adjusted
    return by


@asynccontextmanager
async def two_workers(on: Scene, tmp_path: Path) -> AsyncIterator[list[Worker]]:
    async with AsyncExitStack() as stack:
        workers = [
            stack.enter_context(
                Worker(tmp_path / f"log-{number}", released(on, PETCT_GROUP_INSTANCE_ID=f"w{number}", **SMALL))
            )
            for number in range(2)
        ]
        for worker in workers:
            await asyncio.to_thread(worker.until_ready)
        yield workers


async def stop(workers: Iterable[Worker]) -> None:
    for worker in workers:
        worker.signal(signal.SIGTERM)
    for worker in workers:
        assert await asyncio.to_thread(worker.exit_code) == ExitCode.OK


def feed(on: Scene, records: Records, lots: int) -> asyncio.Task[None]:
    """Load: one lot after the other."""

    async def run() -> None:
        size = -(-len(records) // lots)
        for start in range(0, len(records), size):
            await load(on, records[start : start + size])
            await asyncio.sleep(0.05)

    return asyncio.create_task(run())


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_two_workers_under_load_switch_and_every_output_has_one_of_the_two_rulebooks(
    on_kafka: Scene, other: Rulebook, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = installed()
    await release(on_kafka.settings, old)
    records = list(events(11, 9_000, petct_share=0.7, invalid_share=0.02))
    first, during, after = records[:3_000], records[3_000:7_500], records[7_500:]
    async with two_workers(on_kafka, tmp_path) as workers:
        await load(on_kafka, first)
        load_goes_on = feed(on_kafka, during, lots=12)
        await on_kafka.until(200)
        await release(on_kafka.settings, other)
        began = time.monotonic()
        await until(lambda: all(in_use(worker, other) for worker in workers))
        switched = time.monotonic() - began
        await load_goes_on
        assert not any(in_use(worker, old) for worker in workers)
        await load(on_kafka, after)
        for partition in range(4):
            await on_kafka.until_committed(await _end(on_kafka, partition), partition)
        await stop(workers)

    by = await check(on_kafka, records, old, other)
    assert by.keys() == {old.hash, other.hash}
    late = {identity(ADJUSTED, value) for value in decided_by(after, old)[ADJUSTED][old.hash]}
    assert {hash_of(held) for held in await on_kafka.records(ADJUSTED) if identity(ADJUSTED, held.value) in late} == {
        other.hash
    }
    with capsys.disabled():
        print(f"\n  both workers had switched {switched:.2f} s after the release; outputs by rulebook: {dict(by)}")


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_a_worker_killed_while_it_switches_loses_and_repeats_nothing(
    on_kafka: Scene, other: Rulebook, tmp_path: Path
) -> None:
    """kill -9 at the moment of the release, of one and then of the other, back and forth between two rulebooks, each
    time under load."""
    old = installed()
    await release(on_kafka.settings, old)
    records = list(events(12, 9_000, petct_share=0.7, invalid_share=0.02))
    async with two_workers(on_kafka, tmp_path) as workers:
        await load(on_kafka, records[:1_500])
        await on_kafka.until(200)
        for turn, book in enumerate((other, old, other, old, other)):
            load_goes_on = feed(on_kafka, records[1_500 * (turn + 1) : 1_500 * (turn + 2)], lots=4)
            victim = workers[turn % 2]
            await release(on_kafka.settings, book)
            # Each a little later in the switch than the one before.
            await asyncio.sleep(0.02 * turn)
            victim.kill()
            victim.start()
            await until(lambda victim=victim, book=book: in_use(victim, book))
            await load_goes_on
        for partition in range(4):
            await on_kafka.until_committed(await _end(on_kafka, partition), partition)
        await stop(workers)

    by = await check(on_kafka, records, old, other)
    assert by.keys() == {old.hash, other.hash}


async def test_a_rulebook_that_comes_in_the_middle_of_a_batch_waits_for_the_next(on_kafka: Scene) -> None:
    """At the 300th record, when all lanes may be in the midst of a batch; they take it with their next one."""
    rules = Rules()
    seen = Counter[str]()

    def deciding(name: bytes) -> Any:
        def process(record: Record) -> Answer:
            seen[name.decode()] += 1
            if name == b"old" and seen["old"] == 300:
                rules.switch(deciding(b"new"))
            return Answer(Fate.DECIDED, (Output(ADJUSTED, record.key, name, []),), "covered")

        return process

    rules.switch(deciding(b"old"))
    on_kafka.rules = rules
    for partition in range(4):
        await on_kafka.send(*[b"x"] * 1_000, partition=partition)
    async with on_kafka.settling():
        await on_kafka.until(4_000)
        for partition in range(4):
            await on_kafka.send(b"x", partition=partition)
        await on_kafka.until(4_004)

    batches = batches_of(await on_kafka.records())
    assert sum(map(len, batches)) == 4_004
    assert {len({record.value for record in batch}) for batch in batches} == {1}
    assert {batch[0].value for batch in batches} == {b"old", b"new"}
    assert seen["old"] > 300, "the batch in hand was finished by the rulebook it began with"


async def test_a_damaged_release_harms_nothing(on_kafka: Scene, other: Rulebook, tmp_path: Path) -> None:
    old = installed()
    await release(on_kafka.settings, old)
    newer = dumps({**json.loads(old.canonical), "format": 99})
    spoilt = [
        (old.hash.encode(), old.canonical[:-5]),
        (b"sha256:" + b"1" * 64, other.canonical),
        (None, b"\xff\xfe"),
        (b"sha256:" + b"2" * 64, None),
        (digest(newer).encode(), newer),
    ]
    with Worker(tmp_path / "log", released(on_kafka)) as worker:
        await asyncio.to_thread(worker.until_ready)
        for number, (key, value) in enumerate(spoilt, start=1):
            await append(on_kafka.settings, key, value)
            await until(lambda number=number: worker.events().count(REFUSED) == number)
            assert worker.metric("petct_rulebook_newest_release_refused") == 1
            assert worker.get("/readyz") == (200, "ok\n")
            assert in_use(worker, old)
        assert "upgrade this program before the release is used" in worker.said()
        await load(on_kafka, [(b"k", orjson.dumps(event()))])
        await on_kafka.until(1)
        worker.kill()
        worker.start()
        await asyncio.to_thread(worker.until_ready)
        assert in_use(worker, old), "a restarted worker passes over them too"

        await release(on_kafka.settings, other)
        await until(lambda: in_use(worker, other))
        assert worker.metric("petct_rulebook_newest_release_refused") == 0
    assert [hash_of(record) for record in await on_kafka.records()] == [old.hash]
    assert "Traceback" not in worker.said()


async def test_without_a_release_a_worker_waits_and_says_what_to_do(on_kafka: Scene, tmp_path: Path) -> None:
    await load(on_kafka, [(b"k", orjson.dumps(event()))])
    with Worker(tmp_path / "log", released(on_kafka)) as worker:
        await until(lambda: "no rulebook is released" in worker.get("/readyz")[1])
        assert worker.get("/readyz")[0] == 503
        assert worker.get("/livez") == (200, "ok\n")
        assert "`petct rulebook publish` releases the installed notices" in worker.said()
        assert worker.metric("petct_assigned_partitions") == 0, "it joins no group before it can work"

        await petct(on_kafka.settings, "rulebook", "publish", "-m", "first")
        await asyncio.to_thread(worker.until_ready)
        await on_kafka.until(1)
        assert worker.metric("petct_rulebook_review_seconds") < 10 * 366 * 86_400
        worker.signal(signal.SIGTERM)
        assert await asyncio.to_thread(worker.exit_code) == ExitCode.OK


async def test_a_wait_for_a_release_ends_by_a_signal(on_kafka: Scene, tmp_path: Path) -> None:
    with Worker(tmp_path / "log", released(on_kafka)) as worker:
        await until(lambda: "no rulebook is released" in worker.said())
        worker.signal(signal.SIGTERM)
        assert await asyncio.to_thread(worker.exit_code) == ExitCode.OK


async def test_installed_notices_serve_only_as_long_as_nothing_is_released(
    on_kafka: Scene, other: Rulebook, tmp_path: Path
) -> None:
    with Worker(tmp_path / "log", released(on_kafka, PETCT_RULEBOOK_FALLBACK="installed")) as worker:
        await asyncio.to_thread(worker.until_ready)
        assert in_use(worker, installed())
        await release(on_kafka.settings, other)
        await until(lambda: in_use(worker, other))


async def test_a_topic_of_damaged_releases_is_not_empty(on_kafka: Scene, tmp_path: Path) -> None:
    """Then the installed notices are no answer: somebody meant to release others."""
    await append(on_kafka.settings, b"sha256:" + b"1" * 64, b"{}")
    with Worker(tmp_path / "log", released(on_kafka, PETCT_RULEBOOK_FALLBACK="installed")) as worker:
        await until(lambda: "no release of the rulebook can be used" in worker.get("/readyz")[1])


async def test_a_pinned_worker_takes_that_release_and_no_other(
    on_kafka: Scene, other: Rulebook, tmp_path: Path
) -> None:
    old = installed()
    with Worker(tmp_path / "log", released(on_kafka, PETCT_RULEBOOK=old.hash)) as worker:
        await until(lambda: f"PETCT_RULEBOOK={old.hash} is not among the releases" in worker.get("/readyz")[1])
        await release(on_kafka.settings, other)
        await release(on_kafka.settings, old)
        await asyncio.to_thread(worker.until_ready)
        await release(on_kafka.settings, other)
        await load(on_kafka, [(b"k", orjson.dumps(event()))])
        await on_kafka.until(1)
        assert in_use(worker, old)
    assert [hash_of(record) for record in await on_kafka.records()] == [old.hash]


def test_a_pin_that_is_no_hash_is_told_by_its_variable(tmp_path: Path) -> None:
    given = {
        "PETCT_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "PETCT_DISCLOSURE_SECRET": "s",
        "PETCT_RULEBOOK": "newest",
    }
    with Worker(tmp_path / "log", given) as worker:
        assert worker.exit_code() == ExitCode.USAGE
    assert "PETCT_RULEBOOK is wrong" in worker.said()


async def test_a_notice_posted_late_moves_exactly_its_settlements(on_kafka: Scene, tmp_path: Path) -> None:
    """Ningbo: posted 2021-07-23, in force from 2021-06-30. Source: POLICY, `nb-2021-23`."""
    before = load_rulebook(without_ningbo(tmp_path / "before"))
    ningbo = [
        event(
            event_id=f"nb-{number}",
            settlement_id=f"nb-{number}",
            occurred_at=f"2021-07-{day:02}T09:30:00+08:00",
            hospital={"region": "330203"},
            patient={"insured_region": "330200", "scheme": scheme, "status": status},
            line_items=[{**event()["line_items"][0], "service_date": f"2021-07-{day:02}"}],
        )
        for number, (day, scheme, status) in enumerate(
            [(1, "resident", "adult"), (10, "employee", "in_service"), (22, "resident", "senior")]
        )
    ]
    others = [
        event(event_id="hz", settlement_id="hz"),
        event(event_id="away", settlement_id="away", patient={"insured_region": "330600"}),
    ]
    records = [(made["settlement_id"].encode(), orjson.dumps(made)) for made in (*ningbo, *others)]
    await load(on_kafka, records)
    await release(on_kafka.settings, before)
    with Worker(tmp_path / "log", released(on_kafka)) as worker:
        found = [orjson.loads(value or b"") for value in await on_kafka.until(len(records))]
        worker.kill()
    answered = {adjusted["settlement_id"]: adjusted for adjusted in found}
    for made in ningbo:
        (line,) = answered[made["settlement_id"]]["lines"]
        assert (line["outcome"], line["reasons"]) == ("needs_review", ["benefit_rule_missing"])

    await petct(on_kafka.settings, "rulebook", "publish", "-m", "甬医保发〔2021〕23号")
    told = await petct(
        on_kafka.settings,
        *("rulebook", "impact", "newest", "--against", before.hash, "--topic", "settlement.events"),
        *("--since", "2000-01-01", "--json"),
    )
    impact = json.loads(told)
    assert (impact["events"], impact["changed"]) == (5, 3)
    assert {change["settlement_id"] for change in impact["largest"]} == {made["settlement_id"] for made in ningbo}
    assert impact["reasons"] == {"gone": {"benefit_rule_missing": 3}, "new": {}}
    for change in impact["largest"]:
        assert change["outcomes"] == {"before": "needs_review", "after": "covered"}
        assert change["before"]["lines"][0]["reasons"] == ["benefit_rule_missing"]
        totals = change["after"]["totals"]
        assert (totals["fund_amount"], totals["patient_amount"]) == ("1060.00", "4240.00")
    assert impact["cities"]["330200"]["changed"] == 3
    # Nothing was written anywhere.
    assert len(await on_kafka.records()) == len(records)
    nothing = json.loads(
        await petct(
            on_kafka.settings,
            *("rulebook", "impact", "newest", "--against", before.hash, "--topic", "settlement.events"),
            *("--since", "2099-01-01", "--json"),
        )
    )
    assert nothing["events"] == 0


async def _end(on: Scene, partition: int) -> int:
    """The offset a lane commits when it has seen all of a partition, which no transaction wrote."""
    return sum(record.partition == partition for record in await on.records("settlement.events"))
