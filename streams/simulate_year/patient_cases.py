"""Patients who are examined or billed too often, and patients about whom only the numbers look odd."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from typing import Final

from streams.simulate_year.planted import Planted
from streams.simulate_year.province import REGULATED_PRICE, Billing, Hospital
from streams.simulate_year.reasons import CONTRADICTED, EFFICACY, PLANNING, POST_TREATMENT, STAGING, Reason
from streams.simulate_year.rhythm import DAYS, day_of, rhythm
from streams.simulate_year.scan import Beside, Line, Patient, People, Scan, Undo

ONCE: Final = (Line(Billing(REGULATED_PRICE)),)
_DEAR: Final = (Line(Billing("6500.00")),)
_REPORT: Final = Beside("report_fee", "80.00")
_REPORT_BACK: Final = Beside("report_fee", "-80.00")
_PARTIAL: Final = Beside("partial_scan", "2600.00")
_FEWEST_A_YEAR: Final = 15


class Clinic:
    """Makes cases at public hospitals with the regulated price, larger ones more often."""

    def __init__(self, rng: Random, people: People, hospitals: Sequence[Hospital]) -> None:
        self.rng = rng
        self.people = people
        self.scans: list[Scan] = []
        self.planted: list[Planted] = []
        fitting = [one for one in hospitals if one.ownership == "public" and one.price == REGULATED_PRICE]
        self._hospitals = [one for one in fitting if one.annual >= _FEWEST_A_YEAR] or fitting
        self._weights = [one.annual for one in self._hospitals]

    def hospital(self) -> Hospital:
        return self.rng.choices(self._hospitals, self._weights)[0]

    def hospitals(self, count: int) -> list[Hospital]:
        return self.rng.sample(self._hospitals, count)

    def home_and_centre(self) -> tuple[Hospital, Hospital]:
        """Of two cities."""
        home = self.hospital()
        return home, self.rng.choice([one for one in self._hospitals if one.city is not home.city])

    def begin(self, span: int) -> int:
        """A day from which `span` days are left in the year."""
        return self.open_day(self.rng.randrange(5, DAYS - 30 - span))

    def open_day(self, wanted: int) -> int:
        """The first day from `wanted` on when nothing is closed."""
        return next(day for day in range(wanted, DAYS) if rhythm(day) > 0.7)

    def enter(self, rule: str, kind: str, *scans: Scan, abuse: bool) -> None:
        case = f"{'' if abuse else 'innocent-'}{rule}-p{len(self.planted) + 1:03d}"
        codes = sorted({scan.hospital.code for scan in scans})
        days = [scan.day for scan in scans]
        window = day_of(min(days)), day_of(max(days))
        planted = Planted(case, rule, kind, abuse, codes, scans[0].patient.person_id, *window)
        self.planted.append(planted)
        self.scans += [_under(planted, scan) for scan in scans]

    def visit(self, hospital: Hospital, patient: Patient, reason: Reason, day: int) -> Scan:
        return Scan(hospital, patient, reason, self.open_day(day), ONCE)

    def one(self, reason: Reason = STAGING) -> Scan:
        """One examination of somebody new, insured in the city: whose indications the province's notice limits."""
        hospital = self.hospital()
        return self.visit(hospital, self.people.new(hospital, hospital.city.region), reason, self.begin(0))


def _under(case: Planted, scan: Scan) -> Scan:
    undo = scan.undo
    if undo is not None and undo.again is not None:
        undo = replace(undo, again=replace(undo.again, cases=(case,)))
    return replace(scan, cases=(case,), undo=undo)


def patient_cases(
    rng: Random, people: People, hospitals: Sequence[Hospital], scale: float
) -> tuple[list[Scan], list[Planted]]:
    """The whole year has the numbers given here; a scaled one fewer, and of each form at least one."""
    clinic = Clinic(rng, people, hospitals)
    for plant, full, least in _CASES:
        for number in range(max(least, round(full * scale))):
            plant(clinic, number)
    return clinic.scans, clinic.planted


