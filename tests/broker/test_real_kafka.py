"""The real Kafka of ops/kafka survives what the fault tests do to it, and says what it lacks."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from ops.kafka import broker as kafka_module
from ops.kafka.broker import CHECKOUT, KafkaUnavailableError, RealKafka
from tests.kafka import create_topics, read_all

pytestmark = pytest.mark.kafka


@pytest.mark.real_kafka
@pytest.mark.slow
async def test_a_killed_broker_comes_back_on_its_port_with_its_records(
    real_kafka: RealKafka, tmp_path: Path, prefix: str
) -> None:
    with RealKafka(tmp_path / "one") as kafka:
        address = kafka.bootstrap_servers
        create_topics(address, f"{prefix}kept", partitions=1)
        await _send(address, f"{prefix}kept", b"before")

        kafka.kill()
        assert not kafka.nodes[0].running
        kafka.start()

        assert kafka.bootstrap_servers == address
        assert [record.value for record in await read_all(address, f"{prefix}kept")] == [b"before"]


@pytest.mark.real_kafka
@pytest.mark.slow
async def test_a_cluster_of_three_serves_while_one_node_is_dead_and_takes_it_back(
    real_kafka: RealKafka, tmp_path: Path, prefix: str
) -> None:
    with RealKafka(tmp_path / "three", nodes=3) as kafka:
        create_topics(kafka.bootstrap_servers, f"{prefix}copied", partitions=3)
        kafka.kill(1)
        survivors = ",".join(kafka.bootstrap_servers.split(",")[::2])
        await _send(survivors, f"{prefix}copied", b"with two of three")

        kafka.start()

        assert all(node.running for node in kafka.nodes)
        values = [record.value for record in await read_all(kafka.bootstrap_servers, f"{prefix}copied")]
        assert values == [b"with two of three"]


@pytest.mark.real_kafka
@pytest.mark.slow
async def test_a_suspended_broker_keeps_its_port_and_answers_again_when_resumed(
    real_kafka: RealKafka, tmp_path: Path
) -> None:
    with RealKafka(tmp_path / "one") as kafka:
        host, _, port = kafka.bootstrap_servers.partition(":")
        kafka.suspend()
        socket.create_connection((host, int(port)), timeout=5).close()
        kafka.resume()
        kafka.wait_until_ready()


def test_without_java_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)

    with pytest.raises(KafkaUnavailableError, match=r"Java is missing.*apt-get install default-jre-headless"):
        RealKafka(tmp_path / "kafka").start()


def test_an_old_java_is_named_with_its_version(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))

    with pytest.raises(KafkaUnavailableError, match=r"is Java 11; install Java 17 or newer"):
        kafka_module.find_java()


def test_without_maven_and_jars_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(kafka_module, "CACHE", tmp_path / "cache")

    with pytest.raises(KafkaUnavailableError, match=r"Maven is missing.*apt-get install maven"):
        kafka_module.fetch_jars()


def test_a_wrong_kafka_port_is_told_by_its_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KAFKA_PORT", "ninety")
    command = [sys.executable, "-m", "ops.kafka.broker", "up", "--directory", str(tmp_path / "kafka")]

    told = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)

    assert told.returncode == 1
    assert "KAFKA_PORT must be a port number, or empty for a free one, not 'ninety'" in told.stderr
    assert "Traceback" not in told.stderr


async def _send(address: str, topic: str, value: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=address, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        await producer.send_and_wait(topic, value, partition=0)
    finally:
        await producer.stop()
