"""The process of the pages, `petct web`: it reads, and writes nothing but its log and what the desk decides."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Mapping
from datetime import datetime

import structlog
from aiohttp import web

from schemas.moments import CHINA
from streams import logs
from streams.bus.alerts_topic import AlertsTopic
from streams.bus.clients import connection
from streams.bus.rulebook_topic import read_releases
from streams.exit_codes import ExitCode
from streams.hosting import Ending, end_at_the_latest, installed_version, refuse
from streams.rulebook import RulebookError, load_rulebook
from streams.settings import KafkaSettings, SettingProblem, SettingsError, WebSettings, load, misspelt, variable
from streams.web.library import Library, ReadReleases
from streams.web.site import site

log = structlog.get_logger("petct.web")


def run_web(settings: WebSettings, environment: Mapping[str, str] = os.environ) -> int:
    """Serve until a signal comes; blocks. Returns the exit status (streams.exit_codes). Raises SettingsError."""
    logs.configure(settings)
    for given, meant in misspelt(environment, WebSettings):
        if meant.startswith("PETCT_WEB_"):
            log.warning("unknown setting ignored", variable=given, meant=meant)
    asked = settings.web_surveillance or environment.get(variable("kafka_bootstrap_servers"))
    kafka = load(KafkaSettings) if asked else None
    read = _releases(kafka) if kafka is not None else None
    try:
        book = load_rulebook()
    except RulebookError as error:
        return refuse(ExitCode.RULEBOOK, str(error))
    return asyncio.run(_main(settings, Library(book, read), kafka if settings.web_surveillance else None))


def _releases(kafka: KafkaSettings) -> ReadReleases:
    connection(kafka)
    return lambda: read_releases(kafka)


async def _main(settings: WebSettings, library: Library, kafka: KafkaSettings | None) -> int:
    end = Ending()
    desk = AlertsTopic(kafka) if kafka is not None else None
    app = site(settings, library, lambda: datetime.now(CHINA).date(), desk)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    host, port = settings.web_host, settings.web_port
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        await runner.cleanup()
        if error.errno == errno.EADDRINUSE:
            problem = SettingProblem(
                variable("web_port"), f"is {port}, which another process uses", "Give a free port."
            )
        else:
            mend = "Give an address of this machine and a port this user may open."
            problem = SettingProblem(variable("web_host"), f"and port {port} cannot be served", mend)
        raise SettingsError([problem]) from None
    log.info("pages are served", version=installed_version(), http=f"{host}:{port}", access=settings.web_access)
    code, why = await end.wait()
    log.info("pages stop", why=why)
    end_at_the_latest(settings.shutdown_seconds, code)
    await runner.cleanup()
    if desk is not None:
        await desk.stop()
    return code
