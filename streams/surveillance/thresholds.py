"""Thresholds: from when on and where a rule speaks, by which numbers, and where each number comes from."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from schemas.codec import dumps
from streams.rulebook.errors import Mistake
from streams.rulebook.reader import Document, mapping, validate
from streams.rulebook.regions import lookup_chain
from streams.rulebook.source import read_yaml
from streams.surveillance.facts import ItemCodes
from streams.surveillance.terms import HINTS, TERMS, WORDS, Header, Terms, numbers_of, period_days, reach_days

INSTALLED: Final = Path(__file__).parent / "thresholds"
RULES: Final = tuple(TERMS)
PERSON_RULES: Final = ("duplicate_report_fee", "split_charge", "repeat_scan", "contradiction")
CITY_RULES: Final = ("overcharge", "spend_spike", "out_of_scope_share", "indication_drift")

_ENTRY: Final = re.compile(rf"({'|'.join(RULES)})(-[a-z0-9]+)*")


class ThresholdsError(ValueError):
    """Thresholds by which nothing must be judged. `mistakes` holds all that were found, file by file, line by line."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = sorted(set(mistakes), key=lambda m: (m.file, m.line or 0, m.key, m.problem))
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))


@dataclass(frozen=True, slots=True)
class Threshold:
    """By what a rule judges in a region from a day on. `id` is `<file>/<entry>`; `numbers` by the name in the YAML."""

    id: str
    rule: str
    region: str | None
    effective_from: date
    effective_to: date | None
    origin: str
    severity: str
    numbers: Mapping[str, Decimal]
    codes: Mapping[str, frozenset[str]]

    def number(self, name: str) -> Decimal:
        return self.numbers[name]

    def whole(self, name: str) -> int:
        return int(self.numbers[name])

    @property
    def reach_days(self) -> int:
        """How far before the first day of its period the rule looks."""
        return reach_days(self.rule, self.numbers)

    @property
    def horizon_days(self) -> int:
        """How long facts are needed: as far as the rule looks back from the newest day of an event that comes late."""
        return self.reach_days + period_days(self.rule) + self.whole("late_days")

    def in_force(self, day: date) -> bool:
        return self.effective_from <= day and (self.effective_to is None or day < self.effective_to)


class Thresholds:
    """All thresholds as one immutable whole; `hash` is their version, of the form `sha256:<64 hex digits>`."""

    def __init__(self, entries: Iterable[Threshold], plain: Any) -> None:
        """`plain` is what the files say, as JSON would hold it: the version is its hash."""
        self.entries: Final = tuple(sorted(entries, key=lambda entry: entry.id))
        self.hash: Final = "sha256:" + hashlib.sha256(dumps(plain)).hexdigest()
        self.item_codes: Final = ItemCodes(self._codes("report_fee_codes"), self._codes("partial_scan_codes"))
        self._plain: Final = plain
        self._places: Final[defaultdict[tuple[str, str | None], list[Threshold]]] = defaultdict(list)
        for entry in self.entries:
            self._places[entry.rule, entry.region].append(entry)

    def of(self, rule: str, region: str, day: date) -> Threshold | None:
        """The most specific entry in force: district, city, province, then those without a region. None: silence."""
        for place in (*lookup_chain(region), None):
            for entry in self._places.get((rule, place), ()):
                if entry.in_force(day):
                    return entry
        return None

    @property
    def silent(self) -> tuple[str, ...]:
        """The rules that have no entry anywhere."""
        return tuple(rule for rule in RULES if all(entry.rule != rule for entry in self.entries))

    def person_horizon_days(self) -> int:
        """Facts of a person older than this before the newest day are expired."""
        return self._horizon(PERSON_RULES)

    def city_horizon_days(self) -> int:
        """Facts of a city older than this before the newest day are expired."""
        return self._horizon(CITY_RULES)

    def varied(self, rule: str, name: str, value: Decimal) -> Thresholds:
        """The same with one number of one rule changed everywhere.

        KeyError: no such rule or number. ValueError, with what is wrong: the number cannot have that value.
        """
        kind = numbers_of(rule)[name]
        if kind == "count" and (value != value.to_integral_value() or value < 1):
            raise ValueError("expected a whole number of 1 or more")
        if value < 0 or (kind == "share" and value > 1):
            raise ValueError("expected a number from 0 to 1" if kind == "share" else "expected a number not below 0")
        entries = [
            replace(entry, numbers={**entry.numbers, name: value}) if entry.rule == rule else entry
            for entry in self.entries
        ]
        return Thresholds(entries, {"varied": self._plain, "rule": rule, "name": name, "value": str(value)})

    def _codes(self, name: str) -> frozenset[str]:
        return frozenset().union(*(entry.codes.get(name, frozenset()) for entry in self.entries))

    def _horizon(self, rules: tuple[str, ...]) -> int:
        return max((entry.horizon_days for entry in self.entries if entry.rule in rules), default=0)


