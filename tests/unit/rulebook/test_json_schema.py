"""The JSON Schema agrees with the loader as far as one file's shape goes, and the published file is that schema."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from streams.rulebook.json_schema import FILES, PUBLISHED, exams_schema, notice_schema, written
from streams.rulebook.loader import NOTICES
from streams.rulebook.source import read_yaml
from tests.unit.cli.conftest import Petct, petct

__all__ = ["petct"]

BAD = Path(__file__).parent / "bad_notices"

# What is no matter of one value's shape: other files, other values, the file itself, YAML's own rules, the calendar.
BEYOND = {
    "assistance-both-known-and-unknown",
    "assistance-without-terms",
    "band-after-the-open-end",
    "band-upside-down",
    "bands-end",
    "bands-leave-a-hole",
    "bands-not-ascending",
    "bands-overlap",
    "binds-nobody",
    "bucket-of-the-other-scheme",
    "bucket-without-range",
    "cap-of-a-scheme-without-bucket",
    "city-above-the-ceiling",
    "document-required-twice",
    "duplicate-entry",
    "duplicate-key",
    "ends-before-it-begins",
    "factor-twice",
    "file-name-is-not-the-id",
    "indication-in-no-group",
    "indication-in-two-groups",
    "indication-twice-in-a-group",
    "no-bands",
    "no-bucket",
    "overlap",
    "overlap-on-the-same-day",
    "payout-ends-before-it-begins",
    "price-of-nothing",
    "range-upside-down",
    "range-without-bucket",
    "region-of-no-municipality",
    "reviewed-before-it-begins",
    "unknown-exam",
}


def plain(path: Path) -> Any:
    """As an editor sees it: dates are text. None where the file is no plain YAML."""
    return read_yaml(path).data


@pytest.fixture(scope="module")
def notice() -> Draft202012Validator:
    schema = notice_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


@pytest.mark.parametrize("path", sorted(NOTICES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_installed_notice_is_valid(notice: Draft202012Validator, path: Path) -> None:
    assert [error.message for error in notice.iter_errors(plain(path))] == []


# Where the file is no plain YAML, an editor says so without a schema.
@pytest.mark.parametrize("case", sorted(path.stem for path in BAD.glob("*.yaml") if plain(path) is not None))
def test_a_mistake_of_shape_is_seen_by_the_schema_too(notice: Draft202012Validator, case: str) -> None:
    assert notice.is_valid(plain(BAD / f"{case}.yaml")) is (case in BEYOND)


def test_the_examinations_are_valid_and_a_wrong_one_is_not() -> None:
    schema = exams_schema()
    Draft202012Validator.check_schema(schema)
    data = plain(NOTICES.parent / "exams.yaml")
    assert Draft202012Validator(schema).is_valid(data)
    data["exams"]["petct_whole_body"]["codes"][0]["code"] = "petct"
    assert not Draft202012Validator(schema).is_valid(data)


def test_the_published_files_are_these_schemas() -> None:
    """Written by: python -m streams.rulebook.json_schema"""
    assert (PUBLISHED / FILES["notice"]).read_text("utf-8") == written(notice_schema())
    assert (PUBLISHED / FILES["exams"]).read_text("utf-8") == written(exams_schema())


def test_the_command_prints_them(petct: Petct) -> None:
    assert petct("rulebook", "schema").stdout.decode() == written(notice_schema())
    assert petct("rulebook", "schema", "--exams").stdout.decode() == written(exams_schema())


def test_an_editor_is_told_what_a_key_is_for() -> None:
    entry = notice_schema()["$defs"]["PriceEntry"]
    assert entry["properties"]["unit_price"]["description"]
    assert entry["properties"]["role"]["enum"] == ["price", "ceiling"]
    assert "authority" not in entry["required"]
