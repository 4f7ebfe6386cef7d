"""/surveillance: findings to look at and to handle, for who is signed in. A finding is a suspicion, never a verdict.

What is done here is written under the name of the sign-in. No page shows more of a person than the finding holds, and
no address holds that.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime
from typing import Any, Final, Protocol, TypeVar, get_args

import structlog
from aiohttp import web
from yarl import URL

from schemas.alerts import ClosedAs, Rule, Severity
from streams.export.months_client import Month, MonthsClient, MonthsUnavailable
from streams.pages.surveillance_daily import RULES
from streams.surveillance.desk import (
    CLOSED_AS,
    LONGEST_NOTE,
    STATES,
    Deed,
    Desk,
    Refused,
    Standing,
    UnknownFinding,
    Wanted,
    amounts,
)
from streams.web import names
from streams.web.page import page
from streams.web.plots import LEFT, MIX, SPEND, WIDTH, mix_columns, month_bars, plots, time_line
from streams.web.token import FIELD, is_ours, keep, token

T = TypeVar("T")
log = structlog.get_logger("petct.web")

PATH: Final = "/surveillance"
UNENDED: Final = "unended"
"""Open or acknowledged: what the page shows unless asked otherwise."""
_ROWS: Final = 50
_REGION: Final = re.compile(r"[0-9]{6}")
_FILTERS: Final = ("status", "severity", "rule", "hospital", "city", "since", "until")
_LONGEST: Final = 64


class FindingsDesk(Protocol):
    """Where findings are read and handled. Whatever it raises but a DeskError means that it does not answer."""

    async def read(self) -> Desk: ...
    async def finding(self, held: Standing) -> dict[str, Any]: ...
    async def do(self, name: str, deed: Deed) -> tuple[Standing, bool]: ...


class SurveillancePages:
    """`who` tells who is signed in, `now` the time. `months`: where each month of a hospital is asked for."""

    def __init__(
        self,
        desk: FindingsDesk,
        who: Callable[[web.Request], str],
        now: Callable[[], datetime],
        months: MonthsClient | None = None,
    ) -> None:
        self._desk = desk
        self._months = months
        self._who = who
        self._now = now

    def routes(self) -> list[web.RouteDef]:
        one = PATH + "/findings/{id:[0-9a-f]{32}}"
        return [
            web.get(PATH, self._list),
            web.get(one, self._show),
            web.post(one, self._handle),
            web.get(PATH + "/hospitals/{code}", self._hospital),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        given = {name: request.query.get(name, "").strip()[:_LONGEST] for name in _FILTERS}
        if not any(name in request.query for name in _FILTERS):
            given["status"] = UNENDED
        wrong: list[tuple[str, str]] = []
        wanted = _wanted(given, wrong)
        desk = await self._read()
        found = desk.select(wanted) if not wrong else []
        pages = max(1, -(-len(found) // _ROWS))
        at = _page_number(request.query.get("page", "1"), pages)
        kept = {name: value for name, value in given.items() if value or name == "status"}
        return page(
            request,
            "surveillance.html.j2",
            400 if wrong else 200,
            desk=desk,
            given=given,
            wrong=wrong,
            found=found,
            shown=found[(at - 1) * _ROWS : at * _ROWS],
            at=at,
            pages=pages,
            address=lambda number: str(URL(PATH).with_query({**kept, "page": str(number)})),
            at_stake=str(amounts(found)),
            unended=UNENDED,
            states=STATES,
            severities=get_args(Severity),
            rules=RULES,
            names=names,
        )

    async def _show(self, request: web.Request) -> web.Response:
        return await self._finding(request)

    async def _finding(
        self, request: web.Request, status: int = 200, refusal: str | None = None, note: str = ""
    ) -> web.Response:
        desk = await self._read()
        held = desk.findings.get(request.match_info["id"])
        if held is None:
            raise web.HTTPNotFound
        record = await self._asked(self._desk.finding(held))
        made = token(request)
        response = page(
            request,
            "surveillance_finding.html.j2",
            status,
            held=held,
            record=record,
            refusal=refusal,
            note=note,
            token=made,
            done=request.query.get("done", ""),
            who=self._who(request),
            closings=[one for one in CLOSED_AS if held.handling is None or held.handling.closed_as != one],
            longest=LONGEST_NOTE,
            rules=RULES,
            names=names,
        )
        keep(request, response, made, PATH)
        return response

    async def _handle(self, request: web.Request) -> web.Response:
        form = await request.post()
        given = {name: value for name, value in form.items() if isinstance(value, str)}
        note = given.get("note", "")[: LONGEST_NOTE + 1]
        if not is_ours(request, given.get(FIELD, "")):
            return await self._finding(request, 403, "form", note)
        what, seen = given.get("do", ""), given.get("revision", "")
        if what not in ("acknowledge", *get_args(ClosedAs)) or not (
            seen.isascii() and seen.isdigit() and len(seen) < 10
        ):
            raise web.HTTPBadRequest
        deed = Deed(
            self._who(request),
            note,
            self._now().isoformat(timespec="seconds"),
            None if what == "acknowledge" else what,  # type: ignore[arg-type] # one of them
            int(seen),
        )
        name = request.match_info["id"]
        try:
            _, written = await self._asked(self._desk.do(name, deed))
        except UnknownFinding:
            raise web.HTTPNotFound from None
        except Refused as refused:
            return await self._finding(request, 409, refused.code, note)
        log.info("a finding was handled", finding=name, what=what, written=written)
        # Not sent again when the page is loaded again.
        there = f"{PATH}/findings/{name}?done={'yes' if written else 'before'}"
        return web.Response(status=303, headers={"Location": there})

    async def _hospital(self, request: web.Request) -> web.Response:
        code = request.match_info["code"]
        desk = await self._read()
        found = sorted(desk.select(Wanted(hospital=code)), key=lambda held: (held.begin, held.end, held.id))
        if not found:
            raise web.HTTPNotFound
        months = await self._months_of(code, found)
        return page(
            request,
            "surveillance_hospital.html.j2",
            code=code,
            found=found,
            line=time_line(found),
            months=months,
            charged=month_bars(months),
            columns=mix_columns(months, tuple(names.STATED)),
            stated=_stated(months),
            spend=plots(found, SPEND),
            mix=plots(found, MIX),
            left=LEFT,
            width=WIDTH,
            rules=RULES,
            names=names,
        )

    async def _months_of(self, code: str, found: Sequence[Standing]) -> list[Month]:
        """Empty where nobody tells them; the findings stand without."""
        if self._months is None:
            return []
        # A finding about a person may name hospitals of several cities.
        city = next((held.city for held in found if len(held.hospitals) == 1), found[0].city)
        try:
            return await asyncio.to_thread(self._months.months, code, city)
        except MonthsUnavailable as error:
            log.warning("the months of a hospital cannot be read", error=str(error))
            return []

    async def _read(self) -> Desk:
        return await self._asked(self._desk.read())

    async def _asked(self, question: Awaitable[T]) -> T:
        try:
            return await question
        except (UnknownFinding, Refused):
            raise
        except Exception as error:
            log.warning("the findings cannot be read", error=type(error).__name__)
            raise web.HTTPServiceUnavailable(headers={"Retry-After": "5"}) from None


def _wanted(given: dict[str, str], wrong: list[tuple[str, str]]) -> Wanted:
    days: dict[str, date | None] = {}
    for name in ("since", "until"):
        try:
            days[name] = date.fromisoformat(given[name]) if given[name] else None
        except ValueError:
            days[name] = None
            wrong.append(("日期应为 年-月-日，例如 2021-07-01。", "Write a day like 2021-07-01."))
    if given["city"] and not _REGION.fullmatch(given["city"]):
        wrong.append(("地区代码应为六位数字。", "A region is a division code of six digits."))
    for name, known in (("status", (UNENDED, *STATES)), ("severity", get_args(Severity)), ("rule", get_args(Rule))):
        if given[name] and given[name] not in known:
            wrong.append(("请从列表中选择。", "Choose from the list."))
    status = given["status"]
    return Wanted(
        rules=frozenset({given["rule"]} - {""}),
        hospital=given["hospital"],
        city=given["city"],
        states=frozenset({"open", "acknowledged"} if status == UNENDED else {status} - {""}),
        severities=frozenset({given["severity"]} - {""}),
        since=days["since"],
        until=days["until"],
    )


def _stated(months: Sequence[Month]) -> list[str]:
    """All that was stated, in the order of the plot."""
    every = {name for month in months for name in month.indications}
    return [name for name in names.STATED if name in every] + sorted(every - names.STATED.keys())


def _page_number(text: str, most: int) -> int:
    return min(int(text), most) if text.isascii() and text.isdigit() and 0 < len(text) < 7 and int(text) else 1
