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

NOT_TESTED = (
    ("no real Kafka: ", "NOT TESTED ON A REAL KAFKA", "REQUIRE_KAFKA"),
    ("nothing here builds it: ", "CLIENT EXAMPLES NOT TESTED", "REQUIRE_CLIENTS"),
    ("no official AsyncAPI schema: ", "ASYNCAPI DOCUMENT NOT VALIDATED", "REQUIRE_NPM"),
)
"""How a skip begins that the end of the run must tell, under which head, and what makes it a failure."""


@pytest.fixture(scope="session")
def embedded_broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as broker:
        yield broker


@pytest.fixture(scope="session")
def _started_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealKafka | str]:
    """The broker, or why there is none."""
    kafka = RealKafka(tmp_path_factory.mktemp("kafka"))
    try:
        kafka.start()
    except KafkaUnavailableError as error:
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
    return _started_kafka if isinstance(_started_kafka, RealKafka) else no_kafka(_started_kafka)


def no_kafka(missing: str) -> NoReturn:
    """Skip what needs a real Kafka, and say so at the end; with REQUIRE_KAFKA=1 fail."""
    if os.environ.get("REQUIRE_KAFKA") == "1":
        pytest.fail(f"REQUIRE_KAFKA=1, and there is no real Kafka: {missing}", pytrace=False)
    pytest.skip(f"no real Kafka: {missing}")


def no_toolchain(missing: str) -> NoReturn:
    """Skip what cannot be built here, and say so at the end; with REQUIRE_CLIENTS=1 fail."""
    if os.environ.get("REQUIRE_CLIENTS") == "1":
        pytest.fail(f"REQUIRE_CLIENTS=1, and what builds a client is missing: {missing}", pytrace=False)
    pytest.skip(f"nothing here builds it: {missing}")


@pytest.fixture
def prefix() -> str:
    """Goes before every topic and group name of one test, so that tests share a broker without meeting."""
    return f"t{secrets.token_hex(4)}."


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    # Out of the reports, which is all that comes back from the processes of a parallel run.
    reasons = {
        report.longrepr[2].removeprefix("Skipped: ")
        for report in terminalreporter.getreports("skipped")
        if isinstance(report.longrepr, tuple)
    }
    for beginning, head, variable in NOT_TESTED:
        if told := sorted(reason.removeprefix(beginning) for reason in reasons if reason.startswith(beginning)):
            terminalreporter.section(head, red=True, bold=True)
            for reason in told:
                terminalreporter.line(reason)
            terminalreporter.line(f"{variable}=1 makes this a failure.")
