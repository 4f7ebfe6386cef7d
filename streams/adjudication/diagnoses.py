"""What the diagnosis codes (ICD-10, Chinese edition) are evidence of.

Codes are compared on their first characters with the dots kept, so that the Chinese extensions (C34.900x001) are cut.
Source: docs/adjudication.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from schemas.events import Diagnosis


def _categories(letter: str, first: int, last: int) -> frozenset[str]:
    return frozenset(f"{letter}{number:02}" for number in range(first, last + 1))


MALIGNANT: Final = _categories("C", 0, 97)
SECONDARY: Final = _categories("C", 77, 79)
UNKNOWN_PRIMARY: Final = "C80.0"
AFTER_TREATMENT: Final = frozenset({"Z08", "Z85"})
UNCERTAIN: Final = _categories("D", 0, 9) | _categories("D", 37, 48) | {"R91"}
SUSPECTED: Final = "Z03.1"
EXCLUDED_PURPOSE: Final = frozenset({"Z00", "Z12"})
_TELLING: Final = len(UNKNOWN_PRIMARY)
"""No kind is told by more characters than this."""


class Evidence(NamedTuple):
    """Which kinds of diagnosis the event names. `only_excluded_purpose`: at least one, and all of that kind."""

    any: bool
    malignant: bool
    secondary: bool
    unknown_primary: bool
    after_treatment: bool
    uncertain: bool
    only_excluded_purpose: bool


def evidence_of(diagnoses: Sequence[Diagnosis]) -> Evidence:
    if len(diagnoses) == 1:
        return _of_code(diagnoses[0].code[:_TELLING])
    kinds = {_of_code(diagnosis.code[:_TELLING]) for diagnosis in diagnoses}
    return Evidence(
        any=bool(kinds),
        malignant=any(kind.malignant for kind in kinds),
        secondary=any(kind.secondary for kind in kinds),
        unknown_primary=any(kind.unknown_primary for kind in kinds),
        after_treatment=any(kind.after_treatment for kind in kinds),
        uncertain=any(kind.uncertain for kind in kinds),
        only_excluded_purpose=bool(kinds) and all(kind.only_excluded_purpose for kind in kinds),
    )


@lru_cache(maxsize=4096)
def _of_code(code: str) -> Evidence:
    category = code[:3]
    return Evidence(
        any=True,
        malignant=category in MALIGNANT,
        secondary=category in SECONDARY,
        unknown_primary=code == UNKNOWN_PRIMARY,
        after_treatment=category in AFTER_TREATMENT,
        uncertain=category in UNCERTAIN or code == SUSPECTED,
        only_excluded_purpose=category in EXCLUDED_PURPOSE,
    )
