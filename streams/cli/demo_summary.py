"""What the demo shows of the records that came out: outcomes, money, dead letters, one derivation, one daily list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import orjson
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from schemas import deadletters
from schemas.deadletters import DeadLetterReason
from schemas.topics import ADJUSTED, DEADLETTERS, DISCLOSURES
from streams.cli import derivation
from streams.cli.demo_bus import Arrived
from streams.simulate import CITIES
from streams.words import DEAD_LETTERS

Plain = dict[str, Any]

_OUTCOMES: Final = ("covered", "not_covered", "needs_review", "no_rule")
_BEARERS: Final = {
    "fund_amount": "the fund (大病保险, 统筹基金)",
    "assistance_amount": "medical assistance (医疗救助)",
    "patient_amount": "the patients",
    "hospital_disallowed_amount": "the hospitals (超标准收费)",
}
_LONGEST_LIST: Final = 8


def show(out: Console, records: Sequence[tuple[bytes, bytes]], arrived: Sequence[Arrived]) -> None:
    adjusted = [orjson.loads(record.value or b"") for record in arrived if record.topic == ADJUSTED]
    settlements = [record for record in adjusted if record["event_type"] == "settlement.adjusted"]
    letters = [record for record in arrived if record.topic == DEADLETTERS]
    passed_over = len(records) - len(adjusted) - len(letters)
    out.print(_fates(adjusted, letters, passed_over))
    out.print(_by_city(settlements))
    out.print(_money(settlements))
    out.print(_dead_letters(letters))
    example = next(filter(_is_telling, settlements), settlements[0])
    out.rule("One settlement explained (petct explain)")
    out.print(derivation.settlement(example))
    disclosures = [orjson.loads(record.value or b"") for record in arrived if record.topic == DISCLOSURES]
    out.rule("One hospital's public list (信息公开), what was reversed taken out")
    out.print(_public_list(disclosures))


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE, pad_edge=False)
    table.add_column(columns[0])
    for column in columns[1:]:
        table.add_column(column, justify="right")
    return table


def _fates(adjusted: list[Plain], letters: list[Arrived], passed_over: int) -> Table:
    table = _table("What became of the events", "event", "number")
    for event_type, number in Counter(record["event_type"] for record in adjusted).most_common():
        table.add_row(event_type, str(number))
    table.add_row("dead letter", str(len(letters)))
    table.add_row("passed over: no examination of ours", str(passed_over))
    return table


def _by_city(settlements: list[Plain]) -> Table:
    table = _table("Outcomes by the hospital's city", "city", *_OUTCOMES)
    counted = Counter((_city(record), record["outcome"]) for record in settlements)
    for city in sorted({city for city, _ in counted}):
        table.add_row(city, *(str(counted[city, outcome]) for outcome in _OUTCOMES))
    return table


def _city(settlement: Plain) -> str:
    # An adjusted settlement does not name the hospital; the simulated event ids begin with its code.
    district = settlement["source_event_id"][1:7]
    return next((city.name for city in CITIES if city.district == district), district)


def _money(settlements: list[Plain]) -> Table:
    table = _table("Who bears the money", "bearer", "yuan")
    total = Decimal(0)
    for field, bearer in _BEARERS.items():
        amount = sum((Decimal(record["totals"][field]) for record in settlements), Decimal(0))
        total += amount
        table.add_row(bearer, f"{amount:,.2f}")
    charged = sum((Decimal(record["totals"]["charged_amount"]) for record in settlements), Decimal(0))
    table.add_row("together", f"{total:,.2f}")
    table.add_row("charged", f"{charged:,.2f}", style="green" if total == charged else "red")
    return table


def _dead_letters(letters: list[Arrived]) -> Table:
    table = _table("Dead letters", "reason", "number", "what it means")
    table.columns[-1].justify = "left"
    reasons = Counter(dict(letter.headers)[deadletters.REASON].decode() for letter in letters)
    for reason, number in reasons.most_common():
        table.add_row(reason, str(number), DEAD_LETTERS[DeadLetterReason(reason)][0])
    return table


def _is_telling(settlement: Plain) -> bool:
    """Three bearers: overcharged, and the fund pays a part."""
    shares = settlement["totals"]
    return all(Decimal(shares[field]) > 0 for field in _BEARERS if field != "assistance_amount")


def _public_list(disclosures: list[Plain]) -> Table | Text:
    newest = {record["disclosure_id"]: record for record in disclosures}
    published = [record for record in newest.values() if record["status"] == "published"]
    withdrawn = len(newest) - len(published)
    if not published:
        return Text("Nothing is published.")
    [(name, _)] = Counter(record["hospital"]["name"] for record in published).most_common(1)
    exams = [exam for record in published if record["hospital"]["name"] == name for exam in record["exams"]]
    exams.sort(key=lambda exam: str(exam["service_date"]))
    title = f"{name}: the first {min(_LONGEST_LIST, len(exams))} of {len(exams)}; {withdrawn} withdrawn in all cities"
    table = _table(title, "date", "surname", "age", "diagnosis", "price")
    table.columns[3].justify = "left"
    for exam in exams[:_LONGEST_LIST]:
        age = f"{exam['age']}{'+' if exam.get('age_or_over') else ''}"
        table.add_row(exam["service_date"], exam["surname"], age, exam["diagnosis"], exam["charged_price"])
    return table
