"""How long the suite takes: the long form is `make test-faults`, the short one is part of `make test`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

import pytest


@dataclass(frozen=True, slots=True)
class Form:
    """`events` are sent at least, `rate` a second while there are faults; `rounds` faults of a kind are made."""

    name: str
    events: int
    rate: int
    rounds: int

    @property
    def long(self) -> bool:
        return self is LONG


LONG: Final = Form("long", events=40_000, rate=500, rounds=6)
SHORT: Final = Form("short", events=4_000, rate=600, rounds=2)
FORM: Final = LONG if os.environ.get("PETCT_LONG_TESTS") == "1" else SHORT

long_form: Final = pytest.mark.skipif(not FORM.long, reason="the long form: make test-faults")
"""What takes too long for `make test`, or shows little that a shorter test there does not."""
