"""On a Kafka with TLS, SCRAM and an authorizer: each role works with its own rights, and a refusal loses nothing."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import TopicAuthorizationFailedError

from ops.kafka.broker import RealKafka
from ops.kafka.secured import CLIENTS, EXPIRED, MUTUAL, Identity, SecuredKafka, binding
from schemas.roles import Role
from schemas.topics import ADJUSTED, ALERTS, DEADLETTERS, DISCLOSURES, EVENTS
from streams.bus.acls import Acl, acls
from streams.bus.alerts_topic import AlertsTopic
from streams.bus.clients import connection
from streams.bus.doctor import Level, diagnose, gather
from streams.bus.refused import why_refused
from streams.bus.rulebook_topic import publish
from streams.bus.topics import create_topics
from streams.replay import Options
from streams.replay.planning import Asked, make_plan
from streams.replay.running import run_plan
from streams.rulebook import load_rulebook
from streams.settings import KafkaSettings, Settings
from streams.surveillance.desk import Deed
from tests.broker.replaying import LONG_AGO, WHY, notices_before, settlement
from tests.broker.settling import until_true
from tests.broker.workers import Worker, free_port
from tests.findings import finding, value
from tests.kafka import read_all

pytestmark = [pytest.mark.kafka, pytest.mark.real_kafka, pytest.mark.slow]

SECRET = "s"
WATCH = (sys.executable, "-m", "streams.cli", "worker", "watch")
PATIENCE = 90.0


@dataclass(frozen=True)
class Place:
    """One test's topics and users on the secured broker, all of whose names begin with `prefix`."""

    kafka: SecuredKafka
    prefix: str

    @property
    def group(self) -> str:
        return f"{self.prefix}settle"

    def user(self, role: Role) -> str:
        return f"{self.prefix}{role}"

    def topic(self, name: str) -> str:
        return self.prefix + name

    def acls(self, role: Role) -> list[Acl]:
        return acls(role, prefix=self.prefix, group_id=self.group, user=self.user(role))

    def bindings(self, role: Role, *some: Acl) -> list[Any]:
        return [
            binding(f"User:{self.user(role)}", acl.resource, acl.name, acl.pattern, acl.operation)
            for acl in some or self.acls(role)
            if not acl.comfort
        ]

    async def enrol(self, *roles: Role) -> None:
        """Users, each with the rights of its role and no comfort, as soon as the broker knows them."""
        for role in roles:
            self.kafka.add_user(self.user(role), self.password(role))
            self.kafka.allow(self.bindings(role))
        async with asyncio.timeout(PATIENCE):
            waiting = list(roles)
            while waiting:
                if await why_refused(self.settings(waiting[0])) is None:
                    waiting.pop(0)
                await asyncio.sleep(0.05)

    def password(self, role: Role) -> str:
        return f"hush-{role}"

    def given(self, role: Role, listener: str = CLIENTS, **more: Any) -> dict[str, Any]:
        return {
            "kafka_bootstrap_servers": self.kafka.bootstrap(listener),
            "kafka_security_protocol": "SASL_SSL",
            "kafka_sasl_mechanism": "SCRAM-SHA-512",
            "kafka_sasl_username": self.user(role),
            "kafka_sasl_password": self.password(role),
            "kafka_ssl_cafile": self.kafka.authority.file,
            "topic_prefix": self.prefix,
            "group_id": self.group,
            "disclosure_secret": SECRET,
            **more,
        }

    def settings(self, role: Role, listener: str = CLIENTS, **more: Any) -> Settings:
        return Settings(**self.given(role, listener, **more))

    def environment(self, role: Role, listener: str = CLIENTS, **more: Any) -> dict[str, str]:
        given: dict[str, Any] = {
            "rulebook_fallback": "installed",
            "session_timeout_ms": 6_000,
            "broker_wait_seconds": 1,
            **self.given(role, listener, **more),
        }
        return {f"PETCT_{name.upper()}": str(value) for name, value in given.items()}

    async def send(self, *pairs: tuple[bytes, bytes]) -> None:
        """As the platform, under its own rights."""
        await self._send(self.settings(Role.PLATFORM), EVENTS, pairs)

    async def put(self, topic: str, *pairs: tuple[bytes, bytes]) -> None:
        """As the administrator, who may do everything."""
        await self._send(KafkaSettings(**_plain(self)), topic, pairs)

    async def _send(self, settings: KafkaSettings, topic: str, pairs: Iterable[tuple[bytes, bytes]]) -> None:
        producer = AIOKafkaProducer(**connection(settings), enable_idempotence=True)
        await producer.start()
        try:
            for key, value in pairs:
                await producer.send_and_wait(self.topic(topic), value, key=key, partition=0)
        finally:
            await producer.stop()

    async def answered(self, topic: str = ADJUSTED) -> list[bytes]:
        """Keys, read committed, by the administrator."""
        return [record.key for record in await read_all(self.kafka.bootstrap_servers, self.topic(topic))]

    async def until_answered(self, number: int) -> list[bytes]:
        async with asyncio.timeout(PATIENCE):
            while True:
                if len(keys := await self.answered()) >= number:
                    return keys
                await asyncio.sleep(0.2)


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    with SecuredKafka(tmp_path_factory.mktemp("secured")) as kafka:
        yield kafka


