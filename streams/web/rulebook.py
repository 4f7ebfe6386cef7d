"""/rulebook: what applies in a region on a day, since when which rules stand, and what each release changed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Final

from aiohttp import web
from markupsafe import Markup

from schemas.moments import CHINA
from streams.pages.coverage import coverage_svg
from streams.rulebook import Rulebook
from streams.rulebook.coverage import coverage_map
from streams.rulebook.diff import Difference, compare
from streams.rulebook.entries import terms
from streams.rulebook.model import Rule
from streams.web import names
from streams.web.library import Library, Shelved
from streams.web.page import page

_REGION: Final = re.compile(r"[0-9]{6}")


@dataclass(frozen=True, slots=True)
class _Found:
    """What one kind of rule says there and then; `rule` None: nothing does."""

    kind: str
    rule: Rule | None
    terms: list[str]


class RulebookPages:
    """`today` in China."""

    def __init__(self, library: Library, today: Callable[[], date]) -> None:
        self._library = library
        self._today = today

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/rulebook", self._show), web.get("/rulebook/releases", self._releases)]

    async def _show(self, request: web.Request) -> web.Response:
        shelf = await self._library.shelf()
        asked = request.query
        shown = shelf.find(asked.get("release"))
        wrong: list[tuple[str, str]] = []
        if shown is None:
            wrong.append(("没有这个规则库版本。", "There is no such release of the rulebook."))
            shown = shelf.newest
        book = shown.book
        region = asked.get("region") or min(book.cities)
        if not _REGION.fullmatch(region):
            wrong.append(("地区代码应为六位数字。", "A region is a division code of six digits."))
            region = min(book.cities)
        exam = asked.get("exam") or min(book.exams)
        if exam not in book.exams:
            wrong.append(("规则库中没有这个检查项目。", "The rulebook knows no such examination."))
            exam = min(book.exams)
        try:
            day = date.fromisoformat(asked["day"]) if asked.get("day") else self._today()
        except ValueError:
            wrong.append(("日期应为 年-月-日，例如 2021-07-01。", "Write the day like 2021-07-01."))
            day = self._today()
        return page(
            request,
            "rulebook.html.j2",
            400 if wrong else 200,
            wrong=wrong,
            shelf=shelf,
            shown=shown,
            region=region,
            exam=exam,
            day=day,
            found=[_find(book, kind, region, exam, day) for kind in names.KINDS],
            cities=sorted(book.cities),
            names=names,
            svg=await asyncio.to_thread(self._picture, book),
        )

    def _picture(self, book: Rulebook) -> Markup:
        svg = coverage_svg(coverage_map(book), self._today(), alone=False)
        return Markup(svg)  # noqa: S704 - made by a template that escapes

    async def _releases(self, request: web.Request) -> web.Response:
        shelf = await self._library.shelf()
        before, after = shelf.find(request.query.get("from")), shelf.find(request.query.get("to"))
        chosen: Difference | None = None
        wrong: list[tuple[str, str]] = []
        if before is None or after is None:
            wrong.append(("没有这个规则库版本。", "There is no such release of the rulebook."))
        elif request.query.get("from"):
            chosen = compare(before.book, after.book)
        return page(
            request,
            "releases.html.j2",
            404 if wrong else 200,
            wrong=wrong,
            shelf=shelf,
            chosen=chosen,
            before=before,
            after=after,
            log=await asyncio.to_thread(_log, shelf.releases),
            china=CHINA,
        )


def _find(book: Rulebook, kind: str, region: str, exam: str, day: date) -> _Found:
    rule: Rule | None = getattr(book, kind)(region, exam, day)
    return _Found(kind, rule, [] if rule is None else list(terms(book, rule)))


def _log(releases: tuple[Shelved, ...]) -> list[tuple[Shelved, Difference]]:
    """Each release, the newest first, with what it changed against the one before."""
    befores: list[Rulebook | None] = [*(held.book for held in releases[1:]), None]
    return [(held, compare(before, held.book)) for held, before in zip(releases, befores, strict=False)]
