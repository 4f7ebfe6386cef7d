"""The site: built without a warning, whole, and of use without a network."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.docs.pages import CHECKOUT, name, paths

LOADS = {
    "script": ("src",),
    "link": ("href",),
    "img": ("src", "srcset"),
    "iframe": ("src",),
    "source": ("src", "srcset"),
    "video": ("src",),
    "object": ("data",),
    "use": ("href", "xlink:href"),
}
"""Attributes whose address a browser fetches by itself. A link that a reader may click is none."""
ELSEWHERE = re.compile(r"(?:https?:)?//")


def build(source: Path, out: Path, *, doctrees: Path) -> subprocess.CompletedProcess[str]:
    """As `make docs` does it."""
    command = ["-b", "html", "-W", "--keep-going", "-q", "-c", str(source / "docs"), "-d", str(doctrees)]
    return subprocess.run(
        [sys.executable, "-m", "sphinx", *command, str(source), str(out)], capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = build(CHECKOUT, folder / "site", doctrees=folder / "doctrees")
    assert (done.returncode, done.stderr) == (0, "")
    return folder / "site"


def test_it_is_built_as_the_makefile_says() -> None:
    recipe = (CHECKOUT / "Makefile").read_text("utf-8")
    assert "-m sphinx -b html -W --keep-going -q -c docs -d .cache/sphinx . $(SITE)" in recipe


def test_every_page_of_the_repository_is_a_page_of_the_site(site: Path) -> None:
    missing = [name(path) for path in paths() if not (site / name(path)).with_suffix(".html").exists()]
    assert missing == []


class _Fetched(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for key, value in attrs if key in LOADS.get(tag, ())]


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 50
    for page in pages:
        parser = _Fetched()
        parser.feed(page.read_text("utf-8"))
        assert [address for address in parser.addresses if ELSEWHERE.match(address)] == [], page
    for style in site.rglob("*.css"):
        found = re.findall(r"""(?:url\(\s*|@import\s+)["']?((?:https?:)?//[^"')]+)""", style.read_text("utf-8"))
        assert found == [], style


def test_a_mistake_in_a_page_fails_the_build(tmp_path: Path) -> None:
    """All are told at once: a dead link, a dead anchor, one in another page, a page in no table of contents."""
    copied = tmp_path / "checkout"
    ours = shutil.ignore_patterns(".*", "dist", "tests", "node_modules", "target", "*.py[co]")
    shutil.copytree(CHECKOUT, copied, ignore=ours)
    (copied / "docs" / "alone.md").write_text(
        "# Alone\n\n[a](nowhere.md) [b](#no-such) [c](replay.md#no-such-either)\n"
    )

    done = build(copied, tmp_path / "site", doctrees=tmp_path / "doctrees")

    assert done.returncode == 1
    for told in ("'nowhere.md'", "'no-such'", "'no-such-either'", "document isn't included in any toctree"):
        assert re.search(rf"alone\.md.*WARNING.*{re.escape(told)}", done.stderr), (told, done.stderr)


@pytest.mark.asyncio(loop_scope="module")
async def test_it_can_be_read_and_searched_without_a_network(site: Path, browser: Browser) -> None:
    """From files, as on a machine that reaches nothing."""
    failed: list[str] = []
    page = await browser.new_page()
    page.on("requestfailed", lambda request: failed.append(request.url))
    await page.context.set_offline(True)
    await page.goto((site / "index.html").as_uri())
    await page.get_by_role("link", name="Integrate").first.click()
    await expect(page.locator("h1").first).to_contain_text("Integrate")
    assert failed == []

    await page.goto(f"{(site / 'search.html').as_uri()}?q=deductible")
    await page.get_by_role("link", name="How a fen is decided").click()
    await expect(page.locator("article").first).to_contain_text("75 %")
