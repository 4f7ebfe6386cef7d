"""What is published is what the program does: schemas, examples, AsyncAPI document and page."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator
from referencing import Registry, Resource

from ops.kafka.broker import CHECKOUT
from schemas.topics import TOPICS
from streams.contract import page, published
from streams.contract.asyncapi import UNWRITTEN, asyncapi, names_on
from streams.contract.catalogue import BY_NAME, CONTRACTS, Part
from streams.contract.examples import examples, headers
from tests.builders import event, process, reversal, void

EXAMPLES = examples()
ALL = [(name, label, example) for name, shown in EXAMPLES.items() for label, example in shown.items()]


def test_the_published_files_are_up_to_date() -> None:
    assert published.drift() == [], "petct schemas export schemas/published/v1"


def test_the_page_is_up_to_date() -> None:
    assert (CHECKOUT / "docs" / "records.md").read_text("utf-8") == page.page(), (
        "python -m streams.contract.page > docs/records.md"
    )


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.name)
def test_every_record_has_a_valid_schema_and_an_example(contract: Any) -> None:
    Draft202012Validator.check_schema(contract.document())
    assert EXAMPLES[contract.name]


@pytest.mark.parametrize(("name", "example"), [(name, example) for name, _, example in ALL], ids=[a[1] for a in ALL])
def test_every_example_is_valid(name: str, example: Any) -> None:
    Draft202012Validator(BY_NAME[name].document(), format_checker=Draft202012Validator.FORMAT_CHECKER).validate(example)


def test_no_record_is_valid_as_another_one() -> None:
    """So that a reader may tell them apart by the schema alone."""
    records = {name for name in EXAMPLES if BY_NAME[name].part is Part.VALUE}
    for name in records:
        valid = Draft202012Validator(BY_NAME[name].document()).is_valid
        for other in records - {name}:
            for label, example in EXAMPLES[other].items():
                assert not valid(example), (name, other, label)


@pytest.mark.parametrize("made", [event(), reversal(), void(), event(hospital={"level": "huge"})])
def test_the_headers_of_real_outputs_are_valid(made: dict[str, Any]) -> None:
    for output in process(made).outputs:
        name = "deadletter.headers" if output.topic.endswith("deadletters") else "cloudevents.headers"
        Draft202012Validator(BY_NAME[name].document()).validate(headers(output.headers))


def test_every_topic_is_described_with_its_records() -> None:
    document = asyncapi(EXAMPLES)
    assert document["channels"].keys() == TOPICS.keys() - UNWRITTEN
    for name in document["channels"]:
        assert names_on(name), name
    on_topics = {contract.topic for contract in CONTRACTS if contract.topic is not None}
    assert on_topics == document["channels"].keys()


def test_the_asyncapi_document_is_valid_by_the_official_schema(official_asyncapi: dict[str, Any]) -> None:
    document = json.loads((published.CURRENT / published.ASYNCAPI).read_text("utf-8"))
    official = Draft7Validator(official_asyncapi)
    assert [f"{error.json_path}: {error.message}" for error in official.iter_errors(document)] == []

    wrong = deepcopy(document)
    wrong["channels"]["settlement.adjusted"]["bindings"]["kafka"]["topicConfiguration"]["cleanup.policy"] = "compact"
    assert [error.json_path for error in official.iter_errors(wrong)] != [], "it looks into the Kafka bindings"


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    document = json.loads((published.CURRENT / published.ASYNCAPI).read_text("utf-8"))
    registry: Registry[Any] = Registry().with_resource("here", Resource.opaque(document))
    references = _references(document)
    assert len(references) > 50
    for reference in references:
        if reference.startswith("#"):
            registry.resolver("here").lookup(reference)
        else:
            assert (published.CURRENT / reference).is_file(), reference


def _references(node: Any) -> list[str]:
    if isinstance(node, list):
        return [reference for item in node for reference in _references(item)]
    if isinstance(node, dict):
        return [node["$ref"]] if isinstance(node.get("$ref"), str) else _references(list(node.values()))
    return []
