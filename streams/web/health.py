"""/metrics, /livez and /readyz of a worker. They hold no personal data, and stand on loopback unless told otherwise."""

from __future__ import annotations

import errno
from typing import Protocol

import prometheus_client
from aiohttp import web
from mode import Service
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from streams.settings import ProcessSettings, SettingProblem, SettingsError, variable


class Health(Protocol):
    """Each gives the reasons why not, in words; none means it is."""

    def not_live(self) -> list[str]: ...
    def not_ready(self) -> list[str]: ...


class HealthServer(Service):
    """Serves on PETCT_HTTP_HOST and PETCT_HTTP_PORT; with port 0 nothing is served.

    /livez: the loops make progress; a worker that waits for a broker is alive. /readyz: all lanes run, or there are
    none by design. Status 200 with `ok`, or 503 with a reason a line. Starting raises SettingsError when the address
    cannot be had.
    """

    mundane_level = "debug"

    def __init__(self, settings: ProcessSettings, health: Health, registry: CollectorRegistry) -> None:
        super().__init__()
        self._settings = settings
        self._health = health
        self._registry = registry
        self._runner: web.AppRunner | None = None

    async def on_start(self) -> None:
        host, port = self._settings.http_host, self._settings.http_port
        if port == 0:
            return
        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/livez", self._livez)
        app.router.add_get("/readyz", self._readyz)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as error:
            await self._runner.cleanup()
            if error.errno == errno.EADDRINUSE:
                problem = SettingProblem(
                    variable("http_port"), f"is {port}, which another process uses", "Give a free port, or 0 for none."
                )
            else:
                mend = "Give an address of this machine and a port this user may open."
                problem = SettingProblem(variable("http_host"), f"and port {port} cannot be served", mend)
            raise SettingsError([problem]) from None

    async def on_stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _metrics(self, _: web.Request) -> web.Response:
        body = prometheus_client.generate_latest(self._registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _livez(self, _: web.Request) -> web.Response:
        return _answer(self._health.not_live())

    async def _readyz(self, _: web.Request) -> web.Response:
        return _answer(self._health.not_ready())


def _answer(reasons: list[str]) -> web.Response:
    if not reasons:
        return web.Response(text="ok\n")
    return web.Response(status=503, text="".join(f"{reason}\n" for reason in reasons))
