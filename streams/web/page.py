"""Pages of the site: one layout, Chinese and English, no script."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from itertools import accumulate, pairwise
from typing import Any, Final, Literal
from urllib.parse import quote

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

Language = Literal["zh", "en"]
COOKIE: Final = "lang"
_HUNDREDTH: Final = Decimal("0.01")
_YEAR: Final = 365 * 24 * 3600
_RANGE: Final = re.compile(r"\s*([a-zA-Z*]+)[^;,]*(?:;\s*q=([0-9.]+))?")


@dataclass(frozen=True, slots=True)
class Place:
    """One entry of the navigation."""

    path: str
    zh: str
    en: str


PLACES: Final = web.AppKey("places", tuple[Place, ...])


def language_of(request: web.Request) -> Language:
    """`?lang=`, else the cookie that it set, else what the browser prefers; Chinese where it prefers neither."""
    for chosen in (request.query.get(COOKIE), request.cookies.get(COOKIE)):
        if chosen in ("zh", "en"):
            return chosen  # type: ignore[return-value] # one of the two
    best: tuple[float, Language] = (0.0, "zh")
    for part in request.headers.get("Accept-Language", "")[:500].split(","):
        if (found := _RANGE.match(part)) and (name := found[1].lower()) in ("zh", "en"):
            try:
                weight = float(found[2] or 1)
            except ValueError:
                continue
            if weight > best[0]:
                best = (weight, name)  # type: ignore[assignment] # one of the two
    return best[1]


def page(request: web.Request, template: str, status: int = 200, **values: Any) -> web.Response:
    """A page from `templates/`. Every value is escaped.

    `resend` names the form whose input a switch of language sends again.
    """
    language = language_of(request)

    def t(zh: str, en: str) -> str:
        return zh if language == "zh" else en

    other: Language = "en" if language == "zh" else "zh"
    query = {name: value for name, value in request.query.items() if name != COOKIE}
    text = (
        _environment()
        .get_template(template)
        .render(
            t=t,
            lang=language,
            lang_tag="zh-CN" if language == "zh" else "en",
            other=other,
            other_tag="en" if language == "zh" else "zh-CN",
            switch=str(request.rel_url.with_query({**query, COOKIE: other})),
            places=request.app[PLACES],
            here=request.path,
            **{"resend": None, **values},
        )
    )
    response = web.Response(text=text, status=status, content_type="text/html", charset="utf-8")
    if request.query.get(COOKIE) == language:
        response.set_cookie(COOKIE, language, max_age=_YEAR, httponly=True, samesite="Lax")
    return response


def _yuan(amount: str) -> str:
    """With separators of thousands."""
    whole, _, rest = amount.partition(".")
    sign, digits = ("−", whole[1:]) if whole.startswith("-") else ("", whole)
    return f"{sign}{int(digits):,}.{rest}"


def _bar(amounts: list[str]) -> list[tuple[Decimal, Decimal]]:
    """Beginning and width of each share in thousandths of all; empty where all are 0. Of a refund as of its mirror."""
    shares = [abs(Decimal(amount)) for amount in amounts]
    if not (whole := sum(shares)):
        return []
    edges = [(1000 * edge / whole).quantize(_HUNDREDTH) for edge in accumulate(shares, initial=Decimal(0))]
    return [(begin, end - begin) for begin, end in pairwise(edges)]


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("streams.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["bar"] = _bar
    made.filters["yuan"] = _yuan
    made.filters["part"] = lambda text: quote(text, safe="")
    made.filters["pretty"] = lambda value: json.dumps(value, ensure_ascii=False, indent=2)
    return made
