"""A folder of notices, read, checked and made one rulebook; or every mistake in it, told at once."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from streams.rulebook.crosschecks import Placed, check_across, placed
from streams.rulebook.errors import Mistake, RulebookError
from streams.rulebook.index import Rulebook
from streams.rulebook.reader import Document, named_exams, read_exams, read_notice
from streams.rulebook.source import read_yaml
from streams.rulebook.wire import ExamEntry, WireNotice, WireRulebook

_HERE: Final = Path(__file__).parent
NOTICES: Final = _HERE / "notices"
EXAMS: Final = "exams.yaml"


def load_rulebook(directory: Path | None = None) -> Rulebook:
    """Load all `*.yaml` of a folder; None: the installed notices.

    A folder may bring its own `exams.yaml`; without one, the installed examinations hold. Raises RulebookError with
    every mistake of every file.
    """
    return Rulebook(read_directory(NOTICES if directory is None else directory))


def read_directory(directory: Path) -> WireRulebook:
    """The checked notices of a folder, as they are written. Raises RulebookError like `load_rulebook`."""
    paths = _files(directory)
    exams, exams_document = _exams(directory)
    documents, named = [exams_document], named_exams(exams_document)
    notices: dict[str, WireNotice] = {}
    file_of: dict[str, str] = {}
    entries: list[Placed] = []
    for path in paths:
        document = read_yaml(path)
        documents.append(document)
        if document.data is None:
            continue
        notice = read_notice(document, named)
        id = document.data.get("id")
        if isinstance(id, str) and id != path.stem:
            document.tell(("id",), f"{id} is not the name of the file", f"name the file {id}.yaml, or correct the id")
        if isinstance(id, str) and file_of.setdefault(id, path.name) != path.name:
            document.tell(("id",), f"{id} is the id of {file_of[id]} already", "give each notice an id of its own")
        elif notice is not None:
            notices[notice.header.id] = notice
            entries += placed(document, notice)
    check_across(entries)
    if mistakes := [mistake for document in documents for mistake in document.mistakes]:
        raise RulebookError(mistakes)
    return WireRulebook(exams, notices)


def _files(directory: Path) -> list[Path]:
    if not directory.is_dir():
        raise _unusable(directory, "is no folder", "name the folder that holds the notices")
    paths = sorted(path for path in directory.iterdir() if path.name != EXAMS and not path.name.startswith("."))
    if misnamed := [path.name for path in paths if path.suffix.lower() in {".yml", ".yaml"} and path.suffix != ".yaml"]:
        raise RulebookError(
            Mistake(name, None, "", "would not be read", f"rename it {Path(name).stem}.yaml") for name in misnamed
        )
    notices = [path for path in paths if path.suffix == ".yaml"]
    if not notices:
        raise _unusable(directory, "holds no notice", "put at least one <id>.yaml into it")
    return notices


def _exams(directory: Path) -> tuple[dict[str, ExamEntry], Document]:
    own = directory / EXAMS
    document = read_yaml(own if own.exists() else _HERE / EXAMS)
    exams = read_exams(document) if document.data is not None else {}
    for key in document.data or {}:
        if key != "exams":
            document.tell((key,), "is no key known here", "an exams.yaml holds exams only")
    return exams, document


def _unusable(directory: Path, problem: str, mend: str) -> RulebookError:
    return RulebookError([Mistake(str(directory), None, "", problem, mend)])
