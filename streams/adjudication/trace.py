"""The derivation of a line: every step that set an amount or a reason, with the clause it rests on.

Read top to bottom with a pocket calculator, the entries of one line give its amounts again.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from streams.rulebook.model import Clause, Rule

_NOT_OF_THE_LINE: Final = frozenset({"price", "accumulate"})
"""Steps whose amount is a price or where an accumulator stands."""


# A bare class like everything made once a line: compiled, it costs an eighth of a named tuple to make.
class Step:
    """`amount` in yuan, of what the step set; `reason` where the step gave one. No rule: plain arithmetic."""

    def __init__(
        self,
        step: str,
        says: str,
        amount: Decimal | None = None,
        reason: str | None = None,
        rule: str | None = None,
        source: str | None = None,
        clause: str | None = None,
    ) -> None:
        self.step: Final = step
        self.says: Final = says
        self.amount: Final = amount
        self.reason: Final = reason
        self.rule: Final = rule
        self.source: Final = source
        self.clause: Final = clause

    def mirrored(self) -> Step:
        """With the sign of its amount reversed, where that is an amount of the line."""
        if self.amount is None or self.step in _NOT_OF_THE_LINE:
            return self
        return self._with(negated(self.amount), self.reason)

    def for_reason(self, reason: str) -> Step:
        """The same step, giving a reason."""
        return self._with(self.amount, reason)

    def _with(self, amount: Decimal | None, reason: str | None) -> Step:
        return Step(self.step, self.says, amount, reason, self.rule, self.source, self.clause)


def by_rule(
    step: str,
    rule: Rule,
    says: str,
    *,
    clause: Clause | None = None,
    amount: Decimal | None = None,
    reason: str | None = None,
) -> Step:
    """A step that rests on a clause of `rule`, which may stand in another document; without `clause`, on its own."""
    if clause is None:
        return Step(step, says, amount, reason, rule.id, rule.source, rule.clause)
    return Step(step, says, amount, reason, rule.id, clause.source or rule.source, clause.clause)


def negated(amount: Decimal) -> Decimal:
    """The amount with its sign reversed; zero stays zero without a sign."""
    return -amount if amount else amount
