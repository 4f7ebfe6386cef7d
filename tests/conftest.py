"""Brokers for the tests that need one: each is started once a session, by the first test that asks for it."""

import os
import secrets
from collections.abc import Iterator
from typing import NoReturn

import hypothesis
import pytest

from ops.kafka.broker import KafkaUnavailableError, RealKafka
from streams.bus.embedded import EmbeddedBroker

# No deadline: how long one example takes says more about the machine than about the code.
hypothesis.settings.register_profile("petct", deadline=None)
hypothesis.settings.load_profile("petct")

_absent = pytest.StashKey[str]()
_no_toolchain = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def embedded_broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as broker:
        yield broker


@pytest.fixture(scope="session")
def _started_kafka(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RealKafka | str]:
    """The broker, or why there is none."""
    kafka = RealKafka(tmp_path_factory.mktemp("kafka"))
    try:
        kafka.start()
    except KafkaUnavailableError as error:
        request.config.stash[_absent] = str(error)
        yield str(error)
    else:
        yield kafka
    finally:
        kafka.stop()


@pytest.fixture
def real_kafka(_started_kafka: RealKafka | str) -> RealKafka:
    """One node of real Kafka, shared by the session: a test that kills or fills its broker starts one of its own.

    Without Java or Maven the test is skipped; with REQUIRE_KAFKA=1 it fails.
    """
    if isinstance(_started_kafka, RealKafka):
        return _started_kafka
    if os.environ.get("REQUIRE_KAFKA") == "1":
        pytest.fail(f"REQUIRE_KAFKA=1, and there is no real Kafka: {_started_kafka}", pytrace=False)
    pytest.skip(f"no real Kafka: {_started_kafka}")


def no_toolchain(config: pytest.Config, missing: str) -> NoReturn:
    """Skip what cannot be built here, and say so at the end; with REQUIRE_CLIENTS=1 fail."""
    if os.environ.get("REQUIRE_CLIENTS") == "1":
        pytest.fail(f"REQUIRE_CLIENTS=1, and what builds a client is missing: {missing}", pytrace=False)
    config.stash.setdefault(_no_toolchain, []).append(missing)
    pytest.skip(f"nothing here builds it: {missing}")


@pytest.fixture
def prefix() -> str:
    """Goes before every topic and group name of one test, so that tests share a broker without meeting."""
    return f"t{secrets.token_hex(4)}."


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if reason := config.stash.get(_absent, ""):
        terminalreporter.section("NOT TESTED ON A REAL KAFKA", red=True, bold=True)
        terminalreporter.line(reason)
        terminalreporter.line("REQUIRE_KAFKA=1 makes this a failure.")
    if missing := config.stash.get(_no_toolchain, []):
        terminalreporter.section("CLIENT EXAMPLES NOT TESTED", red=True, bold=True)
        for what in missing:
            terminalreporter.line(what)
        terminalreporter.line("REQUIRE_CLIENTS=1 makes this a failure.")
