"""A real Prometheus on this machine, for tests and for trying things out: Debian's package `prometheus`, nothing else.

``with RealPrometheus(folder, targets={"petct": ["127.0.0.1:9464"]}) as prometheus: prometheus.query("up")``.
Configuration, data and log lie in `folder`; it listens on the loopback address.
"""

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from ops.kafka.broker import free_port

RULES: Final = Path(__file__).with_name("rules")
START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 15.0


class PrometheusUnavailableError(RuntimeError):
    """No Prometheus can run here; the text says what to do about it."""


class PrometheusFailedError(RuntimeError):
    """A Prometheus that could run here did not come up; the text has the end of its log."""


def find_prometheus() -> str:
    """Raises PrometheusUnavailableError where there is none."""
    found = shutil.which("prometheus")
    if found is None:
        raise PrometheusUnavailableError("Prometheus is missing: no prometheus on PATH; apt-get install prometheus")
    return found


@dataclass
class RealPrometheus:
    """`targets` are the addresses of each job, `rules` files of rules, `interval` that of scrapes and evaluations."""

    folder: Path
    targets: Mapping[str, Sequence[str]]
    rules: Sequence[Path] = ()
    interval: str = "1s"
    port: int = 0
    external_labels: Mapping[str, str] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.folder / "prometheus.log"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> Self:
        """Returns once it answers. Raises PrometheusUnavailableError and PrometheusFailedError."""
        binary = find_prometheus()
        self.port = self.port or free_port()
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "prometheus.yml"
        # JSON is YAML.
        config.write_text(json.dumps(self._config(), indent=1))
        command = [
            binary,
            f"--config.file={config}",
            f"--storage.tsdb.path={self.folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--log.level=warn",
        ]
        with self.log.open("ab") as log:
            # A session of its own: a terminal's Ctrl-C is for whoever started it to pass on.
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        end = time.monotonic() + START_SECONDS
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > end:
                self.stop()
                raise PrometheusFailedError(f"Prometheus did not come up:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.1)
        return self

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def query(self, expression: str) -> list[dict[str, Any]]:
        """What an instant query gives: a `metric` and a `value` each. Raises OSError."""
        found: list[dict[str, Any]] = self._get("query", query=expression)["result"]
        return found

    def by(self, expression: str, *labels: str) -> dict[tuple[str, ...], float]:
        """The same by the values of labels, without what is 0."""
        found = {
            tuple(sample["metric"].get(label, "") for label in labels): float(sample["value"][1])
            for sample in self.query(expression)
        }
        return {values: number for values, number in found.items() if number != 0}

    def alerts(self) -> list[dict[str, Any]]:
        """Those that are pending or firing: `labels`, `state`, `activeAt`. Raises OSError."""
        found: list[dict[str, Any]] = self._get("alerts")["alerts"]
        return found

    def _get(self, path: str, **given: str) -> Any:
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(given)}"
        with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - our own, over HTTP
            return json.load(answer)["data"]

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except OSError:
            return False

    def _config(self) -> dict[str, Any]:
        return {
            "global": {
                "scrape_interval": self.interval,
                "scrape_timeout": self.interval,
                "evaluation_interval": self.interval,
                "external_labels": dict(self.external_labels),
            },
            "rule_files": [str(path) for path in self.rules],
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": list(addresses)}]}
                for job, addresses in self.targets.items()
            ],
        }
