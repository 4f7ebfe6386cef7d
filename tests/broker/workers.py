"""Real worker processes for tests: `petct worker settle`, started, watched over HTTP, told to stop or killed."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from streams.settings import Settings

CHECKOUT = Path(__file__).parents[2]
PATIENCE = 90.0


@dataclass
class Worker:
    """A process with its own environment `PETCT_…` and nothing of ours; its log is in `log`."""

    log: Path
    environment: dict[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = (sys.executable, "-m", "streams.cli", "worker", "settle")
    port: int = 0
    _process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        if error is not None:
            sys.stdout.write(self.said()[-8_000:])

    def start(self) -> Self:
        self.port = self.port or free_port()
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PETCT_")}
        environment = {"PETCT_HTTP_PORT": str(self.port), "PETCT_LOG_FORMAT": "json", **self.environment}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command, cwd=CHECKOUT, env=inherited | environment, stdout=log, stderr=log
            )
        return self

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def said(self) -> str:
        return self.log.read_text("utf-8")

    def events(self) -> list[str]:
        """What happened, by its log."""
        return [json.loads(line)["event"] for line in self.said().splitlines() if line.startswith("{")]

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def exit_code(self) -> int:
        """Waits for the end. Raises subprocess.TimeoutExpired."""
        assert self._process is not None
        return self._process.wait(PATIENCE)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.exit_code()

    def get(self, path: str) -> tuple[int, str]:
        """Status and text of an endpoint; 0 when nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def until_ready(self) -> None:
        """Raises AssertionError when the process ends or its patience does."""
        end = time.monotonic() + PATIENCE
        while self.get("/readyz")[0] != 200:
            assert self.running, self.said()
            assert time.monotonic() < end, f"never ready: {self.get('/readyz')}\n{self.said()}"
            time.sleep(0.1)

    def metric(self, sample: str) -> float:
        """The value of one line of /metrics, `name{label="value"}`; of a name alone the sum over its labels."""
        lines = self.get("/metrics")[1].splitlines()
        wanted = (f"{sample} ",) if sample.endswith("}") else (f"{sample} ", f"{sample}{{")
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(wanted))


def environment(settings: Settings) -> dict[str, str]:
    """What a worker needs to do what `settings` say."""
    return {
        "PETCT_KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
        "PETCT_DISCLOSURE_SECRET": "s",
        "PETCT_RULEBOOK_FALLBACK": "installed",
        "PETCT_TOPIC_PREFIX": settings.topic_prefix,
        "PETCT_GROUP_ID": settings.group_id,
        "PETCT_SESSION_TIMEOUT_MS": str(settings.session_timeout_ms),
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
