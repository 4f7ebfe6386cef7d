"""The settle worker: one process with its own main and signals, whose services are those of mode, Faust's framework."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import platform
import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import Final

import structlog
import uvloop
from aiokafka import AIOKafkaProducer
from mode import Service

from streams import logs
from streams.bus.batch import Process
from streams.bus.clients import Clients, connection
from streams.bus.membership import Membership
from streams.bus.rules import ReleasedRules, Rules
from streams.bus.service import SettleService
from streams.exit_codes import ExitCode
from streams.forms import form_of
from streams.hosting import Ending, end_at_the_latest, installed_version, refuse
from streams.metrics import Metrics
from streams.processors.settlement import SettlementProcessor
from streams.rulebook import Rulebook, RulebookError, load_rulebook
from streams.settings import Settings, SettingsError, load, misspelt
from streams.web.health import HealthServer

log = structlog.get_logger("petct.worker")

# Deciding makes hundreds of short-lived objects an event and no cycles. At its defaults the collector looks at them,
# and at the thousand outputs that wait for their commit, so often that it takes 5 to 10 % of a dense lane's time.
GC_THRESHOLDS: Final = (20_000, 50, 100)


def run_settle(settings: Settings) -> int:
    """Settle until a signal comes or something stops us; blocks. Returns the exit status (streams.exit_codes)."""
    logs.configure(settings)
    try:
        connection(settings)
        form = form_of(settings)
        fallback = load_rulebook(settings.notices) if settings.rulebook_fallback == "installed" else None
    except SettingsError as error:
        return refuse(ExitCode.USAGE, str(error))
    except RulebookError as error:
        return refuse(ExitCode.RULEBOOK, str(error))

    def make(book: Rulebook) -> Process:
        return SettlementProcessor(book, settings.secret, installed_version(), form)

    return run(settings, lambda metrics: ReleasedRules(settings, make, metrics, fallback))


def run(
    settings: Settings,
    rules: Callable[[Metrics], Rules],
    producer_type: type[AIOKafkaProducer] = AIOKafkaProducer,
) -> int:
    """Like run_settle, with any way to decide a record; for tests of faults also with another producer."""
    for given, meant in misspelt(os.environ):
        log.warning("unknown setting ignored", variable=given, meant=meant)
    gc.set_threshold(*GC_THRESHOLDS)
    with Membership(settings) as member, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        clients = Clients(settings, member.instance_id, producer_type)
        return runner.run(_main(settings, clients, rules))


def _versions() -> dict[str, str]:
    names = ("aiokafka", "aiohttp", "pydantic", "orjson", "uvloop")
    return {
        "petct-settlement": installed_version(),
        "python": platform.python_version(),
        **{name: version(name) for name in names},
    }


class _Worker(Service):
    """The settle service and, before it starts, the web server that tells how it is doing."""

    mundane_level = "debug"

    def __init__(self, settle: SettleService, health: HealthServer) -> None:
        super().__init__()
        self._settle = settle
        self._health = health

    async def on_start(self) -> None:
        await self.add_runtime_dependency(self._health)
        await self.add_runtime_dependency(self._settle)


async def _main(settings: Settings, clients: Clients, rules: Callable[[Metrics], Rules]) -> int:
    end = Ending()
    metrics = Metrics(installed_version())
    settle = SettleService(settings, clients, rules(metrics), metrics, end)
    worker = _Worker(settle, HealthServer(settings, settle, metrics.registry, _versions()))
    log.info(
        "settle worker starts",
        version=installed_version(),
        group=settings.group_id,
        input_format=settings.input_format,
        member=clients.instance_id,
        brokers=settings.kafka_bootstrap_servers,
        http=f"{settings.http_host}:{settings.http_port}" if settings.http_port else "off",
    )
    try:
        await worker.start()
    except SettingsError as error:
        return refuse(ExitCode.USAGE, str(error))
    code, why = await end.wait()
    (log.info if code is ExitCode.OK else log.error)("settle worker stops", why=why, exit_code=int(code))
    if code is ExitCode.BREAKER and settings.http_port and settings.breaker_hold_seconds:
        # Gone at once, it would be restarted and gone again before anybody had asked it what is wrong.
        log.error("the breaker is shown on /metrics before the end", seconds=settings.breaker_hold_seconds)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(settle.stop(), settings.shutdown_seconds)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(end.signalled.wait(), settings.breaker_hold_seconds)
    end_at_the_latest(settings.shutdown_seconds, code)
    await worker.stop()
    log.info("settle worker stopped", exit_code=int(code))
    return code


def main() -> int:
    """Settings from the environment; what `petct worker settle` does."""
    try:
        settings = load(Settings)
    except SettingsError as error:
        return refuse(ExitCode.USAGE, str(error))
    return run_settle(settings)


if __name__ == "__main__":
    sys.exit(main())
