"""The read API: what this process and the others of its group hold, for the web, for exports, for whoever is near.

docs/board.md says what is answered. A hospital's lists lie in one process, which is known from its code; a settlement
lies wherever the platform's key put it, so everybody is asked.
"""

from __future__ import annotations

import asyncio
import errno
import hmac
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from datetime import date
from typing import Any, Final, Protocol

import orjson
from aiohttp import ClientError, ClientSession, ClientTimeout, web
from yarl import URL

from streams.processors.shelf import ShelfHospital
from streams.settings import SettingProblem, SettingsError, WatchSettings, variable
from streams.surveillance.hospital_months import hospital_months
from streams.watch.board import Board
from streams.watch.inquiry import Inquiry
from streams.watch.surveillance import Surveillance

PEER_SECONDS: Final = 5.0
RETRY_AFTER: Final = {"Retry-After": "1"}
PASSED_ON: Final = "Petct-Passed-On"
"""Set on a question that another process of the group passes on: it is answered from what is here, or not at all."""
_MONTH: Final = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")

Answer = dict[str, Any]


class Source(Protocol):
    """The process around the API."""

    @property
    def board(self) -> Board | None: ...
    @property
    def inquiry(self) -> Inquiry | None: ...
    @property
    def surveillance(self) -> Surveillance | None: ...
    def not_ready(self) -> list[str]: ...
    def members(self) -> list[str]: ...


