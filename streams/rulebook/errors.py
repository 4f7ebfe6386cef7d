"""What is wrong with a rulebook, told so that whoever wrote it can mend it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake: where it stands, what it is, and what to do. `line` counts from 1; None: the file as a whole."""

    file: str
    line: int | None
    key: str
    problem: str
    mend: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.key + ': ' if self.key else ''}{self.problem}; {self.mend}"


class RulebookError(ValueError):
    """A rulebook that must not decide anything. `mistakes` holds all that were found, file by file, line by line."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = sorted(set(mistakes), key=lambda m: (m.file, m.line or 0, m.key, m.problem))
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))
