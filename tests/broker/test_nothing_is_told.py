"""No value of an event reaches a log line, an error text, a metric, /status or a header, other than by design.

Real lanes work through the fuzz corpus, made of events whose every free value bears a mark; the log is at debug.
"""

import io
import json
import logging
from collections import Counter
from collections.abc import Iterator
from typing import Any

import orjson
import prometheus_client
import pytest
import structlog
from aiokafka import AIOKafkaProducer

from schemas import deadletters
from schemas.topics import ADJUSTED, DEADLETTERS, DISCLOSURES, EVENTS
from streams import logs
from streams.bus.rules import Rules
from streams.metrics import Metrics
from streams.processors.settlement import Answer, Fate, Record
from streams.settings import LogSettings
from tests.broker.crashing import crashing
from tests.broker.settling import Scene, scene, until_true
from tests.builders import event, line, processor, refund, reversal, shenzhen, void
from tests.kafka import Broker
from tests.unit.processors.test_fuzz import mutants

INPUTS = 4_000
WORD = "ZQ7X"
AMOUNT, PAID, BORN, DAY, TIME = "6517.83", "24817.93", "1937-11-23", "2021-07-19", "09:37:41"
MARKS = (WORD, AMOUNT, PAID, BORN, DAY, TIME)
IN_THE_INPUT = ("x-source", f"{WORD} header".encode())


def _marked(made: dict[str, Any]) -> bytes:
    """The event with a mark in every value that is not one of a closed list."""
    made.update(event_id=f"{WORD}event", settlement_id=f"{WORD}settlement", occurred_at=f"{DAY}T{TIME}+08:00")
    if "reverses" in made:
        made["reverses"] = {"event_id": f"{WORD}before", "settlement_id": f"{WORD}settlement"}
        return orjson.dumps(made)
    made["hospital"].update(code=f"{WORD}hospital", name=f"{WORD}医院")
    made["patient"].update(person_id=f"{WORD}person", name=f"欧阳{WORD}", birth_date=BORN)
    made["account"].update(own_paid_ytd=PAID, fund_paid_ytd=PAID)
    made["request"] = {"indication": "staging", "purpose": f"{WORD}分期", "clinical_basis": "pathology_confirmed"}
    made["diagnoses"] = [{"code": "C34.900", "name": f"{WORD}恶性肿瘤", "main": True}]
    for held in made["line_items"]:
        sign = "-" if held["amount"].startswith("-") else ""
        held.update(item_name=f"{WORD}显像", service_date=DAY, amount=sign + AMOUNT, unit_price=AMOUNT)
    return orjson.dumps(made)


SEEDS = [
    _marked(made)
    for made in (
        event(),
        event(line(), refund(refunds_line_no=1)),
        shenzhen(claim_channel="manual", manual_claim={"submitted_on": "2023-06-02", "documents": [f"{WORD}document"]}),
        shenzhen(filing={"kind": "referral", "valid_from": "2023-01-01", "valid_to": "2023-12-31"}),
        reversal(),
        void(),
    )
]


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    logs.configure(LogSettings(log_level="debug", log_format="json"), stream)
    yield stream
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


@pytest.fixture
async def on_any(broker: Broker, prefix: str) -> Scene:
    made = scene(broker, prefix, breaker_run=0, breaker_share=1)
    await made.create_topics()
    return made


async def _send(on: Scene, values: list[bytes]) -> None:
    """With a key and a header of their own, as a producer might."""
    producer = AIOKafkaProducer(bootstrap_servers=on.broker.bootstrap_servers, max_request_size=2**22)
    await producer.start()
    try:
        for number, value in enumerate(values):
            builder = producer.create_batch()
            builder.append(timestamp=None, key=f"{WORD}key".encode(), value=value, headers=[IN_THE_INPUT])
            await producer.send_batch(builder, on.settings.topic(EVENTS), partition=number % 4)
        await producer.flush()
    finally:
        await producer.stop()