@pytest.fixture
def place(real_kafka: RealKafka, secured: SecuredKafka, prefix: str) -> Place:
    """`real_kafka` says whether there can be a broker at all."""
    return Place(secured, prefix)


@pytest.fixture
async def ready(place: Place) -> Place:
    """With topics and the two roles that every settlement needs."""
    await create_topics(KafkaSettings(**_plain(place)), 1, 1)
    await place.enrol(Role.PLATFORM, Role.SETTLE)
    return place


def _plain(place: Place) -> dict[str, Any]:
    return {"kafka_bootstrap_servers": place.kafka.bootstrap_servers, "topic_prefix": place.prefix}


def _numbers(first: int, last: int) -> list[tuple[bytes, bytes]]:
    return [settlement(number) for number in range(first, last)]


async def test_each_role_does_its_work_with_its_own_rights_and_no_others(place: Place, tmp_path: Path) -> None:
    await place.enrol(*Role)
    await create_topics(place.settings(Role.OPERATOR), 1, 1)
    now = datetime.now(UTC)
    rules_desk = place.settings(Role.RULES_DESK)
    assert await publish(rules_desk, load_rulebook(notices_before(tmp_path / "notices")), "before", "t", now)

    # Two of one person on one day: something for surveillance to find.
    ours = [settlement(number, ningbo=True) for number in (7, 8)]
    await place.send(*ours, (b"D", b'["002304000070000"]'), (b"other", b"{}"))
    worker = Worker(tmp_path / "log", place.environment(Role.SETTLE, rulebook_fallback="none"))
    async with _running(worker):
        await place.until_answered(2)
    assert await place.answered(DEADLETTERS) == [b"D"]

    assert await publish(rules_desk, load_rulebook(), "after", "t", now)
    replay = place.settings(Role.REPLAY)
    planned = await make_plan(replay, Asked(LONG_AGO), load_rulebook(), now + timedelta(minutes=5))
    outcome = await run_plan(planned.plan, replay, load_rulebook(), Options(emit=True, who="t", why=WHY))
    assert outcome.tally.emitted > 0

    given: dict[str, Any] = {
        "watch_folder": tmp_path / "state",
        "watch_api_port": (api := free_port()),
        "http_port": (port := free_port()),
        "broker_wait_seconds": 60,
        "surveillance": True,
        "surveillance_secret": "hush of surveillance",
    }
    place.kafka.allow(place.bindings(Role.WATCH, *place.acls(Role.SURVEILLANCE)))
    watch = Worker(tmp_path / "watch", place.environment(Role.WATCH, **given), WATCH, port)
    async with _running(watch):
        await until_true(lambda: watch.metric('petct_board_disclosures_total{fate="listed"}') > 0)
        await until_true(lambda: watch.metric("petct_board_rows") > 0)
        await until_true(lambda: watch.metric("petct_surveillance_findings_total") > 0)
    assert str(api) in watch.said()

    found = finding()
    await place.put(ALERTS, (found["finding_id"].encode(), value(found)))
    async with AlertsTopic(place.settings(Role.SUPERVISOR)) as desk:
        handled, written = await desk.do(found["finding_id"], Deed("t", "t", "2021-08-01T12:00:00+08:00"))
    assert (handled.state, written) == ("acknowledged", True)

    assert await _read(place, Role.READER, ADJUSTED) == await place.answered(ADJUSTED) == [key for key, _ in ours * 2]
    assert await _read(place, Role.BOARD, DISCLOSURES) == await place.answered(DISCLOSURES)


