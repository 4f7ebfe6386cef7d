"""超医保支付范围: the indication that was stated is not borne out by the diagnoses on the bill.

The comparison is the adjudication's (docs/adjudication.md, indication). Source: 杭医保〔2021〕30号, 一.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from streams.surveillance.examined import Examined
from streams.surveillance.facts import CONTRADICTED
from streams.surveillance.periods import day_of
from streams.surveillance.rules.saying import NOT_STATED, charged, suspicion
from streams.surveillance.rules.windows import grouped, of_bill
from streams.surveillance.suspicion import Days, Measured, Suspicion
from streams.surveillance.thresholds import Thresholds

RULE: Final = "contradiction"
CATEGORY: Final = "超医保支付范围"


def contradiction(exams: Sequence[Examined], thresholds: Thresholds) -> Iterator[Suspicion]:
    """`exams` of one person, in order of time."""
    contradicted = (exam for exam in exams if exam.fact.contradicted and CONTRADICTED in exam.scan.reasons)
    for _, found in grouped(contradicted, of_bill):
        fact = found[0].fact
        threshold = thresholds.of(RULE, fact.insured_region, found[-1].day)
        if threshold is None:
            continue
        yield suspicion(
            threshold,
            CATEGORY,
            subject=f"{fact.person}|{fact.settlement_id}",
            period=day_of(fact.occurred_on),
            window=Days(found[0].day, found[-1].day),
            facts=[fact],
            of_person=True,
            measures=(Measured("indication", fact.indication or NOT_STATED),),
            amount=charged(found),
            says="The stated indication is not among what the diagnoses on the bill bear out.",
        )
