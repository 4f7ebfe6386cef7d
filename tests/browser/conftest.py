"""A real Chromium and real pages. Where Chromium or npm is missing the tests are skipped, with a notice at the end."""

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.browser.axe import axe_script
from tests.browser.serving import Pages
from tests.browser.visitor import Visitor
from tests.npm import NpmUnavailableError

_absent = pytest.StashKey[str]()
Arrive = Callable[..., Awaitable[Visitor]]
FLAGS = (
    "--no-sandbox",  # of a container's root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def _missing(config: pytest.Config, what: str) -> None:
    if os.environ.get("REQUIRE_BROWSER") == "1":
        pytest.fail(f"REQUIRE_BROWSER=1, and {what}", pytrace=False)
    config.stash[_absent] = what
    pytest.skip(what)


@pytest.fixture(scope="session")
def axe(request: pytest.FixtureRequest) -> str:
    try:
        return axe_script()
    except NpmUnavailableError as error:
        _missing(request.config, str(error))
        raise


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(request: pytest.FixtureRequest) -> AsyncIterator[Browser]:
    """With a new, empty profile."""
    found = shutil.which("chromium")
    if found is None:
        _missing(request.config, "there is no Chromium (Debian: apt-get install chromium)")
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield started
        await started.close()


@pytest_asyncio.fixture(loop_scope="module")
async def arrive(browser: Browser, axe: str) -> AsyncIterator[Arrive]:
    """Called with an address and options of the browser's profile."""
    async with AsyncExitStack() as leaving:

        async def arrive(base: str, **options: object) -> Visitor:
            visitor = await Visitor.arrive(browser, base, axe, **options)
            leaving.push_async_callback(visitor.context.close)
            return visitor

        yield arrive


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """`petct web` without any setting but the port."""
    with Pages.of(tmp_path_factory.mktemp("web")) as served:
        yield served


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if reason := config.stash.get(_absent, ""):
        terminalreporter.section("PAGES NOT TESTED IN A BROWSER", red=True, bold=True)
        terminalreporter.line(reason)
        terminalreporter.line("REQUIRE_BROWSER=1 makes this a failure.")
