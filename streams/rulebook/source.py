"""YAML as plain data with line numbers. Only mappings, lists and plain scalars: no tags, anchors, aliases or merges.

Scalars stay what the writer wrote: a date is text, and only true, false, null and unquoted numbers are more than text.
"""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from streams.rulebook.fields import Path
from streams.rulebook.reader import Document

MAX_BYTES: Final = 256 * 1024
"""No notice comes near it; a file that does is something else."""

_TAG: Final = "tag:yaml.org,2002:"
_DEEPEST: Final = 16


def read_yaml(path: FilePath) -> Document:
    """Read one file. What is wrong is told on the document; its data is None where no reading is left to check."""
    document = Document(path.name, None)
    text = _text(path, document)
    if text is None:
        return document
    try:
        if (line := _too_deep(text)) is not None:
            document.lines = {(): line}
            document.tell((), "is nested too deeply", _LIKE_THE_INSTALLED)
            return document
        node = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        if mark is not None:
            document.lines = {(): mark.line + 1}
        document.tell(
            (),
            "is not YAML: " + ", ".join(filter(None, (error.context, error.problem))),
            "correct it there or just above",
        )
        return document
    except YAMLError as error:
        document.tell((), f"is not YAML: {str(error).splitlines()[0]}", "save it again as plain text")
        return document
    builder = _Builder(document)
    data = builder.build(node, ()) if node is not None else None
    if not isinstance(data, dict) and not builder.broken:
        what = "is empty" if node is None else "is not a mapping of keys to values"
        document.tell((), what, _LIKE_THE_INSTALLED)
    elif not builder.broken:
        document.data = data
    return document


_LIKE_THE_INSTALLED: Final = "write `key: value` lines, as in the installed notices"


def _too_deep(text: str) -> int | None:
    """The line on which nesting gets deeper than any notice: the parser is recursive, and slow at depth."""
    depth = 0
    for event in YAML(typ="safe", pure=True).parse(text):
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > _DEEPEST:
            return int(event.start_mark.line) + 1
    return None


def _text(path: FilePath, document: Document) -> str | None:
    try:
        data = path.read_bytes()
    except OSError as error:
        document.tell((), f"cannot be read: {error.strerror}", "make it readable")
        return None
    if len(data) > MAX_BYTES:
        document.tell((), f"is larger than {MAX_BYTES // 1024} KiB", "write one notice a file")
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        document.lines = {(): data.count(b"\n", 0, error.start) + 1}
        document.tell((), "is not UTF-8", "save the file in the encoding UTF-8")
        return None


class _Builder:
    """Makes plain data of composed nodes. `broken`: a part could not be represented, so the rest is not judged."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.lines: dict[Path, int] = {(): 1}
        document.lines = self.lines
        self.broken = False
        self._seen: set[int] = set()

    def build(self, node: Node, path: Path) -> Any:
        self.lines.setdefault(path, node.start_mark.line + 1)
        if node.anchor is not None or id(node) in self._seen:
            return self._refuse(path, "anchors and aliases (& and *) hide what an entry says", "write the value out")
        self._seen.add(id(node))
        if isinstance(node, MappingNode) and node.tag == _TAG + "map":
            return self._mapping(node, path)
        if isinstance(node, SequenceNode) and node.tag == _TAG + "seq":
            return [self.build(item, (*path, at)) for at, item in enumerate(node.value)]
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        return self._refuse(path, f"the tag {_short(node.tag)} is not allowed", "write a plain value")

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode) or key.tag != _TAG + "str" or key.anchor is not None:
                where = (*path, key.value if isinstance(key, ScalarNode) else "?")
                self.lines[where] = key.start_mark.line + 1
                self._refuse(where, "is no plain key", "write a word of the notice's vocabulary")
                continue
            line, where = key.start_mark.line + 1, (*path, key.value)
            if key.value in data:
                first = self.lines[where]
                self.lines[where] = line
                self.document.tell(where, f"is written twice, first on line {first}", "keep one of the two")
                self.lines[where] = first
                continue
            self.lines[where] = line
            data[key.value] = self.build(value, where)
        return data

    def _scalar(self, node: ScalarNode, path: Path) -> Any:
        text: str = node.value
        match (node.tag or "").removeprefix(_TAG):
            case "str" | "timestamp":
                return text
            case "null":
                return None
            case "bool":
                return text.lower() == "true"
            case "int" | "float" as tag:
                try:
                    return int(text) if tag == "int" else float(text)
                except ValueError:
                    return text
        return self._refuse(path, f"the tag {_short(node.tag)} is not allowed", "write a plain value")

    def _refuse(self, path: Path, problem: str, mend: str) -> None:
        self.broken = True
        self.document.tell(path, problem, mend)


def _short(tag: str | None) -> str:
    tag = tag or "?"
    return "!!" + tag.removeprefix(_TAG) if tag.startswith(_TAG) else tag
