"""A chain of pure functions, each from one version of a record to the next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

Event = dict[str, Any]
Upcast = Callable[[Event], Event]


@dataclass(frozen=True, slots=True)
class Step:
    """From version `old` to version `new`, `<major>.<minor>` each.

    `upcast` is given a JSON object of any content and returns another; it neither raises nor changes what it was given.
    """

    old: str
    new: str
    upcast: Upcast


class Chain:
    """Steps that lead from every version they know to `current`. Raises ValueError where they do not."""

    def __init__(self, current: str, steps: Sequence[Step]) -> None:
        self.current: Final = current
        self._steps: Final = {step.old: step for step in steps}
        if len(self._steps) != len(steps):
            raise ValueError("two steps begin at the same version")
        for first in steps:
            version, seen = first.new, {first.old}
            while version != current:
                if version in seen or version not in self._steps:
                    raise ValueError(f"the steps from {first.old} end at {version}, not at {current}")
                seen.add(version)
                version = self._steps[version].new

    @property
    def versions(self) -> tuple[str, ...]:
        """Those that are brought to the current one."""
        return tuple(self._steps)

    def __call__(self, event: Event) -> Event:
        """The event as of the current version.

        The very same object where it is of that version already, of a newer one, or of one nobody knows: what is wrong
        with it is for the validation to tell.
        """
        version = event.get("schema_version")
        while type(version) is str and (step := self._steps.get(version)) is not None:
            event = {**step.upcast(event), "schema_version": step.new}
            version = step.new
        return event