class Refusal(Exception):
    """Answered as it is: a status, a code and words."""

    def __init__(self, status: int, error: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.error = error


class ReadApi:
    """Serves on PETCT_WATCH_API_HOST and PETCT_WATCH_API_PORT; with port 0 nothing is served."""

    def __init__(self, settings: WatchSettings, source: Source) -> None:
        self._settings = settings
        self._source = source
        self._runner: web.AppRunner | None = None
        self._client: ClientSession | None = None

    async def start(self) -> None:
        """Raises SettingsError when the address cannot be had."""
        host, port = self._settings.watch_api_host, self._settings.watch_api_port
        if port == 0:
            return
        app = web.Application(middlewares=[_told_as_json])
        for path, handler in (
            ("/v1/board/hospitals", self._hospitals),
            ("/v1/board/hospitals/{code}", self._hospital),
            ("/v1/board/hospitals/{code}/months/{month}", self._month),
            ("/v1/board/hospitals/{code}/days/{day}", self._day),
            ("/v1/settlements/{id}", self._settlement),
            ("/v1/surveillance/{city}/hospitals/{code}", self._hospital_months),
            ("/v1/status", self._status),
        ):
            app.router.add_get(path, handler)
        self._client = ClientSession(timeout=ClientTimeout(total=PEER_SECONDS))
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as error:
            await self.stop()
            if error.errno == errno.EADDRINUSE:
                problem, mend = f"is {port}, which another process uses", "Give a free port, or 0 for none."
                raise SettingsError([SettingProblem(variable("watch_api_port"), problem, mend)]) from None
            problem = f"and port {port} cannot be served"
            mend = "Give an address of this machine and a port this user may open."
            raise SettingsError([SettingProblem(variable("watch_api_host"), problem, mend)]) from None

    async def stop(self) -> None:
        if self._client is not None:
            await self._client.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _hospitals(self, request: web.Request) -> web.Response:
        board = self._board()
        found = [
            {
                "code": code,
                "name": sign.name,
                "region": sign.region,
                "version": hospital.version,
                "first_day": days[0],
                "last_day": days[-1],
            }
            for code, hospital, sign in board.shelf.named()
            if board.holds(code) and (days := hospital.days_with_a_list())
        ]
        if not _passed_on(request):
            for theirs in await asyncio.gather(*(self._ask(request, url) for url in self._others())):
                found += theirs.get("hospitals", [])
        return _json({"hospitals": sorted(found, key=lambda hospital: hospital["code"])})

    async def _hospital(self, request: web.Request) -> web.Response:
        async def here(board: Board, code: str) -> Answer:
            hospital, told = _known(board, code)
            months = Counter(day[:7] for day in hospital.days_with_a_list())
            return {
                "hospital": told,
                "version": hospital.version,
                "months": [{"month": month, "days": days} for month, days in sorted(months.items())],
            }

        return await self._where_it_lies(request, here)

    async def _month(self, request: web.Request) -> web.Response:
        month = request.match_info["month"]
        if not _MONTH.fullmatch(month):
            raise Refusal(400, "bad_month", "expected a month YYYY-MM")

        async def here(board: Board, code: str) -> Answer:
            hospital, told = _known(board, code)
            days = [day for day in hospital.days_with_a_list() if day.startswith(month)]
            return {
                "hospital": told,
                "month": month,
                "days": [
                    {"day": day, "rows": held.rows, "updated_on": held.updated_on, "version": held.version}
                    for day in days
                    for held in (hospital.days[day],)
                ],
            }

        return await self._where_it_lies(request, here)

    async def _day(self, request: web.Request) -> web.Response:
        day = request.match_info["day"]
        try:
            if date.fromisoformat(day).isoformat() != day:
                raise ValueError
        except ValueError:
            raise Refusal(400, "bad_day", "expected a day YYYY-MM-DD") from None

        async def here(board: Board, code: str) -> Answer:
            hospital, _ = _known(board, code)
            made = board.list_of(code, day)
            held = hospital.days.get(day)
            return {
                "list": made.plain() if made is not None else None,
                "awaited": held is not None and held.missing,
                "version": held.version if held is not None else "",
            }

        return await self._where_it_lies(request, here)

    async def _settlement(self, request: web.Request) -> web.Response:
        inquiry = self._source.inquiry
        if not self._settings.inquiry:
            raise Refusal(404, "inquiry_off", "set PETCT_INQUIRY=true to keep and tell settlements")
        self._let_in(request)
        self._board()
        found = inquiry.find(request.match_info["id"]) if inquiry is not None else None
        if found is None and not _passed_on(request):
            asked = await asyncio.gather(*(self._ask(request, url) for url in self._others()))
            found = next((theirs for theirs in asked if theirs), None)
        if found is None:
            raise Refusal(404, "unknown_settlement", "no process of the group has a record of it")
        return _json(found)

    async def _hospital_months(self, request: web.Request) -> web.Response:
        """What surveillance holds of a hospital, as counts and yuan by month."""
        surveillance, code, city = self._source.surveillance, request.match_info["code"], request.match_info["city"]
        self._let_in(request)
        self._board()
        if surveillance is None:
            raise Refusal(404, "surveillance_off", "set PETCT_SURVEILLANCE=true to keep what findings rest on")
        facts = surveillance.facts_of_city(city)
        # A city's year is worth a thread of its own.
        made = await asyncio.to_thread(hospital_months, facts, code) if facts is not None else []
        found: Answer | None = {"months": [month.plain() for month in made]} if made else None
        if found is None and not _passed_on(request):
            asked = await asyncio.gather(*(self._ask(request, url) for url in self._others()))
            found = next((theirs for theirs in asked if theirs), None)
        if found is None:
            raise Refusal(404, "unknown_hospital", "no process of the group has an examination of it")
        return _json({"hospital": code, "city": city, **found})

    async def _status(self, _: web.Request) -> web.Response:
        why_not = self._source.not_ready()
        return _json(
            {
                "ready": not why_not,
                "why_not": why_not,
                "members": self._source.members(),
                "inquiry": self._settings.inquiry,
            }
        )

    def _let_in(self, request: web.Request) -> None:
        token = self._settings.token
        given = request.headers.get("Authorization", "")
        if not token or not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
            raise Refusal(401, "unauthorized", "expected the token of PETCT_INQUIRY_TOKEN")

    def _board(self) -> Board:
        board, why_not = self._source.board, self._source.not_ready()
        if board is None or why_not:
            raise Refusal(503, "not_ready", "; ".join(why_not) or "the group has not been joined yet")
        return board

    async def _where_it_lies(
        self, request: web.Request, here: Callable[[Board, str], Awaitable[Answer]]
    ) -> web.Response:
        board, code = self._board(), request.match_info["code"]
        if board.holds(code):
            return _json(await here(board, code))
        holder = board.holder(code)
        if holder is None or holder == self._own or _passed_on(request):
            raise Refusal(503, "not_ready", "the hospital's lists are just changing hands")
        answer = await self._ask(request, holder, none_is_an_answer=False)
        return _json(answer)

    async def _ask(self, request: web.Request, url: str, *, none_is_an_answer: bool = True) -> Answer:
        """Another process of the group. Empty where it knows of nothing; else Refusal."""
        assert self._client is not None
        headers = {PASSED_ON: "1"}
        if "Authorization" in request.headers:
            headers["Authorization"] = request.headers["Authorization"]
        target = URL(url).join(URL(request.raw_path, encoded=True))
        try:
            async with self._client.get(target, headers=headers, allow_redirects=False) as response:
                answer: Answer = orjson.loads(await response.read())
                if response.status == 200:
                    return answer
                if response.status == 404 and none_is_an_answer:
                    return {}
                raise Refusal(response.status, str(answer["error"]), str(answer["detail"]))
        except (ClientError, OSError, TimeoutError, ValueError, KeyError, TypeError):
            raise Refusal(503, "not_ready", f"{url}, which has it, does not answer") from None

    def _others(self) -> Iterable[str]:
        return [url for url in self._source.members() if url != self._own]

    @property
    def _own(self) -> str:
        return str(URL(self._settings.api_url))


def _known(board: Board, code: str) -> tuple[ShelfHospital, Answer]:
    hospital = board.shelf.hospitals.get(code)
    if hospital is None or hospital.sign is None:
        raise Refusal(404, "unknown_hospital", "no disclosure of this hospital is known")
    return hospital, {"code": code, "name": hospital.sign.name, "region": hospital.sign.region}


def _passed_on(request: web.Request) -> bool:
    return PASSED_ON in request.headers


def _json(answer: Answer, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        body=orjson.dumps(answer),
        status=status,
        content_type="application/json",
        charset="utf-8",
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", **(headers or {})},
    )


@web.middleware
async def _told_as_json(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refusal as refusal:
        told = {"error": refusal.error, "detail": str(refusal)}
        return _json(told, refusal.status, RETRY_AFTER if refusal.status == 503 else None)
    except web.HTTPException as error:
        if error.status == 404:
            return _json({"error": "unknown_path", "detail": "docs/board.md lists the paths"}, 404)
        return _json({"error": "not_allowed", "detail": "read only: GET"}, error.status)
