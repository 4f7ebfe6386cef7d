"""Plain data in, checked entries out: the same reading for a notice file and for a release on the bus.

Everything that is wrong is told at once; nothing is defaulted, guessed or dropped.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from streams.rulebook.errors import Mistake
from streams.rulebook.fields import AUTHORITIES, Path
from streams.rulebook.wire import BENEFITS, ENTRIES, Entry, ExamEntry, NoticeHeader, Wire, WireNotice

KINDS: Final = ("price", "coverage", "benefit", "disclosure", "out_of_area_factors", "monitoring")
_ENTRY_NAME: Final = re.compile(rf"({'|'.join(KINDS)})(-[a-z0-9]+(?:-[a-z0-9]+)*)?")

HINTS: Final[dict[str, str]] = {
    "id": "its id, which is also the name of the file, such as hz-2021-30",
    "title": "the title of the document",
    "source": "the number or name of the document it comes from, such as 杭医保〔2021〕30号",
    "clause": "the clause of the document, such as 二",
    "says": "the few words of the document that state it",
    "authority": "official, press or article",
    "region": 'the six-digit region it holds for, such as "330100"',
    "exam": "the examination it is about, such as petct_whole_body",
    "effective_from": "the first day it applies, such as 2021-06-30",
    "reviewed_until": "the day by which someone must look whether it still holds",
    "found": "where its text or figures were found",
    "unit_price": 'yuan for one examination, such as "5300.00"',
    "role": "price, or ceiling where cities may set less",
    "binds": "the hospitals it binds: public, public_equivalent, private",
    "schemes": "the schemes it holds for: employee, resident",
    "excluded": "the indications that are not paid for",
    "doubtful": "the indications the text does not decide",
    "covered": "the indications that are paid for",
    "buckets": "the fund that pays each scheme, such as employee: hifob_pay",
    "ratio": 'the share that is paid, such as "0.75", or unknown in a band',
    "surname_policy": "as_ordered, or mask_rare: surnames few people bear are published as ＊",
    "age_top": "the age from which only `that or more` is published, such as 90",
    "entries": "what the notice orders: price, coverage, benefit and so on",
}
M = TypeVar("M", bound=Wire)


@dataclass(frozen=True, slots=True)
class Words:
    """Of a kind of file: what its keys are to hold, which keys it knows, and how to write those that are mappings."""

    hints: Mapping[str, str]
    keys: Collection[str]
    mappings: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Document:
    """One file or release: its data, the lines its values stand on, and what was found wrong with it."""

    file: str
    data: Any
    lines: Mapping[Path, int] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)

    def tell(self, path: Path, problem: str, mend: str) -> None:
        self.mistakes.append(Mistake(self.file, self.line(path), dotted(path), problem, mend))

    def line(self, path: Path) -> int | None:
        """The line of a value, or of the nearest one around it."""
        return next((self.lines[path[:n]] for n in range(len(path), -1, -1) if path[:n] in self.lines), None)


def dotted(path: Path) -> str:
    """`bands[1].upper`, as a person would name it."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def read_notice(document: Document, exams: Collection[str], prefix: Path = ()) -> WireNotice | None:
    """The notice at `prefix` of the document with its sound entries, None where its header is not sound.

    What is wrong is told on the document; the sound rest is for checks across entries only. An entry without
    `authority` has its notice's.
    """
    data = mapping(document, prefix)
    if data is None:
        return None
    header = validate(document, NoticeHeader, {k: v for k, v in data.items() if k != "entries"}, prefix, exams)
    held = mapping(document, (*prefix, "entries")) or {}
    # A wrong authority of the notice is told once, not again for each entry.
    authority = next((known for known in AUTHORITIES if known == data.get("authority")), AUTHORITIES[0])
    entries = {name: _entry(document, (*prefix, "entries", name), authority, exams) for name in held}
    if header is None:
        return None
    return WireNotice(header, {name: entry for name, entry in entries.items() if entry is not None})


def read_exams(document: Document, prefix: Path = ("exams",)) -> dict[str, ExamEntry]:
    exams: dict[str, ExamEntry] = {}
    owner: dict[str, str] = {}
    for id, data in (mapping(document, prefix) or {}).items():
        exam = validate(document, ExamEntry, data, (*prefix, id), ())
        if exam is None:
            continue
        exams[id] = exam
        for at, item in enumerate(exam.codes):
            path = (*prefix, id, "codes", at, "code")
            if owner.setdefault(item.code, id) != id:
                document.tell(path, f"{item.code} is a code of {owner[item.code]} already", "leave one of them away")
            elif any(item.meets(before) for before in exam.codes[:at]):
                where = f"in {item.region}" if item.region else "wherever no entry of it names a region"
                document.tell(
                    path,
                    f"{item.code} is listed a second time for the same days {where}",
                    "leave one of them away, or let one end with effective_to where the other begins",
                )
    return exams


