"""/status: how the workers are doing that the site is told about, as they say themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import ClientError, ClientSession, ClientTimeout, web

from streams.web.page import page

_TIMEOUT: Final = ClientTimeout(total=3)
_MOST_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Told:
    """`ready` None: it does not answer. `status` None: it has no more to say, as a watch worker."""

    url: str
    ready: bool | None
    reasons: list[str]
    status: dict[str, Any] | None


class WorkerPages:
    def __init__(self, urls: Sequence[str]) -> None:
        self._urls = urls

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/status", self._status)]

    async def _status(self, request: web.Request) -> web.Response:
        async with ClientSession(timeout=_TIMEOUT) as client:
            told = await asyncio.gather(*(_ask(client, url) for url in self._urls))
        return page(request, "workers.html.j2", told=told)


async def _ask(client: ClientSession, url: str) -> _Told:
    try:
        async with client.get(f"{url}/readyz", allow_redirects=False) as answer:
            ready, text = answer.status == 200, (await answer.content.read(_MOST_BYTES)).decode("utf-8", "replace")
        async with client.get(f"{url}/status", headers={"Accept": "application/json"}) as answer:
            held = await answer.json() if answer.status == 200 else None
    except (ClientError, OSError, TimeoutError, ValueError):
        return _Told(url, None, [], None)
    return _Told(url, ready, [] if ready else text.splitlines(), held if isinstance(held, dict) else None)
