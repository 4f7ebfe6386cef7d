"""Both outputs and the dead letters, record by record, against an offline adjudication of what lies in the input."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from schemas import deadletters
from schemas.topics import ADJUSTED, DEADLETTERS, DISCLOSURES, EVENTS
from streams.hosting import installed_version
from streams.processors.settlement import Record, SettlementProcessor
from streams.rulebook import load_rulebook
from streams.settings import Settings
from tests.kafka import read_all

TOPICS: Final = (ADJUSTED, DISCLOSURES, DEADLETTERS)
SECRET: Final = b"s"

Content = tuple[bytes | None, bytes | None, tuple[tuple[str, bytes | None], ...]]
"""Key, value and headers."""
Place = tuple[str, int]
"""Output topic without its prefix, and partition."""
Contents = dict[Place, list[Content]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """`lost`: outputs that are not there. `repeated`: outputs that are there again. `differing`: outputs that stand
    where another should by bytes, header or order, or answer nothing.
    """

    events: int
    outputs: int
    lost: int
    repeated: int
    differing: int

    @property
    def exactly_once(self) -> bool:
        return not (self.lost or self.repeated or self.differing)

    def __str__(self) -> str:
        return (
            f"{self.events} events, {self.outputs} outputs expected: "
            f"{self.lost} lost, {self.repeated} repeated, {self.differing} differing"
        )


def judge(settings: Settings, within: float = 300.0) -> Verdict:
    """Read input and outputs to their ends, read committed, and compare. Raises TimeoutError."""
    records, found = asyncio.run(_read(settings, within))
    wanted = expected(records)
    for topic in TOPICS:
        assert any(name == topic and outputs for (name, _), outputs in wanted.items()), (
            f"nothing for {topic}: a bad test"
        )
    return compare(wanted, found, events=len(records))


def expected(records: Iterable[Record]) -> Contents:
    """What must stand in each place, in this order: outputs keep the partition and the order of their inputs."""
    process = SettlementProcessor(load_rulebook(), SECRET, installed_version())
    contents: Contents = defaultdict(list)
    for record in records:
        for output in process(record).outputs:
            contents[output.topic, record.partition].append((output.key, output.value, tuple(output.headers)))
    return dict(contents)


def compare(wanted: Contents, found: Contents, events: int) -> Verdict:
    """Byte by byte. Outputs are told apart by the event they answer."""
    lost = repeated = differing = 0
    for place in wanted.keys() | found.keys():
        there, due = found.get(place, []), wanted.get(place, [])
        if there == due:
            continue
        counts, due_counts = Counter(map(identity, there)), Counter(map(identity, due))
        lost += (due_counts - counts).total()
        more = counts - due_counts
        repeated += sum(count for name, count in more.items() if name in due_counts)
        unknown = sum(count for name, count in more.items() if name not in due_counts)
        right = set(due)
        wrong = unknown + sum(identity(content) in due_counts and content not in right for content in there)
        if not wrong and counts == due_counts:
            wrong = sum(one != other for one, other in zip(there, due, strict=True))
        differing += wrong
    return Verdict(events, sum(map(len, wanted.values())), lost, repeated, differing)


def identity(content: Content) -> bytes:
    """Of an answer its event id, of a dead letter the place of its input."""
    headers = dict(content[2])
    if deadletters.OFFSET in headers:
        return b"%s of %s" % (headers[deadletters.OFFSET], headers[deadletters.PARTITION])
    return headers.get("ce_id") or b"none"


async def _read(settings: Settings, within: float) -> tuple[Sequence[Any], Contents]:
    servers = settings.kafka_bootstrap_servers
    records = await read_all(servers, settings.topic(EVENTS), within=within)
    found: Contents = defaultdict(list)
    for topic in TOPICS:
        for record in await read_all(servers, settings.topic(topic), within=within):
            found[topic, record.partition].append((record.key, record.value, tuple(record.headers)))
    return records, dict(found)
