"""The topics on the broker: made as the catalogue says, and compared with it before a worker starts."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Iterable
from dataclasses import dataclass
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    IncompatibleBrokerVersion,
    KafkaError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
    for_code,
)

from schemas.topics import EVENTS, OUTPUTS, RULEBOOK, TOPICS, Topic
from streams.bus import clients
from streams.settings import KafkaSettings

SETTLE: Final = (EVENTS, *OUTPUTS, RULEBOOK)
"""What `petct worker settle` reads and writes."""
ADMIN_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Problem:
    """One way in which the broker differs from the catalogue. `fatal`: a worker cannot run like this."""

    topic: str
    problem: str
    mend: str
    fatal: bool

    def __str__(self) -> str:
        return f"{self.topic} {self.problem}; {self.mend}"


class TopicsError(Exception):
    """Topics that could not be made, each with the broker's reason."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


async def create_topics(
    settings: KafkaSettings, partitions: int, replication: int, names: Collection[str] = tuple(TOPICS)
) -> list[str]:
    """Make those of `names` that are missing; returns what was made, as named on the broker.

    What exists is left as it is. Where the input topic exists, its number of partitions counts and not `partitions`.
    A broker that cannot be told to make topics, such as the embedded one, makes them at first use, by its own rule.
    Raises TopicsError, and KafkaError or TimeoutError when the broker cannot be reached.
    """
    async with _admin(settings) as admin:
        there = await _partitions(admin)
        partitions = there.get(settings.topic(EVENTS), partitions)
        wanted = [TOPICS[name] for name in names if settings.topic(name) not in there]
        if not wanted:
            return []
        new = [
            NewTopic(
                settings.topic(topic.name),
                partitions if topic.partitions == "input" else topic.partitions,
                replication,
                topic_configs=config(topic),
            )
            for topic in wanted
        ]
        cluster = await admin.describe_cluster()
        if cluster["controller_id"] not in [broker["node_id"] for broker in cluster["brokers"]]:
            # Nobody is there to make topics: the embedded broker. Asked for by name, it makes them.
            await admin.describe_topics([topic.name for topic in new])
            return [topic.name for topic in new]
        answer = await admin.create_topics(new)
        # One made a moment ago, by somebody else, may be there and not yet listed.
        there_already = [name for name, code, *_ in answer.topic_errors if code == TopicAlreadyExistsError.errno]
        refused = [
            Problem(name, f"was not created: {_told(code, detail)}", "mend that and try again", fatal=True)
            for name, code, *detail in answer.topic_errors
            if code and name not in there_already
        ]
        if refused:
            raise TopicsError(refused)
        await _until_known(admin, [topic.name for topic in new])
        return [topic.name for topic in new if topic.name not in there_already]


async def create_own_topics(
    settings: KafkaSettings, names: Collection[str], partitions: int, replication: int, configs: dict[str, str]
) -> None:
    """Make those of `names` (whole names, of no catalogue) that are missing, and wait until they are known.

    Raises TopicsError when one is refused or has another number of partitions, and KafkaError or TimeoutError when the
    broker cannot be reached.
    """
    async with _admin(settings) as admin:
        there = await _partitions(admin)
        new = [NewTopic(name, partitions, replication, topic_configs=configs) for name in names if name not in there]
        refused = []
        if new:
            answer = await admin.create_topics(new)
            refused = [
                Problem(name, f"was not created: {_told(code, detail)}", "mend that and try again", fatal=True)
                for name, code, *detail in answer.topic_errors
                if code not in {0, TopicAlreadyExistsError.errno}
            ]
        if not refused:
            await _until_known(admin, [topic.name for topic in new])
            there = await _partitions(admin)
            refused = [
                Problem(
                    name,
                    f"has {there[name]} partitions, and {settings.topic(EVENTS)} has {partitions}",
                    "it holds tables of another shape: stop all processes of the group, delete the topics that begin "
                    "with its name, reset the group's offsets to the earliest, and start again",
                    fatal=True,
                )
                for name in names
                if there[name] != partitions
            ]
        if refused:
            raise TopicsError(refused)


