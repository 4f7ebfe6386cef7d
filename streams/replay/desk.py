"""Dead letters as a person handles them: read, one or all, and laid aside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from aiokafka import TopicPartition

from schemas.topics import DEADLETTERS
from streams.replay import letters, reading
from streams.replay.audit import whole_ledger
from streams.replay.cluster import partitions_of
from streams.replay.errors import PlanError
from streams.replay.ledger import STILL_OPEN, letter_output
from streams.replay.ledger_topic import write_to_ledger
from streams.replay.letters import Letter
from streams.settings import KafkaSettings


@dataclass(frozen=True, slots=True)
class Found:
    """A dead letter, and what became of it; `end` None: nothing yet."""

    letter: Letter
    end: str | None
    by: str | None


def place_of(text: str) -> tuple[int, int]:
    """`partition:offset`. Raises PlanError."""
    partition, _, offset = text.partition(":")
    if not (partition.isascii() and partition.isdigit() and offset.isascii() and offset.isdigit()):
        raise PlanError(
            f"{text!r} is no place of a dead letter", "Write it like 2:117, as petct deadletters list tells"
        )
    return int(partition), int(offset)


async def read_letters(settings: KafkaSettings, since: datetime, take: Callable[[Found], None]) -> None:
    """Give `take` every dead letter since then, partition by partition."""
    async with reading.reader(settings, isolation="read_uncommitted") as probe, reading.reader(settings) as consumer:
        ends = (await whole_ledger(settings, probe)).letters
        name = settings.topic(DEADLETTERS)
        topics = [TopicPartition(name, number) for number in await partitions_of(settings, name)]
        asked = {topic: max(0, int(since.timestamp() * 1000)) for topic in topics}
        starts = await probe.offsets_for_times(asked)
        stops = await reading.ends(consumer, topics)
        for topic in topics:
            start = starts.get(topic)
            if start is None:
                continue
            consumer.assign([topic])
            consumer.seek(topic, start.offset)
            async for records in reading.up_to(consumer, topic, stops[topic]):
                for record in records:
                    letter = letters.read(record)
                    if letter is not None:
                        end = ends.get(letter.name, {})
                        take(Found(letter, end.get("end"), end.get("by")))


async def read_one(settings: KafkaSettings, place: str) -> Found:
    """Raises PlanError where there is none."""
    return (await _pick(settings, [place]))[0]


async def refuse_ended(settings: KafkaSettings, places: Sequence[str]) -> None:
    """Raises PlanError for one that is not there, or that no retry looks at any more."""
    for found in await _pick(settings, places):
        if found.end is not None and found.end not in STILL_OPEN:
            raise PlanError(f"{found.letter.name} has ended already: {found.end}", "There is nothing to retry")


async def discard(settings: KafkaSettings, places: Sequence[str], who: str, why: str) -> int:
    """Lay them aside, all or none; how many. Raises PlanError for one that is not there, or has ended otherwise."""
    for found in (picked := await _pick(settings, places)):
        if found.end not in {None, "discarded"}:
            raise PlanError(f"{found.letter.name} has ended already: {found.end}", "There is nothing to discard")
    for found in picked:
        name = found.letter.name
        await write_to_ledger(settings, found.letter.at[0], [letter_output(name, "discarded", who, why)])
    return len(picked)


async def _pick(settings: KafkaSettings, places: Sequence[str]) -> list[Found]:
    wanted = sorted({place_of(place) for place in places})
    picked = []
    async with reading.reader(settings, isolation="read_uncommitted") as probe, reading.reader(settings) as consumer:
        ends = (await whole_ledger(settings, probe)).letters
        name = settings.topic(DEADLETTERS)
        there = await partitions_of(settings, name)
        for partition, offset in wanted:
            topic = TopicPartition(name, partition)
            record = None
            if partition in there and offset < (await reading.ends(consumer, [topic]))[topic]:
                consumer.assign([topic])
                record = (await reading.pick(consumer, topic, [offset])).get(offset)
            letter = None if record is None else letters.read(record)
            if letter is None:
                raise PlanError(f"There is no dead letter at {partition}:{offset}", "Look: petct deadletters list")
            end = ends.get(letter.name, {})
            picked.append(Found(letter, end.get("end"), end.get("by")))
    return picked
