"""Events of older versions, brought to the shape that is read now, before anything of them is looked at."""

from __future__ import annotations

from typing import Final

from schemas.upcast.chain import Chain, Event, Step, Upcast

__all__ = ["CURRENT", "EVENTS", "Chain", "Event", "Step", "Upcast"]

CURRENT: Final = "1.0"
"""The version of events that the models read."""

EVENTS: Final = Chain(CURRENT, steps=())
"""Newer steps at the end. There is none yet: 1.0 is the first version."""
