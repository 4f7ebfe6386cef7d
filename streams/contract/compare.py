"""What changed between two versions of a schema, field by field, and whom that would break.

Two questions, by who writes the record. An input may only be widened: a producer of the older version must be
understood (new schema as deserializer of old data). An output may only be narrowed, and gain fields: a consumer of the
older version must understand it (new schema as serializer for old readers). Two rules make that practicable:

- An optional field may be added anywhere. In inputs its name was ignored until now, so producers must not use names
  of their own in objects of the contract; consumers ignore fields they do not know.
- A field may not be removed, not even one that would still be let through: whoever sends it means something by it.

What this cannot judge (a changed pattern or condition, a keyword it does not know) it calls breaking.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from streams.contract.catalogue import BY_NAME, Contract, Role

Schema = Mapping[str, Any]

_ANNOTATIONS: Final = frozenset({"$schema", "$id", "$defs", "title", "description", "examples", "$comment"})
# Less is narrower for the upper ones, more is narrower for the lower ones.
_UPPER: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_LOWER: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_VALUES: Final = ("enum", "const")
_OPTIONS: Final = ("anyOf", "oneOf")
_INSIDE: Final = ("items", "additionalProperties", "propertyNames", "then", "else")
_NAMED_INSIDE: Final = ("patternProperties",)
_HANDLED: Final = frozenset(
    {*_ANNOTATIONS, *_UPPER, *_LOWER, *_VALUES, *_OPTIONS, *_INSIDE, *_NAMED_INSIDE, "$ref", "type", "properties"}
    | {"required", "allOf", "default"}
)


@dataclass(frozen=True, slots=True)
class Change:
    """One difference at one field. `breaking`: it may break those named in `breaks`."""

    record: str
    field: str
    what: str
    breaking: bool
    breaks: tuple[str, ...] = ()

    def __str__(self) -> str:
        told = f"{self.record}: {self.field or 'the record'}: {self.what}"
        return f"{told}; breaks {', '.join(self.breaks)}" if self.breaking else told


def compare(contract: Contract, old: Schema, new: Schema) -> list[Change]:
    """All differences of one record's schema, in the order of its fields."""
    pair = _Pair(old, new, contract.role)
    return [
        Change(contract.name, field, what, breaking, contract.live_on_it if breaking else ())
        for field, what, breaking in dict.fromkeys(pair.differences(old, new, ""))
    ]


def compare_all(old: Mapping[str, Schema], new: Mapping[str, Schema]) -> list[Change]:
    """Of all records of a version, by name."""
    changes: list[Change] = []
    for name, schema in old.items():
        contract = BY_NAME.get(name)
        if name not in new:
            breaks = contract.live_on_it if contract else ("whoever reads or writes it",)
            changes.append(Change(name, "", "is not published any more", True, breaks))
        elif contract is not None:
            changes += compare(contract, schema, new[name])
    changes += [Change(name, "", "is published for the first time", False) for name in new if name not in old]
    return changes


Difference = tuple[str, str, bool]


