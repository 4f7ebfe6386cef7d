"""Make a plan: times become offsets, frozen, so that a plan means the same records whenever it is run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.moments import CHINA
from streams.replay import reading
from streams.replay.cluster import live_offsets, partitions_of
from streams.replay.errors import PlanError, TopicMissingError
from streams.replay.plans import TOPIC, Filters, Plan, Source, Stretch
from streams.replay.settings import PlanSettings
from streams.rulebook import Rulebook
from streams.settings import Settings

EVERYTHING: Final = Filters()


@dataclass(frozen=True, slots=True)
class Asked:
    """What a plan is asked to cover. `partitions` None: all. Times are by the records' own timestamps."""

    since: datetime
    until: datetime | None = None
    source: Source = "events"
    partitions: tuple[int, ...] | None = None
    filters: Filters = EVERYTHING


@dataclass(frozen=True, slots=True)
class Planned:
    """The plan, and what whoever asked for it must know."""

    plan: Plan
    notes: tuple[str, ...]


def moment(text: str) -> datetime:
    """A time a person typed; without an offset it is China's. Raises PlanError."""
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        raise PlanError(f"{text!r} is no time", "Write it like 2021-07-01 or 2021-07-01T09:30:00+08:00") from None
    return given if given.tzinfo is not None else given.replace(tzinfo=CHINA)


async def make_plan(settings: PlanSettings | Settings, asked: Asked, rulebook: Rulebook, now: datetime) -> Planned:
    """Raises PlanError for what cannot be, and KafkaError or TimeoutError when the broker cannot be reached."""
    _check_times(asked, now)
    if asked.source == "events" and (asked.filters.reasons or asked.filters.letters):
        raise PlanError(
            "Reasons and places are those of dead letters, and the source is events",
            "Add --source deadletters, or leave --reason out",
        )
    async with reading.reader(settings, isolation="read_uncommitted") as consumer:
        name = settings.topic(TOPIC[asked.source])
        there = await partitions_of(settings, name)
        if not there:
            mend = "Create it (petct topics create), or set PETCT_TOPIC_PREFIX"
            raise TopicMissingError(f"{name} does not exist", mend)
        chosen = sorted(there if asked.partitions is None else set(asked.partitions))
        if unknown := [number for number in chosen if number not in there]:
            raise PlanError(
                f"{name} has no partition {', '.join(map(str, unknown))}", f"It has 0 to {max(there)}; choose of those"
            )
        topics = [TopicPartition(name, number) for number in chosen]
        begins = await reading.beginnings(consumer, topics)
        ends = await reading.ends(consumer, topics)
        starts = await _at(consumer, topics, asked.since)
        stops = ends if asked.until is None else await _at(consumer, topics, asked.until)
        settled = await live_offsets(settings, settings.group_id) if asked.source == "events" else {}
        notes: list[str] = []
        stretches: list[Stretch] = []
        for topic in topics:
            number = topic.partition
            start = starts.get(topic, ends[topic])
            end = min(stops.get(topic, ends[topic]), ends[topic])
            if asked.source == "events" and end > settled.get(number, 0):
                # Answering before the live worker does would make two first answers of one event.
                notes.append(
                    f"partition {number}: {end - settled.get(number, 0)} of the last records are not yet settled by "
                    f"group {settings.group_id} and are left out"
                )
                end = settled.get(number, 0)
            eaten = begins[topic] > 0 and start == begins[topic]
            if eaten:
                notes.append(
                    f"partition {number}: the topic begins at offset {begins[topic]}; retention has deleted what was "
                    "before, which may be part of the stretch"
                )
            if start < end:
                retention = "beginning_may_be_gone" if eaten else "whole"
                stretches.append(Stretch(partition=number, start=start, end=end, retention=retention))
            else:
                notes.append(f"partition {number}: no record in the stretch")
    plan = Plan(
        source=asked.source,
        group=settings.group_id,
        topic_prefix=settings.topic_prefix,
        since=asked.since.isoformat(),
        until=(asked.until or now).astimezone(asked.since.tzinfo).isoformat(timespec="seconds"),
        rulebook=rulebook.hash,
        filters=asked.filters,
        partitions=tuple(stretches),
    )
    return Planned(plan, tuple(notes))


def _check_times(asked: Asked, now: datetime) -> None:
    until = asked.until
    if asked.since > now:
        raise PlanError(
            f"--since {asked.since.isoformat()} lies in the future", "Only what has happened can be run again"
        )
    if until is not None and until > now:
        raise PlanError(f"--until {until.isoformat()} lies in the future", "Leave it out to mean now")
    if until is not None and until <= asked.since:
        raise PlanError(
            f"--until {until.isoformat()} is not after --since {asked.since.isoformat()}", "Swap or change them"
        )
    if asked.since < datetime(1970, 1, 1, tzinfo=UTC):
        raise PlanError(f"--since {asked.since.isoformat()} lies before 1970", "Kafka keeps no such time")


async def _at(
    consumer: AIOKafkaConsumer, topics: Sequence[TopicPartition], moment: datetime
) -> dict[TopicPartition, int]:
    """The first offset at or after a time; left out where all records are older."""
    asked = {topic: int(moment.timestamp() * 1000) for topic in topics}
    found = await consumer.offsets_for_times(asked)
    return {topic: at.offset for topic, at in found.items() if at is not None}
