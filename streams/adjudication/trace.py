"""The derivation of a line: every step that set an amount or a reason, with the clause it rests on.

Read top to bottom with a pocket calculator, the entries of one line give its amounts again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from streams.rulebook.model import Clause, Rule


@dataclass(frozen=True, slots=True)
class Step:
    """`amount` in yuan, of what the step set; `reason` where the step gave one. No rule: plain arithmetic."""

    step: str
    says: str
    amount: Decimal | None = None
    reason: str | None = None
    rule: str | None = None
    source: str | None = None
    clause: str | None = None

    def mirrored(self) -> Step:
        return self if self.amount is None else replace(self, amount=negated(self.amount))


def by_rule(
    step: str,
    rule: Rule,
    says: str,
    *,
    clause: Clause | str | None = None,
    amount: Decimal | None = None,
    reason: str | None = None,
) -> Step:
    """A step that rests on a clause of `rule`; without `clause`, on the clause of the rule itself."""
    where = clause.clause if isinstance(clause, Clause) else clause
    return Step(step, says, amount, reason, rule.id, rule.source, where or rule.clause)


def negated(amount: Decimal) -> Decimal:
    """The amount with its sign reversed; zero stays zero without a sign."""
    return -amount if amount else amount
