"""`petct doctor`: its words, its JSON, its exit status, and what it never shows."""

from __future__ import annotations

import json
import socket

import pytest

from schemas.topics import EVENTS
from tests.unit.cli.conftest import Petct

SECRET = "a-secret-that-nobody-may-ever-see-in-an-output"


def test_wrong_settings_are_told_by_their_variables(petct: Petct) -> None:
    done = petct("doctor", PETCT_KAFKA_BOOTSTRAP_SERVERS="localhost:9", PETCT_SESSION_TIMEOUT_MS="1")
    assert done.returncode == 2
    assert b"PETCT_SESSION_TIMEOUT_MS" in done.stderr


@pytest.mark.parametrize(
    "secret", [{}, {"PETCT_DISCLOSURE_SECRET": SECRET}, {"PETCT_DISCLOSURE_SECRET_FILE": "not-there"}]
)
def test_without_a_broker(petct: Petct, secret: dict[str, str]) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
        done = petct("doctor", PETCT_KAFKA_BOOTSTRAP_SERVERS=address, **secret)
    assert done.returncode == 4
    assert address.encode() in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.kafka
def test_the_embedded_broker_is_no_kafka_and_is_told_so(petct: Petct, request: pytest.FixtureRequest) -> None:
    broker = request.getfixturevalue("embedded_broker")
    done = petct("doctor", PETCT_KAFKA_BOOTSTRAP_SERVERS=broker.bootstrap_servers, PETCT_DISCLOSURE_SECRET=SECRET)
    assert (done.returncode, done.stderr) == (1, b"")
    assert "older than Kafka 3.0" in done.stdout.decode()


@pytest.mark.kafka
@pytest.mark.real_kafka
def test_before_and_after_what_it_says_is_done(petct: Petct, request: pytest.FixtureRequest, prefix: str) -> None:
    real_kafka = request.getfixturevalue("real_kafka")
    settings = {
        "PETCT_KAFKA_BOOTSTRAP_SERVERS": real_kafka.bootstrap_servers,
        "PETCT_TOPIC_PREFIX": prefix,
        "PETCT_GROUP_ID": f"{prefix}settle",
    }
    before = petct("doctor", **settings)
    assert before.returncode == 1
    text = before.stdout.decode()
    assert f"problem  {prefix}{EVENTS}: does not exist" in text
    assert "do petct topics create" in text
    assert "problem  disclosure secret: PETCT_DISCLOSURE_SECRET or" in text

    assert petct("topics", "create", **settings).returncode == 0
    well = {**settings, "PETCT_DISCLOSURE_SECRET": SECRET, "PETCT_RULEBOOK_FALLBACK": "installed"}
    after = petct("doctor", "--json", **well)
    told = json.loads(after.stdout)
    assert (after.returncode, told["ok"], after.stderr) == (0, True, b"")
    assert set(told["findings"][0]) == {"level", "check", "subject", "found", "change", "why"}
    assert {finding["level"] for finding in told["findings"]} <= {"ok", "advice", "skipped"}
    assert SECRET.encode() not in after.stdout + petct("doctor", **well).stdout
