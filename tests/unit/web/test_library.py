"""Which rulebooks the site shows, and what it does while the bus is silent."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from streams.rulebook import Rulebook, load_rulebook
from streams.rulebook.loader import NOTICES
from streams.rulebook.release import Release
from streams.web.library import FRESH_SECONDS, INSTALLED, Library
from tests.builders import installed_rulebook


@pytest.fixture
def cheaper(tmp_path: Path) -> Rulebook:
    """Hangzhou's regulated price is 100 yuan lower."""
    shutil.copytree(NOTICES, tmp_path / "notices")
    path = tmp_path / "notices" / "hz-2021-30.yaml"
    path.write_text(path.read_text("utf-8").replace('"5300.00"', '"5200.00"'), "utf-8")
    return load_rulebook(tmp_path / "notices")


def _release(offset: int, book: Rulebook, canonical: bytes | None = None) -> Release:
    moment = datetime(2021, 7, offset + 1, tzinfo=UTC)
    return Release(offset, book.hash, canonical or book.canonical, f"release {offset}", "desk", moment, moment)


class _Bus:
    def __init__(self, *releases: Release) -> None:
        self.releases: list[Release] | None = list(releases)
        self.asked = 0

    async def __call__(self) -> list[Release]:
        self.asked += 1
        if self.releases is None:
            raise TimeoutError
        return self.releases


async def test_without_a_bus_the_installed_notices_are_all_there_is() -> None:
    shelf = await Library(installed_rulebook(), None).shelf()
    assert [held.reference for held in shelf.held] == [INSTALLED]
    assert not shelf.silent


async def test_the_newest_usable_release_is_in_force_and_a_damaged_one_is_passed_over(cheaper: Rulebook) -> None:
    one, two = installed_rulebook(), cheaper
    bus = _Bus(_release(0, one), _release(1, two), _release(2, one), _release(3, two, b"damaged"))
    shelf = await Library(one, bus).shelf()
    assert [held.book for held in shelf.held] == [one, two, one]
    assert shelf.newest.release is not None
    assert shelf.newest.release.offset == 2
    assert shelf.find(two.hash.removeprefix("sha256:")) is shelf.held[1]
    assert shelf.find("nothing") is None


async def test_a_silent_bus_is_told_and_what_was_read_stays(cheaper: Rulebook) -> None:
    now = [0.0]
    bus = _Bus(_release(0, cheaper))
    library = Library(installed_rulebook(), bus, lambda: now[0])
    first = await library.shelf()
    bus.releases = None
    assert await library.shelf() is first
    assert bus.asked == 1
    now[0] += FRESH_SECONDS
    shelf = await library.shelf()
    assert shelf.silent
    assert shelf.held == first.held
    assert bus.asked == 2