class _Pair:
    """Two whole schemas, in which `$ref` points into `$defs`."""

    def __init__(self, old: Schema, new: Schema, role: Role) -> None:
        self._old = old
        self._new = new
        self._reads = role in (Role.INPUT, Role.BOTH)
        self._writes = role in (Role.OUTPUT, Role.BOTH)
        self._under_way: set[tuple[str, str]] = set()

    def differences(self, old: Schema | bool, new: Schema | bool, field: str) -> Iterator[Difference]:
        if isinstance(old, bool) or isinstance(new, bool):
            yield from self._open_or_closed(old, new, field)
            return
        refs = (old.get("$ref", ""), new.get("$ref", ""))
        if refs in self._under_way and all(refs):
            return
        self._under_way.add(refs)
        old, new = _resolved(old, self._old), _resolved(new, self._new)
        if self._reads and old.get("default") != new.get("default"):
            yield field, f"left out, it meant {_told(old, 'default')} and means {_told(new, 'default')}", True
        optional = [any(key in schema for key in _OPTIONS) for schema in (old, new)]
        if any(optional):
            yield from self._options(old, new, field)
        if all(optional) or not any(optional):
            yield from self._plain(old, new, field)
        self._under_way.discard(refs)

    def _plain(self, old: Schema, new: Schema, field: str) -> Iterator[Difference]:
        yield from self._types(old, new, field)
        yield from self._values(old, new, field)
        yield from self._bounds(old, new, field)
        yield from self._properties(old, new, field)
        for key in _INSIDE:
            if key in old or key in new:
                inside = f"{field}[]" if key == "items" else f"{field}.*" if key.endswith("Properties") else field
                if key in old and key in new:
                    yield from self.differences(old[key], new[key], inside)
                else:
                    yield from self._keyword(key, old, new, inside)
        for key in _NAMED_INSIDE:
            before, after = old.get(key, {}), new.get(key, {})
            for name in before.keys() | after.keys():
                if name in before and name in after:
                    yield from self.differences(before[name], after[name], f"{field}.<{name}>")
                elif name in before:
                    yield self._narrowed(f"{field}.<{name}>", "names of this form are removed", also=True)
                else:
                    yield f"{field}.<{name}>", "names of this form are added", False
        yield from self._all_of(old, new, field)
        for key in sorted((old.keys() | new.keys()) - _HANDLED):
            if old.get(key) != new.get(key):
                yield from self._keyword(key, old, new, field)

    def _types(self, old: Schema, new: Schema, field: str) -> Iterator[Difference]:
        before, after = _types_of(old), _types_of(new)
        if before == after:
            return
        told = f"type changed from {_kinds(before)} to {_kinds(after)}"
        if before and after and before < after:
            yield self._widened(field, told)
        elif before and after and after < before:
            yield self._narrowed(field, told)
        else:
            yield field, told, True

    def _values(self, old: Schema, new: Schema, field: str) -> Iterator[Difference]:
        before, after = _values_of(old), _values_of(new)
        if before == after:
            return
        if before is None or after is None:
            told = "was any value, and is one of a list now" if before is None else "was one of a list, and is any now"
            yield self._narrowed(field, told) if before is None else self._widened(field, told)
            return
        if gone := [value for value in before if value not in after]:
            yield self._narrowed(field, f"no longer allows {_list(gone)}")
        if fresh := [value for value in after if value not in before]:
            yield self._widened(field, f"also allows {_list(fresh)}")

    def _bounds(self, old: Schema, new: Schema, field: str) -> Iterator[Difference]:
        for key in (*_UPPER, *_LOWER):
            before, after = old.get(key), new.get(key)
            if before == after:
                continue
            told = f"{key} changed from {_told(old, key)} to {_told(new, key)}"
            if after is None or (before is not None and (after > before) == (key in _UPPER)):
                yield self._widened(field, told)
            else:
                yield self._narrowed(field, told)

    def _properties(self, old: Schema, new: Schema, field: str) -> Iterator[Difference]:
        before, after = old.get("properties", {}), new.get("properties", {})
        needed_before, needed_after = set(old.get("required", ())), set(new.get("required", ()))
        for name in before:
            path = f"{field}.{name}" if field else name
            if name not in after:
                yield path, "removed", True
                continue
            yield from self.differences(before[name], after[name], path)
            if name in needed_after - needed_before:
                yield self._narrowed(path, "was optional, and is required now")
            elif name in needed_before - needed_after:
                yield self._widened(path, "was always there, and may be missing now")
        for name in after:
            if name not in before:
                path = f"{field}.{name}" if field else name
                if name in needed_after:
                    yield self._narrowed(path, "added, and required")
                else:
                    yield path, "added, optional", False
        for name in sorted(needed_after - needed_before - after.keys()):
            yield self._narrowed(f"{field}.{name}" if field else name, "is required now")
        for name in sorted(needed_before - needed_after - before.keys()):
            yield self._widened(f"{field}.{name}" if field else name, "may be missing now")

    def _options(self, old: Schema, new: Schema, field: str) -> Iterator[Difference]:
        """Alternatives, paired by what tells them apart; what is neither here nor there was removed or added."""
        before, after = self._alternatives(old, self._old), self._alternatives(new, self._new)
        gone, fresh = [key for key in before if key not in after], [key for key in after if key not in before]
        if len(gone) == len(fresh) == 1 and "null" not in (*gone, *fresh):
            # The one that is left of each is the same, changed.
            yield from self.differences(before.pop(gone[0]), after.pop(fresh[0]), field)
            gone, fresh = [], []
        for key in gone:
            yield self._narrowed(field, f"may no longer be {key}")
        for key in fresh:
            yield self._widened(field, f"may also be {key}")
        for key in before:
            if key in after:
                yield from self.differences(before[key], after[key], field)

    def _alternatives(self, schema: Schema, whole: Schema) -> dict[str, Schema]:
        options = next((schema[key] for key in _OPTIONS if key in schema), [schema])
        found: dict[str, Schema] = {}
        for option in options:
            resolved = _resolved(option, whole)
            label = _label(resolved)
            twin = found.get(label)
            values = [_values_of(one) for one in (twin or {}, resolved)]
            if twin is not None and values[0] is not None and values[1] is not None:
                # Lists of values side by side are one list.
                resolved = {"type": resolved.get("type", []), "enum": [*values[0], *values[1]]}
            elif twin is not None:
                label = f"{label} ({len(found)})"
            found[label] = resolved
        return found

    def _all_of(self, old: Schema, new: Schema, field: str) -> Iterator[Difference]:
        before, after = old.get("allOf", []), new.get("allOf", [])
        left = list(after)
        for part in before:
            twin = next((other for other in left if other.get("if") == part.get("if")), None)
            if twin is None:
                yield field, "a condition was removed or changed", True
            else:
                left.remove(twin)
                yield from self.differences(part, twin, field)
        for part in left:
            yield self._narrowed(field, f"a condition was added: {part.get('if', part)}")

    def _open_or_closed(self, old: Schema | bool, new: Schema | bool, field: str) -> Iterator[Difference]:
        if old == new:
            return
        if new is False or old is True:
            yield self._narrowed(field, "fields that are not stated are no longer allowed")
        elif new is True or old is False:
            yield self._widened(field, "fields that are not stated are allowed now")
        else:
            yield field, "changed", True

    def _keyword(self, key: str, old: Schema, new: Schema, field: str) -> Iterator[Difference]:
        told = f"{key} changed from {_told(old, key)} to {_told(new, key)}"
        if key not in old:
            yield self._narrowed(field, told)
        elif key not in new:
            yield self._widened(field, told)
        else:
            yield field, told, True

    def _narrowed(self, field: str, what: str, *, also: bool = False) -> Difference:
        return field, what, self._reads or also

    def _widened(self, field: str, what: str) -> Difference:
        return field, what, self._writes


