"""Run a stretch of the past again, see what would be answered otherwise, and emit corrections. See docs/replay.md."""

from streams.replay.api import Replay, plan, run
from streams.replay.difference import Difference, Kind, LeftAlone
from streams.replay.errors import ReplayError
from streams.replay.options import Options
from streams.replay.plans import Filters, Plan
from streams.replay.report import Report

__all__ = [
    "Difference",
    "Filters",
    "Kind",
    "LeftAlone",
    "Options",
    "Plan",
    "Replay",
    "ReplayError",
    "Report",
    "plan",
    "run",
]