def _split(at: Clinic, number: int) -> None:
    scan = at.one()
    if number % 5 == 0:
        at.enter("split_charge", "two settlements of one day", scan, scan, abuse=True)
    elif number % 5 == 1:
        here, there = at.hospitals(2)
        two = replace(scan, hospital=here), replace(scan, hospital=there)
        at.enter("split_charge", "two hospitals on one day", *two, abuse=True)
    elif number % 5 == 2:
        at.enter("split_charge", "two lines", replace(scan, lines=ONCE * 2), abuse=True)
    elif number % 5 == 3:
        at.enter("split_charge", "part and whole of a body", replace(scan, beside=(_PARTIAL,)), abuse=True)
    else:
        doubled = replace(scan, lines=(Line(Billing(REGULATED_PRICE), quantity=2),))
        at.enter("split_charge", "one line of two", doubled, abuse=True)


def _repeat(at: Clinic, number: int) -> None:
    """Nothing about a tumour changes within two weeks that a whole-body scan would show."""
    across = number % 2 == 1
    places = at.hospitals(3) if across else [at.hospital()]
    patient, day = at.people.new(places[0]), at.begin(110)
    scans = []
    for visit in range(6 if across else 7):
        reason = STAGING if visit == 0 else POST_TREATMENT
        scans.append(at.visit(places[visit % len(places)], patient, reason, day))
        day = scans[-1].day + at.rng.randint(9, 13)
    kind = f"{len(scans)} within weeks, {'three hospitals' if across else 'one hospital'}"
    at.enter("repeat_scan", kind, *scans, abuse=True)


def _contradiction(at: Clinic, number: int) -> None:
    reason = CONTRADICTED[number % len(CONTRADICTED)]
    at.enter("contradiction", f"{reason.indication} without a malignant tumour", at.one(reason), abuse=True)


def _report_fee(at: Clinic, _: int) -> None:
    scan = replace(at.one(), beside=(_REPORT,))
    at.enter("duplicate_report_fee", "report billed beside the examination", scan, abuse=True)


def _restaging(at: Clinic, _: int) -> None:
    """Before treatment, after it, and on signs of relapse: months apart, by the guidelines."""
    hospital = at.hospital()
    patient, day = at.people.new(hospital), at.begin(300)
    scans = []
    for visit in range(at.rng.choice((3, 3, 4))):
        scans.append(at.visit(hospital, patient, STAGING if visit == 0 else POST_TREATMENT, day))
        day = scans[-1].day + at.rng.randint(80, 95)
    at.enter("repeat_scan", "restaging after treatment", *scans, abuse=False)


def _lymphoma(at: Clinic, _: int) -> None:
    """Before treatment, after its first cycles, at its end, and to plan the irradiation of what is left."""
    hospital = at.hospital()
    patient, day = at.people.new(hospital), at.begin(190)
    scans = (
        at.visit(hospital, patient, STAGING, day),
        at.visit(hospital, patient, EFFICACY, day + at.rng.randint(45, 56)),
        at.visit(hospital, patient, POST_TREATMENT, day + at.rng.randint(135, 150)),
        at.visit(hospital, patient, PLANNING, day + at.rng.randint(160, 175)),
    )
    at.enter("repeat_scan", "lymphoma, response after the first cycles", *scans, abuse=False)


def _planning_of_sites(at: Clinic, _: int) -> None:
    """Each site that is irradiated needs its own target volume, planned when its turn comes."""
    hospital = at.hospital()
    patient, day = at.people.new(hospital), at.begin(170)
    second = day + at.rng.randint(14, 21)
    third = second + at.rng.randint(14, 21)
    scans = (
        at.visit(hospital, patient, STAGING, day),
        at.visit(hospital, patient, PLANNING, second),
        at.visit(hospital, patient, PLANNING, third),
        at.visit(hospital, patient, POST_TREATMENT, third + at.rng.randint(90, 110)),
    )
    at.enter("repeat_scan", "radiotherapy planned at two sites", *scans, abuse=False)