def load_thresholds(directory: Path | None = None) -> Thresholds:
    """All `*.yaml` of a folder; None: the installed ones. Raises ThresholdsError with every mistake of every file."""
    directory = INSTALLED if directory is None else directory
    mistakes: list[Mistake] = []
    entries: list[tuple[Document, Threshold]] = []
    plain: dict[str, Any] = {}
    for path in _files(directory):
        document = read_yaml(path)
        if document.data is not None:
            plain[path.name] = _read(document, path, entries)
        mistakes += document.mistakes
    mistakes += _overlaps(entries)
    if mistakes:
        raise ThresholdsError(mistakes)
    return Thresholds((entry for _, entry in entries), plain)


def _files(directory: Path) -> list[Path]:
    if not directory.is_dir():
        raise _unusable(directory, "is no folder", "name the folder that holds the thresholds")
    found = sorted(path for path in directory.iterdir() if not path.name.startswith("."))
    if misnamed := [path.name for path in found if path.suffix.lower() in {".yml", ".yaml"} and path.suffix != ".yaml"]:
        raise ThresholdsError(
            Mistake(name, None, "", "would not be read", f"rename it {Path(name).stem}.yaml") for name in misnamed
        )
    if files := [path for path in found if path.suffix == ".yaml"]:
        return files
    raise _unusable(directory, "holds no thresholds", "put at least one <id>.yaml into it")


def _unusable(directory: Path, problem: str, mend: str) -> ThresholdsError:
    return ThresholdsError([Mistake(str(directory), None, "", problem, mend)])


def _read(document: Document, path: Path, entries: list[tuple[Document, Threshold]]) -> dict[str, Any]:
    """What the file says as plain data; its sound entries are added to `entries`."""
    data: dict[str, Any] = document.data
    header = validate(document, Header, {k: v for k, v in data.items() if k != "entries"}, (), words=WORDS)
    if header is not None and header.id != path.stem:
        document.tell(
            ("id",), f"{header.id} is not the name of the file", f"name the file {header.id}.yaml, or correct the id"
        )
    said: dict[str, Any] = {} if header is None else header.model_dump(mode="json")
    for name, held in (mapping(document, ("entries",), HINTS) or {}).items():
        match = _ENTRY.fullmatch(name)
        if match is None:
            close = get_close_matches(name, RULES, n=1)
            mend = f"write {close[0]} if that is meant" if close else f"name it {', '.join(RULES[:-1])} or {RULES[-1]}"
            document.tell(("entries", name), "is no rule", f"{mend}; -<suffix> where a file has several of a rule")
            continue
        rule = match[1]
        terms = validate(document, TERMS[rule], held, ("entries", name), words=WORDS)
        if terms is None:
            continue
        if not _sound(document, terms, rule, ("entries", name)):
            continue
        said[name] = terms.model_dump(mode="json", exclude_none=True)
        entries.append((document, _threshold(f"{path.stem}/{name}", rule, terms)))
    return said


def _threshold(id: str, rule: str, terms: Terms) -> Threshold:
    return Threshold(
        id=id,
        rule=rule,
        region=terms.region,
        effective_from=terms.effective_from,
        effective_to=terms.effective_to,
        origin=terms.origin,
        severity=terms.severity,
        numbers=terms.numbers(),
        codes=terms.codes(),
    )


_NOT_ABOVE: Final = {
    "repeat_scan": ("short_window_days", "window_days"),
    "spend_spike": ("min_history_weeks", "history_weeks"),
}
"""Of a rule, a number that cannot be larger than another."""


def _sound(document: Document, terms: Terms, rule: str, path: tuple[str, ...]) -> bool:
    if rule not in _NOT_ABOVE:
        return True
    small, large = _NOT_ABOVE[rule]
    numbers = terms.numbers()
    if numbers[small] <= numbers[large]:
        return True
    document.tell((*path, small, "value"), f"is larger than {large}", f"write {numbers[large]} or less")
    return False


def _overlaps(entries: list[tuple[Document, Threshold]]) -> Iterable[Mistake]:
    seen: defaultdict[tuple[str, str | None], list[tuple[Document, Threshold]]] = defaultdict(list)
    for document, entry in entries:
        place = seen[entry.rule, entry.region]
        for _, other in place:
            if _meet(entry, other):
                path = ("entries", entry.id.partition("/")[2])
                where = f"in {entry.region}" if entry.region else "without a region"
                yield Mistake(
                    document.file,
                    document.line(path),
                    ".".join(path),
                    f"holds {where} on days on which {other.id} holds",
                    "let one end with effective_to where the other begins",
                )
        place.append((document, entry))


def _meet(one: Threshold, other: Threshold) -> bool:
    return (one.effective_to is None or other.effective_from < one.effective_to) and (
        other.effective_to is None or one.effective_from < other.effective_to
    )
