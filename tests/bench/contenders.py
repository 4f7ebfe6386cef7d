"""Who is measured: how each is started on a workload, and how its progress is told from outside."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import Final

import psutil
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from ops.kafka.broker import CACHE, CHECKOUT
from tests.bench import share
from tests.bench.workload import PARTITIONS
from tests.compiled import unpack_compiled

COMPILED: Final = CACHE / "compiled"
STOP_SECONDS: Final = 15.0
SECRET: Final = "benchmark"
BEFOREHAND: Final = "decisions made beforehand"
"""Stands in the names of contenders that answer as tests.bench.canned does."""
_PASSING: Final = (KafkaError.NOT_COORDINATOR, KafkaError._TIMED_OUT)
"""The group's coordinator is still being chosen, or the machine is busy."""


class Run:
    """Processes of one contender at work on one topic, in a consumer group of their own."""

    def __init__(self, processes: list[psutil.Popen], log: Path) -> None:
        self.processes = processes
        self._log = log

    def progress(self) -> int:
        """Records done so far."""
        raise NotImplementedError

    def cpu_seconds(self) -> float:
        """User and system time of all processes since their start."""
        return sum(times.user + times.system for times in (process.cpu_times() for process in self.processes))

    def peak_bytes(self) -> int:
        """The largest resident size any of the processes had."""
        return max(peak_bytes(process.pid) for process in self.processes)

    def check(self) -> None:
        """Raises RuntimeError, with the end of the log, when a process has ended."""
        for process in self.processes:
            if process.poll() is not None:
                raise RuntimeError(f"{' '.join(process.args)} ended ({process.returncode}):\n{self.tail()}")

    def tail(self) -> str:
        return self._log.read_text(errors="replace")[-2000:]


class CountedRun(Run):
    """Progress as the processes themselves count it, in a file each."""

    def __init__(self, processes: list[psutil.Popen], log: Path, counters: list[Path]) -> None:
        super().__init__(processes, log)
        self._counters = counters

    def progress(self) -> int:
        return sum(struct.unpack("<q", counter.read_bytes())[0] for counter in self._counters)


class CommittedRun(Run):
    """Progress is what the group has committed: done and visible, not only read."""

    def __init__(self, processes: list[psutil.Popen], log: Path, watcher: Consumer, topic: str) -> None:
        super().__init__(processes, log)
        self._watcher = watcher
        self._partitions = [TopicPartition(topic, partition) for partition in range(PARTITIONS)]
        self._last = 0

    def progress(self) -> int:
        try:
            committed = self._watcher.committed(self._partitions, timeout=10)
        except KafkaException as error:
            if not error.args[0].retriable() and error.args[0].code() not in _PASSING:
                raise
            return self._last
        self._last = sum(max(0, found.offset) for found in committed)
        return self._last


class Contender(ABC):
    """`name` as it stands in the table."""

    name: str

    @abstractmethod
    def command(self, bootstrap_servers: str, prefix: str, group: str, number: int) -> list[str]:
        """The command line of process `number` of a run."""

    def environment(self, bootstrap_servers: str, prefix: str, group: str, number: int) -> dict[str, str]:
        """Added to ours."""
        return {}

    @contextmanager
    def run(self, bootstrap_servers: str, prefix: str, topic: str, processes: int) -> Iterator[Run]:
        """Start all processes at once; the group waits for the last of them (group.initial.rebalance.delay.ms)."""
        group = f"bench-{self.name.replace(' ', '-')}-{time.time_ns()}"
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="petct-bench-")))
            log = folder / "log"
            started: list[psutil.Popen] = []
            stack.callback(_stop, started)
            for number in range(processes):
                arguments = (bootstrap_servers, prefix, group, number)
                with log.open("ab") as output:
                    started.append(
                        psutil.Popen(
                            [*self.command(*arguments), *self.more_arguments(folder, number)],
                            env={**os.environ, "PYTHONPATH": str(CHECKOUT), **self.environment(*arguments)},
                            stdin=subprocess.DEVNULL,
                            stdout=output,
                            stderr=output,
                            cwd=folder,
                        )
                    )
                stack.enter_context(self.limit(started[-1]))
            yield self.observe(stack, started, log, bootstrap_servers, topic, group)

    def more_arguments(self, folder: Path, number: int) -> list[str]:
        """What only the run knows."""
        return []

    def limit(self, process: psutil.Popen) -> AbstractContextManager[object]:
        """What a process just started may take, until the run ends."""
        return nullcontext()

    def observe(
        self, stack: ExitStack, started: list[psutil.Popen], log: Path, bootstrap_servers: str, topic: str, group: str
    ) -> Run:
        watcher = Consumer({"bootstrap.servers": bootstrap_servers, "group.id": group, "enable.auto.commit": False})
        stack.callback(watcher.close)
        return CommittedRun(started, log, watcher, topic)


