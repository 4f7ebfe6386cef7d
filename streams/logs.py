"""Logs: structlog for our lines and the libraries', JSON when nobody watches, and never a value of an event."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TextIO

import structlog

from streams.harmless import places

if TYPE_CHECKING:
    from streams.settings import LogSettings

REPEAT_SECONDS: Final = 10.0


class RateLimit(logging.Filter):
    """Lets one message of a kind through in `seconds`, with the number of those held back since.

    A kind is a logger with a message before its arguments are filled in: aiokafka writes 11,000 lines of a few kinds
    during an outage of 16 seconds.
    """

    def __init__(self, seconds: float = REPEAT_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._seconds = seconds
        self._clock = clock
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        kind = (record.name, str(record.msg))
        now = self._clock()
        last, held_back = self._seen.get(kind, (-self._seconds, 0))
        if now - last < self._seconds:
            self._seen[kind] = (last, held_back + 1)
            return False
        self._seen[kind] = (now, 0)
        if held_back:
            record.msg = f"{record.getMessage()} ({held_back} more like this held back)"
            record.args = None
        return True


def _first_things_first(
    _: structlog.types.WrappedLogger, __: str, event: structlog.types.EventDict
) -> structlog.types.EventDict:
    """When, how grave, what; then the rest. For who reads JSON with bare eyes."""
    return {name: event.pop(name, None) for name in ("timestamp", "level", "event")} | dict(event)


def _without_texts(
    _: structlog.types.WrappedLogger, __: str, event: structlog.types.EventDict
) -> structlog.types.EventDict:
    """Of an exception its class and where it happened. Its text, and those of its causes, may quote a record."""
    failure = event.pop("exc_info", None)
    if isinstance(failure, tuple):
        failure = failure[1]
    elif failure and not isinstance(failure, BaseException):
        failure = sys.exc_info()[1]
    if failure:
        event["exception"] = f"{type(failure).__name__} at {places(failure)}"
    return event


def configure(settings: LogSettings, stream: TextIO | None = None) -> None:
    """Send every log line of this process to `stream` (standard error), in the form the settings ask for."""
    stream = stream or sys.stderr
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not stream.isatty())
    level = getattr(logging, settings.log_level.upper())
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if as_json
        else structlog.dev.ConsoleRenderer(colors=stream.isatty())
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _without_texts,
                _first_things_first,
                renderer,
            ],
        )
    )
    limit = RateLimit()
    handler.addFilter(lambda record: not record.name.startswith("aiokafka") or limit.filter(record))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # Below these levels aiokafka writes keys and values, and the others tell of themselves.
    for name, least in (
        ("aiokafka", logging.WARNING),
        ("mode", logging.WARNING),
        ("faust", logging.WARNING),
        ("asyncio", logging.WARNING),
    ):
        logging.getLogger(name).setLevel(max(level, least))