def named_exams(document: Document) -> Collection[str]:
    """All examinations the document names, sound or not: a mistake in one is told once, not again at each rule."""
    exams = document.data.get("exams") if isinstance(document.data, dict) else None
    return exams if isinstance(exams, dict) else ()


def kind_of(entry: str) -> str:
    return entry.partition("-")[0]


def mapping(document: Document, path: Path, hints: Mapping[str, str] = HINTS) -> dict[str, Any] | None:
    """What lies at `path`, where that is a mapping with something in it; else None, and the mistake is told."""
    data = document.data
    for step in path:
        if not isinstance(data, dict) or step not in data:
            document.tell(path, "is missing", f"add it: {hints.get(str(step), 'every rulebook has one')}")
            return None
        data = data[step]
    if not isinstance(data, dict):
        document.tell(path, "is not a mapping of keys to values", "write `key: value` lines")
        return None
    if not data:
        document.tell(path, "is empty", "write what it must hold, or delete it")
        return None
    return data


def _entry(document: Document, path: Path, authority: str, exams: Collection[str]) -> Entry | None:
    name = path[-1]
    if not isinstance(name, str) or not _ENTRY_NAME.fullmatch(name):
        document.tell(
            path,
            "is no kind of entry",
            f"name it {', '.join(KINDS[:-1])} or {KINDS[-1]}, with -<suffix> where one notice has several of a kind",
        )
        return None
    data = mapping(document, path)
    if data is None:
        return None
    data = {"authority": authority, **data}
    if kind_of(name) != "benefit":
        return validate(document, ENTRIES[kind_of(name)], data, path, exams)
    kind = data.get("kind")
    if not isinstance(kind, str) or kind not in BENEFITS:
        problem = "is missing" if kind is None else f"{kind!r} is not a kind of benefit"
        document.tell((*path, "kind"), problem, f"write one of {', '.join(BENEFITS)}")
        return None
    return validate(document, BENEFITS[kind], data, path, exams)


def validate(
    document: Document,
    shape: type[M],
    data: Any,
    path: Path,
    exams: Collection[str] = (),
    words: Words | None = None,
) -> M | None:
    """`data` as `shape`, or None with every mistake told at the line it stands on. `words` None: those of notices."""
    try:
        return shape.model_validate(data, context={"exams": exams})
    except ValidationError as error:
        for details in error.errors(include_url=False):
            for where, problem, mend in _explain(details, words or _NOTICES):
                document.tell((*path, *where), problem, mend)
        return None


def _explain(details: ErrorDetails, words: Words) -> Iterator[tuple[Path, str, str]]:
    path: Path = tuple(step for step in details["loc"] if step != "[key]")
    context: dict[str, Any] = details.get("ctx", {})
    key, value = str(path[-1]) if path else "", details["input"]
    if value is None:
        yield path, "is empty", f"write {words.hints.get(key, 'it out')}"
        return
    match details["type"]:
        case "flaws":
            for flaw in context["flaws"]:
                yield (*path, *flaw.path), flaw.problem, flaw.mend
        case "missing":
            yield path, "is missing", f"add it: {words.hints[key]}" if key in words.hints else "add it"
        case "extra_forbidden":
            close = get_close_matches(key, words.keys, n=1)
            yield (
                path,
                "is no key known here",
                f"write {close[0]} if that is meant" if close else "correct it or delete it",
            )
        case "literal_error":
            yield path, f"{value!r} is not known here", f"write {context['expected'].replace(chr(39), '')}"
        case "string_type":
            yield path, f"{value!r} is not text", f'put it in quotes: "{value}"' if _scalar(value) else "write one text"
        case "bool_type":
            yield path, f"{value!r} is neither true nor false", "write true or false, without quotes"
        case "int_type":
            yield path, f"{value!r} is not a whole number", "write digits, without quotes"
        case "greater_than_equal":
            yield path, f"{value!r} is too small", f"write {context['ge']} or more"
        case "less_than_equal":
            yield path, f"{value!r} is too large", f"write {context['le']} or less"
        case "list_type":
            yield path, "is not a list", "write [first, second]"
        case "model_type" | "dict_type":
            mend = words.mappings.get(key, "write `key: value` lines below it")
            yield path, "is not a mapping of keys to values", mend
        case _:
            yield path, details["msg"], "correct it"


def _scalar(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _all_keys(shape: type[Wire]) -> Iterator[str]:
    yield from shape.model_fields
    for below in shape.__subclasses__():
        yield from _all_keys(below)


_NOTICES: Final = Words(HINTS, sorted({"entries", *_all_keys(Wire)}))
