"""A real Kafka on this machine, for tests, faults and trying things out: KRaft, no ZooKeeper, one node or several.

From a shell: ``make kafka-up`` and ``make kafka-down`` (``python -m ops.kafka.broker up|down``), data in ``.kafka/``.
From a test: ``RealKafka(tmp_path)`` is a context manager whose nodes can be killed, suspended and started again on the
same port and data. Needs Java 17 or newer; Maven fetches the broker's jars once, into ``.cache/kafka-libs``.
"""

import argparse
import base64
import fcntl
import hashlib
import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import psutil
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

CHECKOUT: Final = Path(__file__).resolve().parents[2]
POM: Final = Path(__file__).with_name("pom.xml")
CACHE: Final = CHECKOUT / ".cache"
JAVA_AT_LEAST: Final = 17
# Below the range from which Linux takes ports for outgoing connections: a client that keeps dialling a killed broker's
# port from inside that range can end up connected to itself, and the broker then finds its own port taken.
PORTS: Final = range(20_000, 32_000)


class KafkaUnavailableError(RuntimeError):
    """No broker can run here; the text says what is missing and what to do about it."""


class KafkaFailedError(RuntimeError):
    """A broker that could run here did not come up; the text has the end of its log."""


def find_java() -> Path:
    """The ``java`` of JAVA_HOME, else of PATH. Raises KafkaUnavailableError when there is none, or it is too old."""
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=str(Path(home, "bin"))) if home else shutil.which("java")
    where = f"JAVA_HOME={home}" if home else "PATH"
    mend = f"install Java {JAVA_AT_LEAST} or newer (Debian: apt-get install default-jre-headless) or set JAVA_HOME"
    if found is None:
        raise KafkaUnavailableError(f"Java is missing: no java under {where}; {mend}")
    told = subprocess.run([found, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', told)
    if version is None or int(version[1]) < JAVA_AT_LEAST:
        raise KafkaUnavailableError(f"{found} is Java {version[1] if version else 'of an unknown version'}; {mend}")
    return Path(found)


def fetch_jars() -> Path:
    """The folder of the broker's jars; Maven fills it the first time, and again when the pom has changed.

    Raises KafkaUnavailableError when Maven is missing or fails.
    """
    jars, stamp = CACHE / "kafka-libs", CACHE / "kafka-libs" / "pom.sha256"
    wanted = hashlib.sha256(POM.read_bytes()).hexdigest()
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "kafka-libs.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.is_file() and stamp.read_text() == wanted:
            return jars
        maven = shutil.which("mvn")
        if maven is None:
            raise KafkaUnavailableError(
                "Maven is missing: no mvn on PATH; it fetches Kafka's jars once. Debian: apt-get install maven"
            )
        shutil.rmtree(jars, ignore_errors=True)
        command = [maven, "-q", "-B", "-f", str(POM), f"-Dmaven.repo.local={CACHE / 'maven'}"]
        command += ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={jars}"]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode != 0:
            raise KafkaUnavailableError(f"Maven could not fetch Kafka's jars:\n{done.stdout.strip()[-2000:]}")
        stamp.write_text(wanted)
    return jars


def free_port() -> int:
    """A port of the loopback address on which nobody listens now."""
    while True:
        port = random.choice(PORTS)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


class KafkaNode:
    """One process, broker and controller. Its folder holds server.properties, server.log, server.pid and data."""

    def __init__(self, directory: Path, heap: str) -> None:
        self.directory = directory
        self._heap = heap
        self._process: psutil.Process | None = None
        pid_file = directory / "server.pid"
        if pid_file.is_file():
            self._process = self._recognise(int(pid_file.read_text()))

    def _recognise(self, pid: int) -> psutil.Process | None:
        """The process of that id, if it is this node and not a stranger with a reused id."""
        try:
            process = psutil.Process(pid)
            return process if str(self.directory / "server.properties") in process.cmdline() else None
        except psutil.Error:
            return None

    @property
    def log(self) -> Path:
        return self.directory / "server.log"

    @property
    def pid(self) -> int:
        """Raises RuntimeError when the node is down."""
        if self._process is None:
            raise RuntimeError(f"the node of {self.directory} is not running")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process lives; a suspended one does."""
        try:
            return self._process is not None and self._process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def format(self, cluster_id: str) -> psutil.Popen:
        """Begin to lay out the data folder of a new node."""
        return self._java("kafka.tools.StorageTool", "format", f"--cluster-id={cluster_id}", "--config")

    def start(self) -> None:
        """Start the process and return at once; RealKafka.wait_until_ready says when it serves."""
        if self.running:
            return
        self._process = self._java("kafka.Kafka")
        (self.directory / "server.pid").write_text(str(self._process.pid))

    def _java(self, *arguments: str) -> psutil.Popen:
        """Run a class of Kafka's with the properties file as the last argument, its output appended to server.log."""
        command = [str(find_java()), f"-Xmx{self._heap}", "-Xms64m", "-XX:+UseSerialGC"]
        command += ["-XX:+ExitOnOutOfMemoryError", "-Dorg.apache.logging.log4j.level=INFO"]
        command += ["-cp", f"{fetch_jars()}/*", *arguments, str(self.directory / "server.properties")]
        with self.log.open("ab") as log:
            # A session of its own: Ctrl-C in a terminal is for the tests, which then stop the broker in order.
            return psutil.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory, start_new_session=True
            )

    def terminate(self) -> None:
        """SIGTERM, heard by a suspended node too; `gone` waits for the end."""
        if self._process is not None and self.running:
            self._process.terminate()
            self._process.resume()

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.gone(within=0)

    def gone(self, within: float) -> None:
        """Wait until the process has ended; after `within` seconds it is killed."""
        if self._process is not None and self.running:
            try:
                self._process.wait(within)
            except psutil.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None
        (self.directory / "server.pid").unlink(missing_ok=True)

    def suspend(self) -> None:
        """SIGSTOP: the connections stay open and nothing answers."""
        psutil.Process(self.pid).suspend()

    def resume(self) -> None:
        """SIGCONT."""
        psutil.Process(self.pid).resume()


class RealKafka:
    """A KRaft cluster on the loopback address, of `nodes` nodes that are brokers and controllers at once.

    `properties` are added to every node's server.properties (message.max.bytes, quotas, authorizers, …).
    `listeners` are further client listeners, name -> security protocol, e.g. {"CLIENTS": "SASL_PLAINTEXT"}; their
    addresses come from `bootstrap("CLIENTS")`, while `bootstrap_servers` is a plaintext listener that is always there.
    Clients of a listener in `proxied` are told other addresses, those of `advertised("CLIENTS")`: there a proxy must
    listen that hands on to `bootstrap("CLIENTS")`, and what it does not hand on does not arrive.
    Ports and cluster id are kept in the directory, so that the same directory is the same cluster again.
    """

    def __init__(
        self,
        directory: Path,
        *,
        nodes: int = 1,
        port: int | None = None,
        properties: Mapping[str, str] | None = None,
        listeners: Mapping[str, str] | None = None,
        proxied: Collection[str] = (),
        heap: str = "384m",
    ) -> None:
        self.directory = directory.resolve()
        self._properties = dict(properties or {})
        self._listeners = {"PLAINTEXT": "PLAINTEXT", **(listeners or {})}
        kept = self.directory / "cluster.json"
        if kept.is_file():
            layout = json.loads(kept.read_text())
        else:
            names = [*self._listeners, "CONTROLLER", *map(_advertised, proxied)]
            layout = {
                "cluster_id": base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("="),
                "ports": [{name: free_port() for name in names} for _ in range(nodes)],
            }
        if port is not None:
            layout["ports"][0]["PLAINTEXT"] = port
        self._cluster_id: str = layout["cluster_id"]
        self._ports: list[dict[str, int]] = layout["ports"]
        self._layout = layout
        self.nodes = [KafkaNode(self.directory / f"node-{number}", heap) for number in range(len(self._ports))]

    @property
    def bootstrap_servers(self) -> str:
        return self.bootstrap("PLAINTEXT")

    def bootstrap(self, listener: str) -> str:
        """The addresses of one listener on all nodes, comma-separated."""
        return ",".join(f"127.0.0.1:{ports[listener]}" for ports in self._ports)

    def advertised(self, listener: str) -> str:
        """What clients of a listener are told to dial, on all nodes: a proxy where the listener is proxied."""
        return ",".join(f"127.0.0.1:{ports.get(_advertised(listener), ports[listener])}" for ports in self._ports)

    def start(self, within: float = 180.0) -> Self:
        """Start every node that is down and wait until all serve.

        Raises KafkaUnavailableError when Java or Maven is missing, KafkaFailedError after `within` seconds.
        """
        find_java()
        fetch_jars()
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "cluster.json").write_text(json.dumps(self._layout, indent=2))
        down = [(number, node) for number, node in enumerate(self.nodes) if not node.running]
        for number, node in down:
            node.directory.mkdir(exist_ok=True)
            lines = [f"{key}={value}" for key, value in self._server_properties(number).items()]
            (node.directory / "server.properties").write_text("\n".join(lines) + "\n")
        new = [node for _, node in down if not (node.directory / "data" / "meta.properties").is_file()]
        for node, formatting in [(node, node.format(self._cluster_id)) for node in new]:
            if formatting.wait() != 0:
                raise KafkaFailedError(f"the data folder could not be laid out; the log ends:\n{_tail(node.log)}")
        for _, node in down:
            node.start()
        self.wait_until_ready(within)
        return self

    def _server_properties(self, number: int) -> dict[str, str]:
        ports, count = self._ports[number], len(self._ports)
        clients = [f"{name}://127.0.0.1:{ports[name]}" for name in self._listeners]
        told = [f"{name}://127.0.0.1:{ports.get(_advertised(name), ports[name])}" for name in self._listeners]
        security = {**self._listeners, "CONTROLLER": "PLAINTEXT"}
        copies, in_sync = str(min(3, count)), "2" if count > 1 else "1"
        return {
            "process.roles": "broker,controller",
            "node.id": str(number + 1),
            "controller.quorum.voters": ",".join(
                f"{other + 1}@127.0.0.1:{its['CONTROLLER']}" for other, its in enumerate(self._ports)
            ),
            "listeners": ",".join([*clients, f"CONTROLLER://127.0.0.1:{ports['CONTROLLER']}"]),
            "advertised.listeners": ",".join(told),
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "listener.security.protocol.map": ",".join(f"{name}:{protocol}" for name, protocol in security.items()),
            "log.dirs": str(self.nodes[number].directory / "data"),
            "auto.create.topics.enable": "false",
            "default.replication.factor": copies,
            "min.insync.replicas": in_sync,
            # Few partitions of the internal topics: 50 of each cost seconds at every start and fail-over.
            "offsets.topic.num.partitions": "4",
            "offsets.topic.replication.factor": copies,
            "transaction.state.log.num.partitions": "4",
            "transaction.state.log.replication.factor": copies,
            "transaction.state.log.min.isr": in_sync,
            "share.coordinator.state.topic.replication.factor": copies,
            "share.coordinator.state.topic.min.isr": in_sync,
            "group.initial.rebalance.delay.ms": "0",
            "group.min.session.timeout.ms": "1000",
            # A node that was killed may come back only when its session has ended: 9 s by default.
            "broker.session.timeout.ms": "3000",
            "broker.heartbeat.interval.ms": "500",
            # A test's records may carry the dates of the settlements they tell of, years ago.
            "log.retention.ms": "-1",
            "num.network.threads": "2",
            "num.io.threads": "4",
            **self._properties,
        }

    def wait_until_ready(self, within: float = 180.0) -> None:
        """Until each running node, asked itself, lists all running nodes.

        Asking the others would not do: for seconds after a kill they still list the dead one.
        """
        deadline = time.monotonic() + within
        running = [number for number, node in enumerate(self.nodes) if node.running]
        waiting = set(running)
        while waiting:
            for number in sorted(waiting):
                node = self.nodes[number]
                if not node.running:
                    raise KafkaFailedError(f"a broker ended while starting; its log ends:\n{_tail(node.log)}")
                if len(_brokers_seen_by(f"127.0.0.1:{self._ports[number]['PLAINTEXT']}")) >= len(running):
                    waiting.discard(number)
                elif time.monotonic() > deadline:
                    raise KafkaFailedError(f"not ready within {within:.0f} s; the log ends:\n{_tail(node.log)}")
            time.sleep(0.1)

    def kill(self, node: int = 0) -> None:
        """SIGKILL one node. Its port and data stay; `start()` brings it back."""
        self.nodes[node].kill()

    def suspend(self, node: int = 0) -> None:
        """SIGSTOP one node."""
        self.nodes[node].suspend()

    def resume(self, node: int = 0) -> None:
        """SIGCONT one node."""
        self.nodes[node].resume()

    def stop(self, within: float = 10.0) -> None:
        """Stop all nodes at once; after `within` seconds they are killed. The data stays."""
        deadline = time.monotonic() + within
        for node in self.nodes:
            node.terminate()
        for node in self.nodes:
            node.gone(max(0.0, deadline - time.monotonic()))

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _advertised(listener: str) -> str:
    return f"{listener}.advertised"


