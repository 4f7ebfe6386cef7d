"""What a form that changes something bears, so that no other site can send it in the name of who is signed in.

The browser of an officer sends its sign-in along whoever made the form. Two things stand against that: a token that is
in the form and in a cookie no other site can read, and what the browser itself says of where the request comes from.
"""

from __future__ import annotations

import hmac
import re
import secrets
from typing import Final

from aiohttp import web

FIELD: Final = "token"
_COOKIE: Final = "form"
_MADE: Final = re.compile(r"[0-9a-f]{32}")


def token(request: web.Request) -> str:
    """For the forms of this page: the one this browser has, so that several pages may stand open, else a new one."""
    held = request.cookies.get(_COOKIE, "")
    return held if _MADE.fullmatch(held) else secrets.token_hex(16)


def keep(request: web.Request, response: web.StreamResponse, made: str, path: str) -> None:
    """Give the browser the other half."""
    response.set_cookie(_COOKIE, made, path=path, httponly=True, samesite="Strict", secure=request.secure)


def is_ours(request: web.Request, given: str) -> bool:
    """Whether a form was sent from a page of ours. Old browsers say nothing of where from; the token counts always."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        return False
    held = request.cookies.get(_COOKIE, "")
    return _MADE.fullmatch(held) is not None and hmac.compare_digest(held.encode(), given.encode())
