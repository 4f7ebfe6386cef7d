"""`petct schemas register` on a real registry, Apicurio; what it gives back is what was published."""

from __future__ import annotations

import json
import os
import re
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner, Result

from ops.kafka.broker import CHECKOUT, KafkaUnavailableError, free_port
from ops.registry.apicurio import Apicurio
from schemas.topics import ADJUSTED, ALERTS, DISCLOSURES, EVENTS, REPLAYS, RULEBOOK
from streams.cli.app import app
from streams.contract.catalogue import CONTRACTS, Part
from streams.contract.examples import examples
from streams.contract.registry import of_topic, subjects

EXAMPLES = examples()
TOPICS = [EVENTS, ADJUSTED, DISCLOSURES, ALERTS, RULEBOOK, REPLAYS]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Apicurio]:
    """Needs what a real Kafka needs; where that is required, so is this."""
    try:
        with Apicurio(tmp_path_factory.mktemp("registry")) as running:
            yield running
    except KafkaUnavailableError as error:
        if os.environ.get("REQUIRE_KAFKA") == "1":
            pytest.fail(f"REQUIRE_KAFKA=1, and there is no registry: {error}", pytrace=False)
        pytest.skip(f"no registry: {error}")


def register(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["schemas", "register", *arguments], env={"COLUMNS": "300"})


def got(registry: Apicurio, path: str) -> Any:
    with urllib.request.urlopen(f"{registry.url}{path}", timeout=30) as answer:
        return json.load(answer)


@pytest.mark.slow
def test_every_topic_is_registered_once_and_given_back_as_it_is(registry: Apicurio) -> None:
    first, second = register(registry.url, "--json"), register(registry.url, "--json")
    assert (first.exit_code, second.exit_code) == (0, 0), first.stderr
    told = json.loads(first.stdout)
    assert told == json.loads(second.stdout), "registered again, it is the same"
    assert [one["subject"] for one in told] == [f"{topic}-value" for topic in TOPICS]
    assert set(got(registry, "/subjects")) >= {f"{topic}-value" for topic in TOPICS}

    for one in told:
        found = got(registry, f"/subjects/{one['subject']}/versions/latest")
        assert (found["id"], found["version"], found["schemaType"]) == (one["id"], 1, "JSON")
        assert json.loads(found["schema"]) == subjects()[one["subject"]]


@pytest.mark.slow
def test_the_command_of_the_page_runs_but_for_the_address(registry: Apicurio) -> None:
    page = (CHECKOUT / "docs" / "compatibility.md").read_text("utf-8")
    (command,) = re.findall(r"^petct schemas register (\S+)$", page, re.MULTILINE)
    assert command.endswith("/apis/ccompat/v7")
    assert register(registry.url, "--prefix", "page.").exit_code == 0


@pytest.mark.slow
def test_a_changed_schema_is_the_next_version(registry: Apicurio, monkeypatch: pytest.MonkeyPatch) -> None:
    assert register(registry.url, "--prefix", "t.").exit_code == 0
    changed = {**of_topic(DISCLOSURES), "description": "changed"}
    monkeypatch.setattr("streams.contract.registry.subjects", lambda prefix: {f"{prefix}{DISCLOSURES}-value": changed})
    done = register(registry.url, "--prefix", "t.")
    assert done.exit_code == 0
    assert done.stdout.startswith(f"t.{DISCLOSURES}-value: version 2, id ")


@pytest.mark.slow
def test_what_the_registry_refuses_is_told(registry: Apicurio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.contract.registry.subjects", lambda prefix: {"bad-value": {"type": 7}})
    done = register(registry.url)
    assert done.exit_code == 1
    assert "bad-value: the registry refuses it, status 4" in done.stderr


@pytest.mark.parametrize("url", ["localhost:8081", "ftp://localhost"])
def test_what_is_no_address_is_told(url: str) -> None:
    done = register(url)
    assert (done.exit_code, "begins with http:// or https://" in done.stderr) == (1, True)


def test_nobody_there_is_told() -> None:
    done = register(f"http://127.0.0.1:{free_port()}")
    assert (done.exit_code, "does not answer as a registry does" in done.stderr) == (1, True)


@pytest.mark.parametrize("topic", TOPICS)
def test_the_schema_of_a_topic_takes_its_records_and_no_other(topic: str) -> None:
    schema = of_topic(topic)
    Draft202012Validator.check_schema(schema)
    valid = Draft202012Validator(schema).is_valid
    for contract in CONTRACTS:
        if contract.part is Part.VALUE:
            for label, example in EXAMPLES[contract.name].items():
                assert valid(example) is (contract.topic == topic), (contract.name, label)
