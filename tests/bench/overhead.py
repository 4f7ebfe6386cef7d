"""`python -m tests.bench.overhead` (`make bench-overhead`): what all instruments cost, as ratios of runs side by side.

The worker as it is, scraped every two seconds, and `tests.bench.bare`, the same without instruments, take turns on the
same events on a real Kafka: with, without; without, with; and so on. Each pair gives one ratio of processor time an event
and one of events a second; what else the machine does meets both of a pair.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ops.kafka.broker import KafkaFailedError, KafkaUnavailableError, RealKafka, free_port
from tests.bench import throughput
from tests.bench.__main__ import PROPERTIES
from tests.bench.contenders import Run, Settle
from tests.bench.throughput import Throughput
from tests.bench.workload import Workload, fill

SCRAPE_SECONDS: Final = 2.0
WORKLOADS: Final = (
    ("firehose", Workload(0.01, 400_000)),
    ("dense", Workload(1.0, 60_000)),
)


class Scraped(Settle):
    """The worker as it is, with somebody who reads /metrics."""

    def __init__(self) -> None:
        self.port = free_port()
        self.scrapes = 0
        super().__init__("with", {"PETCT_HTTP_PORT": str(self.port), "PETCT_LOG_LEVEL": "info"})

    @contextmanager
    def run(self, bootstrap_servers: str, prefix: str, topic: str, processes: int) -> Iterator[Run]:
        stop = threading.Event()
        scraper = threading.Thread(target=self._scrape, args=(stop,))
        with super().run(bootstrap_servers, prefix, topic, processes) as run:
            scraper.start()
            try:
                yield run
            finally:
                stop.set()
                scraper.join()

    def _scrape(self, stop: threading.Event) -> None:
        while not stop.wait(SCRAPE_SECONDS):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as answer:
                    self.scrapes += b"petct_records_total" in answer.read()
            except OSError:
                continue  # not up yet


class Bare(Settle):
    """The worker without instruments."""

    def __init__(self) -> None:
        super().__init__("without")

    def command(self, bootstrap_servers: str, prefix: str, group: str, number: int) -> list[str]:
        return [sys.executable, "-m", "tests.bench.bare"]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.overhead", description=__doc__)
    parser.add_argument("--pairs", type=int, default=6, help="default: 6")
    given = parser.parse_args()
    try:
        with (
            tempfile.TemporaryDirectory(prefix="petct-bench-") as folder,
            RealKafka(Path(folder), properties=PROPERTIES, heap="1g") as kafka,
        ):
            for name, workload in WORKLOADS:
                fill(workload, kafka.bootstrap_servers)
                _compare(name, workload, kafka.bootstrap_servers, given.pairs)
    except (KafkaUnavailableError, KafkaFailedError) as error:
        print(f"no benchmark without a broker: {error}", file=sys.stderr)
        return 1
    return 0


def _compare(name: str, workload: Workload, bootstrap_servers: str, pairs: int) -> None:
    cpu, rate = [], []
    scraped, bare = Scraped(), Bare()
    for number in range(pairs):
        found: dict[str, Throughput] = {}
        for contender in (scraped, bare) if number % 2 == 0 else (bare, scraped):
            found[contender.name] = throughput.measure(contender, workload, bootstrap_servers, 1)
        having, lacking = found["with"], found["without"]
        cpu.append(having.cpu_microseconds / lacking.cpu_microseconds)
        rate.append(having.rate / lacking.rate)
        print(
            f"{name}, pair {number + 1}: with {having.cpu_microseconds:.2f} µs of CPU an event, {having.rate:,.0f}/s; "
            f"without {lacking.cpu_microseconds:.2f} µs, {lacking.rate:,.0f}/s; "
            f"ratio of CPU {cpu[-1]:.3f}, of rates {rate[-1]:.3f}",
            flush=True,
        )
    assert scraped.scrapes, "nobody has read /metrics"
    print(
        f"{name} ({workload.label} ours): CPU an event with / without {_told(cpu)}; "
        f"events a second with / without {_told(rate)}; {scraped.scrapes} scrapes",
        flush=True,
    )


def _told(ratios: list[float]) -> str:
    return f"{statistics.median(ratios):.3f} (median of {len(ratios)}; {min(ratios):.3f} to {max(ratios):.3f})"


if __name__ == "__main__":
    sys.exit(main())
