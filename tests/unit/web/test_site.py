"""What stands before the pages: headers, sign-in, rate limit, language; and which pages there are."""

import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import date
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer

from streams.settings import SettingsError, WebSettings, load
from streams.web.guard import HEADERS, RateLimit
from streams.web.library import Library
from streams.web.site import site
from tests.builders import installed_rulebook

Visit = Callable[..., Awaitable[TestClient[Any, Any]]]
NOBODY = "http://127.0.0.1:9"
EVENT = "/sandbox?example=above-price"


@pytest.fixture
async def visit() -> AsyncIterator[Visit]:
    """A client of a site of these settings."""
    async with AsyncExitStack() as leaving:

        async def visit(**given: Any) -> TestClient[Any, Any]:
            settings = WebSettings(**given)
            app = site(settings, Library(installed_rulebook(), None), lambda: date(2021, 7, 1))
            client: TestClient[Any, Any] = TestClient(TestServer(app))
            return await leaving.enter_async_context(client)

        yield visit


def _basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.mark.parametrize(
    "path", ["/", "/sandbox", "/rulebook", "/static/site.css", "/livez", "/none", "/board/x/days/x"]
)
async def test_every_answer_bears_the_security_headers(visit: Visit, path: str) -> None:
    client = await visit(board_url=NOBODY)
    answer = await client.get(path)
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert "script-src" not in HEADERS["Content-Security-Policy"]
    assert "unsafe" not in HEADERS["Content-Security-Policy"]


@pytest.mark.parametrize(
    "path", ["/", "/sandbox", "/rulebook", "/rulebook/releases", "/none", "/boardx", "/board%2F..%2Frulebook"]
)
async def test_all_but_the_board_asks_for_the_password(visit: Visit, path: str) -> None:
    client = await visit(web_access="basic", web_user="office", web_password="right", board_url=NOBODY)
    assert (await client.get(path)).status == 401
    assert (await client.get(path, headers=_basic("office", "wrong"))).status == 401
    assert (await client.get(path, headers=_basic("other", "right"))).status == 401
    assert (await client.get(path, headers={"Authorization": "Basic %%%"})).status == 401
    assert (await client.get(path, headers=_basic("office", "right"))).status in (200, 404)


async def test_the_board_is_public_and_says_when_it_cannot_be_read(visit: Visit) -> None:
    client = await visit(web_access="basic", web_user="office", web_password="right", board_url=NOBODY)
    answer = await client.get("/board")
    assert answer.status == 503
    assert "Retry-After" in answer.headers
    assert NOBODY not in await answer.text()


async def test_who_signed_in_is_believed_of_a_known_proxy_only(visit: Visit) -> None:
    named = {"X-Forwarded-User": "somebody"}
    near = await visit(web_access="proxy", web_proxies="127.0.0.0/8")
    assert (await near.get("/rulebook", headers=named)).status == 200
    assert (await near.get("/rulebook")).status == 403
    far = await visit(web_access="proxy", web_proxies="10.0.0.0/8")
    assert (await far.get("/rulebook", headers=named)).status == 403


async def test_too_many_requests_of_one_client_are_refused_and_others_served(visit: Visit) -> None:
    client = await visit(web_rate=3, web_proxies="127.0.0.1/32")
    one, other = {"X-Forwarded-For": "192.0.2.1, 127.0.0.1"}, {"X-Forwarded-For": "192.0.2.2"}
    assert [(await client.get("/livez", headers=one)).status for _ in range(5)] == [200] * 5
    assert [(await client.get("/", headers=one)).status for _ in range(4)] == [200, 200, 200, 429]
    assert (await client.get("/", headers=other)).status == 200


async def test_a_client_of_ours_cannot_choose_its_address(visit: Visit) -> None:
    client = await visit(web_rate=2)
    answers = [await client.get("/", headers={"X-Forwarded-For": f"192.0.2.{number}"}) for number in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]


def test_a_bucket_fills_again_and_a_heavy_request_needs_more_of_it() -> None:
    now = [0.0]
    limit = RateLimit(60, lambda: now[0])
    assert limit.wait("a", 58) == 0
    assert limit.wait("a", 5) == pytest.approx(3)
    now[0] += 3
    assert limit.wait("a", 5) == 0
    assert limit.wait("a") == pytest.approx(1)
    assert limit.wait("b") == 0


@pytest.mark.parametrize(
    ("accept", "lang"),
    [
        ("", "zh-CN"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"),
        ("en-GB,en;q=0.9", "en"),
        ("fr,en;q=0.5,zh;q=0.7", "zh-CN"),
        ("de", "zh-CN"),
        ("en;q=x", "en"),
    ],
)
async def test_the_language_is_what_the_browser_prefers(visit: Visit, accept: str, lang: str) -> None:
    client = await visit()
    answer = await client.get("/", headers={"Accept-Language": accept})
    assert f'<html lang="{lang}">' in await answer.text()


async def test_what_is_switched_off_is_not_there_and_not_linked(visit: Visit) -> None:
    client = await visit(web_sandbox=False)
    assert {(await client.get(path)).status for path in ("/sandbox", "/board", "/inquiry", "/status")} == {404}
    assert "/sandbox" not in await (await client.get("/")).text()


async def test_an_inquiry_needs_a_sign_in_a_board_and_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PETCT_WEB_INQUIRY", "true")
    with pytest.raises(SettingsError) as told:
        load(WebSettings)
    assert {problem.variable.split()[0] for problem in told.value.problems} == {
        "PETCT_WEB_ACCESS",
        "PETCT_BOARD_URL",
        "PETCT_INQUIRY_TOKEN",
    }


async def test_nothing_can_be_written(visit: Visit) -> None:
    client = await visit(board_url=NOBODY)
    for method in ("PUT", "DELETE", "PATCH"):
        for path in ("/", "/board", "/sandbox", "/rulebook"):
            assert (await client.request(method, path)).status == 405
    assert (await client.post("/rulebook")).status == 405


async def test_a_form_of_another_shape_is_refused(visit: Visit) -> None:
    client = await visit()
    assert (await client.post("/sandbox", data={"event": "{}"})).status == 415
    for name, wrong in (("day", "2021-7-1x"), ("insured", "999999"), ("indication", "x"), ("release", "x")):
        form = aiohttp.FormData({"event": "{}"}, default_to_multipart=True)
        form.add_field(name, wrong)
        assert (await client.post("/sandbox", data=form)).status == 400, name
    form = aiohttp.FormData({"event": "{}", "day": "1" * 1000}, default_to_multipart=True)
    assert (await client.post("/sandbox", data=form)).status == 413
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    assert (await client.post("/sandbox", data=b"--y\r\nbroken", headers=headers)).status == 400


@pytest.mark.parametrize("query", ["region=<b>", "day=2021-13-01", "exam=<b>", "release=<b>"])
async def test_a_wrong_address_is_told_and_never_repeated_as_markup(visit: Visit, query: str) -> None:
    client = await visit()
    answer = await client.get(f"/rulebook?{query}")
    assert answer.status == 400
    assert "<b>" not in await answer.text()
