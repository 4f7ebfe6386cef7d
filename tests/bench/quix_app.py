"""A Quix Streams application, exactly once, that decides with the worker's own processor.

`python tests/bench/quix_app.py BOOTSTRAP_SERVERS PREFIX GROUP SECRET`, in an environment of its own (`make bench` makes
it): Quix Streams wants other versions than we do. With BENCH_CANNED in the environment it answers with decisions made
beforehand (tests.bench.canned).
"""

from __future__ import annotations

import sys
from typing import Any

from quixstreams import Application
from quixstreams.models.serializers import Serializer

from schemas.topics import ADJUSTED, DEADLETTERS, DISCLOSURES, EVENTS
from streams.processors.settlement import Output
from tests.bench.canned import Given, processor


class OutputValue(Serializer):
    """What an output becomes on the wire."""

    def __call__(self, value: Output, ctx: Any) -> bytes | None:
        return value.value


def main() -> None:
    bootstrap_servers, prefix, group, secret = sys.argv[1:]
    app = Application(
        broker_address=bootstrap_servers,
        consumer_group=group,
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        commit_interval=0.5,
        auto_create_topics=False,
        loglevel="WARNING",
    )
    process = processor(secret.encode())
    events = app.topic(prefix + EVENTS, key_deserializer="bytes", value_deserializer="bytes")
    topics = {
        name: app.topic(prefix + name, key_serializer="bytes", value_serializer=OutputValue())
        for name in (ADJUSTED, DISCLOSURES, DEADLETTERS)
    }

    def settle(value: Any, key: Any, timestamp: int, headers: Any) -> tuple[Output, ...]:
        return process(Given(value, key, timestamp, headers or ())).outputs

    frame = app.dataframe(events).apply(settle, expand=True, metadata=True)
    frame = frame.set_headers(lambda output, *_: output.headers)
    frame.to_topic(lambda output, *_: topics[output.topic], key=lambda output: output.key)
    app.run()


if __name__ == "__main__":
    main()
