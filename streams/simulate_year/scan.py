"""One examination as it comes to be settled: whose, where, why, how it is billed, and whether it is taken back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count
from random import Random
from typing import Final, Literal

from streams.simulate import SURNAMES
from streams.simulate_year.planted import Planted
from streams.simulate_year.province import Billing, Hospital
from streams.simulate_year.reasons import Reason

_BORN_FROM: Final = date(1936, 1, 1)
_BIRTH_DAYS: Final = 20_000
_OTHER_PROVINCES: Final = ("310100", "320500", "340100", "350100", "360100")
_FROM_ANOTHER_CITY: Final = 0.06


@dataclass(frozen=True, slots=True)
class Patient:
    """As the platform knows the person."""

    person_id: str
    name: str
    birth_date: str
    insured_region: str
    scheme: str
    status: str
    own_paid: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line; a refund has the quantity -1 and names the line that it takes back."""

    billing: Billing
    quantity: int = 1
    refunds: int | None = None


@dataclass(frozen=True, slots=True)
class Codes:
    """The exact codes of items billed beside an examination; the fund of a region says which they are."""

    report_fee: str = "002208000080000"
    """计算机图文报告, item 220800008 of the national price items."""
    partial_scan: str = "002304000080000"
    """肿瘤局部断层显像, item 230400008 of the national price items."""


@dataclass(frozen=True, slots=True)
class Beside:
    """One line of another item, `before` days earlier. `amount` in yuan; negative, it takes back the line before."""

    item: Literal["report_fee", "partial_scan"]
    amount: str
    before: int = 0


@dataclass(frozen=True, slots=True)
class Scan:
    """One settlement. `day` is the day of the examination, settled `after` days later.

    Without `lines` it is no whole-body one. `beside` are lines of other items that belong to the case.
    """

    hospital: Hospital
    patient: Patient
    reason: Reason
    day: int
    lines: tuple[Line, ...]
    after: int = 0
    beside: tuple[Beside, ...] = ()
    cases: tuple[Planted, ...] = ()
    undo: Undo | None = None


@dataclass(frozen=True, slots=True)
class Undo:
    """A settlement is reversed or voided `after` days, and settled `again` as it should have been."""

    after: int
    reason: str
    void: bool = False
    again: Scan | None = None


class People:
    """New patients, each with an id of its own."""

    def __init__(self, rng: Random, seed: int) -> None:
        self._rng = rng
        self._seed = seed
        self._numbers = count(1)

    def new(self, hospital: Hospital, insured_region: str | None = None) -> Patient:
        """Somebody who comes to this hospital, insured in its city or, more rarely, elsewhere."""
        rng = self._rng
        born = _BORN_FROM + timedelta(days=rng.randrange(_BIRTH_DAYS))
        region = insured_region or self._insured(hospital)
        if rng.random() < hospital.residents:
            scheme, status = "resident", "senior" if born.year < 1961 else "adult"
        else:
            scheme, status = "employee", "retired" if born.year < 1964 else "in_service"
        return Patient(
            person_id=f"P{self._seed}-{next(self._numbers):06d}",
            name=f"{rng.choice(SURNAMES)}示例",
            birth_date=born.isoformat(),
            insured_region=region,
            scheme=scheme,
            status=status,
            own_paid=f"{rng.randrange(6_000_000) / 100:.2f}",
        )

    def _insured(self, hospital: Hospital) -> str:
        dice = self._rng.random()
        if dice < hospital.from_outside:
            return self._rng.choice(_OTHER_PROVINCES)
        if dice < hospital.from_outside + _FROM_ANOTHER_CITY:
            return self._rng.choice(("330100", "330200", "330300", "330600", "331000", "330700", "330400"))
        return hospital.city.region
