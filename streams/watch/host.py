"""`petct worker watch`: the process around the Faust app, with our own main, signals, health and budget.

Faust's own `Worker` takes over signal handlers and does not return; its shutdown can hang while it joins the group.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Final

import faust
import prometheus_client
import structlog
from aiokafka.errors import KafkaError

from schemas.topics import ADJUSTED, DISCLOSURES, EVENTS
from streams import logs
from streams.bus.clients import connection
from streams.bus.topics import check_topics, partitions_of
from streams.exit_codes import ExitCode
from streams.hosting import Ending, end_at_the_latest, installed_version, refuse
from streams.settings import SettingsError, WatchSettings
from streams.watch.app import make_app
from streams.watch.board import add_board
from streams.web.health import HealthServer

log = structlog.get_logger("petct.watch")

WATCH: Final = (EVENTS, ADJUSTED, DISCLOSURES)
"""What it reads."""
PULSE_SECONDS: Final = 1.0
RETRY_MOST_SECONDS: Final = 5.0
TOPICS_WAIT_SECONDS: Final = 5.0
"""A broker that has just started may not yet know its topics."""
STEP_SECONDS: Final = 90.0


def run_watch(settings: WatchSettings) -> int:
    """Watch until a signal comes or something stops us; blocks. Returns the exit status (streams.exit_codes)."""
    logs.configure(settings)
    try:
        connection(settings)
    except SettingsError as error:
        return refuse(ExitCode.USAGE, str(error))
    # Not uvloop: Faust's consumer runs in a thread with a loop of its own making.
    return asyncio.run(_main(settings))


class Watch:
    """The app and how it is doing."""

    def __init__(self, settings: WatchSettings) -> None:
        self.settings = settings
        self.app: faust.App | None = None
        self._last_step = time.monotonic()

    def not_live(self) -> list[str]:
        return [] if time.monotonic() - self._last_step < STEP_SECONDS else ["the loop makes no step"]

    def not_ready(self) -> list[str]:
        app = self.app
        if app is None:
            return ["no broker has answered yet"]
        if app.rebalancing:
            return ["the group is handing out partitions"]
        if not app.tables.recovery.completed.is_set():  # type: ignore[attr-defined] # the interface leaves it out
            return ["tables are being read from Kafka"]
        return []

    async def run(self, end: Ending) -> None:
        """Until cancelled, or something ends us."""
        partitions = await self._partitions(end)
        if partitions is None:
            return
        app = make_app(self.settings, partitions)
        add_board(app, self.settings.topic_prefix)
        self.app = app
        try:
            await app.start()
            while not app.crashed:
                self._last_step = time.monotonic()
                await asyncio.sleep(PULSE_SECONDS)
        except Exception as error:
            log.exception("the watch app failed", error=type(error).__name__)
        end(ExitCode.FAILED, "the watch app crashed")

    async def stop(self) -> None:
        """What hangs is left to the deadline of the process: nothing here is lost by being cut short."""
        if self.app is not None and self.app.started:
            with contextlib.suppress(Exception):
                await self.app.stop()

    async def _partitions(self, end: Ending) -> int | None:
        """Of the input topic, once all topics are there; None when they do not come, which `end` is told."""
        settings = self.settings
        began = time.monotonic()
        wait = 0.5
        while True:
            self._last_step = time.monotonic()
            left = began + settings.broker_wait_seconds - time.monotonic()
            try:
                fatal = [problem for problem in await check_topics(settings, WATCH) if problem.fatal]
                if not fatal:
                    return await partitions_of(settings, EVENTS)
                why, code = "\n".join(map(str, fatal)), ExitCode.TOPICS
                left = min(left, began + TOPICS_WAIT_SECONDS - time.monotonic())
            except (KafkaError, OSError, TimeoutError) as error:
                why = f"no broker answers at {settings.kafka_bootstrap_servers} ({str(error) or type(error).__name__})"
                code = ExitCode.BROKER
            if left <= 0:
                end(code, why)
                return None
            log.warning("waiting for the broker", why=why, retry_seconds=wait, give_up_in_seconds=round(left, 1))
            await asyncio.sleep(min(wait, left))
            wait = min(2 * wait, RETRY_MOST_SECONDS)


async def _main(settings: WatchSettings) -> int:
    end = Ending()
    watch = Watch(settings)
    health = HealthServer(settings, watch, prometheus_client.CollectorRegistry())
    log.info("watch starts", version=installed_version(), group=settings.watch_group_id)
    try:
        await health.start()
    except SettingsError as error:
        return refuse(ExitCode.USAGE, str(error))
    running = asyncio.create_task(watch.run(end))
    code, why = await end.wait()
    (log.info if code is ExitCode.OK else log.error)("watch stops", why=why, exit_code=int(code))
    end_at_the_latest(settings.shutdown_seconds, code)
    running.cancel()
    await watch.stop()
    await health.stop()
    log.info("watch stopped", exit_code=int(code))
    return code
