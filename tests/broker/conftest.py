"""The `broker` fixture: the same test on the embedded broker and on a real Kafka."""

import os

import pytest

from ops.prometheus.server import PrometheusUnavailableError, find_prometheus
from tests.kafka import Broker


@pytest.fixture(
    params=[
        pytest.param("embedded", marks=pytest.mark.kafka),
        pytest.param("real", marks=[pytest.mark.kafka, pytest.mark.real_kafka]),
    ]
)
def broker(request: pytest.FixtureRequest) -> Broker:
    started = request.getfixturevalue("embedded_broker" if request.param == "embedded" else "real_kafka")
    return Broker(request.param, started.bootstrap_servers)


@pytest.fixture
def prometheus_installed() -> None:
    """Skips where there is no Prometheus; with REQUIRE_KAFKA=1, as in CI, that is a failure."""
    try:
        find_prometheus()
    except PrometheusUnavailableError as error:
        if os.environ.get("REQUIRE_KAFKA") == "1":
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))
