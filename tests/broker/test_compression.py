"""Producers of other languages compress, each in its own way by default: the worker reads them all."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from aiokafka import AIOKafkaProducer

from ops.kafka.broker import RealKafka
from schemas.topics import EVENTS
from tests.broker.settling import scene
from tests.kafka import Broker

CODECS: tuple[Literal["gzip", "snappy", "lz4", "zstd"], ...] = ("gzip", "snappy", "lz4", "zstd")


@pytest.mark.kafka
@pytest.mark.real_kafka
@pytest.mark.parametrize("sieve", [True, False])
async def test_compressed_records_are_decided_like_any_other(real_kafka: RealKafka, prefix: str, sieve: bool) -> None:
    on = scene(Broker("real", real_kafka.bootstrap_servers), prefix, sieve=sieve)
    await on.create_topics()
    for codec in CODECS:
        options: dict[str, Any] = {"compression_type": codec, "linger_ms": 50}
        async with AIOKafkaProducer(bootstrap_servers=on.broker.bootstrap_servers, **options) as producer:
            for value in (f"ours {codec} ".encode() + 200 * b"x", b"somebody else's " * 20):
                await producer.send(on.settings.topic(EVENTS), value, key=b"k", partition=0)
    async with on.settling():
        outputs = await on.until(len(CODECS))
    assert not on.ended
    assert [(value or b"").split()[1].decode() for value in outputs] == list(CODECS)
