"""No change breaks who lives on a released version: schemas compared, golden events read, answers the same bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsoncompat
import pytest

from streams.contract.catalogue import BY_NAME, CONTRACTS, MAJOR, Contract, Role
from streams.contract.compare import Change, compare, compare_all
from streams.contract.golden import decided
from streams.contract.releases import Release, all_releases

RELEASES = [release for release in all_releases() if release.version.startswith(f"{MAJOR}.")]
NOW = {contract.name: contract.document() for contract in CONTRACTS}
PAIRS = [(release, contract) for release in RELEASES for contract in CONTRACTS if contract.name in release.schemas]
ROLES = {Role.INPUT: "deserializer", Role.OUTPUT: "serializer", Role.BOTH: "both"}

Schema = dict[str, Any]


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.version)
def test_a_release_never_changes(release: Release) -> None:
    assert release.altered() == []


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.version)
def test_nobody_who_lives_on_a_release_is_broken(release: Release) -> None:
    assert [str(change) for change in compare_all(release.schemas, NOW) if change.breaking] == []


@pytest.mark.parametrize(("release", "contract"), PAIRS, ids=lambda one: getattr(one, "version", None) or one.name)
def test_jsoncompat_agrees(release: Release, contract: Contract) -> None:
    """A second opinion by another hand. It is blind to patterns and defaults, which `compare` is not."""
    assert agrees(contract, release.schemas[contract.name], contract.document())


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.version)
def test_golden_events_are_read_and_give_the_same_bytes(release: Release) -> None:
    assert len(release.events) == len(release.outputs) > 50
    for number, (wanted, found) in enumerate(
        zip(release.outputs, decided(release.events, release.rulebook), strict=True), start=1
    ):
        assert found == wanted, f"{release.version}/golden/events.jsonl, line {number}"


def test_golden_events_of_the_first_release_are_of_every_kind() -> None:
    fates = {json.loads(line)["fate"] for line in RELEASES[0].outputs}
    assert fates == {"decided", "reversed", "refused", "passed_over", "dead_letter"}


# How a change is told: what it is, in which record, at which field, and by whom it must not be borne.


def _removed(schema: Schema) -> None:
    schema["$defs"]["Hospital"]["properties"].pop("ownership")
    schema["$defs"]["Hospital"]["required"].remove("ownership")


def _narrowed(schema: Schema) -> None:
    schema["$defs"]["Hospital"]["properties"]["level"]["enum"].remove("ungraded")


def _other_type(schema: Schema) -> None:
    schema["$defs"]["AdjustedLine"]["properties"]["fund_amount"] = {"type": "number"}


def _null_no_more(schema: Schema) -> None:
    schema["properties"]["account"]["anyOf"].pop()


def _number_no_more(schema: Schema) -> None:
    schema["$defs"]["LineItem"]["properties"]["amount"]["anyOf"].pop()


def _required_now(schema: Schema) -> None:
    schema["required"].append("filing")


def _missing_now(schema: Schema) -> None:
    schema["$defs"]["AdjustedLine"]["required"].remove("fund_amount")


def _one_more_value(schema: Schema) -> None:
    schema["$defs"]["AdjustedLine"]["properties"]["reasons"]["items"]["enum"].append("new_reason")


def _fewer_lines(schema: Schema) -> None:
    schema["properties"]["line_items"]["maxItems"] = 10


def _one_kind_less(schema: Schema) -> None:
    schema["$defs"]["DatedFiling"]["properties"]["kind"]["enum"].remove("temporary")


def _other_condition(schema: Schema) -> None:
    schema["properties"]["line_items"]["items"]["if"]["properties"]["item_code"]["enum"].append("9")


def _gone_from_a_disclosure(schema: Schema) -> None:
    schema["$defs"]["DisclosedExam"]["properties"].pop("surname")
    schema["$defs"]["DisclosedExam"]["required"].remove("surname")


PLATFORMS, READERS, PUBLIC = "settlement platforms", "platforms that read settlement.adjusted", "the disclosure board"
BREAKING: list[tuple[Callable[[Schema], None], str, str, str, str]] = [
    (_removed, "settlement.completed", "hospital.ownership", "removed", PLATFORMS),
    (_narrowed, "settlement.completed", "hospital.level", "no longer allows ungraded", PLATFORMS),
    (_other_type, "settlement.adjusted", "lines[].fund_amount", "type changed from string to number", READERS),
    (_null_no_more, "settlement.completed", "account", "may no longer be null", PLATFORMS),
    (_number_no_more, "settlement.completed", "line_items[].amount", "may no longer be number", PLATFORMS),
    (_required_now, "settlement.completed", "filing", "was optional, and is required now", PLATFORMS),
    (_missing_now, "settlement.adjusted", "lines[].fund_amount", "was always there, and may be missing", READERS),
    (_one_more_value, "settlement.adjusted", "lines[].reasons[]", "also allows new_reason", READERS),
    (_fewer_lines, "settlement.completed", "line_items", "maxItems changed from 1000 to 10", PLATFORMS),
    (_one_kind_less, "settlement.completed", "filing.kind", "no longer allows temporary", PLATFORMS),
    (_other_condition, "settlement.completed", "line_items[]", "if changed", PLATFORMS),
    (_gone_from_a_disclosure, "disclosure.published", "exams[].surname", "removed", PUBLIC),
]


@pytest.mark.parametrize(
    ("change", "record", "field", "what", "broken"), BREAKING, ids=[c[0].__name__ for c in BREAKING]
)
def test_a_breaking_change_is_told_with_its_field_and_whom_it_breaks(
    change: Callable[[Schema], None], record: str, field: str, what: str, broken: str
) -> None:
    contract, before = BY_NAME[record], NOW[record]
    after = deepcopy(before)
    change(after)

    told = [str(found) for found in compare(contract, before, after) if found.breaking]

    assert any(f"{record}: {field}: {what}" in line and broken in line for line in told), told
    # A field taken out of an open object is still let through, so that it is lost no schema can tell.
    assert agrees(contract, before, after) is (change is _removed)


def _pattern(schema: Schema) -> None:
    schema["$defs"]["Hospital"]["properties"]["region"]["pattern"] = "^33[0-9]{4}$"


def _default(schema: Schema) -> None:
    schema["properties"]["claim_channel"]["default"] = "manual"


@pytest.mark.parametrize(
    ("change", "field"), [(_pattern, "hospital.region"), (_default, "claim_channel")], ids=["pattern", "default"]
)
def test_what_jsoncompat_does_not_see_is_told_all_the_same(change: Callable[[Schema], None], field: str) -> None:
    contract = BY_NAME["settlement.completed"]
    after = deepcopy(NOW[contract.name])
    change(after)
    assert [found.field for found in compare(contract, NOW[contract.name], after) if found.breaking] == [field]
    assert agrees(contract, NOW[contract.name], after), "it has learnt: this test, and what is said of it, may go"


def _a_field_more(schema: Schema) -> None:
    schema["$defs"]["Hospital" if "Hospital" in schema["$defs"] else "AdjustedLine"]["properties"]["fresh"] = {
        "type": "string"
    }


def _a_value_more(schema: Schema) -> None:
    schema["$defs"]["Hospital"]["properties"]["level"]["enum"].append("community")


def _optional_now(schema: Schema) -> None:
    schema["$defs"]["Hospital"]["required"].remove("name")


@pytest.mark.parametrize(
    ("change", "record"),
    [
        (_a_field_more, "settlement.completed"),
        (_a_field_more, "settlement.adjusted"),
        (_a_value_more, "settlement.completed"),
        (_optional_now, "settlement.completed"),
    ],
)
def test_a_change_that_breaks_nobody_is_told_as_such(change: Callable[[Schema], None], record: str) -> None:
    contract, after = BY_NAME[record], deepcopy(NOW[record])
    change(after)
    (found,) = compare(contract, NOW[record], after)
    assert not found.breaking
    assert agrees(contract, NOW[record], after)


def test_a_record_that_is_no_longer_published_breaks_those_who_live_on_it() -> None:
    left = {name: schema for name, schema in NOW.items() if name != "disclosure.withdrawn"}
    (change,) = compare_all(NOW, left)
    assert change == Change(
        "disclosure.withdrawn", "", "is not published any more", True, BY_NAME["disclosure.withdrawn"].live_on_it
    )


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.name)
def test_no_keyword_of_our_schemas_escapes_the_comparison(contract: Contract) -> None:
    """Each one that says something about values, changed or taken away, makes a difference."""
    before = contract.document()
    for path in _keywords(before):
        after = deepcopy(before)
        place: Any = after
        for step in path[:-1]:
            place = place[step]
        del place[path[-1]]
        assert compare(contract, before, after), path


def test_a_file_of_a_release_that_was_altered_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.schema.json").write_text("{}")
    (tmp_path / "SHA256SUMS").write_text("0" * 64 + "  a.schema.json\n" + "0" * 64 + "  gone.schema.json\n")
    assert Release("1.0", tmp_path).altered() == ["a.schema.json", "gone.schema.json"]


def agrees(contract: Contract, before: Schema, after: Schema) -> bool:
    """What jsoncompat says, by the rule that a field may be added: an input's older documents hold no such name.

    Of what we write it takes every field that is added within an alternative (`anyOf`) for a break.
    """
    after = _without_what_was_added(before, after)
    old, new = ({key: value for key, value in schema.items() if key != "$id"} for schema in (before, after))
    return jsoncompat.check_compat(json.dumps(old), json.dumps(new), ROLES[contract.role])  # type: ignore[arg-type]


def _without_what_was_added(before: Any, after: Any) -> Any:
    if not isinstance(before, dict) or not isinstance(after, dict):
        return after
    kept = {key: _without_what_was_added(before.get(key), value) for key, value in after.items()}
    if isinstance(before.get("properties"), dict) and isinstance(after.get("properties"), dict):
        needed = after.get("required", ())
        kept["properties"] = {
            name: value for name, value in kept["properties"].items() if name in before["properties"] or name in needed
        }
    return kept


def _keywords(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    if isinstance(node, list):
        return [inner for i, item in enumerate(node) for inner in _keywords(item, (*path, i))]
    if not isinstance(node, dict):
        return []
    named = bool(path) and path[-1] in {"properties", "$defs", "patternProperties"}
    for key, value in node.items():
        says = key not in {"$schema", "$id", "$defs", "title", "description", "default", "$ref", "properties", "then"}
        if not named and says:
            found.append((*path, key))
        found += _keywords(value, (*path, key)) if key not in {"enum", "required", "if", "default"} else []
    return found