def _brokers_seen_by(address: str) -> list[str]:
    """Addresses in the metadata that one broker answers with; empty while it does not answer."""
    # A new client each time: once it knows the cluster, a client may put its question to any other node.
    admin = AdminClient({"bootstrap.servers": address, "log_level": 0, "socket.timeout.ms": 2000})
    try:
        return [f"{broker.host}:{broker.port}" for broker in admin.list_topics(timeout=2).brokers.values()]
    except KafkaException:
        return []


def _tail(log: Path, characters: int = 2000) -> str:
    return log.read_text(errors="replace")[-characters:].strip() if log.is_file() else "(no log)"


def _up(directory: Path) -> None:
    wanted = os.environ.get("KAFKA_PORT", "")
    if wanted and not (wanted.isdecimal() and 0 < int(wanted) < 2**16):
        raise KafkaUnavailableError(f"KAFKA_PORT must be a port number, or empty for a free one, not {wanted!r}")
    kafka = RealKafka(directory, port=int(wanted) if wanted else None)
    kafka.start()
    print(f"Kafka is ready: PETCT_KAFKA_BOOTSTRAP_SERVERS={kafka.bootstrap_servers}")


def _down(directory: Path) -> None:
    RealKafka(directory).stop()
    print("Kafka is stopped; its data stays in .kafka/ (make clean removes it)")


def main() -> int:
    commands: dict[str, Callable[[Path], None]] = {"up": _up, "down": _down}
    parser = argparse.ArgumentParser(prog="python -m ops.kafka.broker", description="Start or stop a one-node Kafka.")
    parser.add_argument("command", choices=commands)
    parser.add_argument("--directory", type=Path, default=CHECKOUT / ".kafka", help="where its data lies")
    chosen = parser.parse_args()
    try:
        commands[chosen.command](chosen.directory)
    except (KafkaUnavailableError, KafkaFailedError) as error:
        print(f"Kafka is not running: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
