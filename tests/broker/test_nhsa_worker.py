"""A worker that reads messages of the national interface: what it writes is what the same events would give."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import orjson
import pytest

from ops.kafka.broker import RealKafka
from schemas.events import COMPLETED
from schemas.topics import ADJUSTED, DEADLETTERS, DISCLOSURES
from streams.forms import form_of
from streams.processors.settlement import SettlementProcessor
from streams.replay.difference import Kind
from tests.broker.expected import expected_outputs, load
from tests.broker.replaying import past
from tests.broker.settling import scene
from tests.broker.workers import Worker, environment
from tests.builders import InputRecord
from tests.kafka import Broker
from tests.nhsa import CODES
from tests.unit.nhsa.test_convert import added, message
from tests.unit.nhsa.test_passing_over import bus


@pytest.mark.kafka
@pytest.mark.real_kafka
async def test_messages_on_the_bus_are_settled_like_events(real_kafka: RealKafka, prefix: str, tmp_path: Path) -> None:
    on = scene(Broker("real", real_kafka.bootstrap_servers), prefix)
    await on.create_topics()
    (tmp_path / "codes.csv").write_text(CODES, "utf-8")
    pairs = bus(300)
    keys = [(event.get("reverses") or event)["settlement_id"].encode() for _, event in pairs]
    expected = expected_outputs([(key, orjson.dumps(event)) for key, (_, event) in zip(keys, pairs, strict=True)])
    incomplete = message()
    del added(incomplete)["hospital"]
    dead = orjson.dumps(incomplete, option=orjson.OPT_INDENT_2)
    await load(on, [*((key, value) for key, (value, _) in zip(keys, pairs, strict=True)), (b"S2021070100001", dead)])

    settings = {"PETCT_INPUT_FORMAT": "nhsa", "PETCT_NHSA_CODES": str(tmp_path / "codes.csv")}
    with Worker(tmp_path / "log", environment(on.settings) | settings) as worker:
        worker.until_ready()
        await on.until(expected[ADJUSTED].total())
        await on.until(1, DEADLETTERS)
        assert worker.running

    assert Counter(await on.outputs(ADJUSTED)) == expected[ADJUSTED]
    assert Counter(await on.outputs(DISCLOSURES)) == expected[DISCLOSURES]
    (letter,) = await on.records(DEADLETTERS)
    assert letter.value == dead
    headers = dict(letter.headers)
    assert headers["dlq_reason"] == b"schema"
    assert b"exp_content.petct.hospital.ownership" in headers["dlq_detail"]
    assert "欧阳".encode() not in b"".join(headers.values())


@pytest.mark.kafka
@pytest.mark.real_kafka
async def test_a_replay_of_messages_corrects_what_another_rulebook_decides_otherwise(
    real_kafka: RealKafka, prefix: str, tmp_path: Path
) -> None:
    (tmp_path / "codes.csv").write_text(CODES, "utf-8")
    here = await past(real_kafka.bootstrap_servers, prefix, tmp_path)
    here.settings = here.settings.model_copy(update={"input_format": "nhsa", "nhsa_codes": tmp_path / "codes.csv"})
    secret = here.settings.secret
    here.live.process = SettlementProcessor(here.before, secret, "0", form_of(here.settings))
    pairs = [(value, event) for value, event in bus(300) if event["event_type"] == COMPLETED]
    await here.settle([(event["settlement_id"].encode(), value) for value, event in pairs])

    _, found = await here.run(await here.plan(rulebook=here.before))
    assert found == []

    _, found = await here.run(await here.plan())
    before, after = (SettlementProcessor(book, secret, "0") for book in (here.before, here.after))
    records = [InputRecord(orjson.dumps(event)) for _, event in pairs]
    otherwise = {
        str((after(record).adjusted or {})["settlement_id"])
        for record in records
        if before(record).outcome != after(record).outcome
    }
    assert otherwise
    assert {difference.settlement_id for difference in found if difference.kind is Kind.OUTCOME} == otherwise


def test_a_table_with_mistakes_keeps_the_worker_from_starting(tmp_path: Path) -> None:
    (tmp_path / "hospitals.csv").write_text("code,region\nH1,33\n", "utf-8")
    settings = {
        "PETCT_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "PETCT_DISCLOSURE_SECRET": "s",
        "PETCT_INPUT_FORMAT": "nhsa",
        "PETCT_NHSA_HOSPITALS": str(tmp_path / "hospitals.csv"),
    }
    with Worker(tmp_path / "log", settings) as worker:
        assert worker.exit_code() == 2
    assert "PETCT_NHSA_HOSPITALS names a table with mistakes (line 2: region: expected six digits)" in worker.said()
