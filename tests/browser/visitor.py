"""A visitor with a real browser: goes to pages, complains of what the console says and of what axe finds."""

from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page

# What Chromium says of any answer that is no success; the tests look at the status themselves.
_STATUS = "Failed to load resource: the server responded with a status of "


@dataclass
class Visitor:
    """One browser profile, empty at first."""

    base: str
    context: BrowserContext
    page: Page
    axe: str
    complaints: list[str] = field(default_factory=list)

    @classmethod
    async def arrive(cls, browser: Browser, base: str, axe: str, **options: Any) -> "Visitor":
        context = await browser.new_context(**{"locale": "zh-CN", **options})
        page = await context.new_page()
        made = cls(base, context, page, axe)
        page.on("console", lambda said: made.hear(said.type, said.text))
        page.on("pageerror", lambda error: made.complaints.append(str(error)))
        page.on("request", lambda asked: made.see(asked.url))
        return made

    def see(self, url: str) -> None:
        """Nothing may be asked of anybody else."""
        if not url.startswith((self.base, "about:")):
            self.complaints.append(f"asks {url}")

    def hear(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and not text.startswith(_STATUS):
            self.complaints.append(text)

    async def go(self, path: str) -> int:
        answer = await self.page.goto(self.base + path)
        assert answer is not None
        return answer.status

    async def content(self) -> str:
        return await self.page.inner_text("main")

    async def check(self) -> None:
        """No complaint so far, and no serious finding of axe on this page. Takes a second or two."""
        await self.page.evaluate(f"{self.axe}; undefined")
        findings = await self.page.evaluate("axe.run().then(found => found.violations)")
        serious = [
            f"{found['id']}: {found['help']}: {found['nodes'][0]['html'][:200]}"
            for found in findings
            if found["impact"] in ("serious", "critical")
        ]
        assert not serious, (self.page.url, serious)
        self.quiet()

    def quiet(self) -> None:
        assert not self.complaints, self.complaints

    async def tab_to(self, selector: str) -> None:
        """With the keyboard alone."""
        for _ in range(80):
            await self.page.keyboard.press("Tab")
            if await self.page.evaluate("s => document.activeElement.matches(s)", selector):
                return
        raise AssertionError(f"the keyboard does not get to {selector}")
