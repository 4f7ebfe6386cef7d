"""`python -m streams.replay.child`: do the share that standard input holds; see streams.replay.jobs."""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import signal
import sys
import threading
from typing import Final

from aiokafka.errors import KafkaError

from streams.replay.errors import ReplayError
from streams.replay.jobs import LENGTH, framed
from streams.replay.share import Share, run_share
from streams.rulebook import Rulebook

PARENT_GONE: Final = 1
STDIN: Final = 0


def main() -> int:
    # Ctrl-C on a terminal reaches all processes; the parent says what is to be done about it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL + 1)
    out = sys.stdout.buffer
    (length,) = LENGTH.unpack(_exactly(LENGTH.size))
    share, canonical = pickle.loads(_exactly(length))  # noqa: S301 - from our own parent

    def tell(message: object) -> None:
        out.write(framed(message))
        out.flush()

    try:
        try:
            import uvloop  # noqa: PLC0415 - not on Windows

            factory = uvloop.new_event_loop
        except ModuleNotFoundError:
            factory = None
        with asyncio.Runner(loop_factory=factory) as runner:
            tell(runner.run(_work(share, Rulebook.from_canonical(canonical), tell)))
    except ReplayError as error:
        tell(error)
    except (KafkaError, OSError, TimeoutError) as error:
        tell(f"{type(error).__name__}: {error}")
    return 0


def _exactly(length: int) -> bytes:
    """Unbuffered: what comes behind is for the watch."""
    held = b""
    while len(held) < length:
        more = os.read(STDIN, length - len(held))
        if not more:
            sys.exit(PARENT_GONE)
        held += more
    return held


async def _work(share: Share, rulebook: Rulebook, tell: object) -> object:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def watch() -> None:
        while os.read(STDIN, 64):
            loop.call_soon_threadsafe(stop.set)
        os._exit(PARENT_GONE)

    threading.Thread(target=watch, daemon=True).start()
    return await run_share(share, rulebook, tell, tell, stop)  # type: ignore[arg-type] # it takes anything


if __name__ == "__main__":
    sys.exit(main())
