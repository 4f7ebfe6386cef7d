"""What may be logged of a failure: no value of an event, whatever went wrong."""

from __future__ import annotations

from typing import Final

FRAMES: Final = 4
_KAFKA: Final = "aiokafka."


class HarmlessError(Exception):
    """An error of ours whose text holds no value of an event."""


def harmless(failure: BaseException) -> str:
    """Its text where that cannot quote a record; else where it happened, the innermost place first."""
    # The Kafka client's speak of brokers, topics, offsets and sizes.
    if isinstance(failure, OSError | HarmlessError) or type(failure).__module__.startswith(_KAFKA):
        return str(failure)
    return places(failure)


def places(failure: BaseException) -> str:
    """Files and lines a failure came through, the innermost first."""
    found, trace = [], failure.__traceback__
    while trace is not None:
        found.append(f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}")
        trace = trace.tb_next
    return " < ".join(reversed(found[-FRAMES:]))