@pytest.mark.parametrize(
    ("role", "topic"), [(Role.READER, EVENTS), (Role.BOARD, ADJUSTED), (Role.SETTLE, DEADLETTERS)], ids=str
)
async def test_no_role_reads_what_is_none_of_its_business(ready: Place, role: Role, topic: str) -> None:
    await ready.enrol(role)
    await ready.put(topic, (b"k", b"{}"))
    with pytest.raises(TopicAuthorizationFailedError):
        await _read(ready, role, topic, in_a_group=False)


async def test_every_right_of_the_worker_is_one_it_needs_and_the_doctor_knows(ready: Place) -> None:
    settings = ready.settings(Role.SETTLE, rulebook_fallback="installed")

    async def problems() -> set[str]:
        findings = diagnose(settings, await gather(settings, 64))
        return {finding.check for finding in findings if finding.level is Level.PROBLEM}

    await _until_problems_are(problems, set())
    for acl in ready.acls(Role.SETTLE):
        if acl.comfort:
            continue
        taken = ready.bindings(Role.SETTLE, acl)
        ready.kafka.forbid(taken)
        unseen = {"topic.exists"} if acl.resource == "topic" else set()
        await _until_problems_are(problems, {f"acl.{acl.resource.replace('-', '_')}"}, unseen)
        ready.kafka.allow(taken)
    await _until_problems_are(problems, set())


async def test_a_wrong_password_and_an_expired_certificate_are_told_and_lose_nothing(
    ready: Place, tmp_path: Path
) -> None:
    """The events wait, and the next worker that is let in settles them all."""
    await ready.send(*_numbers(0, 20))
    wrong = Worker(tmp_path / "wrong", ready.environment(Role.SETTLE, kafka_sasl_password="hush-wrong"))
    expired = Worker(tmp_path / "expired", ready.environment(Role.SETTLE, EXPIRED))
    with wrong, expired:
        assert await asyncio.to_thread(wrong.exit_code) == 4
        assert await asyncio.to_thread(expired.exit_code) == 4
    assert "refuses the log-in; correct PETCT_KAFKA_SASL_USERNAME and PETCT_KAFKA_SASL_PASSWORD" in wrong.said()
    assert "hush" not in wrong.said()
    told = f"the certificate of {ready.kafka.bootstrap(EXPIRED)} has expired; renew it on the broker"
    assert told in expired.said()
    assert await ready.answered() == []

    async with _running(Worker(tmp_path / "right", ready.environment(Role.SETTLE))):
        assert await ready.until_answered(20) == [key for key, _ in _numbers(0, 20)]


