"""`petct worker watch`: the process around the Faust app, with our own main, signals, health and budget.

Faust's own `Worker` takes over signal handlers and does not return; its shutdown can hang while it joins the group.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final

import faust
import structlog
from aiokafka.errors import KafkaError

from schemas.moments import CHINA
from schemas.topics import ADJUSTED, BOARD, DISCLOSURES, EVENTS, RULEBOOK
from streams import logs
from streams.bus.clients import connection
from streams.bus.topics import TopicsError, check_topics, partitions_of, replicas_of
from streams.exit_codes import ExitCode
from streams.hosting import Ending, end_at_the_latest, installed_version, refuse
from streams.metrics import WatchMetrics
from streams.rulebook import Rulebook
from streams.rulebook.model import DisclosureRule
from streams.rulebook.regions import city_of
from streams.settings import SettingsError, WatchSettings, misspelt
from streams.surveillance.thresholds import Thresholds, ThresholdsError, load_thresholds
from streams.watch import surveillance
from streams.watch.api import ReadApi
from streams.watch.app import create_changelogs, make_app
from streams.watch.board import Board
from streams.watch.freshness import freshness
from streams.watch.inquiry import Inquiry
from streams.watch.notices import Notices
from streams.watch.surveillance import Surveillance
from streams.web.health import HealthServer

log = structlog.get_logger("petct.watch")

WATCH: Final = (EVENTS, DISCLOSURES, BOARD, RULEBOOK)
"""What it reads, and what it writes to itself."""
PULSE_SECONDS: Final = 1.0
METRICS_SECONDS: Final = 5.0
RETRY_MOST_SECONDS: Final = 5.0
TOPICS_WAIT_SECONDS: Final = 5.0
"""A broker that has just started may not yet know its topics."""
STEP_SECONDS: Final = 90.0


def run_watch(settings: WatchSettings) -> int:
    """Watch until a signal comes or something stops us; blocks. Returns the exit status (streams.exit_codes)."""
    logs.configure(settings)
    for given, meant in misspelt(os.environ, WatchSettings):
        log.warning("unknown setting ignored", variable=given, meant=meant)
    try:
        connection(settings)
        thresholds = load_thresholds(settings.surveillance_rules) if settings.surveillance else None
    except (SettingsError, ThresholdsError) as error:
        return refuse(ExitCode.USAGE, str(error))
    # Not uvloop: Faust's consumer runs in a thread with a loop of its own making.
    return asyncio.run(_main(settings, thresholds))


class Watch:
    """The app and how it is doing. `now` is the clock, for what must be there by a set hour.

    `thresholds`: by which surveillance judges; None where there is none.
    """

    def __init__(
        self,
        settings: WatchSettings,
        metrics: WatchMetrics,
        thresholds: Thresholds | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(CHINA),
    ) -> None:
        self.settings = settings
        self.metrics = metrics
        self.thresholds = thresholds
        self.app: faust.App | None = None
        self.board: Board | None = None
        self.inquiry: Inquiry | None = None
        self.surveillance: Surveillance | None = None
        self._now = now
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

    def members(self) -> list[str]:
        """The read APIs of the group, by URL, as the last handing out of partitions told."""
        return sorted(self.app.assignor.tables_metadata()) if self.app is not None else []

    async def run(self, end: Ending) -> None:
        """Until cancelled, or something ends us."""
        shape = await self._shape(end)
        if shape is None:
            return
        settings = self.settings
        app = make_app(settings, *shape)
        notices = Notices(settings, self._changed)
        board = Board(app, settings, notices, self.metrics, end)
        self.inquiry = Inquiry(app, settings, end) if settings.inquiry else None
        if self.thresholds is not None:
            self.surveillance = Surveillance(app, settings, notices, self.thresholds, self.metrics, end)
        self.app, self.board = app, board
        following = asyncio.create_task(notices.follow())
        told = -METRICS_SECONDS
        try:
            await create_changelogs(app, settings, *shape)
            await self._start(app)
            while not app.crashed:
                self._last_step = time.monotonic()
                _must_be_in_the_group(app)
                if (failure := app.producer.failure) is not None:  # type: ignore[attr-defined] # our transport's
                    end(ExitCode.BROKER, f"what was made of a record could not be sent ({failure})")
                    return
                # It looks at every list there is.
                if time.monotonic() - told > METRICS_SECONDS and not self.not_ready():
                    told = time.monotonic()
                    lists, rows = board.shelf.size
                    self.metrics.lists.set(lists)
                    self.metrics.rows.set(rows)
                    if self.surveillance is not None:
                        self.surveillance.tell()
                    self.metrics.board(*freshness(board.shelf, notices.city, self._now(), settings.board_due_hour))
                await asyncio.sleep(PULSE_SECONDS)
        except TopicsError as error:
            end(ExitCode.TOPICS, str(error))
        except _OutOfTheGroupError:
            end(ExitCode.FAILED, "the group cannot be kept up with; start again, after a session if this goes on")
        except Exception as error:
            log.exception("the watch app failed", error=type(error).__name__)
        finally:
            following.cancel()
        end(ExitCode.FAILED, "the watch app crashed")

    async def _start(self, app: faust.App) -> None:
        """Returns when the tables have been read from Kafka, which may take minutes: it is alive meanwhile."""
        starting = asyncio.ensure_future(app.start())
        try:
            while not (await asyncio.wait((starting,), timeout=PULSE_SECONDS))[0]:
                self._last_step = time.monotonic()
                _must_be_in_the_group(app)
            await starting
        finally:
            starting.cancel()

    async def stop(self) -> None:
        """What hangs is left to the deadline of the process: nothing here is lost by being cut short."""
        if self.app is not None and self.app.started:
            with contextlib.suppress(Exception):
                await self.app.stop()

    def _changed(self, book: Rulebook) -> None:
        self.metrics.cities(
            sorted({city_of(rule.region) for rule in book.rules if isinstance(rule, DisclosureRule)} & book.cities)
        )

    async def _shape(self, end: Ending) -> tuple[int, int] | None:
        """Partitions of the input topic and copies of what is published, once all topics are there.

        None when they do not come, which `end` is told.
        """
        settings = self.settings
        names = (*WATCH, ADJUSTED) if settings.inquiry else WATCH
        if self.thresholds is not None:
            names = tuple(dict.fromkeys((*names, *surveillance.NEEDS)))
        began = time.monotonic()
        wait = 0.5
        while True:
            self._last_step = time.monotonic()
            left = began + settings.broker_wait_seconds - time.monotonic()
            try:
                fatal = [problem for problem in await check_topics(settings, names) if problem.fatal]
                if not fatal:
                    return await partitions_of(settings, EVENTS), await replicas_of(settings, DISCLOSURES)
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


class _OutOfTheGroupError(Exception):
    """Nothing would come any more."""


def _must_be_in_the_group(app: faust.App) -> None:
    if app.consumer.out_of_the_group:  # type: ignore[attr-defined] # our transport's
        raise _OutOfTheGroupError


async def _main(settings: WatchSettings, thresholds: Thresholds | None) -> int:
    end = Ending()
    metrics = WatchMetrics()
    watch = Watch(settings, metrics, thresholds)
    health = HealthServer(settings, watch, metrics.registry)
    api = ReadApi(settings, watch)
    log.info(
        "watch starts",
        version=installed_version(),
        group=settings.watch_group_id,
        brokers=settings.kafka_bootstrap_servers,
        http=f"{settings.http_host}:{settings.http_port}" if settings.http_port else "off",
        api=f"{settings.watch_api_host}:{settings.watch_api_port}" if settings.watch_api_port else "off",
        inquiry=settings.inquiry,
        surveillance=thresholds.hash if thresholds is not None else "off",
    )
    try:
        await health.start()
        await api.start()
    except SettingsError as error:
        return refuse(ExitCode.USAGE, str(error))
    running = asyncio.create_task(watch.run(end))
    code, why = await end.wait()
    (log.info if code is ExitCode.OK else log.error)("watch stops", why=why, exit_code=int(code))
    end_at_the_latest(settings.shutdown_seconds, code)
    running.cancel()
    await watch.stop()
    await api.stop()
    await health.stop()
    log.info("watch stopped", exit_code=int(code))
    return code
