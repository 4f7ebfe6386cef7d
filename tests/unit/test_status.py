"""/status: a page for a browser, JSON for the rest; errors by class, never their texts."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from streams.settings import Settings, SettingsError
from streams.status import MOST_CLASSES, Errors, PartitionStatus, RulebookStatus, Status, moment
from streams.web.health import HealthServer
from tests.broker.workers import free_port

STATUS = Status(
    not_live=[],
    not_ready=["lane 1 is reopening after <b>KafkaTimeoutError</b>"],
    topic="settlement.events",
    group="petct-settle",
    member=None,
    broker_seen=moment(1_000_000_000.0),
    rulebook=RulebookStatus("sha256:ab", 12, "2027-01-01T00:00:00+08:00", None),
    partitions=[
        PartitionStatus(0, "running", 17, 0, 0.0, moment(1_000_000_000.0), None),
        PartitionStatus(1, "reopening", None, None, None, moment(1_000_000_000.0), "KafkaTimeoutError"),
    ],
    errors=[],
)


class Told:
    def __init__(self, reasons: list[str]) -> None:
        self.reasons = reasons

    def not_live(self) -> list[str]:
        return self.reasons

    def not_ready(self) -> list[str]:
        return self.reasons

    def status(self) -> Status:
        return STATUS


@pytest.fixture
async def at() -> AsyncIterator[str]:
    settings = Settings(kafka_bootstrap_servers="nowhere:1", disclosure_secret="s", http_port=free_port())
    server = HealthServer(settings, Told(["the loop stands"]), CollectorRegistry(), {"petct-settlement": "1.2.3"})
    await server.start()
    try:
        yield f"http://127.0.0.1:{settings.http_port}"
    finally:
        await server.stop()


async def _get(url: str, accept: str = "*/*") -> tuple[int, str, str]:
    async with aiohttp.ClientSession() as session, session.get(url, headers={"Accept": accept}) as answer:
        return answer.status, answer.content_type, await answer.text()


async def test_a_reason_not_to_be_live_or_ready_is_told_with_503(at: str) -> None:
    assert (await _get(f"{at}/livez"))[0] == 503
    assert await _get(f"{at}/readyz") == (503, "text/plain", "the loop stands\n")


async def test_a_machine_gets_json(at: str) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"{at}/status") as answer:
        told = await answer.json()

    assert told["partitions"][0]["position"] == 17
    assert told["versions"] == {"petct-settlement": "1.2.3"}


async def test_a_browser_gets_a_page_that_escapes_what_it_shows_and_loads_nothing(at: str) -> None:
    status, content_type, text = await _get(f"{at}/status", "text/html,application/xhtml+xml")

    assert (status, content_type) == (200, "text/html")
    assert "&lt;b&gt;KafkaTimeoutError" in text
    assert "petct-settlement 1.2.3" in text
    tags: list[str] = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: tags.append(tag)  # type: ignore[assignment,method-assign]
    parser.feed(text)
    assert not {"script", "link", "img", "iframe"} & set(tags)


async def test_it_stands_on_loopback_unless_told_otherwise() -> None:
    assert Settings.model_fields["http_host"].default == "127.0.0.1"
    settings = Settings(
        kafka_bootstrap_servers="nowhere:1", disclosure_secret="s", http_host="192.0.2.1", http_port=free_port()
    )
    with pytest.raises(SettingsError, match="PETCT_HTTP_HOST"):
        await HealthServer(settings, Told([]), CollectorRegistry()).start()


def test_errors_are_kept_by_class_the_newest_first_and_without_their_texts() -> None:
    now = datetime(2021, 7, 1, tzinfo=UTC)
    errors = Errors(lambda: now)
    errors.add(ValueError("patient 4711"), 3)
    now += timedelta(seconds=1)
    errors.add(KeyError("patient 4712"), "connecting")
    now += timedelta(seconds=1)
    errors.add(ValueError("patient 4713"), 5)

    latest = errors.latest()
    assert [(seen.error, seen.times, seen.place) for seen in latest] == [
        ("ValueError", 2, "partition 5"),
        ("KeyError", 1, "connecting"),
    ]
    assert latest[0].last == "2021-07-01T00:00:02+00:00"
    assert "471" not in repr(latest)


def test_a_worker_keeps_so_many_classes_of_errors_and_no_more() -> None:
    errors = Errors()
    for number in range(2 * MOST_CLASSES):
        errors.add(f"Error{number}", 0)

    assert len(errors.latest()) == MOST_CLASSES
