"""What a gate answers: its denials before its doubts, each with the clause it rests on."""

from __future__ import annotations

from typing import Final

from streams.adjudication.trace import Step, by_rule
from streams.rulebook.model import Clause, Rule


class Finding:
    """One reason. A denial makes the line not covered, a doubt sends it to a person."""

    def __init__(
        self,
        reason: str,
        denies: bool,
        step: Step,
    ) -> None:
        self.reason: Final = reason
        self.denies: Final = denies
        self.step: Final = step


def denial(gate: str, reason: str, rule: Rule, says: str, clause: Clause | None = None) -> Finding:
    return Finding(reason, True, by_rule(gate, rule, says, clause=clause, reason=reason))


def doubt(gate: str, reason: str, rule: Rule, says: str, clause: Clause | None = None) -> Finding:
    return Finding(reason, False, by_rule(gate, rule, says, clause=clause, reason=reason))
