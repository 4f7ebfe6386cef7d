"""What a reversal or a void withdraws, and the one case in which a reversal is refused.

Source of the refusal: sz-2023-article, 3.7: what was paid is not claimed back because the result was benign.
"""

from __future__ import annotations

from collections.abc import Iterable

from schemas.events import REVERSED, SettlementUndone
from streams.rulebook.index import Rulebook

BENIGN_RESULT_NO_CLAWBACK = "benign_result_no_clawback"


def is_refused(event: SettlementUndone, rulebook: Rulebook) -> bool:
    """True for a reversal for a benign result where the insured region's coverage rule forbids the clawback."""
    if event.event_type != REVERSED or event.reason != "benign_result":
        return False
    day = event.occurred_at.day
    rules = (rulebook.coverage(event.insured_region, exam, day) for exam in _exams(event, rulebook))
    return any(rule is not None and rule.no_clawback is not None for rule in rules)


def _exams(event: SettlementUndone, rulebook: Rulebook) -> Iterable[str]:
    """The examinations reversed: those of `item_codes` where the platform sent them, else any of the rulebook."""
    if event.item_codes is None:
        return rulebook.exams
    return {rulebook.exam_by_code[code] for code in event.item_codes if code in rulebook.exam_by_code}
