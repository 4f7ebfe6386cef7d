"""Why no broker lets us in, where there is none; what real brokers refuse is tried in tests/broker/test_security.py."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from streams.bus import refused
from streams.bus.refused import why_refused
from streams.settings import KafkaSettings


def settings(address: str, **given: Any) -> KafkaSettings:
    return KafkaSettings(kafka_bootstrap_servers=address, **given)


@asynccontextmanager
async def server(said: bytes | None) -> AsyncIterator[str]:
    """Says that to whoever asks, then hangs up; None: says nothing and stays."""
    release = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if said is None:
            await release.wait()
        else:
            await reader.read(1)
            writer.write(said)
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    finally:
        release.set()
        listening.close()


async def test_nobody_listens() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
        refusal = await why_refused(settings(address))
    assert refusal is not None
    assert refusal.problem == f"nobody listens at {address}"
    assert refusal.mend == f"start the broker, or correct PETCT_KAFKA_BOOTSTRAP_SERVERS={address}"


async def test_a_name_that_nobody_knows() -> None:
    refusal = await why_refused(settings("no-such-host.invalid:9092"))
    assert refusal is not None
    assert refusal.problem == "the name in no-such-host.invalid:9092 is not known"


@pytest.mark.parametrize(("protocol", "said"), [("PLAINTEXT", b""), ("PLAINTEXT", b"HTTP/1.1 400 Bad Request\r\n\r\n")])
async def test_something_else_listens(protocol: str, said: bytes) -> None:
    async with server(said) as address:
        refusal = await why_refused(settings(address, kafka_security_protocol=protocol))
    assert refusal is not None
    assert refusal.problem.startswith(f"{address} ends the connection")


async def test_a_port_without_tls() -> None:
    async with server(b"HTTP/1.1 400 Bad Request\r\n\r\n") as address:
        refusal = await why_refused(settings(address, kafka_security_protocol="SSL"))
    assert refusal is not None
    assert refusal.problem == f"{address} does not speak TLS"


async def test_silence_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refused, "CONNECT_SECONDS", 0.2)
    async with server(None) as address:
        refusal = await why_refused(settings(address))
    assert refusal is not None
    assert refusal.mend == "see whether its listener speaks PETCT_KAFKA_SECURITY_PROTOCOL=PLAINTEXT"
