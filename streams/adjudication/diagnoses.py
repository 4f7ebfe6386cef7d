"""What the diagnosis codes (ICD-10, Chinese edition) are evidence of.

Codes are compared on their first characters with the dots kept, so that the Chinese extensions (C34.900x001) are cut.
Source: CONTRACT §5, Indication.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

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


@dataclass(frozen=True, slots=True)
class Evidence:
    """Which kinds of diagnosis the event names. `only_excluded_purpose`: at least one, and all of that kind."""

    any: bool
    malignant: bool
    secondary: bool
    unknown_primary: bool
    after_treatment: bool
    uncertain: bool
    only_excluded_purpose: bool


def evidence_of(diagnoses: Sequence[Diagnosis]) -> Evidence:
    codes = [diagnosis.code for diagnosis in diagnoses]
    categories = [code[:3] for code in codes]
    return Evidence(
        any=bool(codes),
        malignant=any(category in MALIGNANT for category in categories),
        secondary=any(category in SECONDARY for category in categories),
        unknown_primary=any(code.startswith(UNKNOWN_PRIMARY) for code in codes),
        after_treatment=any(category in AFTER_TREATMENT for category in categories),
        uncertain=any(category in UNCERTAIN for category in categories)
        or any(code.startswith(SUSPECTED) for code in codes),
        only_excluded_purpose=bool(codes) and all(category in EXCLUDED_PURPOSE for category in categories),
    )
