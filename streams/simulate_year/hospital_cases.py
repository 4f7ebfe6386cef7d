"""Hospitals that abuse, and hospitals about which only the numbers look odd."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Final, TypeVar

from streams.simulate_year.planted import Planted
from streams.simulate_year.province import (
    HANGZHOU,
    NINGBO,
    REGULATED_PRICE,
    SHAOXING,
    WENZHOU,
    Billing,
    City,
    Hospital,
    Phase,
    numbered,
)
from streams.simulate_year.reasons import OUT_OF_SCOPE, OUTSIDE, RADIOTHERAPY, SEARCHES, UNKNOWN_PRIMARY
from streams.simulate_year.rhythm import DAYS, day_of

_LAST: Final = DAYS - 1
T = TypeVar("T")


@dataclass(slots=True)
class Cast:
    """What has been planted so far; hospitals are numbered as they come."""

    rng: Random
    hospitals: list[Hospital]
    planted: list[Planted]

    def hospital(self, city: City, annual: float, *, ownership: str = "public", county: bool = False) -> Hospital:
        """At the regulated price. Its neighbours differ in price, this one only in what it is here for."""
        number = len(self.hospitals) + 1
        made = numbered(self.rng, number, city, annual, county=county, ownership=ownership)
        return replace(made, price=REGULATED_PRICE)

    def enter(
        self, hospital: Hospital, rule: str, kind: str, *phases: Phase, abuse: bool, first: int, last: int
    ) -> None:
        """Each phase with a case is this one's."""
        case = f"{'' if abuse else 'innocent-'}{rule}-{len(self.planted) + 1:03d}"
        own = tuple(replace(phase, case=case) if phase.case is not None else phase for phase in phases)
        self.hospitals.append(replace(hospital, phases=own))
        window = day_of(max(0, first)), day_of(min(last, _LAST))
        self.planted.append(Planted(case, rule, kind, abuse, [hospital.code], None, *window))


def cast(rng: Random, scale: float) -> tuple[list[Hospital], list[Planted]]:
    """The whole year has the numbers given here; a scaled one fewer, and of each form at least one."""
    made = Cast(rng, [], [])
    for plant, full, least in _CASES:
        for number in range(max(least, round(full * scale))):
            plant(made, number)
    return made.hospitals, made.planted


def _overcharge(made: Cast, number: int) -> None:
    billing, kind = _pick(
        number,
        (Billing("6500.00"), "6500 instead of 5300"),
        (Billing("5800.00"), "5800 instead of 5300"),
        (Billing("6500.00", "1200.00"), "5300, and 1200 called out of catalogue"),
    )
    hospital = made.hospital(_pick(number, HANGZHOU, WENZHOU, SHAOXING), 120)
    first = made.rng.randrange(40, 280)
    phase = Phase("", first, first + 60, billing=billing, share=0.8)
    made.enter(hospital, "overcharge", kind, phase, abuse=True, first=first, last=first + 60)


def _private_price(made: Cast, _: int) -> None:
    """The regulated price binds public hospitals. Source: 杭医保〔2021〕30号, 二 (各公立医疗机构)."""
    hospital = replace(made.hospital(HANGZHOU, 100, ownership="private"), price="7200.00")
    made.enter(hospital, "overcharge", "private hospital", Phase("", 0, _LAST), abuse=False, first=0, last=_LAST)


def _spike(made: Cast, number: int) -> None:
    hospital = made.hospital(_pick(number, NINGBO, HANGZHOU, WENZHOU), 560)
    first = _pick(number, 130, 250, 312, 165, 268)  # from November, March, May, December, late March
    last = first + made.rng.randint(28, 42)
    phase = Phase("", first, last, volume=3.5)
    made.enter(hospital, "spend_spike", "3.5 times the usual for weeks", phase, abuse=True, first=first, last=last)


def _out_of_scope(made: Cast, number: int) -> None:
    # Of Hangzhou and Shaoxing the benefit is known to the end of 2021, of Wenzhou never, of Ningbo always.
    city, first = _pick(number, (NINGBO, 60), (WENZHOU, 150), (HANGZHOU, 40), (SHAOXING, 55), (NINGBO, 210))
    last = first + 120
    hospital = made.hospital(city, 250)
    phase = Phase("", first, last, mix=OUT_OF_SCOPE, marks=OUTSIDE)
    kind = "check-ups and inflammations, where the benefit is " + ("unknown" if city is WENZHOU else "known")
    made.enter(hospital, "out_of_scope_share", kind, phase, abuse=True, first=first, last=last)


