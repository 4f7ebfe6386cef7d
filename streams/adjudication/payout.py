"""When a manual claim is paid: so many working days after it was submitted.

Working days are those of mainland China's public calendar: make-up days (调休) count, public holidays do not.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from functools import lru_cache
from typing import Final, NamedTuple

from chinese_calendar import is_workday

from streams.adjudication.trace import Step, by_rule
from streams.rulebook.model import CoverageRule

# The calendar counts its known years anew at every question; a term of thirty working days asks forty-odd times.
_is_workday: Final = lru_cache(maxsize=8192)(is_workday)


class Payout(NamedTuple):
    """The first and the last day on which the claim is due; None where the calendar is not known that far, and why."""

    earliest: date | None
    latest: date | None
    unknown: Step | None = None


def payout(submitted_on: date, rule: CoverageRule) -> Payout | None:
    """Source: sz-2023-article, 2.4. None where the rule states no terms."""
    terms = rule.payout
    if terms is None:
        return None
    try:
        earliest, latest = _working_days_after(submitted_on, (terms.earliest, terms.latest))
    except (NotImplementedError, OverflowError):  # beyond the calendar's known years, or beyond year 9999
        reason = "calendar_unknown"
        says = f"the public calendar is not known for {terms.earliest} to {terms.latest} working days: {terms.says}"
        return Payout(None, None, by_rule("payout", rule, says, clause=terms, reason=reason))
    return Payout(earliest, latest)


def _working_days_after(day: date, counts: Iterable[int]) -> list[date]:
    """The n-th working day after `day` for each n of ascending `counts`; day 1 is the first one after it."""
    found, passed = [], 0
    for count in counts:
        while passed < count:
            day += timedelta(days=1)
            passed += _is_workday(day)
        found.append(day)
    return found
