"""`make ops-demo`: Kafka, workers, watch, load and Prometheus with the rules on this machine, until Ctrl-C; no Docker.

To see an alert, kill a worker (its process id is told) and look at Prometheus's page of alerts. Everything lies in a
folder of its own and is gone at the end.
"""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from ops.kafka.broker import CHECKOUT, KafkaFailedError, KafkaUnavailableError, RealKafka, free_port
from ops.prometheus.server import RULES, PrometheusFailedError, PrometheusUnavailableError, RealPrometheus

PARTITIONS: Final = 4
READY_SECONDS: Final = 90.0
STOP_SECONDS: Final = 15.0
DASHBOARDS: Final = CHECKOUT / "ops" / "grafana"


class DemoError(RuntimeError):
    """The demonstration cannot go on; the text says why."""


class Child:
    """A process of ours in a session of its own, so that a terminal's Ctrl-C comes to us alone; its log is a file."""

    def __init__(self, name: str, command: Sequence[str], environment: dict[str, str], log: Path) -> None:
        self.name, self.log = name, log
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "streams.cli", *command],
                env=environment,
                cwd=CHECKOUT,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-1500:]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m ops.demo", description=__doc__)
    parser.add_argument("--workers", type=int, default=2, choices=range(1, PARTITIONS + 1), help="default: 2")
    parser.add_argument("--rate", type=float, default=200.0, help="events a second (default: 200)")
    parser.add_argument("--share", type=float, default=0.3, help="share of events that are ours (default: 0.3)")
    given = parser.parse_args()
    told = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: told.set())
    try:
        with ExitStack() as stack:
            children = _start(stack, given, told)
            if children is not None:
                _watch(children, told)
            print("\nstopping everything …", flush=True)
    except (KafkaUnavailableError, KafkaFailedError, PrometheusUnavailableError, PrometheusFailedError) as error:
        print(f"no demonstration: {error}", file=sys.stderr)
        return 1
    except DemoError as error:
        print(f"the demonstration ends: {error}", file=sys.stderr)
        return 1
    print("stopped; nothing is left behind")
    return 0


def _start(stack: ExitStack, given: argparse.Namespace, told: threading.Event) -> list[Child] | None:
    """Everything in order; None when told to stop on the way. What was started stops with the stack, last first."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="petct-ops-demo-")))
    print("starting Kafka …", flush=True)
    kafka = stack.enter_context(RealKafka(folder / "kafka"))
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PETCT_")},
        "PETCT_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "PETCT_DISCLOSURE_SECRET": secrets.token_hex(),
        "PYTHONPATH": str(CHECKOUT),
    }
    for command in (
        ("topics", "create", "--partitions", str(PARTITIONS)),
        ("rulebook", "publish", "--message", "the installed notices", "--author", "ops-demo"),
    ):
        if told.is_set():
            return None
        _run(command, environment, folder)
    workers, ports = [], [free_port() for _ in range(given.workers)]
    for number, port in enumerate(ports, 1):
        more = {"PETCT_HTTP_PORT": str(port), "PETCT_GROUP_INSTANCE_ID": f"ops-demo-{number}"}
        worker = Child(f"worker {number}", ("worker", "settle"), environment | more, folder / f"worker-{number}.log")
        stack.callback(worker.stop)
        workers.append(worker)
    for worker, port in zip(workers, ports, strict=True):
        if not _ready(worker, port, told):
            return None
    own, api = free_port(), free_port()
    more = {"PETCT_HTTP_PORT": str(own), "PETCT_WATCH_API_PORT": str(api), "PETCT_WATCH_FOLDER": str(folder / "state")}
    watch = Child("watch", ("worker", "watch"), environment | more, folder / "watch.log")
    stack.callback(watch.stop)
    if not _ready(watch, own, told):
        return None
    simulate = ("simulate", "-n", "0", "--rate", str(given.rate), "--share", str(given.share), "--to-topic")
    load = Child("load", simulate, environment, folder / "load.log")
    stack.callback(load.stop)
    rules = sorted(RULES.glob("*.yml"))
    targets = {"petct": [f"127.0.0.1:{port}" for port in ports], "petct-watch": [f"127.0.0.1:{own}"]}
    labels = {"runbooks": str(CHECKOUT / "ops" / "runbooks")}
    prometheus = RealPrometheus(folder / "prometheus", targets, rules, interval="5s", external_labels=labels)
    stack.callback(prometheus.stop)
    prometheus.start()
    lists = f"http://127.0.0.1:{api}/v1/board/hospitals   (/metrics on port {own}; pid {watch.process.pid})"
    _tell(kafka, workers, ports, lists, prometheus, len(rules), given.rate)
    return [*workers, watch, load]


def _run(command: Sequence[str], environment: dict[str, str], folder: Path) -> None:
    child = Child(" ".join(command[:2]), command, environment, folder / "prepare.log")
    if child.process.wait() != 0:
        raise DemoError(f"petct {child.name} failed:\n{child.tail()}")


def _ready(worker: Child, port: int, told: threading.Event) -> bool:
    """Whether it has come up; False when told to stop before. Raises DemoError."""
    end = time.monotonic() + READY_SECONDS
    while not told.wait(0.2):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
                return True
        except OSError:
            if worker.process.poll() is not None or time.monotonic() > end:
                raise DemoError(f"{worker.name} did not come up:\n{worker.tail()}") from None
    return False


def _tell(
    kafka: RealKafka,
    workers: list[Child],
    ports: list[int],
    lists: str,
    prometheus: RealPrometheus,
    rules: int,
    rate: float,
) -> None:
    print(f"\nKafka          {kafka.bootstrap_servers}")
    for worker, port in zip(workers, ports, strict=True):
        print(
            f"{worker.name:<14} http://127.0.0.1:{port}/status   (/metrics, /livez, /readyz; pid {worker.process.pid})"
        )
    print(f"watch          {lists}")
    print(f"load           {rate:g} events a second")
    print(f"Prometheus     {prometheus.url}/graph")
    print(f"alerts         {prometheus.url}/alerts   ({rules} files of rules)")
    print("Grafana        not started: neither Debian nor PyPI nor npm has a server of it", end="")
    print("; import ops/grafana/*.json into yours" if DASHBOARDS.is_dir() else "")
    print("\nkill -9 a worker and look at the alerts; Ctrl-C ends everything.", flush=True)


def _watch(children: list[Child], told: threading.Event) -> None:
    """Until told to stop. A child that ends is told of, and left so: that is what the alerts are for."""
    alive = list(children)
    while not told.wait(0.5):
        for child in [child for child in alive if child.process.poll() is not None]:
            alive.remove(child)
            print(f"{child.name} has ended (exit status {child.process.returncode})", flush=True)


if __name__ == "__main__":
    sys.exit(main())