def _resolved(schema: Schema, whole: Schema) -> Schema:
    """What `$ref` points to, with what stands beside it."""
    if "$ref" not in schema:
        return schema
    target: Schema = whole["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    beside = {key: value for key, value in schema.items() if key != "$ref"}
    return {**_resolved(target, whole), **beside}


def _types_of(schema: Schema) -> frozenset[str]:
    kind = schema.get("type", [])
    kinds = {kind} if isinstance(kind, str) else set(kind)
    # Every integer is a number.
    return frozenset(kinds | {"integer"} if "number" in kinds else kinds)


def _values_of(schema: Schema) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _label(schema: Schema) -> str:
    """What tells an alternative apart from its siblings: the fields of one value, else its type."""
    fixed = {
        name: value["const"]
        for name, value in schema.get("properties", {}).items()
        if isinstance(value, Mapping) and "const" in value
    }
    if fixed:
        return ", ".join(f"{name} {value}" for name, value in fixed.items())
    kinds = schema.get("type", "anything")
    return kinds if isinstance(kinds, str) else _list(kinds)


def _kinds(types: frozenset[str]) -> str:
    return _list(types - {"integer"} if "number" in types else types)


def _list(values: Any) -> str:
    return ", ".join(map(str, sorted(values, key=str))) or "anything"


def _told(schema: Schema, key: str) -> str:
    return repr(schema[key]) if key in schema else "none"