def _assert_unmarked(text: str) -> None:
    for mark in MARKS:
        at = text.find(mark)
        assert at < 0, text[max(0, at - 200) : at + 50]


async def test_the_fuzz_corpus_leaves_no_value_in_logs_metrics_status_or_headers(
    on_any: Scene, log: io.StringIO
) -> None:
    values = 50 * SEEDS + [value for value in mutants(INPUTS, 20210719, SEEDS) if len(value) < 900_000]
    expected = Counter(output.topic for value in values for output in processor()(_Plain(value)).outputs)
    assert expected[ADJUSTED] > 300
    assert expected[DISCLOSURES] > 100
    assert expected[DEADLETTERS] > INPUTS / 2
    assert sum(WORD.encode() in value for value in values) > 0.9 * len(values)
    on_any.process = processor()
    await _send(on_any, values)
    async with on_any.settling(crashing("after_send", times=2)) as (service, metrics):
        await until_true(lambda: _counted(metrics) == len(values))
        told = prometheus_client.generate_latest(metrics.registry).decode()
        status = json.dumps(service.status().plain())

    lines = log.getvalue()
    assert lines.count('"event": "committed"') >= 4
    assert lines.count('"event": "lane reopening"') == 8
    for text in (lines, told, status):
        _assert_unmarked(text)
    for topic, number in expected.items():
        await on_any.until(number, topic)
        records = await on_any.records(topic)
        assert len(records) == number
        for record in records:
            _check_headers(topic, dict(record.headers))


def _check_headers(topic: str, headers: dict[str, bytes]) -> None:
    if topic == DEADLETTERS:
        # By design: what the input's producer put there stays, beside our own.
        assert headers.pop(IN_THE_INPUT[0]) == IN_THE_INPUT[1]
        assert headers.keys() <= deadletters.OURS
    else:
        # By design, CloudEvents: when it happened.
        assert DAY in headers.pop("ce_time").decode() or topic == ADJUSTED
    _assert_unmarked(str(headers))


def _counted(metrics: Metrics) -> float:
    return sum(metrics.registry.get_sample_value("petct_records_total", {"fate": fate}) or 0 for fate in Fate)


class _Plain:
    topic, partition, offset, timestamp, key, headers = EVENTS, 0, 0, 0, None, ()

    def __init__(self, value: bytes) -> None:
        self.value = value


class _Quoting(Exception):
    """A bug of ours whose text quotes the record it met."""


async def test_a_bug_whose_error_quotes_the_record_is_told_by_its_place_only(on_any: Scene, log: io.StringIO) -> None:
    def process(record: Record) -> Answer:
        assert record.value is not None
        try:
            raise KeyError(record.value.decode())
        except KeyError as error:
            raise _Quoting(f"cannot read {record.value.decode()}") from error

    on_any.rules = Rules(process)
    await _send(on_any, SEEDS[:4])
    async with on_any.settling() as (service, metrics):
        await until_true(lambda: len(service.status().errors) > 0)
        told = prometheus_client.generate_latest(metrics.registry).decode()
        status = json.dumps(service.status().plain())
        assert metrics.registry.get_sample_value("petct_reopenings_total", {"cause": "unforeseen"})

    for text in (log.getvalue(), told, status, str(service.not_ready())):
        _assert_unmarked(text)
    assert "_Quoting" in status
    assert "test_nothing_is_told.py:" in log.getvalue()


def test_an_exception_that_a_library_logs_is_told_without_its_text(log: io.StringIO) -> None:
    try:
        try:
            raise KeyError(WORD)
        except KeyError as error:
            raise _Quoting(WORD) from error
    except _Quoting:
        logging.getLogger("asyncio").exception("Task exception was never retrieved")
        structlog.get_logger("petct").exception("something failed")

    _assert_unmarked(log.getvalue())
    for told in map(json.loads, log.getvalue().splitlines()):
        assert told["exception"].startswith("_Quoting at test_nothing_is_told.py:")
