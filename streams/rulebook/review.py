"""Reviews: an entry states the day by which someone must look whether it still holds."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from schemas.moments import CHINA
from streams.rulebook.index import Rulebook
from streams.rulebook.model import Rule


def overdue(book: Rulebook, today: date) -> tuple[Rule, ...]:
    """Rules whose last reviewed day is over, the longest overdue first. One that ended by then needs no review."""
    late = [
        rule
        for rule in book.rules
        if rule.reviewed_until < today and (rule.effective_to is None or rule.effective_to > rule.reviewed_until)
    ]
    return tuple(sorted(late, key=lambda rule: (rule.reviewed_until, rule.id)))


def deadline(book: Rulebook) -> datetime:
    """When the first entry runs out of review: the end, in China, of its last reviewed day."""
    return datetime.combine(book.earliest_review + timedelta(days=1), time(), CHINA)


def today_in_china(now: datetime | None = None) -> date:
    return (now or datetime.now(UTC)).astimezone(CHINA).date()
