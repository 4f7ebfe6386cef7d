"""Passing over records of the national interface: by their bytes, unparsed, like those of the contract."""

from __future__ import annotations

import re
from typing import Final

from schemas.nhsa.tables import DIAGNOSES, FEES, PERSON, REVERSALS, SETTLEMENTS, VOID
from streams.processors.envelope import Searching

_NAME: Final = re.compile(rb'"infno"')
_OTHERS: Final = (*SETTLEMENTS, *FEES, *DIAGNOSES, PERSON)
_NOT_PLAINLY_ANOTHER: Final = re.compile(rb'"infno"(?!: ?"(?:%s))' % "|".join(sorted(_OTHERS)).encode())
_UNDOING: Final = tuple(number.encode() for number in sorted((*REVERSALS, VOID)))
_BLANKS: Final = b" \t\r\n"
_LOOKED_AT: Final = 32


class NhsaPassingOver(Searching):
    """A record of ours holds an examination code in any of its spellings, or is a transaction that undoes another.

    The number of a transaction is four digits, which amounts and times hold by chance: it is looked for behind its
    name only. The codes given are those of examinations and what stands for them in messages.
    """

    def hides_nothing(self, data: bytes, start: int, end: int) -> bool:
        # As nearly everybody writes the number of another transaction; else what stands there is looked at closely.
        return super().hides_nothing(data, start, end) and not (
            _NOT_PLAINLY_ANOTHER.search(data, start, end) and self._undoes(data, start, end)
        )

    @staticmethod
    def _undoes(data: bytes, start: int, end: int) -> bool:
        return any(
            _may_undo(data[found.end() : min(found.end() + _LOOKED_AT, end)])
            for found in _NAME.finditer(data, start, end)
        )


def _may_undo(after: bytes) -> bool:
    """Whether the value behind the name may be the number of an undoing, with blanks or without quotation marks."""
    rest = after.lstrip(_BLANKS).removeprefix(b":").lstrip(_BLANKS).removeprefix(b'"')
    return not rest[:1].isdigit() or rest[:4] in _UNDOING
