"""`python -m tests.bench.overhead` (`make bench-overhead`): what all instruments cost, as ratios within one process.

The worker settles a topic of one partition on a real Kafka, with its instruments in every other batch and without in
the rest (tests.bench.half_bare). Two batches that lie side by side make a pair: what else the machine does meets both
of it. The ratio is that of processor time an event. What a scrape costs is measured by itself: it goes by the clock.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import prometheus_client

from ops.kafka.broker import KafkaFailedError, KafkaUnavailableError, RealKafka
from schemas.topics import EVENTS
from streams.bus.topics import SETTLE, create_topics
from streams.metrics import Metrics
from streams.rulebook import load_rulebook
from streams.settings import Settings
from streams.simulate import events
from tests.bench.contenders import SECRET, Settle
from tests.broker.settling import Scene
from tests.kafka import Broker

WORKLOADS: Final = (("firehose", 0.01, 1_600_000), ("dense", 1.0, 60_000))
"""Name, share of ours, events: batches of little that is ours are long, and those of a start are like no other."""
WARM_UP: Final = 4
"""Batches at the beginning that do not count."""
LEAST: Final = 0.5
"""Of the usual number of events: smaller batches, such as the last one, do not count."""
STALLED_SECONDS: Final = 60.0
SCRAPES: Final = 100

Batches = list[tuple[bool, int, float]]
"""With instruments or without, events, processor seconds."""
Pair = tuple[float, float]
"""Processor microseconds an event, with and without."""


class HalfBare(Settle):
    """The worker with half its batches uninstrumented."""

    def __init__(self, file: Path, *, null: bool) -> None:
        super().__init__("half-bare", pure=True)
        self._arguments = [str(file), *(["null"] if null else [])]

    def command(self, bootstrap_servers: str, prefix: str, group: str, number: int) -> list[str]:
        return [sys.executable, "-m", "tests.bench.half_bare", *self._arguments]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.overhead", description=__doc__)
    parser.add_argument(
        "--runs",
        type=int,
        default=8,
        help="over the topic that is all ours; of the other four times as many (default: 8)",
    )
    parser.add_argument("--null", action="store_true", help="instruments in both halves: what the noise alone gives")
    given = parser.parse_args()
    try:
        with (
            tempfile.TemporaryDirectory(prefix="petct-bench-") as folder,
            RealKafka(Path(folder) / "kafka", heap="1g") as kafka,
        ):
            for name, share, number in WORKLOADS:
                prefix = f"overhead.{share:g}."
                asyncio.run(_fill(kafka.bootstrap_servers, prefix, share, number))
                pairs: list[Pair] = []
                for run in range(given.runs):
                    file = Path(folder) / f"{name}-{run}"
                    pairs += pairs_of(_run(file, kafka.bootstrap_servers, prefix, number, null=given.null))
                micros = statistics.median(lacking for _, lacking in pairs)
                print(f"{name} ({share * 100:g} % ours), {len(pairs)} pairs, {micros:.1f} µs of CPU an event without")
                print(f"  with / without, median of the pairs: {told(median_ratio, pairs)}")
                print(f"  with / without, lower quartiles:     {told(quiet_ratio, pairs)}", flush=True)
    except (KafkaUnavailableError, KafkaFailedError) as error:
        print(f"no benchmark without a broker: {error}", file=sys.stderr)
        return 1
    print(f"one scrape: {1000 * _scrape():.1f} ms of CPU")
    return 0


async def _fill(bootstrap_servers: str, prefix: str, share: float, number: int) -> None:
    settings = Settings(kafka_bootstrap_servers=bootstrap_servers, topic_prefix=prefix, disclosure_secret=SECRET)
    await create_topics(settings, 1, 1, SETTLE)
    await Scene(Broker("real", bootstrap_servers), settings).send_pairs(list(events(20210630, number, share, 0.0)))


def _run(file: Path, bootstrap_servers: str, prefix: str, number: int, *, null: bool) -> Batches:
    """The batches of one run over the whole topic."""
    file.touch()
    with HalfBare(file, null=null).run(bootstrap_servers, prefix, prefix + EVENTS, 1) as run:
        seen, moved = 0, time.monotonic()
        while True:
            batches = [(on == "1", int(n), float(cpu)) for on, n, cpu in map(str.split, file.read_text().splitlines())]
            done = sum(n for _, n, _ in batches)
            if done >= number:
                return batches
            if done > seen:
                seen, moved = done, time.monotonic()
            elif time.monotonic() - moved > STALLED_SECONDS:
                raise RuntimeError(f"the worker stands still at {done} of {number}:\n{run.tail()}")
            run.check()
            time.sleep(0.2)


def pairs_of(batches: Batches) -> list[Pair]:
    """Neighbours, one with instruments and one without: processor microseconds an event of each."""
    usual = statistics.median(n for _, n, _ in batches)
    found = []
    for first, second in zip(batches[WARM_UP::2], batches[WARM_UP + 1 :: 2], strict=False):
        assert first[0] != second[0]
        if min(first[1], second[1]) >= LEAST * usual:
            having, lacking = (first, second) if first[0] else (second, first)
            found.append((1e6 * having[2] / having[1], 1e6 * lacking[2] / lacking[1]))
    return found


def median_ratio(pairs: Sequence[Pair]) -> float:
    """The median over the pairs of the ratio within each."""
    return statistics.median(having / lacking for having, lacking in pairs)


def quiet_ratio(pairs: Sequence[Pair]) -> float:
    """Of the lower quartiles: what others do on the machine only ever adds to the time of a batch."""
    having, lacking = (statistics.quantiles(column, n=4)[0] for column in zip(*pairs, strict=True))
    return float(having / lacking)


def told(estimate: Callable[[Sequence[Pair]], float], pairs: Sequence[Pair]) -> str:
    """The estimate, and where it would lie in 95 of 100 samples drawn from these pairs (bootstrap)."""
    dice = random.Random(1)
    drawn = sorted(estimate(dice.choices(pairs, k=len(pairs))) for _ in range(2_000))
    return f"{estimate(pairs):.3f} (95 %: {drawn[50]:.3f} to {drawn[-51]:.3f})"


def _scrape() -> float:
    """Processor seconds."""
    metrics = Metrics("1")
    metrics.rulebook(load_rulebook())
    for partition in range(12):
        metrics.lag(partition, 0, 0.0)
        metrics.progress(partition, 0.0)
    began = time.process_time()
    for _ in range(SCRAPES):
        prometheus_client.generate_latest(metrics.registry)
    return (time.process_time() - began) / SCRAPES


if __name__ == "__main__":
    sys.exit(main())
