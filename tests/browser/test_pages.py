"""The pages in a real Chromium: they work without a script, by keyboard, in two languages, and tell nothing on."""

import json
from typing import Any

import pytest

from streams.web import names
from tests.browser.conftest import Arrive
from tests.browser.serving import Pages
from tests.builders import event, line

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

WIDE = 1200
DECIDED = {
    "above-price": "予以支付",
    "check-up": "不予支付",
    "ratio-missing": "待人工审核",
    "manual-claim": "2023-07-12",
    "out-of-area": "待人工审核",
    "no-rule": "无适用规定",
    "reversal": "已冲销",
}


@pytest.mark.parametrize("example", names.EXAMPLES)
async def test_each_example_is_decided_with_every_step(pages: Pages, arrive: Arrive, example: str) -> None:
    visitor = await arrive(pages.url)
    await visitor.go(f"/sandbox?example={example}")
    await visitor.page.click("button.do")
    assert DECIDED[example] in await visitor.page.inner_text("#result")
    visitor.quiet()


async def test_the_four_shares_add_up_and_other_cases_stand_beside(pages: Pages, arrive: Arrive) -> None:
    visitor = await arrive(pages.url, locale="en-GB")
    page = visitor.page
    await visitor.go("/sandbox?example=above-price")
    await page.select_option("[name=insured]", "330200")
    await page.select_option("[name=indication]", "check_up")
    await page.fill("[name=day]", "2022-03-01")
    await page.click("button.do")
    widths = await page.eval_on_selector_all(".bar rect", "all => all.map(one => Number(one.getAttribute('width')))")
    assert sum(widths) == pytest.approx(1000)
    heads = await page.eval_on_selector_all("[aria-label='What if'] thead th", "all => all.map(one => one.innerText)")
    assert heads[1:] == [
        "As given",
        "Insured in: Ningbo",
        "Purpose: check-up",
        "Day: 2022-03-01",
        "All of these",
    ]
    verdicts = await page.eval_on_selector_all(
        "[aria-label='What if'] .verdict", "all => all.map(one => one.innerText)"
    )
    # In 2022 no notice known says how much the fund of Hangzhou pays.
    assert verdicts == ["Covered", "Needs review", "Not covered", "Needs review", "Not covered"]
    await page.click("summary:has-text('settlement.adjusted')")
    shown = json.loads(await page.inner_text("details[open] pre"))
    assert shown["totals"]["fund_amount"] == "3225.00"
    await visitor.check()


@pytest.mark.parametrize(
    ("pasted", "told"),
    [
        ("", "没有内容"),
        ('{"schema_version": "1.0", ', "不是一份完整的 JSON"),
        ("[1, 2]", "是 JSON，但不是对象"),
        (json.dumps(event(line(quantity="0"))), "违反规范"),
        (json.dumps(event(patient={"scheme": "<script>alert(1)</script>"})), "缺少某个字段"),
        ("[" * 100_000 + "002304000070000", "超过允许的大小"),
        (json.dumps(event(line(item_code="1"))), "不在本程序处理范围内"),
    ],
)
async def test_a_broken_paste_is_told_with_its_mend(pages: Pages, arrive: Arrive, pasted: str, told: str) -> None:
    visitor = await arrive(pages.url)
    await visitor.go("/sandbox")
    await visitor.page.fill("#event", pasted)
    await visitor.page.click("button.do")
    assert told in await visitor.page.inner_text("#result")
    assert await visitor.page.input_value("#event") == pasted
    assert await visitor.page.locator("main script").count() == 0
    visitor.quiet()


async def test_a_paste_of_five_megabytes_is_refused_in_words(pages: Pages, arrive: Arrive) -> None:
    visitor = await arrive(pages.url)
    await visitor.go("/sandbox")
    await visitor.page.evaluate("document.querySelector('#event').value = 'x'.repeat(5_000_000)")
    async with visitor.page.expect_navigation() as moved:
        await visitor.page.click("button.do")
    answer = await moved.value
    assert answer is not None
    assert answer.status == 413
    assert "1 MiB" in await visitor.page.inner_text("[role=alert]")
    await visitor.check()


