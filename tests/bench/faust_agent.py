"""A Faust agent that decides with the worker's own processor. `python -m tests.bench.faust_agent worker`.

Named by the environment: BENCH_BOOTSTRAP_SERVERS, BENCH_PREFIX, BENCH_GROUP, BENCH_SECRET; with BENCH_CANNED it answers
with decisions made beforehand (tests.bench.canned).
"""

from __future__ import annotations

import os
from typing import Any, Final

import faust

from schemas.topics import ADJUSTED, DEADLETTERS, DISCLOSURES, EVENTS
from tests.bench.canned import processor
from tests.bench.workload import PARTITIONS

PREFIX: Final = os.environ["BENCH_PREFIX"]

app = faust.App(
    os.environ["BENCH_GROUP"],
    broker=f"kafka://{os.environ['BENCH_BOOTSTRAP_SERVERS']}",
    processing_guarantee="exactly_once",
    broker_commit_interval=0.5,
    consumer_auto_offset_reset="earliest",
    store="memory://",
    topic_partitions=PARTITIONS,
    topic_allow_declare=False,
    topic_disable_leader=True,
    web_enabled=False,
)
events = app.topic(PREFIX + EVENTS, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
outputs = {
    name: app.topic(PREFIX + name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
    for name in (ADJUSTED, DISCLOSURES, DEADLETTERS)
}
process = processor(os.environ["BENCH_SECRET"].encode())


@app.agent(events)
async def settle(stream: Any) -> None:
    async for event in stream.events():
        for output in process(event.message).outputs:
            await outputs[output.topic].send(
                key=output.key,
                value=output.value,
                headers={name: value or b"" for name, value in output.headers},
                partition=event.message.partition,
            )


if __name__ == "__main__":
    app.main()