def _referral(at: Clinic, _: int) -> None:
    """Staged at home, sent to another city's hospital, which plans its treatment anew, and back at home."""
    home, centre = at.home_and_centre()
    patient, day = at.people.new(home, home.city.region), at.begin(160)
    scans = (
        at.visit(home, patient, STAGING, day),
        at.visit(centre, patient, PLANNING, day + at.rng.randint(15, 28)),
        at.visit(home, patient, POST_TREATMENT, day + at.rng.randint(115, 130)),
    )
    at.enter("repeat_scan", "referred and back", *scans, abuse=False)


def _two_sites_on_one_day(at: Clinic, _: int) -> None:
    """Lying otherwise for the second site, who is to be irradiated there is examined anew."""
    scan = at.one(PLANNING)
    at.enter("split_charge", "radiotherapy of two sites planned on one day", scan, scan, abuse=False)


def _billed_twice_and_taken_back(at: Clinic, number: int) -> None:
    scan = at.one()
    undo = Undo(at.rng.randint(0, 6), "duplicate", void=number % 2 == 0)
    at.enter("split_charge", "billed twice, one taken back", scan, replace(scan, undo=undo), abuse=False)


def _refunded_line(at: Clinic, _: int) -> None:
    refund = Line(Billing(REGULATED_PRICE), quantity=-1, refunds=2)
    scan = replace(at.one(), lines=(*ONCE, *ONCE, refund))
    at.enter("split_charge", "a second line refunded at once", scan, abuse=False)


def _corrected_price(at: Clinic, _: int) -> None:
    scan = at.one()
    undo = Undo(at.rng.randint(1, 10), "wrong_amount", again=scan)
    at.enter("overcharge", "wrong price, settled again", replace(scan, lines=_DEAR, undo=undo), abuse=False)


def _corrected_coding(at: Clinic, number: int) -> None:
    scan = at.one()
    undo = Undo(at.rng.randint(1, 10), "technical", void=number % 2 == 0, again=scan)
    wrong = replace(scan, reason=CONTRADICTED[0], undo=undo)
    at.enter("contradiction", "wrong diagnosis, settled again", wrong, abuse=False)


def _refunded_report(at: Clinic, _: int) -> None:
    scan = replace(at.one(), beside=(_REPORT, _REPORT_BACK))
    at.enter("duplicate_report_fee", "report refunded at once", scan, abuse=False)


def _report_of_another_day(at: Clinic, _: int) -> None:
    """Of a long stay, with another examination and its report in its first days."""
    scan = replace(at.one(), beside=(replace(_REPORT, before=6),))
    at.enter("duplicate_report_fee", "report of another day of the stay", scan, abuse=False)


def _report_of_another_examination(at: Clinic, _: int) -> None:
    scan = at.one()
    other = replace(scan, lines=(), beside=(_REPORT,))
    at.enter("duplicate_report_fee", "report of another examination", scan, other, abuse=False)


_CASES: Final[Sequence[tuple[Callable[[Clinic, int], None], int, int]]] = (
    (_split, 25, 5),
    (_repeat, 16, 2),
    (_contradiction, 20, 2),
    (_report_fee, 20, 2),
    (_restaging, 40, 3),
    (_lymphoma, 20, 2),
    (_planning_of_sites, 30, 3),
    (_referral, 30, 3),
    (_two_sites_on_one_day, 10, 1),
    (_billed_twice_and_taken_back, 20, 2),
    (_refunded_line, 10, 1),
    (_corrected_price, 20, 2),
    (_corrected_coding, 20, 2),
    (_refunded_report, 10, 1),
    (_report_of_another_examination, 20, 2),
    (_report_of_another_day, 10, 1),
)
"""What is planted, how often in a whole year, and how often at least."""
