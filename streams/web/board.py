"""/board: what hospitals publish, by hospital, month and day, as a watch worker has it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date
from typing import Final, TypeVar

from aiohttp import web

from schemas.board import DailyList
from streams.export.board_client import BoardClient, BoardHospital, BoardList, BoardUnavailable, UnknownHospital
from streams.pages.daily_list import exam_name, list_csv, list_json
from streams.web import names
from streams.web.library import Library
from streams.web.page import language_of, page

T = TypeVar("T")
_FILES: Final = {"csv": (list_csv, "text/csv"), "json": (list_json, "application/json")}


class BoardPages:
    """`today` in China."""

    def __init__(self, client: BoardClient, library: Library, today: Callable[[], date]) -> None:
        self._client = client
        self._library = library
        self._today = today

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/board", self._hospitals),
            web.get("/board/{code}", self._hospital),
            web.get("/board/{code}/months/{month:[0-9]{4}-(?:0[1-9]|1[0-2])}", self._month),
            web.get("/board/{code}/days/{day:[0-9]{4}-[0-9]{2}-[0-9]{2}}", self._day),
            web.get("/board/{code}/days/{day:[0-9]{4}-[0-9]{2}-[0-9]{2}}/{form:csv|json}", self._file),
        ]

    async def _hospitals(self, request: web.Request) -> web.Response:
        hospitals = await _asked(self._client.hospitals)
        wanted = request.query.get("q", "").strip()[:100]
        found = [held for held in hospitals if wanted in held.name or wanted == held.code]
        return page(request, "board.html.j2", hospitals=found, wanted=wanted, names=names)

    async def _hospital(self, request: web.Request) -> web.Response:
        hospital = await self._known(request)
        months = await _asked(lambda: self._client.months(hospital.code))
        return page(request, "board_hospital.html.j2", hospital=hospital, months=dict(reversed(months.items())))

    async def _month(self, request: web.Request) -> web.Response:
        hospital, month = await self._known(request), request.match_info["month"]
        days = await _asked(lambda: self._client.month(hospital.code, month))
        return page(request, "board_month.html.j2", hospital=hospital, month=month, days=list(reversed(days)))

    async def _day(self, request: web.Request) -> web.Response:
        hospital, held = await self._list(request)
        made, day = held.made, date.fromisoformat(held.made.day)
        return page(
            request,
            "board_day.html.j2",
            hospital=hospital,
            day=day,
            made=made,
            pending=held.awaited or (not made.rows and day >= self._today()),
            exams=sorted({exam_name(row.exam, language_of(request)) for row in made.rows}),
            exam_name=exam_name,
            basis=await self._basis(made),
        )

    async def _file(self, request: web.Request) -> web.Response:
        _, held = await self._list(request)
        if held.awaited:
            raise web.HTTPNotFound
        form = request.match_info["form"]
        write, kind = _FILES[form]
        name = f"{held.made.day}.{form}"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return web.Response(body=write(held.made), content_type=kind, charset="utf-8", headers=headers)

    async def _list(self, request: web.Request) -> tuple[BoardHospital, BoardList]:
        """Before its first list, and of a day to come, nobody can say that there was none."""
        hospital, day = await self._known(request), request.match_info["day"]
        try:
            if not date.fromisoformat(hospital.first_day) <= date.fromisoformat(day) <= self._today():
                raise web.HTTPNotFound
        except ValueError:
            raise web.HTTPNotFound from None
        return hospital, await _asked(lambda: self._client.day(hospital.code, day))

    async def _known(self, request: web.Request) -> BoardHospital:
        code = request.match_info["code"]
        for hospital in await _asked(self._client.hospitals):
            if hospital.code == code:
                return hospital
        raise web.HTTPNotFound

    async def _basis(self, made: DailyList) -> str | None:
        """The notice and clause that order the list."""
        book = (await self._library.shelf()).newest.book
        for exam in [row.exam for row in made.rows] or list(book.exams):
            rule = book.disclosure(made.hospital.region, exam, date.fromisoformat(made.day))
            if rule is not None:
                return f"{rule.source} {rule.clause}"
        return None


async def _asked(question: Callable[[], T]) -> T:
    try:
        return await asyncio.to_thread(question)
    except UnknownHospital:
        raise web.HTTPNotFound from None
    except BoardUnavailable:
        raise web.HTTPServiceUnavailable(headers={"Retry-After": "5"}) from None