def _drift(made: Cast, number: int) -> None:
    hospital = made.hospital(_pick(number, HANGZHOU, NINGBO, SHAOXING), 360)
    first = made.rng.randrange(130, 220)
    phase = Phase("", first, _LAST, mix=SEARCHES, marks=(UNKNOWN_PRIMARY,))
    kind = "from a day on most are searches for a primary"
    made.enter(hospital, "indication_drift", kind, phase, abuse=True, first=first, last=_LAST)


def _opening(made: Cast, number: int) -> None:
    hospital = made.hospital(_pick(number, HANGZHOU, NINGBO, WENZHOU), 150)
    opens = made.rng.randrange(60, 220)
    phases = Phase(None, 0, opens - 1, volume=0.0), Phase(None, opens, opens + 41, volume=0.4), Phase("", opens, _LAST)
    made.enter(hospital, "spend_spike", "first scanner opens", *phases, abuse=False, first=opens, last=_LAST)


def _second_scanner(made: Cast, number: int) -> None:
    hospital = made.hospital(_pick(number, WENZHOU, HANGZHOU, NINGBO), 420)
    first = made.rng.randrange(110, 240)
    phase = Phase("", first, _LAST, volume=1.6, ramp=56)
    made.enter(hospital, "spend_spike", "second scanner opens", phase, abuse=False, first=first, last=_LAST)


def _lumpy(made: Cast, number: int) -> None:
    """A scanner that comes by: nothing for weeks, then some on one day."""
    hospital = replace(made.hospital(_pick(number, HANGZHOU, NINGBO), 20, county=True), every=28, outages=())
    made.enter(hospital, "spend_spike", "a scan day a month", Phase("", 0, _LAST), abuse=False, first=0, last=_LAST)


def _holidays(made: Cast, number: int) -> None:
    """Closed in the weeks of National Day and Spring Festival, and catching up for a week after each."""
    hospital = made.hospital(_pick(number, HANGZHOU, WENZHOU, NINGBO), 400)
    phases = [
        phase
        for first, last in ((92, 98), (214, 220))  # 2021-10-01 to 07, 2022-01-31 to 02-06
        for phase in (Phase(None, first, last, volume=0.0), Phase("", last + 1, last + 7, volume=1.3))
    ]
    made.enter(hospital, "spend_spike", "holiday weeks", *phases, abuse=False, first=92, last=227)


def _many_residents(made: Cast, _: int) -> None:
    """Of Hangzhou's residents the benefit is not known: reviews that say nothing about the hospital."""
    hospital = replace(made.hospital(HANGZHOU, 150, county=True), residents=0.6)
    kind = "county hospital, many residents"
    made.enter(hospital, "out_of_scope_share", kind, Phase("", 0, _LAST), abuse=False, first=0, last=_LAST)


def _referral_centre(made: Cast, number: int) -> None:
    hospital = replace(made.hospital(_pick(number, HANGZHOU, NINGBO), 250), from_outside=0.3)
    kind = "referral centre, many from other provinces"
    made.enter(hospital, "out_of_scope_share", kind, Phase("", 0, _LAST), abuse=False, first=0, last=_LAST)


def _radiotherapy(made: Cast, number: int) -> None:
    """Planning examinations from 8 to 20 % when the department opens."""
    hospital = made.hospital(_pick(number, NINGBO, HANGZHOU), 320)
    first = made.rng.randrange(120, 220)
    phase = Phase("", first, _LAST, mix=RADIOTHERAPY)
    made.enter(hospital, "indication_drift", "radiotherapy opens", phase, abuse=False, first=first, last=_LAST)


def _pick(number: int, *of: T) -> T:
    return of[number % len(of)]


_CASES: Final[Sequence[tuple[Callable[[Cast, int], None], int, int]]] = (
    (_overcharge, 6, 3),
    (_spike, 5, 1),
    (_out_of_scope, 5, 2),
    (_drift, 4, 1),
    (_private_price, 2, 1),
    (_opening, 4, 1),
    (_second_scanner, 3, 1),
    (_lumpy, 10, 2),
    (_holidays, 3, 1),
    (_many_residents, 3, 1),
    (_referral_centre, 2, 1),
    (_radiotherapy, 2, 1),
)
"""What is planted, how often in a whole year, and how often at least."""
