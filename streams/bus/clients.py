"""The Kafka clients of a worker, and how one of them is thrown away."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.abc import AbstractTokenProvider
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import ProducerClosed

from schemas.topics import MAX_OUTPUT_BYTES
from streams.settings import KafkaSettings, Settings, ssl_context

# aiokafka tells nobody when a partition has been added; it takes as long as the broker takes to answer.
_LOOK_SECONDS: Final = 0.001
# Half of what an output topic takes: a builder counts its records, not the batch around them.
PRODUCER_BATCH_BYTES: Final = MAX_OUTPUT_BYTES // 2
# A suspended broker holds a request this long; the 40 s of a batch leave room for another try.
REQUEST_TIMEOUT_MS: Final = 15_000
# Long polls of idle partitions keep a busy one of the same broker waiting: aiokafka has one fetch under way per broker.
FETCH_WAIT_MS: Final = 100
# Nobody polls while a worker has no partitions or all its lanes back off, and aiokafka would leave the group for that
# and never come back. Whether lanes make progress is for /livez to say.
NEVER_MS: Final = 2**31 - 1


class _TokenFile(AbstractTokenProvider):  # type: ignore[misc] # aiokafka ships no types
    """The OAUTHBEARER token, read again at every log-in."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def token(self) -> str:
        return self._path.read_text("ascii").strip()


def connection(settings: KafkaSettings) -> dict[str, Any]:
    """The arguments every client of aiokafka takes. Raises SettingsError when a certificate cannot be used."""
    arguments: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_bootstrap_servers.split(","),
        "security_protocol": settings.kafka_security_protocol,
        "ssl_context": ssl_context(settings),
    }
    if settings.kafka_security_protocol.startswith("SASL_"):
        arguments["sasl_mechanism"] = settings.kafka_sasl_mechanism
        if settings.kafka_sasl_token_file is not None and settings.kafka_sasl_mechanism == "OAUTHBEARER":
            arguments["sasl_oauth_token_provider"] = _TokenFile(settings.kafka_sasl_token_file)
        else:
            arguments["sasl_plain_username"] = settings.kafka_sasl_username
            arguments["sasl_plain_password"] = settings.sasl_password
    return arguments


def admin(settings: KafkaSettings) -> AIOKafkaAdminClient:
    """Not yet started."""
    return AIOKafkaAdminClient(**connection(settings), request_timeout_ms=REQUEST_TIMEOUT_MS)


@dataclass(frozen=True, slots=True)
class Clients:
    """Makes the clients of one worker; none of them is started yet.

    `producer_type` is where a test of faults puts a producer that fails at a named point.
    """

    settings: Settings
    instance_id: str | None
    producer_type: type[AIOKafkaProducer] = AIOKafkaProducer

    def consumer(self) -> AIOKafkaConsumer:
        settings = self.settings
        # Lanes told to let go take up to 6 s, and the others wait for them.
        rebalance_ms = settings.session_timeout_ms + 5_000
        return AIOKafkaConsumer(
            **connection(settings),
            client_id=self._client_id,
            group_id=settings.group_id,
            group_instance_id=self.instance_id,
            enable_auto_commit=False,
            # A lane seeks by hand; an offset outside the log must come to its notice, not be mended in silence.
            auto_offset_reset="none",
            isolation_level="read_committed",
            session_timeout_ms=settings.session_timeout_ms,
            rebalance_timeout_ms=rebalance_ms,
            heartbeat_interval_ms=settings.heartbeat_ms,
            max_poll_interval_ms=NEVER_MS,
            max_partition_fetch_bytes=settings.fetch_bytes,
            fetch_max_wait_ms=FETCH_WAIT_MS,
            # JoinGroup is answered only when all members are there, or their session has ended.
            request_timeout_ms=max(REQUEST_TIMEOUT_MS, rebalance_ms + 5_000),
        )

    def producer(self, transactional_id: str) -> AIOKafkaProducer:
        return self.producer_type(
            **connection(self.settings),
            client_id=self._client_id,
            transactional_id=transactional_id,
            transaction_timeout_ms=self.settings.transaction_timeout_ms,
            acks="all",
            linger_ms=0,
            # Each transaction may meet the markers of the one before (ConcurrentTransactions) and tries again after
            # this: 100 ms would stand in the tail of the latency, 10 ms dial a dead broker 700 times a second.
            retry_backoff_ms=20,
            max_batch_size=PRODUCER_BATCH_BYTES,
            max_request_size=MAX_OUTPUT_BYTES,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
        )

    @property
    def _client_id(self) -> str:
        return f"petct-settle-{self.instance_id}" if self.instance_id else "petct-settle"


async def join_transaction(producer: AIOKafkaProducer, partitions: Collection[TopicPartition]) -> None:
    """Make `partitions` part of the open transaction before anything is sent to them. Raises what the broker refuses.

    aiokafka holds a batch back until its partition belongs to the transaction, but lets it go where the broker refuses
    the partition or one asked for beside it. Refused at once, as for want of a right, the batch overtakes the marker of
    the transaction before, is taken for a part of that one, and committed with it: seen as an output repeated.
    """
    manager = producer._txn_manager
    for partition in partitions:
        manager.maybe_add_partition_to_txn(partition)
    ended = manager.wait_for_transaction_end()
    while not manager.txn_partitions.issuperset(partitions):
        if ended.done():
            await ended
        await asyncio.sleep(_LOOK_SECONDS)


async def throw_away(producer: AIOKafkaProducer, limit: float) -> None:
    """Stop a producer within about twice `limit` seconds, whatever state it is in. Raises nothing but CancelledError.

    An open transaction is left as it is: the next producer of the same id ends it.
    """
    with contextlib.suppress(Exception):
        async with asyncio.timeout(limit):
            await producer.stop()
            return
    # stop() first waits until all is delivered, to a broker that may be gone; cut short, it leaves its task and sockets
    # behind, and cannot be called again. There is no public way to end them.
    producer._message_accumulator.fail_all(ProducerClosed())
    sender = producer._sender.sender_task
    if sender is not None and not sender.done():
        # The first cancel lets it wait for its requests, the second does not.
        for _ in range(2):
            sender.cancel()
            await asyncio.wait([sender], timeout=limit / 4)
    with contextlib.suppress(Exception):
        async with asyncio.timeout(limit / 2):
            await producer.client.close()