class Plain(Contender):
    """Reads and does nothing: what there is to lose."""

    name = "plain consumer"

    def command(self, bootstrap_servers: str, prefix: str, group: str, number: int) -> list[str]:
        return [sys.executable, "-m", "tests.bench.plain", bootstrap_servers, f"{prefix}settlement.events", group]

    def more_arguments(self, folder: Path, number: int) -> list[str]:
        counter = folder / f"counter-{number}"
        counter.write_bytes(bytes(8))
        return [str(counter)]

    def observe(
        self, stack: ExitStack, started: list[psutil.Popen], log: Path, bootstrap_servers: str, topic: str, group: str
    ) -> Run:
        return CountedRun(started, log, [log.with_name(f"counter-{number}") for number in range(len(started))])


@cache
def compiled() -> Path:
    """The compiled wheel's packages, made anew once a process."""
    shutil.rmtree(COMPILED, ignore_errors=True)
    shutil.rmtree(COMPILED.with_name(f"{COMPILED.name}-wheel"), ignore_errors=True)
    return unpack_compiled(COMPILED)


def path_of_compiled() -> dict[str, str]:
    """The environment in which Python finds the compiled packages first."""
    return {"PYTHONPATH": os.pathsep.join((str(compiled()), str(CHECKOUT)))}


class Settle(Contender):
    """The product: real processes of `petct worker settle`, compiled as in the image or (`pure`) from its sources.

    `settings` are added to their environment.
    """

    def __init__(
        self, name: str = "petct worker settle", settings: dict[str, str] | None = None, *, pure: bool = False
    ) -> None:
        self.name = name
        self._settings = settings or {}
        self._pure = pure

    def command(self, bootstrap_servers: str, prefix: str, group: str, number: int) -> list[str]:
        return [sys.executable, "-m", "streams.cli", "worker", "settle"]

    def environment(self, bootstrap_servers: str, prefix: str, group: str, number: int) -> dict[str, str]:
        return {
            "PETCT_KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers,
            "PETCT_TOPIC_PREFIX": prefix,
            "PETCT_GROUP_ID": group,
            "PETCT_GROUP_INSTANCE_ID": f"bench-{number}",
            "PETCT_DISCLOSURE_SECRET": SECRET,
            "PETCT_RULEBOOK_FALLBACK": "installed",
            "PETCT_HTTP_PORT": "0",
            "PETCT_LOG_LEVEL": "warning",
            **({} if self._pure else path_of_compiled()),
            **self._settings,
        }


class CannedSettle(Settle):
    """The product but for its decisions, which are made beforehand."""

    def __init__(self) -> None:
        super().__init__(f"petct worker settle, {BEFOREHAND}")

    def command(self, bootstrap_servers: str, prefix: str, group: str, number: int) -> list[str]:
        return [sys.executable, "-m", "tests.bench.canned_worker"]


class HalfCore(Settle):
    """The product, each process held to half a core from its start on. Needs `share.possible()`."""

    def __init__(self) -> None:
        super().__init__("petct worker settle, half a core each")

    def limit(self, process: psutil.Popen) -> AbstractContextManager[object]:
        return share.at_most(process.pid, 0.5)


def _stop(processes: list[psutil.Popen]) -> None:
    for process in processes:
        if process.is_running():
            process.terminate()
    _, alive = psutil.wait_procs(processes, timeout=STOP_SECONDS)
    for stubborn in alive:
        stubborn.kill()
    psutil.wait_procs(alive, timeout=5)


def peak_bytes(pid: int) -> int:
    """VmHWM of Linux."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0
