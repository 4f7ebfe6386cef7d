"""The national interface (国家医保局, transactions 2203 to 3101): its messages to our events, and back.

Nothing here does I/O, and nothing a message holds makes it raise. What rests on what: docs/nhsa.md.
"""

from schemas.nhsa.answer import answer
from schemas.nhsa.convert import Converted, convert, problem_of
from schemas.nhsa.reference import NO_REFERENCE, Reference, TableError, read_codes, read_hospitals
from schemas.nhsa.terms import in_their_terms

__all__ = [
    "NO_REFERENCE",
    "Converted",
    "Reference",
    "TableError",
    "answer",
    "convert",
    "in_their_terms",
    "problem_of",
    "read_codes",
    "read_hospitals",
]
