"""`petct replay` as a user types it: what it says, and how it ends."""

import asyncio
from pathlib import Path

import orjson
import pytest

from ops.kafka.broker import RealKafka
from schemas.topics import ADJUSTED
from streams.replay.plans import read
from tests.broker.replaying import Past, past, settlements
from tests.broker.test_deadletters import petct

pytestmark = [pytest.mark.kafka, pytest.mark.real_kafka]


@pytest.fixture
async def of_ningbo(real_kafka: RealKafka, prefix: str, tmp_path: Path) -> Past:
    made = await past(real_kafka.bootstrap_servers, prefix, tmp_path)
    await made.settle(list(settlements(200)))
    return made


async def test_plan_diff_run_and_log(of_ningbo: Past, tmp_path: Path) -> None:
    plan, html = tmp_path / "ningbo.yaml", tmp_path / "ningbo.html"
    since = ("--since", "2021-06-30", "--region", "330200", "--outcome", "needs_review")

    code, _, error = await petct(of_ningbo, "replay", "plan", *since, "-o", str(plan))
    assert code == 0
    assert b"at most 200 records of 4 partitions (an estimate" in error

    code, out, error = await petct(of_ningbo, "replay", "diff", str(plan), "--jobs", "1", "--json", "--html", str(html))
    assert code == 3
    told = orjson.loads(out)["difference"]
    assert told["total"] == {
        "settlements": 2,
        "moved": {"fund": "2120.00", "assistance": "0.00", "patient": "-2120.00", "hospital": "0.00"},
    }
    assert told["by_outcome"]["needs_review → covered"]["settlements"] == 2
    assert list(told["by_city"]) == ["330200"]
    assert all(orjson.loads(line)["records"] >= 0 for line in error.splitlines() if line.startswith(b"{"))
    assert "甬医保发〔2021〕23号" in html.read_text("utf-8")

    code, _, error = await petct(of_ningbo, "replay", "run", str(plan), "--emit")
    assert (code, b"must say why" in error) == (2, True)
    before = await of_ningbo.ends(ADJUSTED)
    code, out, error = await petct(of_ningbo, "replay", "run", str(plan), "--jobs", "1")
    assert code == 0
    assert b"2 to emit" in out
    (*_, last) = [orjson.loads(line) for line in error.splitlines() if line.startswith(b"{")]
    assert (last["to_emit"], "emitted" in last) == (2, False), "a dry run emits nothing, and says nothing else"
    assert await of_ningbo.ends(ADJUSTED) == before

    code, out, _ = await petct(of_ningbo, "replay", "run", str(plan), "--emit", "--why", "posted late", "--who", "ops")
    assert code == 0
    assert b"2 emitted" in out
    code, out, _ = await petct(of_ningbo, "replay", "diff", str(plan), "--jobs", "1")
    assert code == 0, "nothing differs any more: what was needs_review is not"

    code, out, _ = await petct(of_ningbo, "replay", "log")
    assert f"done, by ops: posted late\n    plan {read(plan).name} of events".encode() in out
    code, out, _ = await petct(of_ningbo, "replay", "log", "--json")
    (run,) = orjson.loads(out)
    assert (run["who"], run["why"], run["status"], run["emitted"]) == ("ops", "posted late", "done", 2)
    assert run["rulebook"] == of_ningbo.after.hash
    assert run["moved"]["fund"] == "2120.00"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--since", "yesterday"), 2, "'yesterday' is no time"),
        (("--since", "2999-01-01"), 2, "lies in the future"),
        (("--since", "2021-07-02", "--until", "2021-07-01"), 2, "is not after --since"),
        (("--since", "2021-07-02", "--until", "2999-07-01"), 2, "lies in the future"),
        (("--since", "1969-12-31"), 2, "lies before 1970"),
        (("--since", "2021-07-01", "--partitions", "0,99"), 2, "has no partition 99"),
        (("--since", "2021-07-01", "--partitions", "all"), 2, "is no list of numbers"),
        (("--since", "2021-07-01", "--rulebook", "sha256:" + "0" * 64), 7, "petct rulebook log"),
        (("--since", "2021-07-01", "--rulebook", "as-known-at 2021-07-01"), 7, "No rulebook is known of at"),
        (("--since", "2021-07-01", "--scheme", "private"), 2, "--scheme is wrong"),
        (("--since", "2021-07-01", "--region", "Ningbo"), 2, "--region is wrong"),
        (("--since", "2021-07-01", "--outcome", "paid"), 2, "--outcome is wrong"),
        (("--since", "2021-07-01", "--source", "alerts"), 2, "Give events or deadletters"),
        (("--since", "2021-07-01", "--source", "deadletters", "--reason", "bad"), 2, "--reason 'bad' is unknown"),
        (("--since", "2021-07-01", "--settlement-id-file", "nowhere"), 2, "nowhere cannot be read"),
        (("--since", "2021-07-01", "--reason", "schema"), 2, "Add --source deadletters"),
        (("--since", "2021-07-01", "-o", "nowhere/plan.yaml"), 2, "cannot be written, there is no folder nowhere"),
    ],
)
async def test_a_plan_that_cannot_be_is_refused_with_the_mend(
    real_kafka: RealKafka, tmp_path: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    here = _shared.get("past")
    if here is None:
        here = _shared["past"] = await past(real_kafka.bootstrap_servers, "refused.", tmp_path)
    ended, out, error = await petct(here, "replay", "plan", *arguments)

    assert (ended, out) == (code, b"")
    assert said in error.decode()


_shared: dict[str, Past] = {}


async def test_a_changed_plan_file_and_missing_topics_are_told(of_ningbo: Past, tmp_path: Path) -> None:
    plan = of_ningbo.file(await of_ningbo.plan())
    plan.write_text(plan.read_text("utf-8").replace("start: 0", "start: 1", 1), "utf-8")
    code, _, error = await petct(of_ningbo, "replay", "run", str(plan), "--jobs", "1")
    assert (code, b"was changed after it was made" in error) == (2, True)

    unknown = (await of_ningbo.plan()).model_copy(update={"rulebook": "sha256:" + "0" * 64})
    code, _, error = await petct(of_ningbo, "replay", "run", str(of_ningbo.file(unknown)), "--jobs", "1")
    assert (code, b"petct rulebook log" in error) == (7, True)

    of_ningbo.settings = of_ningbo.settings.model_copy(update={"topic_prefix": "nowhere."})
    code, _, error = await petct(of_ningbo, "replay", "plan", "--since", "2021-07-01")
    assert (code, b"nowhere.settlement.events does not exist" in error) == (8, True)


async def test_no_broker_is_told(of_ningbo: Past) -> None:
    of_ningbo.settings = of_ningbo.settings.model_copy(update={"kafka_bootstrap_servers": "127.0.0.1:1"})
    code, _, error = await asyncio.wait_for(petct(of_ningbo, "replay", "log"), 60)
    assert (code, b"127.0.0.1:1" in error) == (4, True)
