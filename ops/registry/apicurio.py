"""A real schema registry on this machine, for tests: Apicurio, whose API is also that of Confluent's.

Maven fetches it once (about 110 MB) into `.cache/apicurio`. It keeps everything in memory. 3.0 is the last line that
runs on Java 17.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tarfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from ops.kafka.broker import CACHE, KafkaUnavailableError, find_java, free_port

VERSION: Final = "3.0.9"
ARTIFACT: Final = f"io.apicurio:apicurio-registry-app:{VERSION}:tar.gz:all"
RUNNER: Final = f"apicurio-registry-app-{VERSION}-runner.jar"


def fetch() -> Path:
    """The folder it runs from. Raises KafkaUnavailableError when Maven is missing or fails."""
    folder = CACHE / "apicurio"
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "apicurio.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / RUNNER).is_file():
            return folder
        maven = shutil.which("mvn")
        if maven is None:
            raise KafkaUnavailableError("Maven is missing: no mvn on PATH. Debian: apt-get install maven")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        command = [maven, "-q", "-B", f"-Dmaven.repo.local={CACHE / 'maven'}", "dependency:copy"]
        command += [f"-Dartifact={ARTIFACT}", f"-DoutputDirectory={folder}"]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        packed = folder / f"apicurio-registry-app-{VERSION}-all.tar.gz"
        if done.returncode != 0 or not packed.is_file():
            raise KafkaUnavailableError(f"Maven could not fetch {ARTIFACT}:\n{done.stdout.strip()[-2000:]}")
        with tarfile.open(packed) as archive:
            archive.extractall(folder, filter="data")
        packed.unlink()
    return folder


class Apicurio:
    """A context manager; `url` is the base of the API that is Confluent's."""

    def __init__(self, directory: Path) -> None:
        self._log = directory / "apicurio.log"
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/apis/ccompat/v7"

    def __enter__(self) -> Self:
        """Raises KafkaUnavailableError where Java or Maven is missing, RuntimeError when it does not come up."""
        folder = fetch()
        command = [str(find_java()), "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-jar", RUNNER]
        environment = {**os.environ, "QUARKUS_HTTP_HOST": "127.0.0.1", "QUARKUS_HTTP_PORT": str(self._port)}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        try:
            self._wait(within=180)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def _wait(self, within: float) -> None:
        assert self._process is not None
        end = time.monotonic() + within
        while time.monotonic() < end and self._process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.url}/subjects", timeout=5):  # noqa: S310 - our own address
                    return
            except OSError:
                time.sleep(0.2)
        raise RuntimeError(
            f"the registry did not come up; its log ends:\n{self._log.read_text(errors='replace')[-2000:]}"
        )
