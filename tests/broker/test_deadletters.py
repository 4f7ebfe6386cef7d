"""`petct deadletters` and a replay whose source they are, on a real Kafka."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from ops.kafka.broker import RealKafka
from schemas.topics import ADJUSTED, DEADLETTERS, EVENTS
from streams.cli.app import app
from streams.processors.settlement import Answer, Record, SettlementProcessor
from tests.broker.replaying import SECRET, Past, partition_of, past, reversal_of, settlement
from tests.broker.workers import CHECKOUT

pytestmark = [pytest.mark.kafka, pytest.mark.real_kafka]

SECRET_OF_A_PATIENT = "欧阳某某"


@pytest.fixture
async def of_ningbo(real_kafka: RealKafka, prefix: str, tmp_path: Path) -> Past:
    return await past(real_kafka.bootstrap_servers, prefix, tmp_path)


class _Broken:
    """The same record with a body that is not JSON, as the buggy release saw it; the dead letter gets the true one."""

    def __init__(self, record: Record) -> None:
        self.topic, self.partition, self.offset = record.topic, record.partition, record.offset
        self.timestamp, self.key, self.headers = record.timestamp, record.key, record.headers
        self.value = (record.value or b"")[:-7]


def command(here: Past, *arguments: str) -> tuple[int, bytes, bytes]:
    """A process of its own for what takes signals; the others within this one, an interpreter takes seconds."""
    settings = here.environment() | {"COLUMNS": "300"}
    if not {"run", "diff", "retry"} & set(arguments):
        done = CliRunner().invoke(app, arguments, env=settings)
        return done.exit_code, done.stdout_bytes, done.stderr_bytes
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PETCT_")}
    ended = subprocess.run(
        [sys.executable, "-m", "streams.cli", *arguments],
        cwd=CHECKOUT,
        env=kept | settings,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert b"Traceback" not in ended.stderr, ended.stderr.decode()
    return ended.returncode, ended.stdout, ended.stderr


async def petct(here: Past, *arguments: str) -> tuple[int, bytes, bytes]:
    return await asyncio.to_thread(command, here, *arguments)


async def _with_letters(here: Past) -> None:
    """Ten settlements; 2 came in a version we read today only, 3 and 4 are broken for ever."""
    records = dict(settlement(number) for number in range(10))
    for number in (3, 4):
        key, value = settlement(number)
        records[key] = value.replace(b'"birth_date"', b'"born_on"')
    await here.settle(list(records.items()))


async def test_a_retry_decides_what_can_be_read_now_and_counts_what_fails_again(of_ningbo: Past) -> None:
    process = of_ningbo.live.process

    def older(record: Record) -> Answer:
        answer = process(record)
        if record.key != settlement(2)[0]:
            return answer
        # Its body is true, its reason is that of a release with a bug.
        letter = process(_Broken(record)).outputs[0]
        return Answer(
            process(_Broken(record)).fate, (type(letter)(letter.topic, letter.key, record.value, letter.headers),)
        )

    of_ningbo.live.process = older
    await _with_letters(of_ningbo)
    before = await of_ningbo.written()
    assert sum(map(len, (await of_ningbo.written(DEADLETTERS)).values())) == 3
    end_of_events = await of_ningbo.ends(EVENTS)

    code, out, _ = await petct(of_ningbo, "deadletters", "list", "--json")
    told = orjson.loads(out)
    assert (code, told["by_reason"]) == (0, {"not_json": 1, "schema": 2})

    code, out, _ = await petct(of_ningbo, "deadletters", "retry", "--json")
    assert orjson.loads(out)["run"]["counts"] == {"newly_decided": 1, "failed_again": 2}
    assert await of_ningbo.written() == before, "a dry run"

    code, _, error = await petct(of_ningbo, "deadletters", "retry", "--emit")
    assert code == 2
    assert b"must say why" in error

    code, out, _ = await petct(of_ningbo, "deadletters", "retry", "--emit", "--why", "release 2 reads it", "--json")
    assert code == 0
    assert orjson.loads(out)["run"]["counts"] == {"newly_decided": 1, "failed_again": 2}
    key = settlement(2)[0]
    (adjusted,) = [value for k, value, _ in (await of_ningbo.written())[partition_of(key)] if k == key]
    record = orjson.loads(adjusted)
    assert (record["revision"], record["supersedes"], record["reason"]) == (1, None, "dead_letter_retry")
    first = SettlementProcessor(of_ningbo.after, SECRET.encode(), "0")
    plain = next(r for r in await of_ningbo.live.records(EVENTS) if r.key == key)
    answer = first(plain)
    assert answer.adjusted is not None
    assert record["event_id"] == answer.adjusted["event_id"]

    letters = [dict(headers) for held in (await of_ningbo.written(DEADLETTERS)).values() for _, _, headers in held]
    assert sorted(told.get("dlq_retries", b"0") for told in letters) == [b"0", b"0", b"0", b"1", b"1"]
    again = [told for told in letters if told.get("dlq_retries") == b"1"]
    assert {told["dlq_topic"] for told in again} == {of_ningbo.settings.topic(EVENTS).encode()}, "the input's place"

    for _ in range(4):
        await of_ningbo.run(await of_ningbo.plan(source="deadletters"), emit=True, retry_limit=3)
    letters = [dict(headers) for held in (await of_ningbo.written(DEADLETTERS)).values() for _, _, headers in held]
    assert max(told.get("dlq_retries", b"0") for told in letters) == b"3", "the limit ends it"
    assert len(letters) == 3 + 2 * 3
    code, out, _ = await petct(of_ningbo, "deadletters", "list", "--json")
    assert [letter["retries"] for letter in orjson.loads(out)["letters"]] == [3, 3]
    assert await of_ningbo.ends(EVENTS) == end_of_events


async def test_list_and_show_hide_the_body_until_it_is_to_be_revealed(of_ningbo: Past) -> None:
    await _with_letters(of_ningbo)
    code, out, _ = await petct(of_ningbo, "deadletters", "list", "--reason", "schema", "--json")
    places = [letter["place"] for letter in orjson.loads(out)["letters"]]
    assert (code, len(places)) == (0, 2)

    for arguments in (("list",), ("show", places[0]), ("show", places[0], "--json")):
        code, out, error = await petct(of_ningbo, "deadletters", *arguments)
        assert code == 0
        assert b"patient.birth_date" in out
        assert SECRET_OF_A_PATIENT.encode() not in out + error

    code, out, _ = await petct(of_ningbo, "deadletters", "show", places[0], "--reveal")
    assert code == 0
    assert orjson.loads(out)["patient"]["name"] == SECRET_OF_A_PATIENT

    for place, said in (("9:0", "no dead letter at 9:0"), ("0:999", "no dead letter"), ("x", "is no place")):
        code, _, error = await petct(of_ningbo, "deadletters", "show", place)
        assert code == 2
        assert said in error.decode()


async def test_what_was_discarded_is_neither_listed_nor_retried(of_ningbo: Past) -> None:
    await _with_letters(of_ningbo)
    _, out, _ = await petct(of_ningbo, "deadletters", "list", "--json")
    places = [letter["place"] for letter in orjson.loads(out)["letters"]]

    twice = (places[0], places[0])
    code, out, _ = await petct(of_ningbo, "deadletters", "discard", *twice, "--why", "a test record of the platform")
    assert (code, out) == (0, b"discarded 1\n")
    for place, said in ((places[0], "has ended already: discarded"), ("0:999", "no dead letter at 0:999")):
        code, _, error = await petct(of_ningbo, "deadletters", "retry", place)
        assert (code, said in error.decode()) == (2, True)

    _, out, _ = await petct(of_ningbo, "deadletters", "list", "--json")
    assert [letter["place"] for letter in orjson.loads(out)["letters"]] == places[1:]
    _, out, _ = await petct(of_ningbo, "deadletters", "list", "--all", "--json")
    assert {letter["place"]: letter["ended"] for letter in orjson.loads(out)["letters"]}[places[0]] == "discarded"
    _, out, _ = await petct(of_ningbo, "deadletters", "retry", "--emit", "--why", "again", "--json")
    assert orjson.loads(out)["run"]["counts"] == {"failed_again": 1}
    code, _, error = await petct(of_ningbo, "deadletters", "discard", places[1], "--why", "too late")
    assert code == 2
    assert b"has ended already: failed_again" in error


async def test_a_retry_leaves_a_settlement_alone_that_was_reversed_or_settled_anew(of_ningbo: Past) -> None:
    def older(record: Record) -> Answer:
        late = b'"event_id":"E0000000' in (record.value or b"") and b"settlement.completed" in (record.value or b"")
        return process(_Broken(record)) if late else process(record)

    process = of_ningbo.live.process

    def keeps_the_body(record: Record) -> Answer:
        answer = older(record)
        (first, *rest) = answer.outputs
        if first.topic != DEADLETTERS:
            return answer
        return Answer(answer.fate, (type(first)(first.topic, first.key, record.value, first.headers), *rest))

    of_ningbo.live.process = keeps_the_body
    key, value = settlement(2)
    anew = value.replace(b'"E00000002"', b'"F00000002"')
    await of_ningbo.settle([settlement(1), reversal_of(1), (key, value), (key, anew)])
    before = await of_ningbo.written(ADJUSTED)

    code, out, _ = await petct(of_ningbo, "deadletters", "retry", "--emit", "--why", "release 2", "--json")

    assert code == 0
    told = orjson.loads(out)
    assert told["run"]["counts"] == {"reversed": 1, "another_event_stands": 1}
    assert told["run"]["emitted"] == 0
    assert await of_ningbo.written(ADJUSTED) == before
