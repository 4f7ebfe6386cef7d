"""Requests of Kafka's protocol that aiokafka does not have, or whose answers it cuts short.

Each in one version, which every Kafka from 3.3 to 4.x takes (all but DescribeQuorum from 3.0).
"""

from __future__ import annotations

from typing import Any, Final

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.metadata import MetadataResponse_v5
from aiokafka.protocol.types import (
    Array,
    Boolean,
    Bytes,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Int64,
    Schema,
    String,
    TaggedFields,
)

from streams.bus.doctor.facts import Operation

NOT_TOLD: Final = -(2**31)
"""Authorised operations that the broker does not tell."""

_BROKERS: Final = dict(zip(MetadataResponse_v5.SCHEMA.names, MetadataResponse_v5.SCHEMA.fields, strict=True))["brokers"]


class _TopicsResponse(Response):  # type: ignore[misc] # aiokafka ships no types
    API_KEY = 3
    API_VERSION = 8
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("brokers", _BROKERS),
        ("cluster_id", String("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            Array(
                ("error_code", Int16),
                ("name", String("utf-8")),
                ("is_internal", Boolean),
                (
                    "partitions",
                    Array(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", Array(Int32)),
                        ("isr", Array(Int32)),
                        ("offline_replicas", Array(Int32)),
                    ),
                ),
                ("operations", Int32),
            ),
        ),
        ("cluster_operations", Int32),
    )


class _TopicsRequest(RequestStruct):  # type: ignore[misc] # aiokafka ships no types
    API_KEY = 3
    API_VERSION = 8
    RESPONSE_TYPE = _TopicsResponse
    SCHEMA = Schema(
        ("topics", Array(String("utf-8"))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_operations", Boolean),
        ("include_topic_operations", Boolean),
    )


class DescribeTopics(Request[_TopicsRequest]):  # type: ignore[misc] # aiokafka ships no types
    """Topics by name with what we may do with them. None that is missing gets made."""

    API_KEY = 3

    def __init__(self, topics: list[str]) -> None:
        self._topics = topics

    def build(self, request_struct_class: type[_TopicsRequest]) -> _TopicsRequest:
        return request_struct_class(self._topics, False, False, True)


class _GroupResponse(Response):  # type: ignore[misc] # aiokafka ships no types
    API_KEY = 15
    API_VERSION = 3
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "groups",
            Array(
                ("error_code", Int16),
                ("group", String("utf-8")),
                ("state", String("utf-8")),
                ("protocol_type", String("utf-8")),
                ("protocol", String("utf-8")),
                (
                    "members",
                    Array(
                        ("member_id", String("utf-8")),
                        ("client_id", String("utf-8")),
                        ("client_host", String("utf-8")),
                        ("member_metadata", Bytes),
                        ("member_assignment", Bytes),
                    ),
                ),
                ("operations", Int32),
            ),
        ),
    )


class _GroupRequest(RequestStruct):  # type: ignore[misc] # aiokafka ships no types
    API_KEY = 15
    API_VERSION = 3
    RESPONSE_TYPE = _GroupResponse
    SCHEMA = Schema(("groups", Array(String("utf-8"))), ("include_operations", Boolean))


class DescribeGroup(Request[_GroupRequest]):  # type: ignore[misc] # aiokafka ships no types
    """One group with what we may do with it."""

    API_KEY = 15

    def __init__(self, group: str) -> None:
        self._group = group

    def build(self, request_struct_class: type[_GroupRequest]) -> _GroupRequest:
        return request_struct_class([self._group], True)


_REPLICAS: Final = CompactArray(
    ("replica_id", Int32),
    ("log_end_offset", Int64),
    ("last_fetch_ms", Int64),
    ("last_caught_up_ms", Int64),
    ("tags", TaggedFields),
)


class _QuorumResponse(Response):  # type: ignore[misc] # aiokafka ships no types
    API_KEY = 55
    API_VERSION = 1
    SCHEMA = Schema(
        ("error_code", Int16),
        (
            "topics",
            CompactArray(
                ("name", CompactString("utf-8")),
                (
                    "partitions",
                    CompactArray(
                        ("partition", Int32),
                        ("error_code", Int16),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("high_watermark", Int64),
                        ("voters", _REPLICAS),
                        ("observers", _REPLICAS),
                        ("tags", TaggedFields),
                    ),
                ),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _QuorumRequest(RequestStruct):  # type: ignore[misc] # aiokafka ships no types
    FLEXIBLE_VERSION = True
    API_KEY = 55
    API_VERSION = 1
    RESPONSE_TYPE = _QuorumResponse
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(
                ("name", CompactString("utf-8")),
                ("partitions", CompactArray(("partition", Int32), ("tags", TaggedFields))),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class DescribeQuorum(Request[_QuorumRequest]):  # type: ignore[misc] # aiokafka ships no types
    """The controllers, of which the leader gives its own time: nothing else in the protocol tells a clock for free."""

    API_KEY = 55

    def build(self, request_struct_class: type[_QuorumRequest]) -> _QuorumRequest:
        return request_struct_class([("__cluster_metadata", [(0, {})], {})], {})


def leader_time_ms(answer: Any) -> int | None:
    """The leader's clock in milliseconds since 1970, out of an answer to DescribeQuorum; None: it is not told."""
    for _name, partitions, _tags in answer.topics or ():
        for _partition, error, leader, _epoch, _mark, voters, _observers, _ptags in partitions:
            for replica, _end, fetched_ms, _caught_up, _rtags in voters:
                if not error and replica == leader and fetched_ms > 0:
                    return int(fetched_ms)
    return None


def operations(bits: int) -> frozenset[Operation] | None:
    """Which operations a bit field of the broker names; None: it is not told."""
    if bits == NOT_TOLD:
        return None
    return frozenset(operation for operation in Operation if bits & (1 << operation))


_LIST_TRANSACTIONS: Final = 66
_FETCH: Final = 1


def version(apis: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """The newest release a broker is for certain, by the requests it takes (lowest and highest version of each).

    Kafka does not tell its version. 3.0 brought ListTransactions; 4.0 took the first four versions of Fetch away.
    """
    if _LIST_TRANSACTIONS not in apis:
        return (0, 0)
    return (4, 0) if apis[_FETCH][0] >= 4 else (3, 0)
