"""What a replay may say to a person: what is wrong, and the mend."""

from __future__ import annotations


class ReplayError(Exception):
    """A replay cannot be planned or run like this. `mend` says what to do; neither holds a value of an event."""

    def __init__(self, problem: str, mend: str = "") -> None:
        super().__init__(f"{problem}. {mend}" if mend else problem)
        self.problem = problem
        self.mend = mend

    def __reduce__(self) -> tuple[type[ReplayError], tuple[str, str]]:
        """It travels between processes."""
        return type(self), (self.problem, self.mend)


class PlanError(ReplayError):
    """The plan, or what was asked of it, is wrong."""


class RulebookUnknownError(ReplayError):
    """No release and no folder here has the rulebook that was asked for."""


class RetentionError(ReplayError):
    """Records of the stretch are gone from the topic."""


class BrokerAwayError(ReplayError):
    """The broker did not do in time what a replay needs."""


class TopicMissingError(ReplayError):
    """A topic that a replay needs is not there."""


class TakenOverError(ReplayError):
    """Another run of the same plan is at work."""
