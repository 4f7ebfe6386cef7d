"""Findings looked at and handled in a real Chromium, on a real Kafka."""

import asyncio
import json
import os
from datetime import datetime
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from playwright.async_api import Locator

from ops.kafka.broker import RealKafka
from schemas.moments import CHINA
from schemas.topics import ALERTS
from streams.bus.alerts_topic import AlertsTopic
from streams.pages.surveillance_daily import summary_html
from streams.surveillance.daily import summary
from tests.broker.settling import PATIENCE, Scene, scene
from tests.broker.supervised import SURVEILLED, create_surveilled_topics, records, settle
from tests.broker.watching import TOKEN, Watch
from tests.browser.conftest import Arrive
from tests.browser.serving import Pages
from tests.browser.visitor import Visitor
from tests.builders import event, line
from tests.findings import HOSPITAL, OTHER_HOSPITAL, PERSON, Record, finding, name_of, of_hospital, value
from tests.kafka import Broker

pytestmark = [pytest.mark.real_kafka, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

CREDENTIALS = {"username": "office", "password": "right"}
HEIGHTS = "all => all.map(one => Number(one.getAttribute('height')))"
EVIL = "<script>alert(1)</script>"


def _records() -> list[Record]:
    """Of one hospital: months of spending, a shift of the mix, persons; of another one finding with a hostile text."""
    months = [f"2021-{month:02}" for month in range(3, 9)]
    spend = [
        of_hospital(
            10 + number,
            "spend_spike",
            ("charged_in_window", f"{number + 4}00000.00", None),
            ("usually_charged", "350000.00", None),
            ("scans_in_window", f"{number + 80}", "10"),
            ("usual_scans", "66", None),
            window={"from": f"{month}-01", "to": f"{month}-28"},
            severity="serious" if number > 3 else "warning",
            amount_at_stake=f"{number}50000.00",
        )
        for number, month in enumerate(months)
    ]
    drift = of_hospital(
        20,
        "indication_drift",
        ("shift", "0.34", "0.25"),
        ("grown_most", "post_treatment_recurrence_or_metastasis", None),
        ("share_of_grown_most", "0.55", None),
        ("share_of_grown_most_before", "0.21", None),
        window={"from": "2021-06-01", "to": "2021-08-31"},
    )
    persons = [
        finding(
            30 + number, severity="info", window={"from": f"2021-07-{number + 1:02}", "to": f"2021-07-{number + 12:02}"}
        )
        for number in range(4)
    ]
    hostile = finding(40, hospitals=[OTHER_HOSPITAL], city="330200", says=EVIL)
    return [*spend, drift, *persons, hostile]


def _settlements() -> list[Record]:
    """Nothing about them is suspicious: each another person, at the price, within scope."""
    made = []
    for number in range(60):
        day = f"2021-{4 + number % 3:02}-{1 + number // 3:02}"
        # Half of April for staging, two thirds of June for something else.
        indication = "staging" if number // 3 % (2 + number % 3) == 0 else "post_treatment_recurrence_or_metastasis"
        made.append(
            event(
                line(service_date=day),
                event_id=f"E{number}",
                settlement_id=f"S{number}",
                occurred_at=f"{day}T09:30:00+08:00",
                patient={"person_id": f"MARKED{number}"},
                request={"indication": indication},
            )
        )
    return made


async def _write(on: Scene, *records: Record) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=on.broker.bootstrap_servers)
    await producer.start()
    try:
        for record in records:
            key = record["finding_id"].encode()
            await producer.send_and_wait(on.settings.topic(ALERTS), value(record), key=key, partition=1)
    finally:
        await producer.stop()


async def test_findings_are_filtered_looked_at_and_handled(
    real_kafka: RealKafka, prefix: str, tmp_path: Path, arrive: Arrive
) -> None:
    on = scene(Broker("real", real_kafka.bootstrap_servers), prefix)
    await create_surveilled_topics(on)
    await settle(on, records(_settlements()))
    await _write(on, *_records())
    with Watch.of(on, tmp_path, **SURVEILLED, PETCT_INQUIRY_TOKEN=TOKEN) as watch:
        await _until_months_are_told(watch)
        await _seen_and_handled(on, watch, tmp_path, arrive)
        assert "MARKED" not in watch.said()


