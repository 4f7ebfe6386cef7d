"""The yardstick: an aiokafka consumer that does nothing with what it reads. `python -m tests.bench.plain`.

Same fetch sizes, isolation level and event loop as the worker; its offsets are committed every five seconds, as
aiokafka does by default. The count of records read goes into the first eight bytes of the file COUNTER, where reading
it costs this process nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import mmap
import signal
import struct
from pathlib import Path

import uvloop
from aiokafka import AIOKafkaConsumer

from streams.settings import Settings


async def read(bootstrap_servers: str, topic: str, group: str, counter: Path) -> None:
    sizes = Settings.model_fields
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=bootstrap_servers,
        group_id=group,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        max_partition_fetch_bytes=sizes["fetch_bytes"].default,
    )
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    seen = 0
    with counter.open("r+b") as file, mmap.mmap(file.fileno(), 8) as shared:
        await consumer.start()
        try:
            while not stop.is_set():
                fetched = await consumer.getmany(timeout_ms=500, max_records=sizes["batch_records"].default)
                seen += sum(map(len, fetched.values()))
                struct.pack_into("<q", shared, 0, seen)
        finally:
            await consumer.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("bootstrap_servers", "topic", "group"):
        parser.add_argument(name)
    parser.add_argument("counter", type=Path)
    given = parser.parse_args()
    uvloop.run(read(given.bootstrap_servers, given.topic, given.group, given.counter))


if __name__ == "__main__":
    main()
