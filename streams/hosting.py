"""How a process of ours lives: told to end by a signal or by itself, and ended within its budget whatever hangs."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from importlib.metadata import PackageNotFoundError, version

from streams.exit_codes import ExitCode


def installed_version() -> str:
    """As installed; `0` from a checkout that is not."""
    try:
        return version("petct-settlement")
    except PackageNotFoundError:
        return "0"


class Ending:
    """What ends this process: SIGTERM, SIGINT, or whoever calls it first. Made inside the loop that it watches."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[tuple[ExitCode, str]] = loop.create_future()
        self.signalled = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._signal, number)

    def __call__(self, code: ExitCode, why: str) -> None:
        """The first call counts."""
        if not self._ended.done():
            self._ended.set_result((code, why))

    def _signal(self, number: signal.Signals) -> None:
        self.signalled.set()
        self(ExitCode.OK, f"{number.name} received")

    async def wait(self) -> tuple[ExitCode, str]:
        return await self._ended


def end_at_the_latest(budget: float, code: ExitCode) -> None:
    """End the process when the budget is spent, whatever still hangs: what is not committed is done anew elsewhere."""

    def end() -> None:
        sys.stderr.flush()
        os._exit(code)

    timer = threading.Timer(budget, end)
    timer.daemon = True
    timer.start()


def refuse(code: ExitCode, why: str) -> int:
    """Say on standard error why nothing starts."""
    sys.stderr.write(f"{why}\n")
    return code
