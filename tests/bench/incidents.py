"""What a restart, a rebalance and a lost broker look like in the metrics: real workers on a real Kafka of three nodes.

Everything is read from /metrics, as Prometheus would; counters that begin anew after a restart are added up.
"""

from __future__ import annotations

import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from confluent_kafka import Producer
from prometheus_client.parser import text_string_to_metric_families

from ops.kafka.broker import RealKafka
from schemas.topics import EVENTS
from streams.simulate import events
from tests.bench.memory import create
from tests.broker.workers import Worker

PARTITIONS: Final = 12
RATE: Final = 300
SHARE: Final = 0.3
SESSION_MS: Final = 20_000
"""As ops/kubernetes/settle.env has it."""
CALM_SECONDS: Final = 15.0
PATIENCE_SECONDS: Final = 120.0
_LOOK_EVERY: Final = 0.5
_TICK: Final = 0.05
_COMMITTED: Final = "transaction_seconds_count committed"
_GATHERED: Final = ("petct_rebalances_total", "petct_fencings_total", "petct_reopenings_total")


@dataclass(frozen=True, slots=True)
class Sample:
    """All workers together at one moment. `at` in seconds since the measurement began."""

    at: float
    answered: float
    """Records answered so far."""
    wait: float
    """The longest that an open settlement of any partition has waited, in seconds."""
    attended: int
    """Partitions that some worker answers for."""
    counts: dict[str, float]
    """Rebalances, fencings, reopenings by cause, transactions by result, so far; of all workers."""
    cpu_seconds: float
    """Processor time of all workers so far."""
    ages: dict[float, float]
    """Answers so far that were no older than so many seconds when committed (petct_age_at_commit_seconds)."""


@dataclass(slots=True)
class _Watch:
    """Reads the metrics of all workers again and again."""

    workers: list[Worker]
    samples: list[Sample] = field(default_factory=list)
    _began: float = field(default_factory=time.monotonic)
    _last: dict[tuple[int, str], float] = field(default_factory=dict)
    _sums: dict[tuple[int, str], float] = field(default_factory=dict)

    def look(self) -> Sample:
        wait, partitions = 0.0, set()
        for number, worker in enumerate(list(self.workers)):
            status, text = worker.get("/metrics")
            if status != 200:
                continue
            for name, labels, value in _read(text):
                if name == "petct_lag_seconds":
                    wait = max(wait, value)
                elif name == "petct_last_progress_timestamp_seconds":
                    partitions.add(labels["partition"])
                elif name == "petct_records_total" and labels["fate"] != "passed_over":
                    self._add(number, f"answered {labels['fate']}", value)
                elif name == "petct_age_at_commit_seconds_bucket":
                    self._add(number, f"age {labels['le']}", value)
                elif name == "process_cpu_seconds_total":
                    self._add(number, "cpu", value)
                elif name in _GATHERED or name == "petct_transaction_seconds_count":
                    self._add(number, " ".join([name, *labels.values()]), value)
        sums: dict[str, float] = {}
        for (_, key), value in self._sums.items():
            sums[key] = sums.get(key, 0.0) + value
        told = {key: value for key, value in sums.items() if not key.startswith(("answered ", "age ", "cpu"))}
        answered = sum(value for key, value in sums.items() if key.startswith("answered "))
        ages = {float(key.removeprefix("age ")): value for key, value in sums.items() if key.startswith("age ")}
        sample = Sample(
            time.monotonic() - self._began, answered, wait, len(partitions), told, sums.get("cpu", 0.0), ages
        )
        self.samples.append(sample)
        return sample

    def _add(self, number: int, key: str, value: float) -> None:
        """As `increase` does: a counter that is smaller than before has begun anew."""
        before = self._last.get((number, key), 0.0)
        new = value - before if value >= before else value
        self._sums[number, key] = self._sums.get((number, key), 0.0) + new
        self._last[number, key] = value


@dataclass(frozen=True, slots=True)
class Incident:
    """`name` happened between `began` and `ended`; the curve goes on until it was calm again."""

    name: str
    began: float
    ended: float
    samples: list[Sample]

    def plain(self) -> dict[str, Any]:
        """What the page says of it."""
        first, last = self.samples[0], self.samples[-1]
        counts = {
            key.removeprefix("petct_"): round(last.counts[key] - first.counts.get(key, 0))
            for key in sorted(last.counts)
            if last.counts[key] - first.counts.get(key, 0) >= 0.5
        }
        return {
            "name": self.name,
            "seconds": round(self.ended - self.began, 1),
            "longest_wait_seconds": round(max(sample.wait for sample in self.samples), 1),
            "oldest_answer_at_most_seconds": self._oldest(),
            "until_caught_up_seconds": round(self._caught_up() - self.began, 1),
            "fewest_attended": min(sample.attended for sample in self.samples),
            "answered_a_second": round((last.answered - first.answered) / (last.at - first.at), 1),
            "cores": round((last.cpu_seconds - first.cpu_seconds) / (last.at - first.at), 3),
            "transactions_a_second": round(counts.get(_COMMITTED, 0) / (last.at - first.at), 1),
            "counts": counts,
            "curve": [
                [round(sample.at - self.began, 1), round(sample.wait, 2), sample.attended] for sample in self.samples
            ],
        }

    def _oldest(self) -> float:
        """The bound of the last bucket into which an answer of this time fell."""
        first, last = self.samples[0].ages, self.samples[-1].ages
        new = {bound: last[bound] - first.get(bound, 0) for bound in sorted(last)}
        return next(bound for bound, count in new.items() if count >= new[max(new)])

    def _caught_up(self) -> float:
        """The last moment at which something had waited for more than two seconds."""
        return max((sample.at for sample in self.samples if sample.wait > 2), default=self.began)


