"""Board, inquiry and releases in a real Chromium, from a real watch worker on a real Kafka."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ops.kafka.broker import RealKafka
from schemas.topics import ADJUSTED, DISCLOSURES
from streams.bus.rulebook_topic import publish
from tests.board import DAY, HOSPITAL, exam, published
from tests.broker.settling import scene
from tests.broker.watching import TOKEN, Watch, create_watched_topics, lists_by_the_topic, until_lists_are
from tests.broker.workers import CHECKOUT
from tests.browser.conftest import Arrive
from tests.browser.serving import Pages
from tests.builders import adjusted, event, installed_rulebook, line, shenzhen
from tests.kafka import Broker

pytestmark = [pytest.mark.real_kafka, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

CREDENTIALS = {"username": "office", "password": "right"}


def _status(url: str, *arguments: str, token: str = TOKEN) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "streams.cli", "status", *arguments, "--api", url]
    environment = {"PETCT_INQUIRY_TOKEN": token, "PATH": "", "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)


async def test_board_inquiry_and_releases_show_what_is_on_the_bus(
    real_kafka: RealKafka, prefix: str, tmp_path: Path, arrive: Arrive
) -> None:
    on = scene(Broker("real", real_kafka.bootstrap_servers), prefix)
    await create_watched_topics(on)
    odd = {**HOSPITAL, "code": "H33010200009", "name": "示例<b>医院"}
    for record in (published(1, exam("<i>", diagnosis="<script>alert(1)</script>")), published(2, hospital=odd)):
        await on.send(json.dumps(record).encode(), topic=DISCLOSURES)
    for made in (adjusted(event(line("6500.00"))), adjusted(shenzhen(settlement_id="S2"))):
        await on.send(json.dumps(made).encode(), key=made["settlement_id"].encode(), topic=ADJUSTED)
    released = await publish(on.settings, installed_rulebook(), "示例发布", "desk", datetime(2021, 7, 1, tzinfo=UTC))
    assert released is not None
    wanted = await lists_by_the_topic(on)
    with Watch.of(on, tmp_path, PETCT_INQUIRY="true", PETCT_INQUIRY_TOKEN=TOKEN) as watch:
        await until_lists_are(watch, wanted)
        given = {
            "PETCT_BOARD_URL": watch.url,
            "PETCT_INQUIRY_TOKEN": TOKEN,
            "PETCT_WEB_INQUIRY": "true",
            "PETCT_WEB_ACCESS": "basic",
            "PETCT_WEB_USER": CREDENTIALS["username"],
            "PETCT_WEB_PASSWORD": CREDENTIALS["password"],
            "PETCT_WEB_WORKERS": f"http://127.0.0.1:{watch.port},http://127.0.0.1:9",
            "PETCT_KAFKA_BOOTSTRAP_SERVERS": on.settings.kafka_bootstrap_servers,
            "PETCT_TOPIC_PREFIX": on.settings.topic_prefix,
        }
        with Pages.of(tmp_path, **given) as pages:
            await _the_board_is_public(pages, arrive)
            await _a_settlement_is_found_and_printed(pages, arrive)
            await _releases_and_workers_are_shown(pages, arrive)
            assert "S2021070100001" not in pages.said()
        shown = _status(watch.url, "S2021070100001")
        assert shown.returncode == 0, shown.stderr
        assert "the hospital bears" in shown.stdout
        told = json.loads(_status(watch.url, "S2021070100001", "--json").stdout)
        assert told["record"]["totals"]["fund_amount"] == "3225.00"
        unknown = _status(watch.url, "NOBODY")
        assert (unknown.returncode, "no record" in unknown.stderr) == (1, True)
        refused = _status(watch.url, "S2021070100001", token="wrong")
        assert (refused.returncode, "401" in refused.stderr) == (1, True)


async def _the_board_is_public(pages: Pages, arrive: Arrive) -> None:
    visitor = await arrive(pages.url, locale="en-US")
    page = visitor.page
    assert await visitor.go("/board") == 200
    await visitor.check()
    await page.click("a:has-text('示例<b>医院')")
    assert await page.inner_text("h1") == "示例<b>医院"
    await visitor.go("/board")
    await page.click("td:has-text('H33010200001') >> xpath=.. >> css=a")
    await page.click(f"a:has-text('{DAY[:7]}')")
    await page.click(f"a:has-text('{DAY}')")
    cells = await page.eval_on_selector_all("tbody td", "all => all.map(one => one.innerText)")
    assert cells == ["<i>", "61", "<script>alert(1)</script>", "5,300.00"]
    assert "浙医保发" in await visitor.content() or "杭医保" in await visitor.content()
    await visitor.check()
    place = f"/board/{HOSPITAL['code']}/days/{DAY}"
    assert json.loads(pages.fetch(f"{place}/json")[2])["day"] == DAY
    assert pages.fetch(f"{place}/csv")[2].startswith("\ufeff")
    assert await visitor.go(f"/board/{HOSPITAL['code']}/days/2021-06-30") == 404
    assert await visitor.go("/board/NOBODY") == 404
    assert pages.status("/inquiry") == 401


async def _a_settlement_is_found_and_printed(pages: Pages, arrive: Arrive) -> None:
    visitor = await arrive(pages.url, http_credentials=CREDENTIALS)
    page = visitor.page
    await visitor.go("/inquiry")
    await page.fill("[name=settlement]", "S2021070100001")
    await page.click("button.do")
    content = await visitor.content()
    assert "3,225.00" in content
    assert "收费超过政府指导价" in content
    assert "S2021070100001" not in page.url
    await visitor.check()
    await page.emulate_media(media="print")
    assert not await page.is_visible("form")
    assert await page.is_visible("text=推导过程")
    await page.emulate_media(media="screen")
    await page.fill("[name=settlement]", "<b>nobody</b>")
    await page.click("button.do")
    assert "没有这个编号" in await page.inner_text("[role=alert]")
    visitor.quiet()


async def _releases_and_workers_are_shown(pages: Pages, arrive: Arrive) -> None:
    visitor = await arrive(pages.url, http_credentials=CREDENTIALS, locale="en-US")
    await visitor.go("/rulebook/releases")
    content = await visitor.content()
    assert "示例发布" in content
    assert installed_rulebook().hash in content
    await visitor.page.select_option("[name=to]", "installed")
    await visitor.page.click("button.do")
    assert "Both say the same." in await visitor.content()
    await visitor.check()
    await visitor.go("/status")
    content = await visitor.content()
    assert "ready" in content
    assert "does not answer" in content
    await visitor.check()
