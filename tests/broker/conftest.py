"""The `broker` fixture: the same test on the embedded broker and on a real Kafka."""

import pytest

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
