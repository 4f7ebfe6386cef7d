"""A decision as a person reads it: each step with its clause and amount, ending in four shares that add up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from streams.words import OUTCOMES, REASONS

Plain = dict[str, Any]

_STYLES: Final = {"covered": "green", "not_covered": "red", "needs_review": "yellow", "no_rule": "magenta"}


def settlement(adjusted: Plain) -> RenderableType:
    """An adjusted settlement: every line's derivation, then the shares of the whole."""
    head = f"Settlement {adjusted['settlement_id']} of {adjusted['occurred_at']}"
    parts: list[RenderableType] = [
        Text(head, "bold"),
        _outcome(adjusted["outcome"]),
        Text(f"rulebook {adjusted['rulebook']}", "dim"),
    ]
    parts += [_line(line) for line in adjusted["lines"]]
    if len(adjusted["lines"]) > 1:
        parts += [Text("\nAll lines together", "bold"), _shares(adjusted["totals"], bucket=None)]
    if adjusted["payout_due"] is not None:
        due = adjusted["payout_due"]
        parts.append(Text(f"The claim is to be paid between {due['earliest']} and {due['latest']}."))
    parts += [_reason(step["reason"]) for step in adjusted.get("trace") or () if step.get("reason")]
    return Group(*parts)


def undone(adjusted: Plain) -> RenderableType:
    """The answer to a reversal or a void."""
    verdict = {
        "settlement.adjustment_reversed": "is reversed: what was adjusted for it is taken back",
        "settlement.adjustment_voided": "is void: the message that reported it never happened",
        "settlement.reversal_refused": "stays as it is: the reversal is refused",
    }[adjusted["event_type"]]
    parts: list[RenderableType] = [
        Text(f"Settlement {adjusted['settlement_id']} {verdict}.", "bold"),
        Text(f"reason given: {adjusted['reason']}"),
        Text(f"rulebook {adjusted['rulebook']}", "dim"),
    ]
    parts += [_reason(reason) for reason in adjusted.get("reasons", ())]
    return Group(*parts)


def disclosure(published: Plain) -> RenderableType:
    """What the hospital publishes (信息公开). Its id is keyed and says nothing to a reader, so it is left out."""
    if published["status"] == "withdrawn":
        return Text("\nWhat was published about it is withdrawn.")
    hospital = published["hospital"]
    table = Table("date", "surname", "age", "diagnosis", "price", box=box.SIMPLE, pad_edge=False)
    for exam in published["exams"]:
        age = f"{exam['age']}{'+' if exam.get('age_or_over') else ''}"
        table.add_row(exam["service_date"], exam["surname"], age, exam["diagnosis"], exam["charged_price"])
    title = f"\nPublished by {hospital['name']} ({hospital['region']}), under {published['rule']}"
    return Group(Text(title, "bold"), table)


def _line(line: Plain) -> RenderableType:
    title = f"\nLine {line['line_no']}: {line['exam']}, code {line['item_code']}, on {line['service_date']}"
    return Group(
        Text(title, "bold"),
        _outcome(line["outcome"]),
        *(_reason(reason) for reason in line["reasons"]),
        _steps(line["trace"]),
        *_if_approved(line["if_approved"]),
        _shares(line, line["fund_bucket"]),
    )


def _outcome(outcome: str) -> Text:
    return Text.assemble((outcome, _STYLES[outcome]), f": {OUTCOMES[outcome]}")


def _reason(reason: str) -> RenderableType:
    return Padding(Text.assemble("- ", REASONS[reason], (f" [{reason}]", "dim")), (0, 0, 0, 2), expand=False)


def _steps(trace: list[Plain]) -> Table:
    table = Table(box=box.SIMPLE, pad_edge=False, expand=False)
    table.add_column("step", no_wrap=True)
    table.add_column("says", overflow="fold")
    table.add_column("source, clause", overflow="fold")
    table.add_column("yuan", justify="right", no_wrap=True)
    for step in trace:
        where = "" if step["source"] is None else f"{step['source']}, {step['clause']}"
        table.add_row(step["step"], step["says"], Text(where, "cyan"), step["amount"] or "")
    return table


def _if_approved(range_: Plain | None) -> Iterator[RenderableType]:
    if range_ is not None:
        low, high = range_["fund_amount_min"], range_["fund_amount_max"]
        yield Text(
            f"If approved the fund pays {low}." if low == high else f"If approved the fund pays {low} to {high}."
        )


def _shares(amounts: Plain, bucket: str | None) -> Table:
    """`charged` as the sum of its four bearers."""
    table = Table(box=box.SIMPLE, show_header=False, show_footer=True, pad_edge=False)
    table.add_column(footer="charged")
    table.add_column(justify="right", footer=amounts["charged_amount"], no_wrap=True)
    table.add_row(f"the fund bears ({bucket})" if bucket else "the fund bears", amounts["fund_amount"])
    table.add_row("medical assistance bears", amounts["assistance_amount"])
    table.add_row("the patient bears", amounts["patient_amount"])
    table.add_row("the hospital bears", amounts["hospital_disallowed_amount"])
    return table
