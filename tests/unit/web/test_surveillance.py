"""The findings' pages: who may see them, what may be sent from where, and what they never show."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import date, datetime
from decimal import Decimal
from typing import Any, get_args

import pytest
from aiohttp.test_utils import TestClient, TestServer

from ops.kafka.broker import CHECKOUT
from schemas.alerts import Category, Rule, Severity
from schemas.events import Indication
from schemas.moments import CHINA
from streams.export.months_client import Month
from streams.pages.surveillance_daily import RULES
from streams.settings import SettingsError, WebSettings, load
from streams.surveillance.desk import Deed, Desk, Standing, Wanted, handle, record_of, stands
from streams.surveillance.rules.saying import NOT_STATED
from streams.web import names
from streams.web.library import Library
from streams.web.plots import MIX, SPEND, mix_columns, month_bars, plots, time_line
from streams.web.site import site
from tests.builders import installed_rulebook
from tests.findings import HOSPITAL, OTHER_HOSPITAL, PERSON, Record, finding, name_of, of_hospital, value

NOW = datetime(2021, 8, 1, 12, tzinfo=CHINA)
SIGNED_IN = {"Authorization": "Basic " + base64.b64encode(b"office:right").decode()}
PAGE = f"/surveillance/findings/{name_of(1)}"
Visit = Callable[..., Awaitable[TestClient[Any, Any]]]


class Held:
    """The true desk over records in memory; a broker is in tests/browser."""

    def __init__(self, *records: Record) -> None:
        self.records: list[Record] = []
        self.desk = Desk()
        self.silent = False
        self.write(*records)

    def write(self, *records: Record) -> None:
        for record in records:
            self.desk.take((0, len(self.records)), value(record), int(NOW.timestamp() * 1000) + len(self.records))
            self.records.append(record)

    async def read(self) -> Desk:
        if self.silent:
            raise TimeoutError
        return self.desk

    async def finding(self, held: Standing) -> Record:
        return self.records[held.place[1]]

    async def do(self, name: str, deed: Deed) -> tuple[Standing, bool]:
        held = self.desk.find(name)
        done = handle(held, deed)
        if done is None:
            return held, False
        self.write(record_of(held, done))
        stands(self.desk.findings[held.id], done)
        return self.desk.findings[held.id], True


@pytest.fixture
async def visit() -> AsyncIterator[Visit]:
    async with AsyncExitStack() as leaving:

        async def visit(desk: Held | None, **given: Any) -> TestClient[Any, Any]:
            access = {"web_access": "basic", "web_user": "office", "web_password": "right", "web_rate": 0}
            settings = WebSettings(**{**access, **given})
            app = site(settings, Library(installed_rulebook(), None), lambda: date(2021, 8, 1), desk, lambda: NOW)
            return await leaving.enter_async_context(TestClient(TestServer(app), headers=SIGNED_IN))

        yield visit


async def _form(client: TestClient[Any, Any], **changes: str) -> dict[str, str]:
    """What the page's form sends."""
    text = await (await client.get(PAGE)).text()
    hidden = dict(re.findall(r'name="(token|revision)" value="([0-9a-f]+)"', text))
    return {**hidden, "note": "records asked for", "do": "acknowledge", **changes}


async def _send(client: TestClient[Any, Any], form: dict[str, str], **headers: str) -> tuple[int, str]:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    answer = await client.post(PAGE, data=form, headers=named, allow_redirects=False)
    return answer.status, await answer.text()


async def test_nobody_sees_a_finding_without_a_sign_in(visit: Visit) -> None:
    client = await visit(Held(finding()))
    for path in ("/surveillance", PAGE, f"/surveillance/hospitals/{HOSPITAL}"):
        assert (await client.get(path, headers={"Authorization": ""})).status == 401
        assert (await client.get(path)).status == 200
    assert (await client.post(PAGE, headers={"Authorization": ""})).status == 401


