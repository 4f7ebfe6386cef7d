"""The breaker: too many dead letters stop the worker before a bad deployment drains the topic into them.

It counts answered records only: what was passed over says nothing about whether we can still read what is ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """`run`: dead letters in a row, 0 = any number. `share`: of `window` answered records or more, 1 = any share."""

    run: int
    share: float
    window: int


@dataclass(frozen=True, slots=True)
class Breaker:
    """What one lane has seen since it started. Immutable: a batch that was thrown away has changed nothing.

    The share is judged over the last full window and the one being filled.
    """

    policy: BreakerPolicy
    run: int = 0
    answered: int = 0
    dead: int = 0
    answered_before: int = 0
    dead_before: int = 0
    tripped: str | None = None
    """Why the breaker is open; None while it is closed. Once open it stays so."""

    def after(self, answers: Iterable[bool]) -> Breaker:
        """The breaker after these answers, in their order: True for a dead letter."""
        if self.tripped is not None:
            return self
        policy = self.policy
        run, answered, dead = self.run, self.answered, self.dead
        answered_before, dead_before = self.answered_before, self.dead_before
        tripped = None
        for is_dead in answers:
            answered += 1
            if is_dead:
                dead += 1
                run += 1
                if policy.run and run >= policy.run:
                    tripped = f"{run} dead letters in a row"
                    break
            else:
                run = 0
            total = answered + answered_before
            if total >= policy.window and (dead + dead_before) > policy.share * total:
                tripped = f"{dead + dead_before} dead letters among {total} answered records"
                break
            if answered >= policy.window:
                answered_before, dead_before, answered, dead = answered, dead, 0, 0
        return Breaker(policy, run, answered, dead, answered_before, dead_before, tripped)


class BreakerOpenError(Exception):
    """The breaker of a lane has opened: the worker must stop. Its batch is not committed."""
