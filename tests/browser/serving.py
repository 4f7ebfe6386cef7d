"""`petct web` for tests: a process of its own, asked over HTTP."""

import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from tests.broker.workers import PATIENCE, Worker, free_port


class Pages(Worker):
    """Serves by the time it is entered."""

    @classmethod
    def of(cls, place: Path, **settings: str) -> "Pages":
        port = free_port()
        given = {"PETCT_WEB_PORT": str(port), "PETCT_WEB_RATE": "0", **settings}
        made = cls(place / "web.log", given, (sys.executable, "-m", "streams.cli", "web"))
        made.port = port
        return made

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> "Pages":
        super().start()
        until = time.monotonic() + PATIENCE
        while self.status("/livez") != 200:
            assert self.running, self.said()
            assert time.monotonic() < until, self.said()
            time.sleep(0.1)
        return self

    def status(self, path: str, **headers: str) -> int:
        """0: nobody answers."""
        return self.fetch(path, **headers)[0]

    def fetch(self, path: str, **headers: str) -> tuple[int, dict[str, str], str]:
        """Status, headers with names in lower case, and text."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url + path, headers=named), timeout=30) as answer:
                return answer.status, _lower(answer.headers.items()), answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, _lower(error.headers.items()), error.read().decode()
        except OSError:
            return 0, {}, ""


def _lower(headers: list[tuple[str, str]]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers}
