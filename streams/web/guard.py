"""What stands before every page: security headers, a rate limit, and a sign-in for all but the board."""

from __future__ import annotations

import base64
import binascii
import hmac
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Final

from aiohttp import web

from streams.settings import WebSettings

HEADERS: Final = {
    # No page has a script, and nothing comes from elsewhere.
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "X-Robots-Tag": "noindex",
}
UNLIMITED: Final = ("/static/", "/livez")
HEAVY: Final = 5
_MOST_CLIENTS: Final = 10_000


class RateLimit:
    """A bucket of `rate` a client, filled again in a minute. The clients seen longest ago are forgotten."""

    def __init__(self, rate: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._clients: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, client: str, weight: int = 1) -> float:
        """Seconds until this request is allowed; 0: it is, and counts."""
        if not self._rate:
            return 0
        now = self._clock()
        left, seen = self._clients.pop(client, (float(self._rate), now))
        left = min(self._rate, left + (now - seen) * self._rate / 60)
        # Weights above the whole rate would never be allowed.
        need = min(weight, self._rate)
        allowed = left >= need
        self._clients[client] = (left - need if allowed else left, now)
        if len(self._clients) > _MOST_CLIENTS:
            self._clients.popitem(last=False)
        return 0 if allowed else (need - left) * 60 / self._rate


class Guard:
    """Who asks, and whether they may."""

    def __init__(self, settings: WebSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._access = settings.web_access
        self._user = (settings.web_user or "").encode()
        self._password = settings.password.encode()
        self._header = settings.web_proxy_header
        self._proxies: Sequence[IPv4Network | IPv6Network] = settings.proxies
        self._limit = RateLimit(settings.web_rate, clock)

    def check(self, request: web.Request) -> None:
        """Raises an HTTPException where the request is not let in."""
        page = _page(request)
        if not page.startswith(UNLIMITED):
            wait = self._limit.wait(self._client(request), HEAVY if request.method == "POST" else 1)
            if wait:
                raise web.HTTPTooManyRequests(headers={"Retry-After": str(int(wait) + 1)})
        if _is_public(page):
            return
        if self._access == "basic" and not self._knows_password(request.headers.get("Authorization", "")):
            raise web.HTTPUnauthorized(headers={"WWW-Authenticate": 'Basic realm="petct", charset="UTF-8"'})
        if self._access == "proxy" and not (self._from_proxy(request) and request.headers.get(self._header)):
            raise web.HTTPForbidden

    def who(self, request: web.Request) -> str:
        """The name of who signed in, as the sign-in tells it; empty where there is none. Only after `check`."""
        if self._access == "basic":
            return self._user.decode()
        return request.headers.get(self._header, "").strip() if self._access == "proxy" else ""

    def _client(self, request: web.Request) -> str:
        """The address the limit is for; behind proxies the last one that none of them bears."""
        if not self._from_proxy(request):
            return request.remote or ""
        for hop in reversed(request.headers.get("X-Forwarded-For", "").split(",")):
            if hop.strip() and not self._is_proxy(hop.strip()):
                return hop.strip()[:64]
        return request.remote or ""

    def _from_proxy(self, request: web.Request) -> bool:
        return self._is_proxy(request.remote or "")

    def _is_proxy(self, address: str) -> bool:
        try:
            found = ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self._proxies)

    def _knows_password(self, header: str) -> bool:
        kind, _, given = header.partition(" ")
        try:
            user, _, password = base64.b64decode(given, validate=True).partition(b":")
        except (binascii.Error, ValueError):
            return False
        right = hmac.compare_digest(user, self._user) & hmac.compare_digest(password, self._password)
        return kind.lower() == "basic" and right


def _page(request: web.Request) -> str:
    """What will answer, as it is routed: an address can be written in many ways. Empty: nothing will."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else ""


def _is_public(page: str) -> bool:
    """The board is what the notices order to be public."""
    return page == "/board" or page.startswith(("/board/", "/static/")) or page == "/livez"
