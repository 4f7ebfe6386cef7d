"""What the gates and the benefit need to know of an event, read once."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from schemas.events import LineItem, SettlementCompleted
from streams.adjudication.diagnoses import Evidence, evidence_of
from streams.rulebook.index import Rulebook
from streams.rulebook.regions import city_of, province_of


class Case:
    """One completed event before the rules: where it happened, what the diagnoses show."""

    def __init__(
        self,
        event: SettlementCompleted,
        rulebook: Rulebook,
        out_of_area: bool,
        same_province: bool,
        evidence: Evidence,
    ) -> None:
        self.event: Final = event
        self.rulebook: Final = rulebook
        self.out_of_area: Final = out_of_area
        self.same_province: Final = same_province
        self.evidence: Final = evidence

    @classmethod
    def of(cls, event: SettlementCompleted, rulebook: Rulebook) -> Case:
        hospital, insured = event.hospital.region, event.patient.insured_region
        return cls(
            event,
            rulebook,
            out_of_area=city_of(hospital) != city_of(insured),
            same_province=province_of(hospital) == province_of(insured),
            evidence=evidence_of(event.diagnoses),
        )


class Charge:
    """One examination line seen as a charge: a refund is its mirror image here, its sign put back at the end.

    Amounts in yuan, none negative; `in_catalogue` is what lies within the insurance catalogue.
    """

    def __init__(
        self,
        line: LineItem,
        exam: str,
        is_refund: bool,
        quantity: Decimal,
        amount: Decimal,
        out_of_catalogue: Decimal,
        in_catalogue: Decimal,
    ) -> None:
        self.line: Final = line
        self.exam: Final = exam
        self.is_refund: Final = is_refund
        self.quantity: Final = quantity
        self.amount: Final = amount
        self.out_of_catalogue: Final = out_of_catalogue
        self.in_catalogue: Final = in_catalogue

    @classmethod
    def of(cls, line: LineItem, exam: str) -> Charge:
        quantity, amount, outside = line.quantity, line.amount, line.out_of_catalogue_amount
        if quantity < 0:
            return cls(line, exam, True, -quantity, abs(amount), abs(outside), abs(amount) - abs(outside))
        return cls(line, exam, False, quantity, amount, outside, amount - outside)


class Accumulators:
    """What the person and the fund have paid this calendar year, in yuan; None: the platform did not say."""

    def __init__(
        self,
        own_paid: Decimal | None,
        fund_paid: Decimal | None,
    ) -> None:
        self.own_paid: Final = own_paid
        self.fund_paid: Final = fund_paid

    def after(self, eligible: Decimal, fund: Decimal) -> Accumulators:
        """The same after one covered line."""
        return Accumulators(
            None if self.own_paid is None else self.own_paid + eligible,
            None if self.fund_paid is None else self.fund_paid + fund,
        )
