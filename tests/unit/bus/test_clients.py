"""Settings reach every client as they were given."""

import asyncio
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import TopicAuthorizationFailedError
from aiokafka.producer.transaction_manager import TransactionManager

from streams.bus.clients import Clients, admin, connection, join_transaction
from streams.settings import Settings, SettingsError


def _settings(**given: object) -> Settings:
    return Settings(kafka_bootstrap_servers="one:9092,two:9093", disclosure_secret="s", **given)  # type: ignore[arg-type]


def _client(of: AIOKafkaProducer | AIOKafkaConsumer | AIOKafkaAdminClient) -> object:
    of._closed = True  # Never started: nothing to close.
    return of.client if isinstance(of, AIOKafkaProducer) else of._client


async def test_user_and_password_reach_every_client(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hush\n")
    settings = _settings(
        kafka_security_protocol="SASL_PLAINTEXT",
        kafka_sasl_mechanism="SCRAM-SHA-512",
        kafka_sasl_username="worker",
        kafka_sasl_password_file=tmp_path / "password",
    )
    clients = Clients(settings, "worker-0")

    for client in map(_client, (clients.consumer(), clients.producer("t"), admin(settings))):
        assert client._bootstrap_servers == ["one:9092", "two:9093"]  # type: ignore[attr-defined]
        assert client._security_protocol == "SASL_PLAINTEXT"  # type: ignore[attr-defined]
        assert client._sasl_mechanism == "SCRAM-SHA-512"  # type: ignore[attr-defined]
        assert client._sasl_plain_username == "worker"  # type: ignore[attr-defined]
        assert client._sasl_plain_password == "hush"  # type: ignore[attr-defined]


async def test_a_renewed_token_is_read_at_the_next_log_in(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("first\n")
    settings = _settings(
        kafka_security_protocol="SASL_PLAINTEXT", kafka_sasl_mechanism="OAUTHBEARER", kafka_sasl_token_file=token
    )
    provider = connection(settings)["sasl_oauth_token_provider"]

    assert await provider.token() == "first"
    token.write_text("second\n")
    assert await provider.token() == "second"


def test_tls_checks_the_brokers_name_unless_told_otherwise() -> None:
    checked = connection(_settings(kafka_security_protocol="SSL"))["ssl_context"]
    unchecked = connection(_settings(kafka_security_protocol="SSL", kafka_ssl_check_hostname=False))["ssl_context"]

    assert (checked.check_hostname, unchecked.check_hostname) == (True, False)
    assert connection(_settings())["ssl_context"] is None


def test_a_file_that_is_no_certificate_is_told_by_its_variable(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_text("not a certificate")

    with pytest.raises(SettingsError, match=r"^PETCT_KAFKA_SSL_CAFILE names a file that cannot be used"):
        connection(_settings(kafka_security_protocol="SSL", kafka_ssl_cafile=path))


async def test_what_exactly_once_rests_on_is_set() -> None:
    clients = Clients(_settings(), "worker-0")
    consumer, producer = clients.consumer(), clients.producer("g.settlement.events.3")
    _client(consumer), _client(producer)

    assert consumer._isolation_level == "read_committed"
    assert consumer._enable_auto_commit is False
    assert consumer._auto_offset_reset == "none"
    assert consumer._group_instance_id == "worker-0"
    assert producer._txn_manager.transactional_id == "g.settlement.events.3"
    assert producer._sender._acks == -1


class _Joining:
    """A producer with aiokafka's own transaction manager, within a transaction, and nobody who sends."""

    def __init__(self) -> None:
        self._txn_manager = TransactionManager("id", 60_000)
        self._txn_manager.set_pid_and_epoch(1, 0)
        self._txn_manager.begin_transaction()


async def test_a_transaction_is_joined_when_the_broker_has_added_every_partition() -> None:
    producer, partitions = _Joining(), [TopicPartition("a", 0), TopicPartition("b", 0)]
    joining = asyncio.create_task(join_transaction(producer, partitions))
    await asyncio.sleep(0)
    assert producer._txn_manager.partitions_to_add() == set(partitions)
    producer._txn_manager.partition_added(partitions[0])
    await asyncio.sleep(0.01)
    assert not joining.done()
    producer._txn_manager.partition_added(partitions[1])
    await joining


async def test_a_partition_the_broker_refuses_ends_the_joining_before_anything_is_sent() -> None:
    producer = _Joining()
    joining = asyncio.create_task(join_transaction(producer, [TopicPartition("a", 0)]))
    await asyncio.sleep(0)
    producer._txn_manager.error_transaction(TopicAuthorizationFailedError("a"))
    with pytest.raises(TopicAuthorizationFailedError):
        await joining
