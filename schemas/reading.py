"""From parsed JSON to a validated event, or a dead letter that names the field and what was expected, never a value."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from schemas.deadletters import DeadLetterReason
from schemas.events import VOIDED, LineItem, SettlementCompleted, SettlementUndone

_MOST_NAMED: Final = 5

Model = TypeVar("Model", bound=BaseModel)

_EXPECTED: Final[dict[str, str]] = {
    "missing": "required",
    "string_type": "expected a string",
    "int_type": "expected an integer of at most 64 bits",
    "bool_type": "expected true or false",
    "list_type": "expected an array",
    "model_type": "expected an object",
    "model_attributes_type": "expected an object",
    "dict_type": "expected an object",
    "union_tag_not_found": "required field kind is missing",
}
_UNION_TAGS: Final = frozenset({"long_term", "referral", "temporary", "emergency"})


class DeadLetter(Exception):
    """The event cannot be decided. `detail` names fields and expectations only."""

    def __init__(self, reason: DeadLetterReason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def read_completed(event: dict[str, Any], exam_lines: list[tuple[int, dict[str, Any]]]) -> SettlementCompleted:
    """Validate the envelope and the examination lines, given with their place in `line_items`; else DeadLetter."""
    completed = _validate(
        SettlementCompleted,
        {**event, "line_items": [line for _, line in exam_lines]},
        [place for place, _ in exam_lines],
    )
    born, claim = completed.patient.birth_date, completed.manual_claim
    for (place, _), line in zip(exam_lines, completed.line_items, strict=True):
        if born > line.service_date:
            raise _schema("patient.birth_date", f"expected not after line_items[{place}].service_date")
        if claim is not None and claim.submitted_on < line.service_date:
            raise _schema("manual_claim.submitted_on", f"expected not before line_items[{place}].service_date")
    _check_lines(completed, [place for place, _ in exam_lines])
    return completed


def read_undone(event: dict[str, Any]) -> SettlementUndone:
    """Validate a reversal or void; else DeadLetter."""
    undone = _validate(SettlementUndone, event, [])
    if undone.event_type == VOIDED and undone.settlement_id != undone.reverses.settlement_id:
        raise _schema("settlement_id", "expected that of reverses, since a void has no identity of its own")
    return undone


def _schema(field: str, expected: str) -> DeadLetter:
    return DeadLetter(DeadLetterReason.SCHEMA, f"{field}: {expected}")


def _validate(model: type[Model], event: dict[str, Any], places: list[int]) -> Model:
    try:
        return model.model_validate(event)
    except ValidationError as error:
        named = [
            f"{_path(mistake['loc'], places)}: {_expectation(mistake)}"
            for mistake in error.errors(include_url=False, include_input=False)
        ]
    more = len(named) - _MOST_NAMED
    detail = "; ".join(named[:_MOST_NAMED]) + (f"; and {more} more" if more > 0 else "")
    raise DeadLetter(DeadLetterReason.SCHEMA, detail)


def _expectation(mistake: Any) -> str:
    """What was expected, from the kind of mistake: pydantic's own messages may quote the input."""
    context = mistake.get("ctx", {})
    match mistake["type"]:
        case "value_error":
            return str(context["error"])
        case "literal_error":
            return f"expected {context['expected']}"
        case "string_pattern_mismatch":
            return f"expected to match {context['pattern']}"
        case "union_tag_invalid":
            return f"expected kind {context['expected_tags']}"
        case kind:
            return _EXPECTED.get(kind, f"not valid ({kind})")


def _path(location: Iterable[str | int], places: list[int]) -> str:
    path = ""
    for step in location:
        if isinstance(step, int):
            path += f"[{places[step] if path == 'line_items' else step}]"
        elif step not in _UNION_TAGS:
            path += f".{step}" if path else step
    return path


def _check_lines(event: SettlementCompleted, places: list[int]) -> None:
    """What holds between the fields of an examination line. Source: docs/records.md."""
    seen: set[int] = set()
    for place, line in zip(places, event.line_items, strict=True):
        problem = _line_problem(line, event, seen)
        if problem is not None:
            raise DeadLetter(DeadLetterReason.INVALID_LINE, f"line_items[{place}].{problem}")
        seen.add(line.line_no)


def _line_problem(line: LineItem, event: SettlementCompleted, seen: set[int]) -> str | None:
    if line.line_no in seen:
        return "line_no: expected once among the examination lines"
    if not line.quantity:
        return "quantity: expected not 0"
    if line.amount and (line.amount > 0) != (line.quantity > 0):
        return "amount: expected the sign of quantity, or 0"
    if line.service_date > event.occurred_at.day:
        return "service_date: expected not after the date of occurred_at in China"
    outside = line.out_of_catalogue_amount
    if outside and (abs(outside) > abs(line.amount) or (outside > 0) != (line.amount > 0)):
        return "out_of_catalogue_amount: expected the sign of amount and no larger magnitude, or 0"
    return None
