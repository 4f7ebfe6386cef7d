"""The input space of completed settlements, for property tests: valid events, with every field at its edges."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from tests.builders import NATIONAL, ZHEJIANG, Event, event, line

REGIONS = ["330102", "330100", "330203", "330200", "330602", "330600", "330302", "440304", "440300", "440102", "310115"]
DAYS = [
    date(2021, 6, 29),
    date(2021, 6, 30),
    date(2021, 12, 31),
    date(2022, 1, 1),
    date(2022, 12, 31),
    date(2023, 1, 1),
    date(2023, 9, 30),
    date(2023, 10, 1),
]
CODES = ["C34.900x001", "C78.0", "C80.0", "C80.9", "Z08.0", "Z85.1", "D38.1", "R91", "Z03.1", "Z00.0", "Z12.1", "J18.9"]
INDICATIONS = [
    "staging",
    "post_treatment_recurrence_or_metastasis",
    "unknown_primary_search",
    "radiotherapy_planning",
    "diagnosis",
    "efficacy_evaluation",
    "recurrence_monitoring",
    "check_up",
    "non_tumour",
    None,
]


def yuan(most: int = 20_000) -> st.SearchStrategy[str]:
    return st.one_of(
        st.sampled_from(["0.00", "0.01", "5299.99", "5300.00", "5300.01", "10600.00"]),
        st.integers(0, most * 100).map(lambda fen: str(Decimal(fen) / 100)),
    )


def accumulator() -> st.SearchStrategy[str | None]:
    edges = ["0.00", "12500.00", "24999.99", "25000.00", "94700.00", "100000.00", "399999.99", "594400.00", "600000.00"]
    return st.one_of(st.none(), st.sampled_from(edges), yuan(700_000))


@st.composite
def lines(draw: st.DrawFn, line_no: int, day: date) -> Event:
    amount = draw(yuan())
    outside = draw(st.sampled_from(["0.00", "0.00", amount, str(Decimal(amount) / 2)]))
    outside = str(Decimal(outside).quantize(Decimal("0.01")))
    sign = draw(st.sampled_from(["", "", "", "-"]))
    return line(
        line_no=line_no,
        item_code=draw(st.sampled_from([NATIONAL, ZHEJIANG])),
        service_date=str(day - timedelta(days=draw(st.sampled_from([0, 0, 1, 30, 400])))),
        quantity=sign + draw(st.sampled_from(["1", "1", "2", "0.5", "0.3333"])),
        unit_price=draw(st.sampled_from([amount, "5300", "2649.999999"])),
        amount=sign + amount if Decimal(amount) else "0.00",
        out_of_catalogue_amount=sign + outside if Decimal(outside) else "0",
        refunds_line_no=draw(st.sampled_from([None, 1, 2])),
    )


@st.composite
def settlements(draw: st.DrawFn) -> Event:
    """A valid event; some of its refunds negate another line exactly."""
    day = draw(st.sampled_from(DAYS))
    items = [draw(lines(number, day)) for number in range(1, draw(st.integers(1, 4)) + 1)]
    if draw(st.booleans()):
        undone = items[0]
        items.append(
            undone
            | {
                "line_no": 9,
                "refunds_line_no": 1,
                **{name: _negative(undone[name]) for name in ("quantity", "amount", "out_of_catalogue_amount")},
            }
        )
    made: dict[str, Any] = event(
        *draw(st.permutations(items)),
        occurred_at=f"{day}T{draw(st.sampled_from(['00:00:00', '09:30:00', '23:59:59.999999']))}",
        claim_channel=draw(st.sampled_from(["direct", "manual"])),
        hospital={
            "region": draw(st.sampled_from(REGIONS)),
            "ownership": draw(st.sampled_from(["public", "public_equivalent", "private"])),
            "designated": draw(st.sampled_from([True, True, True, False])),
        },
        patient={
            "insured_region": draw(st.sampled_from(REGIONS)),
            "scheme": draw(st.sampled_from(["employee", "resident"])),
            "status": draw(st.sampled_from(["in_service", "retired", "minor", "adult", "senior"])),
            "insurance_active": draw(st.sampled_from([True, True, True, False])),
            "assistance": draw(st.sampled_from(["none", "none", "low_income", "extreme_poverty", "other"])),
        },
        account={
            "own_paid_ytd": draw(accumulator()),
            "fund_paid_ytd": draw(accumulator()),
            "benefit_ratio": draw(st.sampled_from([None, "0.70", "0.75", "0.80", "0.85", "0.90", "0.9001", "0"])),
            "assistance_ratio": draw(st.sampled_from([None, "0", "0.5", "0.3333", "1"])),
        },
        request={
            "indication": draw(st.sampled_from(INDICATIONS)),
            "clinical_basis": draw(st.sampled_from([None, "pathology_confirmed", "highly_suspected"])),
        },
        diagnoses=[{"code": code, "name": "示例"} for code in draw(st.lists(st.sampled_from(CODES), max_size=3))],
    )
    if draw(st.booleans()):
        kind = draw(st.sampled_from(["long_term", "referral", "emergency", "temporary"]))
        made["filing"] = {"kind": kind, "valid_from": "2021-01-01", "valid_to": "2023-09-30"}
    if draw(st.booleans()):
        submitted_on = str(day + timedelta(days=draw(st.sampled_from([0, 29, 30, 31]))))
        documents = ["insurance_card", "identity_card", "invoice", "itemised_list", "examination_report"]
        made["manual_claim"] = {"submitted_on": submitted_on, "documents": [*documents, "diagnosis_proof"]}
    return made


def _negative(number: str) -> str:
    return str(-Decimal(number)) if Decimal(number) else "0"