async def test_the_page_needs_a_sign_in_to_be_switched_on_and_is_else_not_there(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PETCT_WEB_SURVEILLANCE", "true")
    with pytest.raises(SettingsError, match="PETCT_WEB_ACCESS is open"):
        load(WebSettings)
    client = await visit(None)
    assert (await client.get("/surveillance")).status == 404


async def test_what_is_done_is_recorded_under_the_name_of_the_sign_in(visit: Visit) -> None:
    desk = Held(finding())
    client = await visit(desk)
    assert (await _send(client, await _form(client)))[0] == 303
    written = desk.records[-1]
    assert (written["event_type"], written["by"], written["at"]) == (
        "finding.acknowledged",
        "office",
        "2021-08-01T12:00:00+08:00",
    )
    assert (await _send(client, await _form(client)))[0] == 303
    assert len(desk.records) == 2, "acknowledged once"
    assert (await _send(client, await _form(client, do="unfounded")))[0] == 303
    assert desk.desk.findings[name_of(1)].state == "closed"


async def test_behind_a_proxy_the_name_is_the_proxys(visit: Visit) -> None:
    desk = Held(finding())
    client = await visit(desk, web_access="proxy", web_proxies="127.0.0.0/8")
    client.session.headers["X-Forwarded-User"] = "欧阳"
    assert (await _send(client, await _form(client)))[0] == 303
    assert desk.records[-1]["by"] == "欧阳"


@pytest.mark.parametrize(
    ("changes", "headers"),
    [
        ({"token": ""}, {}),
        ({"token": "0" * 32}, {}),
        ({}, {"Sec_Fetch_Site": "cross-site"}),
        ({}, {"Sec_Fetch_Site": "same-site"}),
        ({}, {"Cookie": "form="}),
    ],
)
async def test_a_form_from_another_site_does_nothing(
    visit: Visit, changes: dict[str, str], headers: dict[str, str]
) -> None:
    desk = Held(finding())
    client = await visit(desk)
    form = await _form(client, note="typed with care", **changes)
    if "Cookie" in headers:
        client.session.cookie_jar.clear()
    status, text = await _send(client, form, **headers)
    assert status == 403
    assert len(desk.records) == 1
    assert "typed with care" in text, "who typed it need not type it again"


async def test_the_cookie_of_a_form_is_sent_nowhere_else_and_read_by_no_script(visit: Visit) -> None:
    client = await visit(Held(finding()))
    cookie = (await client.get(PAGE)).headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Path=/surveillance" in cookie


@pytest.mark.parametrize("changes", [{"do": "delete"}, {"do": ""}, {"revision": "x"}, {"revision": ""}])
async def test_a_form_of_another_shape_is_refused(visit: Visit, changes: dict[str, str]) -> None:
    client = await visit(Held(finding()))
    assert (await _send(client, await _form(client, **changes)))[0] == 400


async def test_what_was_revised_meanwhile_is_refused_and_the_note_is_kept(visit: Visit) -> None:
    desk = Held(finding())
    client = await visit(desk)
    form = await _form(client, do="confirmed", note="typed with care")
    desk.write(finding(revision=2))
    status, text = await _send(client, form)
    assert status == 409
    assert names.REFUSALS["revised"][0] in text
    assert "typed with care" in text
    assert desk.desk.findings[name_of(1)].state == "open"


async def test_a_note_is_shown_as_text_and_a_long_one_is_refused(visit: Visit) -> None:
    desk = Held(finding())
    client = await visit(desk)
    await _send(client, await _form(client, note="<script>alert(1)</script>"))
    assert "<script>" not in await (await client.get(PAGE)).text()
    assert (await _send(client, await _form(client, do="confirmed", note="x" * 501)))[0] == 409


async def test_the_list_shows_what_has_not_ended_unless_asked_otherwise(visit: Visit) -> None:
    desk = Held(finding(1), finding(2), finding(2, revision=2, status="withdrawn"))
    client = await visit(desk)
    first = await (await client.get("/surveillance")).text()
    assert name_of(1) in first
    assert name_of(2) not in first
    assert name_of(2) in await (await client.get("/surveillance?status=")).text()
    other = await (await client.get(f"/surveillance?hospital={OTHER_HOSPITAL}")).text()
    assert name_of(1) not in other


async def test_many_findings_are_told_page_by_page(visit: Visit) -> None:
    client = await visit(Held(*(finding(number) for number in range(1, 121))))
    seen = []
    for number in ("1", "2", "3", "99", "x"):
        text = await (await client.get(f"/surveillance?status=open&page={number}")).text()
        seen.append(len(re.findall(r"/surveillance/findings/[0-9a-f]{32}", text)))
    assert seen == [50, 50, 20, 20, 50]


@pytest.mark.parametrize("query", ["since=2021-13-01", "city=<b>", "rule=<b>", "status=<b>", "severity=x"])
async def test_a_wrong_filter_is_told_and_never_repeated_as_markup(visit: Visit, query: str) -> None:
    client = await visit(Held(finding()))
    answer = await client.get(f"/surveillance?{query}")
    assert answer.status == 400
    assert "<b>" not in await answer.text()


async def test_a_desk_that_does_not_answer_is_told_and_an_unknown_finding_too(visit: Visit) -> None:
    desk = Held(finding())
    client = await visit(desk)
    assert (await client.get(f"/surveillance/findings/{name_of(9)}")).status == 404
    assert (await client.get("/surveillance/hospitals/NOBODY")).status == 404
    desk.silent = True
    answer = await client.get("/surveillance")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")


async def test_the_person_stands_on_the_finding_alone_and_in_no_address(visit: Visit) -> None:
    client = await visit(Held(finding()))
    for path in ("/surveillance", f"/surveillance/hospitals/{HOSPITAL}"):
        assert PERSON not in await (await client.get(path)).text()
    text = await (await client.get(PAGE)).text()
    assert PERSON in text
    assert not re.search(rf'(?:href|action|src)="[^"]*{PERSON}', text)


def _standing(*records: Record) -> list[Standing]:
    return Held(*records).desk.select(Wanted())


def test_a_time_line_has_every_finding_once_and_none_over_another() -> None:
    found = _standing(*(finding(number) for number in range(1, 5)), of_hospital(9, "spend_spike"))
    line = time_line(found)
    assert line is not None
    boxes = [box for row in line.rows for box in row.boxes]
    assert {box.held.id for box in boxes} == {held.id for held in found}
    for row in line.rows:
        assert len({box.y for box in row.boxes}) == len(row.boxes)
    assert all(box.x > 0 and box.x + box.width <= 861 for box in boxes)
    assert time_line([]) is None


def test_a_plot_has_a_bar_for_each_window_as_high_as_its_number_and_what_is_usual_in_proportion() -> None:
    def spike(number: int, charged: str, **changes: Any) -> Record:
        numbers = (("charged_in_window", charged, None), ("usually_charged", "50.00", None))
        return of_hospital(number, "spend_spike", *numbers, **changes)

    found = _standing(
        spike(1, "100.00"),
        spike(2, "200.00", window={"from": "2021-08-01", "to": "2021-08-31"}),
        spike(3, "900.00", status="withdrawn"),
        of_hospital(4, "indication_drift", ("grown_most", "staging", None)),
    )
    (plot,) = plots(found, SPEND)
    assert [(bar.value, bar.against) for bar in plot.bars] == [("100.00", "50.00"), ("200.00", "50.00")]
    low, high = plot.bars
    assert high.height == 2 * low.height
    assert low.mark == high.mark
    assert low.mark == low.y + low.height / 2
    assert not plots(found, MIX)


def _months() -> list[Month]:
    return [
        Month("2021-07", 4, Decimal("21200.00"), {"staging": 3, "someday_new": 1}),
        Month("2021-08", 0, Decimal("0.00"), {}),
        Month("2021-09", 2, Decimal("10600.00"), {"check_up": 1, "staging": 1}),
    ]


def test_months_have_bars_as_high_as_what_was_charged_and_a_quiet_month_has_none() -> None:
    assert [bar.height for bar in month_bars(_months())] == [120.0, 0.0, 60.0]


def test_the_mix_of_a_month_fills_its_bar_in_one_order_and_what_is_not_known_comes_last() -> None:
    july, august, september = mix_columns(_months(), tuple(names.STATED))
    assert [(part.indication, part.height) for part in july.parts] == [("staging", 90.0), ("someday_new", 30.0)]
    assert not august.parts
    assert [part.indication for part in september.parts] == ["staging", "check_up"]
    assert july.parts[1].y == july.parts[0].y + 90.0


def test_every_measure_of_the_rules_has_a_name_in_both_languages() -> None:
    written = {
        name
        for path in (CHECKOUT / "streams" / "surveillance" / "rules").glob("*.py")
        for name in re.findall(r'Measured\("([a-z_]+)"', path.read_text("utf-8"))
    }
    assert written
    assert written <= names.MEASURES.keys()


def test_every_rule_severity_category_and_indication_has_a_name_in_both_languages() -> None:
    assert set(get_args(Rule)) == RULES.keys()
    assert set(get_args(Severity)) == names.SEVERITIES.keys()
    assert set(get_args(Category)) == names.CATEGORIES.keys()
    assert {*get_args(Indication), NOT_STATED} == names.STATED.keys()
