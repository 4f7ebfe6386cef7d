"""/metrics, /livez, /readyz and /status of a worker. No personal data; they stand on loopback unless told otherwise."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Protocol, runtime_checkable

import prometheus_client
from aiohttp import web
from mode import Service
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from streams.settings import ProcessSettings, SettingProblem, SettingsError, variable
from streams.status import Status
from streams.web import status_page


class Health(Protocol):
    """`not_live` and `not_ready` give the reasons why not, in words; none means it is."""

    def not_live(self) -> list[str]: ...
    def not_ready(self) -> list[str]: ...


@runtime_checkable
class Telling(Health, Protocol):
    """A worker that has more to say."""

    def status(self) -> Status: ...


class HealthServer(Service):
    """Serves on PETCT_HTTP_HOST and PETCT_HTTP_PORT; with port 0 nothing is served.

    /livez: the loops make progress; a worker that waits for a broker is alive. /readyz: all lanes run, or there are
    none by design. Status 200 with `ok`, or 503 with a reason a line. /status: all of it, a page for a browser and
    JSON for the rest, of a worker that has one. Starting raises SettingsError when the address cannot be had.
    """

    mundane_level = "debug"

    def __init__(
        self,
        settings: ProcessSettings,
        health: Health,
        registry: CollectorRegistry,
        versions: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self._settings = settings
        self._health = health
        self._registry = registry
        self._versions = dict(versions or {})
        self._runner: web.AppRunner | None = None

    async def on_start(self) -> None:
        host, port = self._settings.http_host, self._settings.http_port
        if port == 0:
            return
        app = web.Application()
        for path, handler in (
            ("/metrics", self._metrics),
            ("/livez", self._livez),
            ("/readyz", self._readyz),
        ):
            app.router.add_get(path, handler)
        if isinstance(self._health, Telling):
            app.router.add_get("/status", partial(self._status, self._health))
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

    async def _status(self, health: Telling, request: web.Request) -> web.Response:
        status = replace(health.status(), versions=self._versions)
        headers = {"Cache-Control": "no-store"}
        if "text/html" in request.headers.get("Accept", ""):
            return web.Response(text=status_page.page(status), content_type="text/html", headers=headers)
        return web.json_response(status.plain(), headers=headers)


def _answer(reasons: list[str]) -> web.Response:
    if not reasons:
        return web.Response(text="ok\n")
    return web.Response(status=503, text="".join(f"{reason}\n" for reason in reasons))
