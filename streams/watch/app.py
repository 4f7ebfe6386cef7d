"""The Faust app of the watch role, made from the settings: its broker, its group, its tables and their store.

At least once, so everything it keeps is **set by key and never incremented**: a record seen twice changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from pathlib import PurePath
from typing import Any, Final, NoReturn

import faust
import structlog
from faust.auth import OAuthCredentials, SASLCredentials, SSLCredentials
from faust.types.auth import CredentialsT

from schemas.topics import MAX_OUTPUT_BYTES
from streams.bus import clients
from streams.bus.topics import create_own_topics
from streams.exit_codes import ExitCode
from streams.settings import WatchSettings
from streams.watch.transport import WatchTransport

log = structlog.get_logger("petct.watch")

COMMIT_SECONDS: Final = 1.0
LINGER_SECONDS: Final = 0.02
JOIN_SECONDS: Final = 5.0
CHANGELOG: Final = {"cleanup.policy": "compact", "max.message.bytes": str(MAX_OUTPUT_BYTES)}
# Faust's own are those of one large database: 2 GiB of cache, 192 MiB of buffers. Here a partition of a table is one.
STORE: Final = {
    "block_cache_size": 8 * 1024 * 1024,
    "write_buffer_size": 4 * 1024 * 1024,
    "max_write_buffer_number": 2,
    "target_file_size_base": 16 * 1024 * 1024,
}
QUIET_SECONDS: Final = 3600.0
_PAUSES: Final = 3.0
_LONGEST_PAUSE: Final = 2.0

End = Callable[[ExitCode, str], None]


def make_app(settings: WatchSettings, partitions: int, replicas: int) -> faust.App:
    """An app without agents yet. `partitions`: as many as the input topic has; its tables get the same number.

    `replicas`: copies of the topics that hold its tables. Raises SettingsError when a certificate cannot be used.
    """
    # What it says of a message that could not be sent holds the message; the transport tells of that.
    logging.getLogger("faust.topics").setLevel(logging.CRITICAL)
    # They tell that the bus is slower than we are, at each record.
    for name in ("faust.transport.producer", "mode.timers", "streams.watch.transport"):
        logging.getLogger(name).setLevel(logging.ERROR)
    app = faust.App(
        settings.topic(settings.watch_group_id),
        broker=[f"kafka://{server}" for server in settings.kafka_bootstrap_servers.split(",")],
        broker_credentials=_credentials(settings),
        broker_session_timeout=settings.session_timeout_ms / 1000,
        broker_heartbeat_interval=settings.heartbeat_ms / 1000,
        # A process that is killed while it waits to join holds the group up for so long; Faust's own is a minute.
        broker_rebalance_timeout=settings.session_timeout_ms / 1000 + JOIN_SECONDS,
        broker_commit_interval=COMMIT_SECONDS,
        # Where nothing is ours nothing is committed, however long.
        broker_commit_livelock_soft_timeout=QUIET_SECONDS,
        consumer_group_instance_id=settings.watch_instance_id,
        consumer_auto_offset_reset="earliest",
        producer_max_request_size=MAX_OUTPUT_BYTES,
        # Without it each change of a table is a request of its own, a quarter of all the time.
        producer_linger=LINGER_SECONDS,
        processing_guarantee="at_least_once",
        store=f"{settings.watch_store}://",
        datadir=str(settings.watch_folder),
        topic_partitions=partitions,
        topic_replication_factor=replicas,
        topic_disable_leader=True,
        # A copy of another process's tables would be quicker there; it costs every process all the disk.
        table_standby_replicas=0,
        canonical_url=settings.api_url,
        web_enabled=False,
        # An agent's own backlog would hold a stop up; what is not committed is read again.
        stream_wait_empty=False,
    )
    app.transport = WatchTransport(app.conf.broker_consumer, app)
    app.producer_transport = app.transport
    return app


def bytes_topic(app: faust.App, name: str) -> Any:
    """A topic whose keys and values are taken as they are."""
    return app.topic(name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")


async def create_changelogs(app: faust.App, settings: WatchSettings, partitions: int, replicas: int) -> None:
    """Make the topics that hold the tables, before the app starts.

    Faust makes them while it joins the group, and goes on without one that is not known yet: its table then has no
    partition, and the first record that changes it fails. Raises as `create_own_topics` does.
    """
    names = [table.changelog_topic.get_topic_name() for table in app.tables.values()]
    await create_own_topics(settings, names, partitions, replicas, CHANGELOG)


def bytes_table(app: faust.App, name: str, *, in_memory: bool = False) -> Any:
    """A table of bytes by bytes, kept in the store and in a compacted changelog topic.

    `in_memory`: whatever the store is. Such a table never holds what has not arrived in Kafka after a kill.
    """
    on_disk = app.conf.store.scheme == "rocksdb" and not in_memory
    return app.Table(
        name,
        # A URL of nothing but a scheme is false, and Faust would take the app's.
        store="memory://here" if in_memory else None,
        key_type=bytes,
        value_type=bytes,
        extra_topic_configs=CHANGELOG,
        options=dict(STORE) if on_disk else None,
    )


async def each(stream: Any, take: Callable[[Any], Awaitable[None]], end: End) -> None:
    """Give each record to `take`. When that fails the process ends, and the record is not acknowledged.

    Faust acknowledges a record whose handler raised, and goes on: it would be lost.
    """
    async for event in stream.events():
        try:
            await take(event)
        except Exception as error:  # whatever it is
            await _not_taken(event, error, end)


async def batches(stream: Any, take: Callable[[list[Any]], Awaitable[bool]], end: End, most: int) -> None:
    """As `each`, with as many records at once as are there, up to `most`. They are acknowledged when `take` says so.

    Before, they gather three times as long as the last took, two seconds at most: a backlog that trickles in would else
    be taken a few at a time, and most of the time be spent on what those have in common.

    What it does not take, and what waited while the group handed out partitions, is no longer this process's to
    acknowledge: whoever has the partition now reads it again.
    """
    stream.enable_acks = False
    batch: list[Any] = []
    pause = 0.0
    async for event in stream.events():
        batch.append(event)
        if pause and len(batch) < most:
            # The longer one taking lasts, the more it shall be for: else a backlog trickles in, judged a few at a time.
            await asyncio.sleep(pause)
            pause = 0.0
        # What waits may be none that comes: after a handing out it is dropped, and with it what is gathered here.
        if len(batch) < most and not stream.channel.queue.empty():
            continue
        generation = stream.app.consumer_generation_id
        batch = [one for one in batch if one.message.generation_id == generation]
        began = time.monotonic()
        try:
            taken = await take(batch)
        except Exception as error:  # whatever it is
            await _not_taken(event, error, end)
        pause = min(_LONGEST_PAUSE, _PAUSES * (time.monotonic() - began))
        if taken:
            for one in batch:
                await stream.ack(one)
        batch = []


async def _not_taken(event: Any, error: Exception, end: End) -> NoReturn:
    message = event.message
    log.error(
        "a record could not be taken; the process ends and it will be read again",
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        # Not its text, nor a traceback's: they may hold the record.
        error=f"{type(error).__name__} at {_place(error)}",
    )
    end(ExitCode.FAILED, f"a record could not be taken ({type(error).__name__})")
    while True:
        await asyncio.Event().wait()


def _place(error: BaseException) -> str:
    trace, place = error.__traceback__, "unknown"
    while trace is not None:
        place = f"{PurePath(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


def _credentials(settings: WatchSettings) -> CredentialsT | None:
    """Those of the other clients, in Faust's words."""
    given = clients.connection(settings)
    context = given["ssl_context"]
    if "sasl_oauth_token_provider" in given:
        return OAuthCredentials(oauth_cb=given["sasl_oauth_token_provider"], ssl_context=context)
    if "sasl_mechanism" in given:
        return SASLCredentials(
            username=given["sasl_plain_username"],
            password=given["sasl_plain_password"],
            mechanism=given["sasl_mechanism"],
            ssl_context=context,
        )
    return SSLCredentials(context) if context is not None else None