async def _until_months_are_told(watch: Watch) -> None:
    place = f"/v1/surveillance/330100/hospitals/{HOSPITAL}"

    def told() -> bool:
        status, answer = watch.ask(place, Authorization=f"Bearer {TOKEN}")
        assert watch.running, watch.said()
        return status == 200 and sum(month["scans"] for month in answer["months"]) == 60

    async with asyncio.timeout(2 * PATIENCE):
        while not await asyncio.to_thread(told):  # noqa: ASYNC110 - a process tells nobody
            await asyncio.sleep(0.2)
    assert watch.ask(place)[0] == 401
    assert watch.ask(place, Authorization="Bearer ")[0] == 401
    for unknown in ("/v1/surveillance/330100/hospitals/NOBODY", f"/v1/surveillance/330200/hospitals/{HOSPITAL}"):
        assert watch.ask(unknown, Authorization=f"Bearer {TOKEN}")[0] == 404


async def _seen_and_handled(on: Scene, watch: Watch, tmp_path: Path, arrive: Arrive) -> None:
    given = {
        "PETCT_BOARD_URL": watch.url,
        "PETCT_INQUIRY_TOKEN": TOKEN,
        "PETCT_WEB_SURVEILLANCE": "true",
        "PETCT_WEB_ACCESS": "basic",
        "PETCT_WEB_USER": CREDENTIALS["username"],
        "PETCT_WEB_PASSWORD": CREDENTIALS["password"],
        "PETCT_KAFKA_BOOTSTRAP_SERVERS": on.settings.kafka_bootstrap_servers,
        "PETCT_TOPIC_PREFIX": on.settings.topic_prefix,
    }
    with Pages.of(tmp_path, **given) as pages:
        assert pages.status("/surveillance") == 401
        visitor = await arrive(pages.url, http_credentials=CREDENTIALS, viewport={"width": 1200, "height": 900})
        await _filtered(visitor)
        await _a_hospital(visitor)
        await _handled(visitor, on)
        await _another_site_cannot_send_the_form(visitor, on, pages)
        await _the_summary_can_be_read_by_everybody(visitor, on)
        await _narrow_and_english(pages, arrive)
        for hidden in (PERSON, "S1", "asked for", "office"):
            assert hidden not in pages.said()


async def _picture(visitor: Visitor, name: str) -> None:
    """For docs/, where a folder is given."""
    if folder := os.environ.get("PICTURES"):
        await visitor.page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


async def _filtered(visitor: Visitor) -> None:
    page = visitor.page
    assert await visitor.go("/surveillance") == 200
    assert "12" in await page.inner_text("main p strong")
    await visitor.check()
    await _picture(visitor, "web-surveillance")
    await page.select_option("[name=severity]", "serious")
    await page.fill("[name=hospital]", HOSPITAL)
    await page.fill("[name=since]", "2021-08-01")
    await page.click("button.do")
    rows = await page.eval_on_selector_all("tbody tr", "all => all.length")
    assert rows == 1
    await page.fill("[name=city]", "33")
    await page.click("button.do")
    assert "六位数字" in await page.inner_text("[role=alert]")
    visitor.quiet()


async def _a_hospital(visitor: Visitor) -> None:
    page = visitor.page
    await visitor.go("/surveillance")
    await page.click(f"td a:has-text('{HOSPITAL}') >> nth=0")
    spans = await page.eval_on_selector_all("svg .span", "all => all.length")
    listed = await page.eval_on_selector_all("h2#line ~ .wide table >> nth=0 >> tbody tr", "all => all.length")
    assert (spans, listed) == (11, 11)
    await visitor.check()
    by_month = page.locator("table:has(caption:text-is('各月收费')) tbody tr")
    assert await by_month.all_inner_texts() == [f"2021-{month}\t20\t106,000.00" for month in ("06", "05", "04")]
    heights = await _heights(page.locator("svg[aria-label^='各月收费']"))
    assert heights == [120, 120, 120]
    mix = page.locator("svg[aria-label^='各月适应症']")
    assert await mix.locator(".mix-staging").evaluate_all(HEIGHTS) == [60, 42, 30]
    plot = page.locator("svg[aria-label^='时段内收费']")
    heights = await _heights(plot)
    assert heights == sorted(heights)
    assert len(heights) == await plot.locator(".due").count() == 6
    told = await page.locator("table:has(caption:text-is('时段内收费（元）')) tbody td.number").all_inner_texts()
    assert told[::2] == [f"{number}00000.00" for number in range(4, 10)]
    told = await page.locator("table:has(caption:has-text('增长最多的适应症占比')) tbody td.number").all_inner_texts()
    assert told == ["0.55", "0.21"]
    await visitor.check()
    await _picture(visitor, "web-surveillance-hospital")


