"""The peers: the same decisions in other stream processors, and the same topology in Kafka Streams."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from functools import cache
from pathlib import Path
from typing import Final

from ops.kafka.broker import CACHE, CHECKOUT, find_java
from tests.bench.canned import VARIABLE
from tests.bench.contenders import BEFOREHAND, SECRET, Contender, path_of_compiled

QUIX: Final = CACHE / "quix"
KAFKA_STREAMS: Final = CACHE / "kafka-streams"
_HERE: Final = Path(__file__).parent


class Faust(Contender):
    """`processing_guarantee="exactly_once"`."""

    name = "Faust"

    def command(self, bootstrap_servers: str, prefix: str, group: str, number: int) -> list[str]:
        return [sys.executable, "-m", "tests.bench.faust_agent", "worker", "--loglevel", "warn"]

    def environment(self, bootstrap_servers: str, prefix: str, group: str, number: int) -> dict[str, str]:
        return {
            "BENCH_BOOTSTRAP_SERVERS": bootstrap_servers,
            "BENCH_PREFIX": prefix,
            "BENCH_GROUP": group,
            "BENCH_SECRET": SECRET,
            **path_of_compiled(),
        }


class CannedFaust(Faust):
    """The same with decisions made beforehand."""

    name = f"{Faust.name}, {BEFOREHAND}"

    def environment(self, bootstrap_servers: str, prefix: str, group: str, number: int) -> dict[str, str]:
        return {**super().environment(bootstrap_servers, prefix, group, number), VARIABLE: "1"}


@cache
def quix_python() -> str:
    """Of an environment of its own under .cache, brought up to date once a process."""
    python = QUIX / "bin" / "python"
    if not python.exists():
        venv.create(QUIX, with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "-q", "-e", f"{CHECKOUT}[bench]"], check=True)
    return str(python)


class Quix(Contender):
    """`processing_guarantee="exactly-once"`."""

    name = "Quix Streams"

    def __init__(self) -> None:
        self._python = quix_python()

    def command(self, bootstrap_servers: str, prefix: str, group: str, number: int) -> list[str]:
        return [self._python, str(_HERE / "quix_app.py"), bootstrap_servers, prefix, group, SECRET]

    def environment(self, bootstrap_servers: str, prefix: str, group: str, number: int) -> dict[str, str]:
        return path_of_compiled()


class CannedQuix(Quix):
    """The same with decisions made beforehand."""

    name = f"{Quix.name}, {BEFOREHAND}"

    def environment(self, bootstrap_servers: str, prefix: str, group: str, number: int) -> dict[str, str]:
        return {**super().environment(bootstrap_servers, prefix, group, number), VARIABLE: "1"}


class KafkaStreams(Contender):
    """`exactly_once_v2`, one stream thread, no validation: see kafka-streams/src/main/java/Settle.java."""

    name = "Kafka Streams"

    def __init__(self) -> None:
        maven = [
            "mvn",
            "-q",
            "-B",
            "-f",
            str(_HERE / "kafka-streams" / "pom.xml"),
            f"-Dmaven.repo.local={CACHE / 'maven'}",
        ]
        subprocess.run([*maven, "compile", "dependency:copy-dependencies", "-DincludeScope=runtime"], check=True)
        self._classes = f"{KAFKA_STREAMS / 'classes'}{os.pathsep}{KAFKA_STREAMS / 'dependency' / '*'}"

    def command(self, bootstrap_servers: str, prefix: str, group: str, number: int) -> list[str]:
        state = f"state-{number}"
        return [str(find_java()), "-Xmx512m", "-cp", self._classes, "Settle", bootstrap_servers, prefix, group, state]