async def test_an_uploaded_file_is_decided(pages: Pages, arrive: Arrive) -> None:
    visitor = await arrive(pages.url)
    await visitor.go("/sandbox")
    uploaded: Any = {"name": "e.json", "mimeType": "application/json", "buffer": json.dumps(event()).encode()}
    await visitor.page.set_input_files("[name=file]", uploaded)
    await visitor.page.click("button.do")
    assert "予以支付" in await visitor.page.inner_text("#result")


async def test_the_language_follows_the_browser_until_it_is_switched_and_keeps_the_paste(
    pages: Pages, arrive: Arrive
) -> None:
    visitor = await arrive(pages.url, locale="en-US")
    page = visitor.page
    await visitor.go("/rulebook")
    assert await page.get_attribute("html", "lang") == "en"
    await page.click(".switch a")
    assert await page.get_attribute("html", "lang") == "zh-CN"
    await visitor.go("/sandbox?example=check-up")
    assert await page.get_attribute("html", "lang") == "zh-CN"
    await page.click("button.do")
    before = await page.input_value("#event")
    await page.click(".switch button")
    assert await page.get_attribute("html", "lang") == "en"
    assert "Not covered" in await page.inner_text("#result")
    assert await page.input_value("#event") == before
    visitor.quiet()


async def test_the_sandbox_works_with_the_keyboard_alone(pages: Pages, arrive: Arrive) -> None:
    visitor = await arrive(pages.url)
    await visitor.go("/sandbox")
    await visitor.tab_to(".skip")
    await visitor.page.keyboard.press("Enter")
    await visitor.tab_to("a[href$='example=above-price']")
    await visitor.page.keyboard.press("Enter")
    await visitor.page.wait_for_url("**/sandbox?example=above-price")
    await visitor.tab_to("button.do")
    await visitor.page.keyboard.press("Enter")
    await visitor.page.wait_for_selector("#result")
    visitor.quiet()


@pytest.mark.parametrize("width", [WIDE, 360])
@pytest.mark.parametrize(
    "path", ["/", "/sandbox", "/rulebook?region=330102&day=2021-07-01", "/rulebook/releases", "/no-such-page"]
)
async def test_no_page_is_hard_to_read_or_overflows(pages: Pages, arrive: Arrive, path: str, width: int) -> None:
    visitor = await arrive(pages.url, viewport={"width": width, "height": 800})
    await visitor.go(path)
    assert await visitor.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    visitor.quiet()
    if width == WIDE:
        await visitor.check()


async def test_the_rulebook_tells_what_applies_with_its_source(pages: Pages, arrive: Arrive) -> None:
    visitor = await arrive(pages.url)
    await visitor.go("/rulebook")
    await visitor.page.fill("[name=region]", "330102")
    await visitor.page.fill("[name=day]", "2021-07-01")
    await visitor.page.click("button.do")
    content = await visitor.content()
    assert "5300元/次" in content
    assert "杭医保〔2021〕30号 二" in content
    await visitor.page.fill("[name=region]", "33010x")
    await visitor.page.click("button.do")
    assert "六位数字" in await visitor.page.inner_text("[role=alert]")
    visitor.quiet()


async def test_nothing_of_what_is_pasted_is_logged(pages: Pages, arrive: Arrive) -> None:
    visitor = await arrive(pages.url)
    for made in (
        event(patient={"name": "标记姓名", "person_id": "MARKED-PERSON"}),
        event(patient={"name": "标记姓名", "scheme": "MARKED-PERSON"}),
    ):
        await visitor.go("/sandbox")
        await visitor.page.fill("#event", json.dumps(made, ensure_ascii=False))
        await visitor.page.click("button.do")
        await visitor.page.wait_for_selector("#result")
    said = pages.said()
    assert "标记" not in said
    assert "MARKED" not in said
