"""Logs: JSON where nobody watches, and no flood from the Kafka client."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from streams.logs import RateLimit, configure
from streams.settings import LogSettings


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def _lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_our_lines_and_the_libraries_are_json_with_the_main_things_first() -> None:
    stream = io.StringIO()
    configure(LogSettings(), stream)

    structlog.get_logger("petct").info("lane running", partition=3)
    logging.getLogger("aiokafka.conn").warning("gone: %s", "node 1")

    ours, theirs = _lines(stream)
    assert list(ours)[:3] == ["timestamp", "level", "event"]
    assert (ours["level"], ours["event"], ours["partition"]) == ("info", "lane running", 3)
    assert (theirs["logger"], theirs["event"]) == ("aiokafka.conn", "gone: node 1")


def test_less_than_the_level_is_not_logged() -> None:
    stream = io.StringIO()
    configure(LogSettings(log_level="warning"), stream)

    structlog.get_logger().info("small")
    structlog.get_logger().warning("great")

    assert [line["event"] for line in _lines(stream)] == ["great"]


def test_even_at_debug_the_kafka_client_does_not_write_what_it_sends() -> None:
    stream = io.StringIO()
    configure(LogSettings(log_level="debug"), stream)

    logging.getLogger("aiokafka.producer.producer").debug("Sending (key=%s value=%s)", b"S1", b"patient")

    assert stream.getvalue() == ""


def test_a_flood_of_the_client_becomes_one_line_and_a_number() -> None:
    now = [0.0]
    limit = RateLimit(seconds=10, clock=lambda: now[0])

    def told(message: str, *arguments: object) -> str | None:
        record = logging.LogRecord("aiokafka.conn", logging.WARNING, "", 0, message, arguments, None)
        return record.getMessage() if limit.filter(record) else None

    assert told("no connection to %s", "one") == "no connection to one"
    assert [told("no connection to %s", name) for name in "abc"] == [None] * 3
    assert told("something else") == "something else"
    now[0] = 10.0
    assert told("no connection to %s", "100%") == "no connection to 100% (3 more like this held back)"


def test_the_flood_is_held_back_where_it_is_written() -> None:
    stream = io.StringIO()
    configure(LogSettings(), stream)

    for number in range(1_000):
        logging.getLogger("aiokafka.conn").warning("no connection to %s", number)
        logging.getLogger("petct").warning("our own")

    events = [line["event"] for line in _lines(stream)]
    assert events.count("no connection to 0") == 1
    assert events.count("our own") == 1_000
    assert len(events) == 1_001
