"""信息公开: what a designated hospital must publish of each examination, and not one field more.

Source: 浙医保发〔2021〕31号, 四; 杭医保〔2021〕30号, 四: 患者的姓（不含名）、年龄、疾病诊断、收费价格.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Final
from unicodedata import category, normalize

from schemas.events import Diagnosis, SettlementCompleted
from streams.adjudication.settlement import Settlement, standing
from streams.adjudication.surname import MASK, is_common, split_name
from streams.rulebook.index import Rulebook
from streams.rulebook.model import DisclosureRule

NOT_STATED: Final = "未填写"
_CATEGORY: Final = re.compile(r"[A-Z][0-9]{2}")
_SHORTEST_PART: Final = 2


class DisclosedExam:
    """One row of the public list. `age` in whole years on the day of service, `charged_price` in yuan.

    `age_or_over`: the rule top-codes ages; `age` is its limit, and the patient's that or more.
    """

    def __init__(
        self,
        service_date: date,
        exam: str,
        surname: str,
        age: int,
        diagnosis: str,
        charged_price: Decimal,
        age_or_over: bool = False,
    ) -> None:
        self.service_date: Final = service_date
        self.exam: Final = exam
        self.surname: Final = surname
        self.age: Final = age
        self.diagnosis: Final = diagnosis
        self.charged_price: Final = charged_price
        self.age_or_over: Final = age_or_over


class Disclosure:
    """The rows of one event. `rule` ordered the first of them."""

    def __init__(
        self,
        rule: DisclosureRule,
        exams: tuple[DisclosedExam, ...],
    ) -> None:
        self.rule: Final = rule
        self.exams: Final = exams


def disclose(event: SettlementCompleted, settlement: Settlement, rulebook: Rulebook) -> Disclosure | None:
    """What to publish of this event; None where nothing is ordered. Covered or not makes no difference."""
    if not event.hospital.designated:
        return None
    patient, region = event.patient, event.hospital.region
    ordered = [
        (line, rule)
        for line in standing(settlement.lines, settlement.cancelled)
        if (rule := rulebook.disclosure(region, line.exam, line.item.service_date)) is not None
    ]
    if not ordered:
        return None
    surname, given_name = split_name(patient.name)
    diagnosis = published_diagnosis(event.diagnoses, patient.name, given_name)
    exams = []
    for line, rule in ordered:
        day = line.item.service_date
        years = age(patient.birth_date, day)
        over = rule.age_top is not None and years >= rule.age_top
        exams.append(
            DisclosedExam(
                day,
                line.exam,
                surname if rule.surname_policy == "as_ordered" or is_common(surname) else MASK,
                rule.age_top if over and rule.age_top is not None else years,
                diagnosis,
                line.charged,
                over,
            )
        )
    return Disclosure(ordered[0][1], tuple(exams))


def age(born: date, on: date) -> int:
    """Whole years; born on February 29, a year older on March 1 of a common year."""
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


def published_diagnosis(diagnoses: list[Diagnosis], name: str, given_name: str) -> str:
    """The main diagnosis's name, else the first's; its category where the name would give the patient away."""
    diagnosis = next((d for d in diagnoses if d.main), diagnoses[0] if diagnoses else None)
    if diagnosis is None:
        return NOT_STATED
    said = _folded(diagnosis.name)
    if said and not any(part in said for part in _telling_parts(name, given_name)):
        return diagnosis.name
    letters = diagnosis.code[:3]
    return letters if _CATEGORY.fullmatch(letters) else NOT_STATED


def _folded(text: str) -> str:
    return "".join(normalize("NFKC", text).casefold().split())


def _telling_parts(name: str, given_name: str) -> set[str]:
    """What of the patient's name must not stand in a published diagnosis.

    Blanks divide a name as any other mark does: each part of two or more characters counts, with and without them.
    """
    whole = _folded(name)
    parts = {part for part in (whole, given_name) if len(part) >= _SHORTEST_PART or part == whole != ""}
    if given_name and whole == name:  # a plain Han name that nothing divides
        return parts
    for text in (whole, normalize("NFKC", name).casefold()):
        divided = "".join(character if category(character)[0] in "LN" else " " for character in text)
        parts.update(part for part in divided.split() if len(part) >= _SHORTEST_PART)
    return parts
