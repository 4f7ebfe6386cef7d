"""The suite's own broker, its stages, and the table of what they showed."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ops.kafka.broker import KafkaUnavailableError, RealKafka
from tests.conftest import no_kafka
from tests.faults import report
from tests.faults.form import FORM
from tests.faults.stage import Result, Stage

SHOWN = "fault"
"""The property of a test's report that holds a line for the end of the run."""

PROPERTIES = {
    # How often the broker looks for transactions that took too long: every 10 s by default.
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
}


@pytest.fixture(scope="session")
def _faulty_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealKafka | str]:
    kafka = RealKafka(
        tmp_path_factory.mktemp("faulty-kafka"),
        # So that a test can forbid something: what it does not mention is allowed to everyone.
        properties=PROPERTIES
        | {
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "allow.everyone.if.no.acl.found": "true",
        },
        listeners={"PROXIED": "PLAINTEXT"},
        proxied=["PROXIED"],
    )
    try:
        kafka.start()
    except KafkaUnavailableError as error:
        yield str(error)
    else:
        yield kafka
    finally:
        if kafka.nodes[0].running:
            kafka.kill()  # Nobody needs its data any more, and an orderly stop takes ten seconds.
        # Gigabytes after the long form.
        shutil.rmtree(kafka.directory, ignore_errors=True)


@pytest.fixture
def kafka(_faulty_kafka: RealKafka | str) -> RealKafka:
    """One node that these tests may kill; it is up when a test begins. Its listener PROXIED needs a proxy."""
    return _faulty_kafka.start() if isinstance(_faulty_kafka, RealKafka) else no_kafka(_faulty_kafka)


@pytest.fixture
def stage(kafka: RealKafka, prefix: str, tmp_path: Path) -> Callable[..., Stage]:
    """A stage on the suite's broker, by the name of its scenario."""

    def make(scenario: str, **given: object) -> Stage:
        return Stage(scenario, kafka.bootstrap_servers, prefix, tmp_path, **given)  # type: ignore[arg-type]

    return make


@pytest.fixture
def show(request: pytest.FixtureRequest) -> Callable[[Result], None]:
    """Puts a result into the table, and holds it to what the suite promises."""

    def judge(result: Result) -> None:
        request.node.user_properties.append((SHOWN, str(result)))
        if FORM.long:
            report.write([result], {})
        if result.scenario.control:
            assert not result.verdict.exactly_once, f"the control is not red: {result}"
        else:
            assert result.verdict.exactly_once, str(result)

    return judge


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Puts figures of a load into the table of memory and latency."""

    def tell(load: str, found: str) -> None:
        request.node.user_properties.append((SHOWN, f"{load}: {found}"))
        if FORM.long:
            report.write([], {load: found})
        print(f"\n{load}: {found}")

    return tell


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    # What was shown before a failure stands in the reports of the call and of what follows it.
    if lines := dict.fromkeys(line for report in reports for name, line in report.user_properties if name == SHOWN):
        terminalreporter.section("FAULTS")
        for line in lines:
            terminalreporter.line(line)
