"""Releases on the broker: appended once, read back whole, and told by the commands."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from ops.kafka.broker import RealKafka
from schemas.codec import dumps
from schemas.topics import RULEBOOK
from streams.bus.rulebook_topic import PublishingError, publish, read_releases
from streams.bus.topics import create_topics
from streams.rulebook import Rulebook, RulebookError, load_rulebook
from streams.rulebook.release import Release, find, newest
from streams.settings import Settings
from tests.broker.rulebooks import append, cheaper, installed, petct, release, without_ningbo
from tests.broker.settling import scene
from tests.kafka import Broker, read_all


@pytest.fixture
async def settings(broker: Broker, prefix: str) -> Settings:
    made = scene(broker, prefix).settings
    await create_topics(made, 4, 1, [RULEBOOK])
    return made


async def test_a_release_is_one_record_with_all_that_is_known_of_it(settings: Settings) -> None:
    book, known = installed(), datetime(2021, 7, 23, tzinfo=UTC)
    made = await publish(settings, book, "Ningbo: 甬医保发〔2021〕23号", "审核科", known)

    (record,) = await read_all(settings.kafka_bootstrap_servers, settings.topic(RULEBOOK))
    assert (record.partition, record.key, record.value) == (0, book.hash.encode(), book.canonical)
    assert dict(record.headers) == {
        "content-type": b"application/json",
        "rulebook": book.hash.encode(),
        "message": "Ningbo: 甬医保发〔2021〕23号".encode(),
        "author": "审核科".encode(),
        "known_from": b"2021-07-23T08:00:00+08:00",
    }
    (read,) = await read_releases(settings)
    assert read == made
    assert (read.load(), read.message, read.author, read.known_from) == (
        book,
        "Ningbo: 甬医保发〔2021〕23号",
        "审核科",
        known,
    )


async def test_what_is_the_newest_already_is_not_released_again(settings: Settings, tmp_path: Path) -> None:
    first, second = installed(), load_rulebook(cheaper(tmp_path / "cheaper"))
    for book in (first, first, second, second, first):
        await publish(settings, book, "m", "a", datetime.now(UTC))
    assert [made.hash for made in await read_releases(settings)] == [first.hash, second.hash, first.hash]


async def test_a_release_cannot_be_known_before_the_one_before_it(settings: Settings, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    await publish(settings, installed(), "m", "a", now)
    with pytest.raises(PublishingError, match="in the order in which they were known"):
        await publish(settings, load_rulebook(cheaper(tmp_path / "c")), "m", "a", now - timedelta(days=1))
    assert len(await read_releases(settings)) == 1


@pytest.mark.real_kafka
@pytest.mark.kafka
async def test_of_two_who_publish_at_once_none_is_overlooked(
    real_kafka: RealKafka, prefix: str, tmp_path: Path
) -> None:
    """Looking at the newest and appending are one: a second writer fences the first, which then says so."""
    settings = scene(Broker("real", real_kafka.bootstrap_servers), prefix).settings
    await create_topics(settings, 1, 1, [RULEBOOK])
    books = [installed(), load_rulebook(cheaper(tmp_path / "c")), installed()]
    ended = await asyncio.gather(
        *(publish(settings, book, "m", "a", datetime.now(UTC)) for book in books), return_exceptions=True
    )
    hashes = [made.hash for made in await read_releases(settings)]
    assert {type(result) for result in ended} <= {Release, PublishingError, type(None)}
    assert sum(isinstance(result, Release) for result in ended) == len(hashes) >= 1
    assert all(before != after for before, after in pairwise(hashes))


async def test_as_known_at_is_the_newest_release_known_by_then(settings: Settings, tmp_path: Path) -> None:
    old, new = load_rulebook(without_ningbo(tmp_path / "old")), installed()
    await publish(settings, old, "m", "a", datetime(2021, 6, 30, tzinfo=UTC))
    await publish(settings, new, "m", "a", datetime(2021, 7, 23, tzinfo=UTC))
    found = await read_releases(settings)

    def known(day: int, month: int) -> str | None:
        made = newest(found, datetime(2021, month, day, tzinfo=UTC))
        return None if made is None else made.hash

    assert [known(29, 6), known(30, 6), known(22, 7), known(23, 7)] == [None, old.hash, old.hash, new.hash]
    told = await petct(settings, "rulebook", "show", "--as-known-at", "2021-07-10", "--region", "330200", "--json")
    assert json.loads(told)["rulebook"] == old.hash


async def test_damaged_records_are_told_and_hide_no_release(settings: Settings) -> None:
    book = installed()
    await append(settings, None, b"not a rulebook")
    await release(settings, book)
    spoilt = json.loads(book.canonical)
    newer = dumps({**spoilt, "format": 2})
    await append(settings, b"sha256:" + b"0" * 64, book.canonical, [("known_from", b"yesterday"), ("author", b"\xff")])
    await append(settings, b"sha256:" + b"1" * 64, newer)
    await append(settings, book.hash.encode(), book.canonical[:-9])

    found = await read_releases(settings)
    usable: list[Rulebook | None] = []
    for made in found:
        try:
            usable.append(made.load())
        except RulebookError:
            usable.append(None)
    assert usable == [None, book, None, None, None]
    assert find(found, "1" * 64).offset == found[3].offset
    told = await petct(settings, "rulebook", "log")
    assert told.count("cannot be used: workers refuse it") == 4
    assert book.hash in told
    assert "cannot be used" in await petct(settings, "rulebook", "show", "111111", fails=True)
    for reference in ("newest", book.hash):
        assert json.loads(await petct(settings, "rulebook", "show", reference, "--json"))["rulebook"] == book.hash


async def test_a_damaged_record_keeps_nobody_from_releasing_what_it_pretends_to_be(settings: Settings) -> None:
    """Its time, that of its arrival, is no bound either for what was known before."""
    book, known = installed(), datetime(2021, 7, 23, tzinfo=UTC)
    await append(settings, book.hash.encode(), book.canonical[:-9])

    made = await publish(settings, book, "anew", "a", known)

    assert made is not None
    assert (made.load(), made.known_from) == (book, known)
    assert await publish(settings, book, "again", "a", known) is None
    await append(settings, book.hash.encode(), None)
    told = await petct(settings, "rulebook", "publish", "-m", "the good one, behind the damaged one")
    assert "cannot be used; workers pass over it" in told
    assert f"released {book.hash}" in told
    assert [release.usable for release in await read_releases(settings)] == [False, True, False, True]


async def test_the_commands_publish_list_compare_and_show(settings: Settings, tmp_path: Path) -> None:
    old, new = without_ningbo(tmp_path / "old"), tmp_path / "new"
    cheaper(new)
    assert "nothing is released yet" in await petct(settings, "rulebook", "log")
    assert "dry run" in await petct(settings, "rulebook", "publish", str(old), "--dry-run")
    assert "nothing is released yet" in await petct(settings, "rulebook", "log")
    await petct(settings, "rulebook", "publish", str(old), "-m", "first", "--known-from", "2021-07-01")

    told = await petct(settings, "rulebook", "publish", str(new), "--dry-run")
    assert "+ nb-2021-23/benefit, benefit of petct_whole_body in 330200: added, days from 2021-06-30 on" in told
    assert "    unit_price: 5300.00 → 5200.00" in told
    assert "touches 330100, 330200, days from 2021-06-30 on" in told
    await petct(settings, "rulebook", "publish", str(new), "--message", "second", "--author", "审核科")
    assert "already; nothing to do" in await petct(settings, "rulebook", "publish", str(new), "-m", "again")

    first, second = load_rulebook(old).hash, load_rulebook(new).hash
    log = json.loads(await petct(settings, "rulebook", "log", "--json"))
    assert [(held["rulebook"], held["message"], held["usable"]) for held in log] == [
        (second, "second", True),
        (first, "first", True),
    ]
    assert log[0]["author"] == "审核科"
    assert {change["id"]: change["how"] for change in log[0]["changes"]} == {
        "hz-2021-30/price": "changed",
        "nb-2021-23": "added",
        **{f"nb-2021-23/{name}": "added" for name in ("benefit", "coverage", "price")},
    }
    difference = await petct(settings, "rulebook", "diff", first[7:15], "newest")
    assert "4 added, 1 changed" in difference
    assert json.loads(await petct(settings, "rulebook", "show", second[:15], "--json"))["rulebook"] == second


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("publish",), "--message is not given"),
        (("publish", "-m", "two\nlines"), "--message is not one line"),
        (("publish", "-m", "m", "--known-from", "2099-01-01"), "still to come"),
        (("publish", "-m", "m", "--known-from", "soon"), "'soon' is no time"),
        (("show", "nonsense"), "'nonsense' is neither newest nor six or more digits of a hash"),
        (("show", "./nowhere"), "there is no such folder"),
        (("show", "abcdef"), "no release has a hash that begins with abcdef"),
        (("show", "newest", "--as-known-at", "2021-07-01"), "either a rulebook or --as-known-at"),
        (("show", "--as-known-at", "1999-01-01"), "nothing was known by 1999-01-01"),
    ],
)
async def test_a_wrong_argument_is_told_with_the_mend(
    embedded_broker: Broker, prefix: str, arguments: tuple[str, ...], says: str
) -> None:
    settings = scene(Broker("embedded", embedded_broker.bootstrap_servers), prefix).settings
    await create_topics(settings, 4, 1, [RULEBOOK])
    if "abcdef" in arguments or "1999-01-01" in arguments or "nonsense" in arguments:
        await release(settings, installed())
    assert says in await petct(settings, "rulebook", *arguments, fails=True)


async def test_a_missing_topic_is_told_and_not_made(broker: Broker, prefix: str) -> None:
    settings = scene(broker, prefix).settings
    for command in (("log",), ("publish", "-m", "m")):
        told = await petct(settings, "rulebook", *command, fails=True)
        assert "settlement.rulebook does not exist; create it (petct topics create)" in told