async def test_a_right_that_is_taken_away_and_given_back_loses_and_repeats_nothing(
    ready: Place, tmp_path: Path
) -> None:
    (may_publish,) = [acl for acl in ready.acls(Role.SETTLE) if (acl.name, acl.comfort) == _may(ready, DISCLOSURES)]
    taken = ready.bindings(Role.SETTLE, may_publish)
    async with _running(Worker(tmp_path / "log", ready.environment(Role.SETTLE))) as worker:
        await ready.send(*_numbers(0, 10))
        await ready.until_answered(10)
        ready.kafka.forbid(taken)
        await ready.send(*_numbers(10, 30))
        await until_true(lambda: "TopicAuthorizationFailedError" in worker.get("/readyz")[1])
        assert "TopicAuthorizationFailedError" in worker.said()
        assert ready.topic(DISCLOSURES) in worker.said()
        assert len(await ready.answered()) == 10, "no half of a transaction is seen"
        assert worker.running

        ready.kafka.allow(taken)
        assert await ready.until_answered(30) == [key for key, _ in _numbers(0, 30)]
        assert len(await ready.answered(DISCLOSURES)) == 30


async def test_what_keeps_a_client_out_is_told_by_its_reason(place: Place) -> None:
    kafka = place.kafka
    good = kafka.authority.issue("client", common_name="client")
    expired = kafka.authority.issue("expired-client", common_name="client", expired=True)
    clients, mutual, plain = kafka.bootstrap(CLIENTS), kafka.bootstrap(MUTUAL), kafka.bootstrap_servers

    for settings, told in [
        (place.given(Role.SETTLE), f"{clients} refuses the log-in"),
        (place.given(Role.SETTLE, kafka_ssl_cafile=None), f"the certificate of {clients} is signed by nobody we trust"),
        (place.given(Role.SETTLE, kafka_sasl_mechanism="PLAIN"), f"{clients} does not take PETCT_KAFKA_SASL_MECHANISM"),
        (place.given(Role.SETTLE, kafka_security_protocol="PLAINTEXT"), f"{clients} ends the connection"),
        (place.given(Role.SETTLE, kafka_bootstrap_servers=plain), f"{plain} ends the connection"),
        (place.given(Role.SETTLE, kafka_bootstrap_servers="127.0.0.1:9"), "nobody listens at 127.0.0.1:9"),
        (_with_certificate(place, None), f"{mutual} wants a certificate of the client"),
        (_with_certificate(place, expired), f"{mutual} refuses the certificate that PETCT_KAFKA_SSL_CERTFILE names"),
    ]:
        refusal = await why_refused(Settings(**settings))
        assert refusal is not None, told
        assert refusal.problem.startswith(told), refusal
        assert "hush" not in str(refusal)
    assert await why_refused(Settings(**_with_certificate(place, good))) is None


def _with_certificate(place: Place, identity: Identity | None) -> dict[str, Any]:
    files = {} if identity is None else {"kafka_ssl_certfile": identity.certificate, "kafka_ssl_keyfile": identity.key}
    return place.given(Role.SETTLE, MUTUAL, kafka_security_protocol="SSL", **files)


def _may(place: Place, topic: str) -> tuple[str, bool]:
    return place.topic(topic), False


@asynccontextmanager
async def _running(worker: Worker) -> AsyncIterator[Worker]:
    with worker:
        await asyncio.to_thread(worker.until_ready)
        yield worker


async def _read(place: Place, role: Role, topic: str, *, in_a_group: bool = True) -> list[bytes]:
    """Everything, as that role, in a group of its own. Raises what the broker refuses."""
    consumer = AIOKafkaConsumer(
        place.topic(topic),
        **connection(place.settings(role)),
        group_id=f"{place.user(role)}.test" if in_a_group else None,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
    )
    keys: list[bytes] = []
    async with asyncio.timeout(PATIENCE):
        try:
            await consumer.start()
            ends = await consumer.end_offsets(consumer.assignment())
            while any([await consumer.position(partition) < end for partition, end in ends.items()]):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    keys += [record.key for record in records]
        finally:
            await consumer.stop()
    return keys


async def _until_problems_are(problems: Any, wanted: set[str], unseen: set[str] | None = None) -> None:
    """ACLs reach the broker a moment after they are made."""
    end = time.monotonic() + PATIENCE
    while (found := await problems()) != wanted and found != (unseen or wanted):
        assert time.monotonic() < end, (found, wanted)
        await asyncio.sleep(0.05)
