"""Passing over records of the national interface: by their bytes, unparsed, like those of the contract."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Final

from schemas.nhsa.tables import DIAGNOSES, FEES, PERSON, REVERSALS, SETTLEMENTS, VOID
from streams.processors.envelope import looks_like_an_object

_NAME: Final = re.compile(rb'"infno"')
_OTHERS: Final = (*SETTLEMENTS, *FEES, *DIAGNOSES, PERSON)
_NOT_PLAINLY_ANOTHER: Final = re.compile(rb'"infno"(?!: ?"(?:%s))' % "|".join(sorted(_OTHERS)).encode())
_UNDOING: Final = tuple(number.encode() for number in sorted((*REVERSALS, VOID)))
_OPEN_BRACE, _CLOSE_BRACE = b"{}"
_BLANKS: Final = b" \t\r\n"
_LOOKED_AT: Final = 32
_ESCAPE: Final = re.compile(rb"\\u")


class NhsaPassingOver:
    """A record of ours holds an examination code in any of its spellings, or is a transaction that undoes another.

    The number of a transaction is four digits, which amounts and times hold by chance: it is looked for behind its
    name only. `codes` are those of examinations and what stands for them in messages.
    """

    def __init__(self, codes: Collection[str]) -> None:
        # A code that holds another one need not be sought itself.
        shortest = [code for code in codes if not any(other != code and other in code for other in codes)]
        self._sought: Final = tuple(code.encode() for code in sorted(shortest))

    def __call__(self, value: bytes | None) -> bool:
        """True only if the processor would pass the record over."""
        if not value:
            return False
        return looks_like_an_object(value) and self._hides_nothing(value)

    def every(self, values: Sequence[bytes | None]) -> bool:
        """Whether each of `values` is passed over, as far as that is sure: see `PassingOver.every`."""
        for value in values:
            if not value or value[0] != _OPEN_BRACE or value[-1] != _CLOSE_BRACE:
                return False
        return self._hides_nothing(b"".join(values))  # type: ignore[arg-type] # none is None

    def _hides_nothing(self, value: bytes) -> bool:
        for code in self._sought:
            if code in value:
                return False
        # JSON within strings is full of backslashes, among which an expression finds two bytes sooner than `in` does.
        if b"\\" in value and _ESCAPE.search(value):
            return False
        # As nearly everybody writes the number of another transaction; else what stands there is looked at closely.
        return not (_NOT_PLAINLY_ANOTHER.search(value) and self._undoes(value))

    @staticmethod
    def _undoes(value: bytes) -> bool:
        return any(_may_undo(value[found.end() : found.end() + _LOOKED_AT]) for found in _NAME.finditer(value))


def _may_undo(after: bytes) -> bool:
    """Whether the value behind the name may be the number of an undoing, with blanks or without quotation marks."""
    rest = after.lstrip(_BLANKS).removeprefix(b":").lstrip(_BLANKS).removeprefix(b'"')
    return not rest[:1].isdigit() or rest[:4] in _UNDOING
