"""A broker inside this process, for the demo and quick tests: librdkafka's mock cluster, from confluent-kafka's wheel.

It serves any client on the loopback address: produce, fetch, groups, static membership, idempotence, transactions.
It keeps everything in memory and forgets it at the end. Where it is no Kafka:
topics cannot be created (first use makes one, always with 4 partitions); offsets sent within a transaction are
accepted but not stored, so a restarted worker begins from the beginning; a second owner of a transactional id does not
fence the first; the records of an aborted transaction stay visible to everyone; a static member is let back in only
when its session has ended, and a session of less than 3 s never begins. What depends on these belongs on a real Kafka.
"""

from types import TracebackType
from typing import Final, Self

try:
    from confluent_kafka import Producer
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "the embedded broker needs confluent-kafka: pip install 'petct-settlement[demo]'", name=missing.name
    ) from missing

PARTITIONS: Final = 4


class EmbeddedBroker:
    """``with EmbeddedBroker() as broker: connect(broker.bootstrap_servers)``.

    `partitions` states what the caller counts on. Raises ValueError for another number than the 4 there are.
    """

    def __init__(self, partitions: int = PARTITIONS) -> None:
        if partitions != PARTITIONS:
            raise ValueError(f"every topic of the embedded broker has {PARTITIONS} partitions, not {partitions}")
        self._host: Producer | None = None
        self.bootstrap_servers = ""

    def __enter__(self) -> Self:
        # log_level: it would announce itself on standard error.
        self._host = Producer({"test.mock.num.brokers": 1, "log_level": 0})
        brokers = self._host.list_topics(timeout=10).brokers.values()
        self.bootstrap_servers = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._host = None  # the last reference: librdkafka ends the cluster with its client
        self.bootstrap_servers = ""
