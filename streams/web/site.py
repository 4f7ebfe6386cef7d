"""The site: which pages there are by the settings, and what stands around each of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, datetime
from importlib.resources import files

import structlog
from aiohttp import web

from schemas.moments import CHINA
from streams.export.board_client import BoardClient
from streams.export.inquiry_client import InquiryClient
from streams.export.months_client import MonthsClient
from streams.settings import WebSettings
from streams.web.board import BoardPages
from streams.web.guard import HEADERS, Guard
from streams.web.inquiry import InquiryPages
from streams.web.library import Library
from streams.web.page import PLACES, Place, page
from streams.web.rulebook import RulebookPages
from streams.web.sandbox import Sandbox
from streams.web.surveillance import FindingsDesk, SurveillancePages
from streams.web.workers import WorkerPages

log = structlog.get_logger("petct.web")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_MOST_BYTES = 2 * 1024 * 1024


def site(
    settings: WebSettings,
    library: Library,
    today: Callable[[], date],
    desk: FindingsDesk | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(CHINA),
) -> web.Application:
    """`today` and `now` in China. `desk`: where findings are read and handled, with PETCT_WEB_SURVEILLANCE."""
    guard = Guard(settings)
    places: list[Place] = []
    routes = [web.get("/", _home), web.get("/livez", _livez), *_static()]
    if settings.board_url is not None:
        places.append(Place("/board", "信息公开", "Board"))
        routes += BoardPages(BoardClient(settings.board_url), library, today).routes()
    if settings.web_sandbox:
        places.append(Place("/sandbox", "试算", "Sandbox"))
        routes += Sandbox(library).routes()
    places.append(Place("/rulebook", "规则库", "Rulebook"))
    routes += RulebookPages(library, today).routes()
    if settings.web_inquiry and settings.board_url is not None:
        places.append(Place("/inquiry", "结算查询", "Inquiry"))
        routes += InquiryPages(InquiryClient(settings.board_url, settings.token)).routes()
    if desk is not None:
        places.append(Place("/surveillance", "基金监测", "Surveillance"))
        # Without a watch worker's API the plots have what the findings hold.
        asks = settings.board_url is not None and settings.token
        months = MonthsClient(settings.board_url or "", settings.token) if asks else None
        routes += SurveillancePages(desk, guard.who, now, months).routes()
    if settings.workers:
        places.append(Place("/status", "运行状态", "Status"))
        routes += WorkerPages(settings.workers).routes()

    @web.middleware
    async def around(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await _answered(guard, request, handler)
        response.headers.update(HEADERS)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    app = web.Application(middlewares=[around], client_max_size=_MOST_BYTES)
    app[PLACES] = tuple(places)
    app.router.add_routes(routes)
    return app


async def _answered(guard: Guard, request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        guard.check(request)
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            return error
        response = page(request, "error.html.j2", error.status, code=error.status)
        for name in ("Retry-After", "WWW-Authenticate", "Allow"):
            if name in error.headers:
                response.headers[name] = error.headers[name]
        return response
    except Exception as error:
        # Its text may quote what was sent, and the address an id.
        route = request.match_info.route.resource
        log.exception("a page failed", page=route.canonical if route is not None else "", error=type(error).__name__)
        return page(request, "error.html.j2", 500, code=500)


async def _home(request: web.Request) -> web.Response:
    return page(request, "home.html.j2")


async def _livez(_: web.Request) -> web.Response:
    return web.Response(text="ok\n")


def _static() -> list[web.RouteDef]:
    return [_file("site.css", "text/css"), _file("icon.svg", "image/svg+xml")]


def _file(name: str, kind: str) -> web.RouteDef:
    body = (files("streams.web") / "static" / name).read_bytes()

    async def answer(_: web.Request) -> web.Response:
        headers = {"Cache-Control": "public, max-age=300"}
        return web.Response(body=body, content_type=kind, charset="utf-8", headers=headers)

    return web.get(f"/static/{name}", answer)