def measure(told: Callable[[str], None]) -> list[dict[str, Any]]:
    """All incidents, one after the other, with calm between them. Takes about six minutes."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="petct-incidents-")))
        kafka = stack.enter_context(RealKafka(folder / "kafka", nodes=3, heap="512m"))
        prefix = "incidents."
        create(kafka.bootstrap_servers, prefix, PARTITIONS, copies=3)
        workers = [_worker(folder, kafka, prefix, number) for number in range(2)]
        watch = _Watch(workers)
        for worker in workers:
            stack.enter_context(worker)
        for worker in workers:
            worker.until_ready()
        stack.enter_context(_load(kafka.bootstrap_servers, prefix + EVENTS))
        _calm(watch)
        found = []
        for name, happen in _incidents(stack, folder, kafka, prefix, workers):
            told(name)
            before = len(watch.samples)
            watch.look()
            began = watch.samples[-1].at
            looking = threading.Event()
            looker = threading.Thread(target=_keep_looking, args=(watch, looking))
            looker.start()
            try:
                happen()
            finally:
                looking.set()
                looker.join()
            ended = watch.samples[-1].at
            _calm(watch)
            found.append(Incident(name, began, ended, watch.samples[before:]).plain())
        return found


def _incidents(
    stack: ExitStack, folder: Path, kafka: RealKafka, prefix: str, workers: list[Worker]
) -> Iterator[tuple[str, Callable[[], None]]]:
    def nothing() -> None:
        time.sleep(CALM_SECONDS)

    def roll() -> None:
        for worker in workers:
            worker.signal(signal.SIGTERM)
            worker.exit_code()
            worker.start().until_ready()
            time.sleep(5)

    def crash() -> None:
        workers[1].kill()
        workers[1].start().until_ready()

    def add() -> None:
        workers.append(_worker(folder, kafka, prefix, 2))
        stack.enter_context(workers[-1]).until_ready()

    def take_away() -> None:
        worker = workers[-1]
        worker.signal(signal.SIGTERM)
        worker.exit_code()
        time.sleep(SESSION_MS / 1_000)

    def lose_broker() -> None:
        kafka.kill(0)
        time.sleep(20)
        kafka.start()

    yield "nothing", nothing
    yield "rolling restart, one worker after the other", roll
    yield "a worker crashes and is started again", crash
    yield "a worker more", add
    yield "a worker less, for good", take_away
    yield "one of three brokers is lost for 20 s", lose_broker


def _worker(folder: Path, kafka: RealKafka, prefix: str, number: int) -> Worker:
    return Worker(
        folder / f"worker-{number}.log",
        {
            "PETCT_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "PETCT_TOPIC_PREFIX": prefix,
            "PETCT_GROUP_ID": "incidents",
            "PETCT_GROUP_INSTANCE_ID": f"settle-{number}",
            "PETCT_SESSION_TIMEOUT_MS": str(SESSION_MS),
            "PETCT_DISCLOSURE_SECRET": "benchmark",
            "PETCT_RULEBOOK_FALLBACK": "installed",
        },
    )


def _calm(watch: _Watch) -> None:
    """Until nothing has waited for more than two seconds, for CALM_SECONDS. Raises RuntimeError when it never is."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    since = time.monotonic()
    while time.monotonic() - since < CALM_SECONDS:
        sample = watch.look()
        if sample.wait > 2 or sample.attended < PARTITIONS:
            since = time.monotonic()
        if time.monotonic() > deadline:
            raise RuntimeError(f"never calm: {sample}\n{watch.workers[0].said()[-2000:]}")
        time.sleep(_LOOK_EVERY)


def _keep_looking(watch: _Watch, stop: threading.Event) -> None:
    while not stop.wait(_LOOK_EVERY):
        watch.look()


@contextmanager
def _load(bootstrap_servers: str, topic: str) -> Iterator[None]:
    """RATE events a second, of which SHARE are ours, from another thread."""
    stop = threading.Event()
    thread = threading.Thread(target=_send, args=(bootstrap_servers, topic, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _send(bootstrap_servers: str, topic: str, stop: threading.Event) -> None:
    producer = Producer({"bootstrap.servers": bootstrap_servers, "enable.idempotence": True, "log_level": 0})
    began = time.monotonic()
    for number, (key, value) in enumerate(events(1, None, SHARE, 0.0)):
        while number > (time.monotonic() - began) * RATE:
            producer.poll(0)
            if stop.wait(_TICK):
                producer.flush(10)
                return
        producer.produce(topic, value, key)


def _read(text: str) -> Iterator[tuple[str, dict[str, str], float]]:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            yield sample.name, sample.labels, sample.value
