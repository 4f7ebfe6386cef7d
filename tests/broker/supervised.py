"""Settlements with abuse in them for surveillance on a broker, and what must be found by the same judges offline."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Any

from schemas.topics import ADJUSTED, ALERTS, BOARD, CITIES, PERSONS
from streams.bus.topics import SETTLE, create_topics
from streams.processors.settlement import SettlementProcessor
from streams.rulebook import load_rulebook
from streams.surveillance.offline import Offline
from streams.surveillance.thresholds import load_thresholds
from tests.broker.expected import Records, load, partition_of
from tests.broker.settling import Scene
from tests.builders import event, line

SECRET = "secret-of-surveillance"
SURVEILLED = {"PETCT_SURVEILLANCE": "true", "PETCT_SURVEILLANCE_SECRET": SECRET}
FIRST = date(2021, 7, 1)
HOSPITALS = (
    {"code": "H33010200001", "name": "示例医院", "region": "330102"},
    {"code": "H33010200002", "name": "示例二院", "region": "330105"},
    {"code": "H33020300001", "name": "示例三院", "region": "330203"},
)
INDICATIONS = ("staging", "post_treatment_recurrence_or_metastasis", "radiotherapy_planning", "check_up", None)
FEE = {"line_no": 9, "item_code": "002208000080000", "item_name": "计算机图文报告", "quantity": "1"}
_OF_THE_WRITING = ("event_id", "event_type", "revision")

Plain = dict[str, Any]


def settlements(seed: int, persons: int, scans: int, days: int = 150) -> Iterator[Plain]:
    """In order of time: `scans` a person, some charged too high, split, reported apart or with a doubtful reason."""
    dice = random.Random(seed)
    of = sorted((dice.randrange(days), dice.randrange(persons), number) for number in range(persons * scans))
    for day, person, number in of:
        on = (FIRST + timedelta(day)).isoformat()
        lines = [line(dice.choice(("5300.00",) * 3 + ("6500.00",)), service_date=on)]
        if dice.random() < 0.05:
            lines.append(line("5300.00", line_no=2, service_date=on))
        if dice.random() < 0.1:
            lines.append({**FEE, "service_date": on, "unit_price": "40.00", "amount": "40.00"})
        yield event(
            *lines,
            event_id=f"MARKEVENT{number:06d}",
            settlement_id=f"S{number:06d}",
            occurred_at=f"{on}T09:30:00+08:00",
            hospital=dice.choice(HOSPITALS),
            patient={"person_id": f"MARKPERSON{person:04d}", "name": "魑魅魍魉", "birth_date": "1947-05-06"},
            request={"indication": dice.choice(INDICATIONS), "purpose": "魑魅"},
            diagnoses=[{"code": dice.choice(("C34.900", "Z00.000")), "name": "示例诊断", "main": True}],
        )


def undoing(of: Plain) -> Plain:
    return {
        "schema_version": "1.0",
        "event_id": f"U{of['event_id']}",
        "event_type": "settlement.reversed",
        "settlement_id": f"U{of['settlement_id']}",
        "occurred_at": of["occurred_at"],
        "insured_region": "330100",
        "reverses": {"event_id": of["event_id"], "settlement_id": of["settlement_id"]},
        "reason": "duplicate",
    }


def records(made: Iterable[Plain]) -> Records:
    """As the platform sends them, each in the partition of its settlement."""
    return [(one.get("reverses", one)["settlement_id"].encode(), json.dumps(one).encode()) for one in made]


async def create_surveilled_topics(on: Scene) -> None:
    await create_topics(on.settings, 4, 1, (*SETTLE, BOARD, PERSONS, CITIES, ALERTS))


class _In:
    topic, partition, offset, timestamp, headers = "", 0, 0, 0, ()

    def __init__(self, key: bytes, value: bytes) -> None:
        self.key, self.value = key, value


async def settle(on: Scene, events: Records) -> None:
    """Put the events on the bus, and what settle makes of them."""
    await load(on, events)
    process = SettlementProcessor(load_rulebook(), b"s", "0")
    for partition in range(4):
        mine = [record for record in events if partition_of(record[0]) == partition]
        made = [
            output for key, value in mine for output in process(_In(key, value)).outputs if output.topic == ADJUSTED
        ]
        if made:
            await on.send_pairs([(output.key, output.value) for output in made], partition=partition, topic=ADJUSTED)


def offline(events: Records) -> dict[str, Plain]:
    """The open findings, by id, without what only tells how often one was written."""
    engine = Offline(load_rulebook(), load_thresholds(), SECRET.encode())
    for _, value in events:
        engine.take(value)
    return {id: stated(record) for id, record in engine.findings().items()}


def stated(record: Plain) -> Plain:
    return {name: value for name, value in record.items() if name not in _OF_THE_WRITING}


async def newest(on: Scene) -> dict[str, Plain]:
    """The newest record of each finding on the topic."""
    found: dict[str, Plain] = {}
    for one in await on.records(ALERTS):
        record = json.loads(one.value)
        held = found.get(record["finding_id"])
        if held is None or held["revision"] < record["revision"]:
            found[record["finding_id"]] = record
    return found


async def open_findings(on: Scene) -> dict[str, Plain]:
    return {id: stated(record) for id, record in (await newest(on)).items() if record["status"] == "open"}
