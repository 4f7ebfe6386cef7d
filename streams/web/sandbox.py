"""/sandbox: an event is adjudicated in memory and shown with every step. Nothing of it is kept or logged."""

from __future__ import annotations

import asyncio
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any, Final, get_args

from aiohttp import BodyPartReader, web

from schemas.events import Indication
from streams import words, words_zh
from streams.processors.envelope import MAX_BYTES
from streams.rulebook import Rulebook
from streams.web import names
from streams.web.library import Library, Shelf
from streams.web.page import language_of, page
from streams.web.trial import Changes, trial

_FIELDS: Final = ("insured", "hospital", "indication", "day", "release")
_FIELD_BYTES: Final = 200
_DRAINED: Final = 32 * 1024 * 1024
"""What is too large is read to its end and dropped, so that a browser hears the answer; beyond this it is cut off."""


class _Refused(Exception):
    """The form cannot be used: words in Chinese and English, and a status."""

    def __init__(self, status: int, zh: str, en: str) -> None:
        super().__init__(en)
        self.status, self.zh, self.en = status, zh, en


class Sandbox:
    def __init__(self, library: Library) -> None:
        self._library = library

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/sandbox", self._form), web.post("/sandbox", self._try)]

    async def _form(self, request: web.Request) -> web.Response:
        example = request.query.get("example", "")
        text = _example(example) if example in names.EXAMPLES else ""
        return self._page(request, await self._library.shelf(), text, {})

    async def _try(self, request: web.Request) -> web.Response:
        shelf = await self._library.shelf()
        text, given = "", dict[str, str]()
        try:
            value, given = await _read(request)
            text = value.decode("utf-8", "replace")
            changes = _changes(given, shelf)
            made = await asyncio.to_thread(trial, value, shelf.newest.book, changes)
        except _Refused as refused:
            return self._page(request, shelf, text, given, refused=refused)
        return await asyncio.to_thread(self._page, request, shelf, text, given, made=made)

    def _page(
        self, request: web.Request, shelf: Shelf, text: str, given: dict[str, str], **values: Any
    ) -> web.Response:
        refused: _Refused | None = values.get("refused")
        said = words_zh if language_of(request) == "zh" else words
        return page(
            request,
            "sandbox.html.j2",
            refused.status if refused else 200,
            **{"made": None, "refused": None, **values},
            text=text,
            given=given,
            shelf=shelf,
            cities=sorted(shelf.newest.book.cities),
            indications=get_args(Indication),
            names=names,
            said=said,
            resend="trial" if request.method == "POST" else None,
        )


async def _read(request: web.Request) -> tuple[bytes, dict[str, str]]:
    """The event and the other fields. A file counts before what is pasted."""
    if not request.content_type.startswith("multipart/"):
        raise _Refused(415, "请使用本页的表单提交。", "Please send the form of this page.")
    pasted, uploaded, given = b"", b"", dict[str, str]()
    try:
        reader = await request.multipart()
        while (part := await reader.next()) is not None:
            if not isinstance(part, BodyPartReader):
                raise _Refused(400, "表单格式有误。", "The form is malformed.")
            if part.name == "event":
                pasted = await _bytes(request, part, MAX_BYTES)
            elif part.name == "file":
                uploaded = await _bytes(request, part, MAX_BYTES)
            elif part.name in _FIELDS:
                given[part.name] = (await _bytes(request, part, _FIELD_BYTES)).decode("utf-8", "replace").strip()
            else:
                await _bytes(request, part, _FIELD_BYTES)
    except ValueError:
        raise _Refused(400, "表单格式有误。", "The form is malformed.") from None
    return uploaded or pasted, {name: value for name, value in given.items() if value}


async def _bytes(request: web.Request, part: BodyPartReader, most: int) -> bytes:
    held = bytearray()
    while chunk := await part.read_chunk():
        held += chunk
        if len(held) > most:
            drained = 0
            async for rest in request.content.iter_chunked(256 * 1024):
                drained += len(rest)
                if drained > _DRAINED:
                    break
            raise _Refused(
                413,
                "提交的内容太大：一条事件不得超过 1 MiB。",
                "What was sent is too large: an event has at most 1 MiB.",
            )
    return bytes(held)


def _changes(given: dict[str, str], shelf: Shelf) -> Changes:
    cities = shelf.newest.book.cities
    day: date | None = None
    release: Rulebook | None = None
    if "day" in given:
        try:
            day = date.fromisoformat(given["day"])
        except ValueError:
            raise _Refused(400, "日期应为 年-月-日，例如 2021-07-01。", "Write the day like 2021-07-01.") from None
    if "release" in given:
        found = shelf.find(given["release"])
        if found is None:
            raise _Refused(400, "没有这个规则库版本。", "There is no such release of the rulebook.")
        release = found.book
    if not {given.get("insured"), given.get("hospital")} <= {None, *cities}:
        raise _Refused(400, "请从列表中选择城市。", "Choose a city from the list.")
    if given.get("indication") not in (None, *get_args(Indication)):
        raise _Refused(400, "请从列表中选择检查目的。", "Choose a purpose from the list.")
    return Changes(given.get("insured"), given.get("hospital"), given.get("indication"), day, release)


@cache
def _example(name: str) -> str:
    return (files("streams.web") / "examples" / f"{name}.json").read_text(encoding="utf-8")
