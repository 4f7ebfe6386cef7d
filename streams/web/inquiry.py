"""/inquiry: the newest revision of one settlement with its whole derivation, for who is signed in.

The id travels in the body of a form, so that it stands in no address, no history and no proxy's log.
"""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import web

from streams import words, words_zh
from streams.export.inquiry_client import InquiryClient, InquiryUnavailable, UnknownSettlement
from streams.web import names
from streams.web.page import language_of, page

_LONGEST: Final = 200


class InquiryPages:
    def __init__(self, client: InquiryClient) -> None:
        self._client = client

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/inquiry", self._ask), web.post("/inquiry", self._answer)]

    async def _ask(self, request: web.Request) -> web.Response:
        return page(request, "inquiry.html.j2", asked="", found=None, why=None, said=words, names=names)

    async def _answer(self, request: web.Request) -> web.Response:
        given = (await request.post()).get("settlement", "")
        asked = given.strip()[:_LONGEST] if isinstance(given, str) else ""
        found, why, status = None, None, 200
        try:
            if asked:
                found = await asyncio.to_thread(self._client.newest, asked)
        except UnknownSettlement:
            why, status = "unknown", 404
        except InquiryUnavailable:
            why, status = "unavailable", 503
        return page(
            request,
            "inquiry.html.j2",
            status,
            asked=asked,
            found=found,
            why=why,
            said=words_zh if language_of(request) == "zh" else words,
            names=names,
            resend="ask",
        )
