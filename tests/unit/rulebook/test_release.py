"""Which release is meant: by hash, as the newest, or as known at a time; and what a bad record says of itself."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from schemas.codec import dumps
from streams.rulebook import Rulebook, RulebookError
from streams.rulebook.canonical import digest
from streams.rulebook.release import Release, UnknownReleaseError, find, headers, is_newest, newest
from tests.builders import installed_rulebook

START = datetime(2021, 7, 1, tzinfo=UTC)


def release(offset: int, hash: str, canonical: bytes = b"", known_day: int | None = None) -> Release:
    known = START + timedelta(days=offset if known_day is None else known_day)
    return Release(offset, f"sha256:{hash}", canonical, "", "", known, START + timedelta(days=offset))


def without(notice: str) -> tuple[str, bytes]:
    """Hash and canonical form of the installed rulebook without one notice."""
    told = json.loads(installed_rulebook().canonical)
    del told["notices"][notice]
    return digest(dumps(told)).removeprefix("sha256:"), dumps(told)


ONE, TWO, THREE = without("nb-2021-23"), without("sx-2021-catastrophic"), without("sz-2023-358")
RELEASES = [release(0, *ONE), release(2, *TWO), release(4, *THREE), release(6, *ONE)]
NEWER = dumps({**json.loads(ONE[1]), "format": 99})


def test_the_newest_is_the_last_one_written() -> None:
    assert newest(RELEASES) is RELEASES[-1]
    assert newest(RELEASES[::-1]) is RELEASES[-1]
    assert newest([]) is None


@pytest.mark.parametrize(
    "spoilt",
    [
        release(8, ONE[0], ONE[1][:-5], known_day=0),
        release(8, TWO[0], b"{}", known_day=0),
        release(8, digest(NEWER).removeprefix("sha256:"), NEWER, known_day=0),
        Release(8, "", b"", "", "", START, START),
    ],
)
def test_what_cannot_be_used_is_no_release_to_decide_by(spoilt: Release) -> None:
    """As a worker, which goes on with the one before."""
    with pytest.raises(RulebookError):
        spoilt.load()
    assert newest([*RELEASES, spoilt]) is RELEASES[-1]
    assert newest([*RELEASES, spoilt], START) is RELEASES[0]
    assert find([*RELEASES, spoilt], "newest") is RELEASES[-1]
    assert find([*RELEASES, spoilt], ONE[0]) is RELEASES[-1], "a damaged copy hides no good one"
    assert newest([spoilt]) is None
    assert find([spoilt], "newest") is spoilt, "its load says why"


def test_only_an_undamaged_last_record_makes_a_release_superfluous() -> None:
    assert is_newest(RELEASES, f"sha256:{ONE[0]}")
    assert not is_newest(RELEASES, f"sha256:{TWO[0]}")
    assert not is_newest([], f"sha256:{ONE[0]}")
    damaged = replace(RELEASES[-1], offset=8, canonical=b"{}")
    assert not is_newest([*RELEASES, damaged], f"sha256:{ONE[0]}")


def test_as_known_at_a_time() -> None:
    assert newest(RELEASES, START - timedelta(seconds=1)) is None
    assert newest(RELEASES, START) is RELEASES[0]
    assert newest(RELEASES, START + timedelta(days=3)) is RELEASES[1]
    # Written later, though said to be known earlier: what was written last still wins.
    late = release(8, *THREE, known_day=0)
    assert newest([*RELEASES, late], START) is late


@pytest.mark.parametrize("reference", ["newest", ONE[0], f"sha256:{ONE[0]}", ONE[0][:6]])
def test_a_hash_released_again_means_its_latest_record(reference: str) -> None:
    assert find(RELEASES, reference) is RELEASES[-1]


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("abcab", "neither newest nor six or more digits"),
        ("ABCABC", "neither newest nor six or more digits"),
        ("", "neither newest nor six or more digits"),
        ("ffffff", "no release has a hash that begins with ffffff"),
    ],
)
def test_what_means_no_release_is_told(reference: str, says: str) -> None:
    with pytest.raises(UnknownReleaseError, match=says):
        find(RELEASES, reference)


def test_what_means_two_is_told_with_both() -> None:
    twice = [release(0, "abcdef1" + "0" * 57), release(1, "abcdef2" + "0" * 57)]
    with pytest.raises(UnknownReleaseError, match=r"abcdef1.* and sha256:abcdef2"):
        find(twice, "abcdef")
    assert find(twice, "abcdef2") is twice[1]


def test_without_releases_that_is_said() -> None:
    with pytest.raises(UnknownReleaseError, match="nothing is released yet"):
        find([], "newest")


def test_a_record_is_read_back_as_it_was_written() -> None:
    book: Rulebook = installed_rulebook()
    written = headers(book, "为什么", "谁", START)
    read = Release.of(7, book.hash.encode(), book.canonical, written, datetime.now(UTC))
    assert (read.offset, read.message, read.author, read.known_from) == (7, "为什么", "谁", START)
    assert read.load() == book


@pytest.mark.parametrize(
    ("key", "value", "written"),
    [
        (None, None, []),
        (b"\xff", b"\xff", [("message", b"\xff"), ("author", None), ("known_from", b"soon")]),
        (b"sha256:", b"{}", [("known_from", b"2021-07-01T00:00:00")]),
    ],
)
def test_a_bad_record_says_nothing_of_itself_and_cannot_be_used(
    key: bytes | None, value: bytes | None, written: list[tuple[str, bytes | None]]
) -> None:
    read = Release.of(3, key, value, written, START)
    assert read.known_from == START
    with pytest.raises(RulebookError, match="release at offset 3"):
        read.load()
