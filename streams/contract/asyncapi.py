"""The AsyncAPI 3 document: every topic with its key, partitions, cleanup and headers, and what lies on it.

`action` is the worker's: it receives settlement events and sends the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from schemas.topics import (
    ADJUSTED,
    ALERTS,
    BOARD,
    CITIES,
    DEADLETTERS,
    DISCLOSURES,
    EVENTS,
    PERSONS,
    REPLAYS,
    RULEBOOK,
    TOPICS,
    Topic,
)
from streams.contract.catalogue import BY_NAME, CONTRACTS, VERSION, Contract, Part

BINDING: Final = "0.5.0"
FORMAT: Final = "application/schema+json;version=draft-07"
"""The published schemas are 2020-12, and use nothing that draft 7 reads otherwise: the newest that AsyncAPI names."""

UNWRITTEN: Final = frozenset({BOARD, PERSONS, CITIES})
"""Topics of the catalogue whose records no program writes but the one that reads them."""

_SAYS: Final = {
    EVENTS: "Settlements, reversals and voids as the platform sends them. Everything else is passed over.",
    ADJUSTED: "Who pays each fen of an examination, and why. One record a settlement, reversal or void.",
    DISCLOSURES: "What hospitals must publish of each examination, and its withdrawal.",
    DEADLETTERS: "What could not be decided, byte for byte, with the reason in headers: whole events of patients.",
    RULEBOOK: "Releases of the rulebook, in the order in which they were published.",
    ALERTS: "Findings of surveillance: a suspicion with its evidence, never a verdict; and how officers handled them.",
    REPLAYS: "How far replays have come, what each did, and what became of dead letters.",
}
_CLOUD_EVENTS: Final = (ADJUSTED, DISCLOSURES, ALERTS)
_HEADERS: Final = {DEADLETTERS: "deadletter.headers", RULEBOOK: "rulebook.headers"}
_NUMBERS: Final = frozenset({"retention.ms", "retention.bytes", "max.message.bytes"})


def asyncapi(examples: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The document. Schemas and examples lie beside it and are referred to, not repeated."""
    topics = [topic for topic in TOPICS.values() if topic.name not in UNWRITTEN]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "petct-settlement",
            "version": VERSION,
            "description": (
                "Decides PET-CT examinations in medical insurance settlements, exactly once and to the fen. Outputs "
                "appear in one transaction with the offset of their input: read them with "
                "isolation.level=read_committed, drop repeats by event_id, and ignore fields you do not know."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in topics},
        "operations": {_operation_id(topic): _operation(topic) for topic in topics},
        "components": {
            "messages": {name: message for topic in topics for name, message in _messages(topic, examples).items()}
        },
    }


def names_on(topic: str) -> list[str]:
    """The messages of a topic. Of a dead letter the value is whatever was sent; its headers tell."""
    if topic == DEADLETTERS:
        return ["deadletter"]
    return [contract.name for contract in CONTRACTS if contract.topic == topic and contract.part is Part.VALUE]


def _channel(topic: Topic) -> dict[str, Any]:
    partitions: dict[str, Any] = {} if topic.partitions == "input" else {"partitions": topic.partitions}
    configuration: dict[str, Any] = {"cleanup.policy": [topic.cleanup_policy]}
    for key, value in topic.config.items():
        configuration[key] = int(value) if key in _NUMBERS else value
    of_input = f"as many as {EVENTS}, and a record lies in the partition of its input"
    if topic.name == EVENTS:
        of_input = "yours to choose: a worker has a lane a partition"
    return {
        "address": topic.name,
        "description": _SAYS[topic.name],
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names_on(topic.name)},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                **partitions,
                "topicConfiguration": configuration,
                "bindingVersion": BINDING,
            }
        },
        "x-key": topic.key,
        "x-partitions": of_input if topic.partitions == "input" else str(topic.partitions),
    }


def _operation_id(topic: Topic) -> str:
    verb = "receive" if topic.name == EVENTS else "send"
    return verb + "".join(word.capitalize() for word in topic.name.removeprefix("settlement.").split("."))


def _operation(topic: Topic) -> dict[str, Any]:
    receives = topic.name == EVENTS
    group = {"groupId": {"type": "string", "default": "petct-settle"}} if receives else {}
    return {
        "action": "receive" if receives else "send",
        "channel": {"$ref": f"#/channels/{topic.name}"},
        "summary": _SAYS[topic.name],
        "messages": [{"$ref": f"#/channels/{topic.name}/messages/{name}"} for name in names_on(topic.name)],
        "bindings": {"kafka": {**group, "bindingVersion": BINDING}},
    }


def _messages(topic: Topic, examples: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {name: _message(topic, name, examples.get(name, {})) for name in names_on(topic.name)}


def _message(topic: Topic, name: str, shown: Mapping[str, Any]) -> dict[str, Any]:
    contract = BY_NAME.get(name)
    headers = "cloudevents.headers" if topic.name in _CLOUD_EVENTS else _HEADERS.get(topic.name)
    message: dict[str, Any] = {"name": name, "title": name}
    if contract is None:
        message |= {"summary": "the input's own bytes; null where withheld", "contentType": "application/octet-stream"}
    else:
        message |= {"summary": _summary(contract), "contentType": "application/json", "payload": _schema(contract)}
    if headers is not None:
        message["headers"] = _schema(BY_NAME[headers])
    message["bindings"] = {"kafka": {"key": {"type": "string", "description": topic.key}, "bindingVersion": BINDING}}
    if shown:
        message["x-examples"] = [{"$ref": f"./examples/{name}.{label}.json"} for label in shown]
    return message


def _summary(contract: Contract) -> str:
    return str(contract.document().get("description", contract.name))


def _schema(contract: Contract) -> dict[str, Any]:
    return {"schemaFormat": FORMAT, "schema": {"$ref": f"./{contract.file}"}}