async def _heights(svg: Locator) -> list[float]:
    found: list[float] = await svg.locator("rect").evaluate_all(HEIGHTS)
    return found


async def _handled(visitor: Visitor, on: Scene) -> None:
    page = visitor.page
    place = f"/surveillance/findings/{name_of(40)}"
    await visitor.go(place)
    assert EVIL in await page.inner_text("blockquote")
    await visitor.check()
    await _picture(visitor, "web-surveillance-finding")
    await visitor.tab_to("[name=note]")
    await page.keyboard.type("records asked for")
    await visitor.tab_to("button[value=acknowledge]")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**?done=yes")
    assert "已受理" in await visitor.content()
    await page.reload()

    await _write(on, finding(40, revision=2, hospitals=[OTHER_HOSPITAL], city="330200"))
    await page.fill("[name=note]", "refunded")
    await page.click("button[value=confirmed]")
    assert "已经更新" in await page.inner_text("[role=alert]")
    assert await page.input_value("[name=note]") == "refunded"
    await page.click("button[value=confirmed]")
    await page.wait_for_url("**?done=yes")
    assert "属实" in await visitor.content()
    await visitor.check()
    await _write(on, finding(40, revision=3, hospitals=[OTHER_HOSPITAL], city="330200"))
    await visitor.go(place)
    assert "重新打开" in await visitor.content()
    await _write(on, finding(40, revision=4, hospitals=[OTHER_HOSPITAL], city="330200", status="withdrawn"))
    await visitor.go(place)
    assert "已撤回" in await visitor.content()
    assert await page.locator("main form").count() == 0

    written = [json.loads(record.value) for record in await on.records(ALERTS)]
    done = [record for record in written if "of_revision" in record]
    assert [(record["event_type"], record["by"], record["of_revision"], record["closed_as"]) for record in done] == [
        ("finding.acknowledged", "office", 1, None),
        ("finding.closed", "office", 2, "confirmed"),
    ]


async def _another_site_cannot_send_the_form(visitor: Visitor, on: Scene, pages: Pages) -> None:
    """The officer's browser, signed in, is lured to a page of somebody else that has the same form."""
    before = len(await on.records(ALERTS))
    target = f"{pages.url}/surveillance/findings/{name_of(10)}"
    fields = "".join(
        f"<input name='{name}' value='{text}'>"
        for name, text in {"token": "0" * 32, "revision": "1", "note": "x", "do": "unfounded"}.items()
    )
    html = f"<form method=post action='{target}'>{fields}<button>win</button></form>"

    async def lure(client: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        await client.readuntil(b"\r\n\r\n")
        answer.write(
            f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(html)}\r\n\r\n{html}".encode()
        )
        await answer.drain()
        answer.close()

    server = await asyncio.start_server(lure, "localhost", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        elsewhere = await visitor.context.new_page()
        await elsewhere.goto(f"http://localhost:{port}/")
        async with elsewhere.expect_navigation() as moved:
            await elsewhere.click("button")
        answer = await moved.value
        assert answer is not None
        assert answer.status == 403, "signed in, and refused"
        await elsewhere.close()
    assert len(await on.records(ALERTS)) == before


async def _the_summary_can_be_read_by_everybody(visitor: Visitor, on: Scene) -> None:
    """The file for the bureau, of the day of this test."""
    async with AlertsTopic(on.settings) as topic:
        made = summary(await topic.read(), datetime.now(CHINA).date())
    # Not within the site, whose policy of contents is stricter than the file's own.
    await visitor.page.goto("about:blank")
    await visitor.page.set_content(summary_html(made))
    assert "短期内重复检查" in await visitor.content()
    assert HOSPITAL in await visitor.content()
    await visitor.check()


async def _narrow_and_english(pages: Pages, arrive: Arrive) -> None:
    visitor = await arrive(
        pages.url, http_credentials=CREDENTIALS, locale="en-GB", viewport={"width": 360, "height": 800}
    )
    for path in ("/surveillance", f"/surveillance/hospitals/{HOSPITAL}", f"/surveillance/findings/{name_of(10)}"):
        await visitor.go(path)
        assert await visitor.page.get_attribute("html", "lang") == "en"
        assert await visitor.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    assert "spending leaps" in await visitor.content()
    visitor.quiet()
