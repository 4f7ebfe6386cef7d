"""`petct doctor`: whether this broker, these topics and these settings carry the worker, looked at without a change.

`gather` asks; `diagnose` judges what it found, purely. Nothing is produced, committed, fenced or made.
"""

from streams.bus.doctor.diagnose import diagnose, fit_to_run
from streams.bus.doctor.facts import Facts
from streams.bus.doctor.finding import Finding, Level
from streams.bus.doctor.gather import gather

__all__ = ["Facts", "Finding", "Level", "diagnose", "fit_to_run", "gather"]
