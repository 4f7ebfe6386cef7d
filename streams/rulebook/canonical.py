"""The whole rulebook as bytes that depend on what it says and on nothing else, and the way back.

JSON in UTF-8, keys sorted, no blanks, dates as ISO 8601, decimals as strings with their full places. YAML layout,
comments, the order of files, of keys and of lists that mean sets leave no mark.
"""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from schemas.codec import dumps
from streams.rulebook.crosschecks import check_across, placed
from streams.rulebook.errors import Mistake, RulebookError
from streams.rulebook.reader import Document, named_exams, read_exams, read_notice
from streams.rulebook.wire import FORMAT, Wire, WireNotice, WireRulebook


def digest(data: bytes) -> str:
    """The version of a rulebook: `sha256:<64 hex digits>` of its canonical bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def dump(rulebook: WireRulebook) -> bytes:
    return dumps(
        {
            "format": FORMAT,
            "exams": {
                id: {
                    **_plain(exam),
                    "codes": [_plain(item) for item in sorted(exam.codes, key=lambda item: item.order)],
                }
                for id, exam in rulebook.exams.items()
            },
            "notices": {id: _notice(notice) for id, notice in rulebook.notices.items()},
        }
    )


def load(data: bytes, origin: str, expected_hash: str | None = None) -> WireRulebook:
    """Raises RulebookError for anything that `dump` did not write."""
    if expected_hash is not None and digest(data) != expected_hash:
        raise _unusable(origin, "hash", f"the bytes have the hash {digest(data)}, not {expected_hash}", _AGAIN)
    try:
        release = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise _unusable(origin, "", "is no JSON", _AGAIN) from None
    number = release.get("format") if isinstance(release, dict) else None
    if type(number) is not int or number < 1:
        raise _unusable(origin, "format", "is no released rulebook", _AGAIN)
    if number > FORMAT:
        problem = f"is {number}, newer than {FORMAT}, the newest this program reads"
        raise _unusable(origin, "format", problem, "upgrade this program before the release is used")

    document = Document(origin, release)
    exams, named = read_exams(document), named_exams(document)
    notices: dict[str, WireNotice] = {}
    for id in release["notices"] if isinstance(release.get("notices"), dict) else ():
        notice = read_notice(document, named, ("notices", id))
        if notice is not None and notice.header.id != id:
            document.tell(("notices", id, "id"), f"is {notice.header.id}, not {id}", _AGAIN)
        elif notice is not None:
            notices[id] = notice
    if not notices:
        document.tell(("notices",), "holds no readable notice", _AGAIN)
    check_across(held for id, notice in notices.items() for held in placed(document, notice, ("notices", id)))
    rulebook = WireRulebook(exams, notices)
    if not document.mistakes and dump(rulebook) != data:
        document.tell((), "is not in canonical form, so its hash names something else", _AGAIN)
    if document.mistakes:
        raise RulebookError(document.mistakes)
    return rulebook


_AGAIN = "release the rulebook again from its notices"


def _unusable(origin: str, key: str, problem: str, mend: str) -> RulebookError:
    return RulebookError([Mistake(origin, None, key, problem, mend)])


def _notice(notice: WireNotice) -> dict[str, Any]:
    return {**_plain(notice.header), "entries": {name: _plain(entry) for name, entry in notice.entries.items()}}


def _plain(wire: Wire) -> dict[str, Any]:
    return wire.model_dump(mode="json", exclude_none=True)