async def check_topics(settings: KafkaSettings, names: Collection[str] = tuple(TOPICS)) -> list[Problem]:
    """Compare `names` with the catalogue. Makes nothing, not even on a broker that makes topics at first use.

    Raises KafkaError or TimeoutError when the broker cannot be reached.
    """
    async with _admin(settings) as admin:
        there = await _partitions(admin)
        problems = _missing(settings, names, there)
        existing = [TOPICS[name] for name in names if settings.topic(name) in there]
        configs = await _configs(admin, [settings.topic(topic.name) for topic in existing])
        for topic in existing:
            problems += _differing(settings.topic(topic.name), topic, configs.get(settings.topic(topic.name), {}))
        return problems


async def partitions_of(settings: KafkaSettings, name: str) -> int:
    """How many partitions a topic of the catalogue has; 0 where there is none. Raises as `check_topics` does."""
    async with _admin(settings) as admin:
        return (await _partitions(admin)).get(settings.topic(name), 0)


async def replicas_of(settings: KafkaSettings, name: str) -> int:
    """How many copies a topic of the catalogue has, of its worst partition. Raises as `check_topics` does."""
    full = settings.topic(name)
    async with _admin(settings) as admin:
        for topic in await admin.describe_topics([full]):
            return min((len(partition["replicas"]) for partition in topic["partitions"]), default=1)
    return 1


def config(topic: Topic) -> dict[str, str]:
    """What the broker is told of a topic, in its own names."""
    return {"cleanup.policy": topic.cleanup_policy, **topic.config}


def _missing(settings: KafkaSettings, names: Iterable[str], there: dict[str, int]) -> list[Problem]:
    problems = []
    of_input = there.get(settings.topic(EVENTS))
    for name in names:
        full = settings.topic(name)
        if full not in there:
            mend = "create it (petct topics create), or set PETCT_TOPIC_PREFIX to what your topics begin with"
            if settings.kafka_security_protocol != "PLAINTEXT":
                mend += "; or it is there and this user may not see it (petct topics acls)"
            problems.append(Problem(full, "does not exist", mend, fatal=True))
        elif of_input is not None and TOPICS[name].partitions == "input" and there[full] != of_input:
            problems.append(
                Problem(
                    full,
                    f"has {there[full]} partitions, and {settings.topic(EVENTS)} has {of_input}",
                    "an output goes to the partition number of its input: "
                    + (f"add partitions up to {of_input}" if there[full] < of_input else "create it anew"),
                    fatal=there[full] < of_input,
                )
            )
    return problems


def _differing(full: str, topic: Topic, found: dict[str, str]) -> list[Problem]:
    problems = []
    for key, wanted in config(topic).items():
        value = found.get(key)
        if value is None or value == wanted:
            continue
        # A smaller limit would refuse outputs; the rest changes how long or how tidily the broker keeps them.
        limit = key == "max.message.bytes"
        if limit and int(value) >= int(wanted):
            continue
        problems.append(
            Problem(
                full,
                f"has {key}={value}",
                f"set {wanted}: kafka-configs.sh --alter --entity-type topics --entity-name {full} "
                f"--add-config {key}={wanted}",
                fatal=limit,
            )
        )
    return problems


@contextlib.asynccontextmanager
async def _admin(settings: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = clients.admin(settings)
    try:
        async with asyncio.timeout(ADMIN_SECONDS):
            await admin.start()
            yield admin
    finally:
        with contextlib.suppress(Exception):
            async with asyncio.timeout(2):
                await admin.close()


async def _partitions(admin: AIOKafkaAdminClient) -> dict[str, int]:
    """All topics with their number of partitions. Asked for by name, a missing one might be made by the broker."""
    return {
        topic["topic"]: len(topic["partitions"])
        for topic in await admin.describe_topics()
        if topic["error_code"] != UnknownTopicOrPartitionError.errno
    }


async def _until_known(admin: AIOKafkaAdminClient, names: list[str]) -> None:
    """A topic just made is not at once known to every broker."""
    while True:
        if set(names) <= set(await _partitions(admin)):
            return
        await asyncio.sleep(0.05)


async def _configs(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    """The settings of these topics as far as the broker tells: the embedded one does not, and an ACL may forbid."""
    if not names:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    try:
        answers = await admin.describe_configs(resources)
    except (IncompatibleBrokerVersion, KafkaError):
        return {}
    found: dict[str, dict[str, str]] = {}
    for answer in answers:
        for error, _, _, name, entries in answer.resources:
            if not error:
                found[name] = {entry[0]: entry[1] for entry in entries}
    return found


def _told(code: int, detail: list[Any]) -> str:
    return str(next(filter(None, detail), None) or for_code(code).__name__)
