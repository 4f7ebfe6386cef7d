"""The stream itself: day after day, in the order in which the records come, some of them late."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import accumulate
from random import Random
from typing import Final

from streams.simulate import Event
from streams.simulate_year.hospital_cases import cast
from streams.simulate_year.patient_cases import patient_cases
from streams.simulate_year.province import Billing, Hospital, cities, ordinary
from streams.simulate_year.reasons import PLANNING, POST_TREATMENT, REASONS, STAGING, Reason
from streams.simulate_year.rhythm import DAYS, rhythm
from streams.simulate_year.scan import Codes, Line, Patient, People, Scan, Undo
from streams.simulate_year.settlements import Desk, Record

SETTLEMENTS: Final = 1_000_000
SCANS: Final = 40_000
HOSPITALS: Final = 300

_FEWEST_ORDINARY_HOSPITALS: Final = 24
_FEWEST_ORDINARY_SCANS: Final = 800
_OPEN: Final = (8 * 3600, 17 * 3600 + 1800)
_NOISE: Final = 0.06
_INPATIENTS: Final = 0.25
"""They are settled when they go home, some days after the examination."""
_STAY_DAYS: Final = 6
_TAKEN_BACK: Final = 0.015
_TAKEN_BACK_WITHIN_DAYS: Final = 20
_SETTLED_AGAIN: Final = 0.8
_LATE: Final = 0.015
_LATEST_DAYS: Final = 25
_DELAY_SECONDS: Final = 90.0
_LAST_SECOND: Final = 86_399
_SENT_TWICE: Final = 0.001
_OTHERS_TAKEN_BACK: Final = 0.005
_TELLS: Final = 0.9
_SCANS_A_PERSON: Final = 4
_FOLLOWED_UP: Final = 0.5
_FOLLOWED_UP_AGAIN: Final = 0.3
_PLANNED: Final = 0.1

_Due = tuple[int, int, Patient, int]
"""The day from which on, a number that keeps their order, who, and the examinations until then."""


class Year:
    """A year of a province from `seed`; `scale` 1 is 1,000,000 settlements, 40,000 of them examinations, 300 hospitals.

    Scaled down, every form of every case is still planted, so that there are never fewer examinations than those need.
    `records` can be gone through once, and needs no more memory for a year than for a month. Raises ValueError where
    `scale` is not above 0.
    """

    def __init__(self, seed: int = 0, scale: float = 1.0, codes: Codes | None = None) -> None:
        if not scale > 0:
            raise ValueError("the scale must be above 0")
        self._rng = Random(f"year {seed}")  # noqa: S311 - reproducible, guards nothing
        self._people = People(self._rng, seed)
        self._desk = Desk(self._rng, seed, codes or Codes())
        actors, self.planted = cast(self._rng, scale)
        """Everything that was planted; its settlement ids are complete when the records have ended."""
        wanted = round(SCANS * scale)
        acted = round(sum(_volume(one) for one in actors))
        count = max(_FEWEST_ORDINARY_HOSPITALS, round(HOSPITALS * scale) - len(actors))
        neighbours = ordinary(
            self._rng, len(actors) + 1, count, cities(scale), max(_FEWEST_ORDINARY_SCANS, wanted - acted)
        )
        self.hospitals: list[Hospital] = [*actors, *neighbours]
        self._cases = {case.case: case for case in self.planted}
        planned, cases = patient_cases(self._rng, self._people, neighbours, scale)
        self.planted += cases
        self._planned: defaultdict[int, list[Scan]] = defaultdict(list)
        for scan in planned:
            self._planned[scan.day].append(scan)
        examinations = sum(bool(scan.lines) for scan in planned)
        self.scans = max(wanted, acted + _FEWEST_ORDINARY_SCANS + examinations)
        """Settlements with an examination."""
        self.settlements = max(round(SETTLEMENTS * scale), 2 * self.scans)
        self._ordinary_scans = _spread(self.scans - examinations, self._busy())
        others = self.settlements - self.scans - (len(planned) - examinations)
        self._others = _spread(others, [rhythm(day) for day in range(DAYS)])
        self._weights = list(accumulate(one.annual + 20.0 for one in self.hospitals))

        self._undoing: defaultdict[int, list[tuple[Event, Undo, int]]] = defaultdict(list)
        self._coming: defaultdict[int, list[tuple[int, Record]]] = defaultdict(list)
        self._queues: defaultdict[tuple[str, str | None], list[_Due]] = defaultdict(list)
        self._order = 0
        self._settled_again = 0

    def records(self) -> Iterator[Record]:
        """(key, value), keyed as the contract says, in the order in which they come; no value holds a newline.

        A settlement sent twice comes twice, byte for byte. What is reversed or voided came before.
        """
        for day in range(DAYS):
            for scan in self._planned.pop(day, ()):
                self._settle(scan, day)
            # What is settled again counts as an examination of a later day, so that the year has as many as it should.
            wanted = self._ordinary_scans[day] - self._settled_again
            self._settled_again = max(0, -wanted)
            for scan in self._ordinary(day, max(0, wanted)):
                self._settle(scan, day)
            for target, undo, earliest in self._undoing.pop(day, ()):
                self._take_back(target, undo, day, earliest)
            self._somebody_elses(day, self._others[day])
            yield from self._come(day)
        for day in sorted(self._coming):
            yield from self._come(day)

    def _come(self, day: int) -> Iterator[Record]:
        for _, record in sorted(self._coming.pop(day, ()), key=_when):
            yield record

    def _busy(self) -> list[float]:
        """By day. No two Wednesdays are alike."""
        noise = (self._rng.lognormvariate(0, _NOISE) for _ in range(DAYS))
        return [
            rhythm(day) * sum(one.volume(day) for one in self.hospitals) * some
            for day, some in zip(range(DAYS), noise, strict=True)
        ]

    def _ordinary(self, day: int, count: int) -> Iterator[Scan]:
        volumes = [one.volume(day) for one in self.hospitals]
        if count:
            for hospital in self._rng.choices(self.hospitals, volumes, k=count):
                yield self._visit(hospital, day)

    def _visit(self, hospital: Hospital, settled: int) -> Scan:
        """Somebody whose turn it is again, or somebody new."""
        rng = self._rng
        after = min(settled, rng.randint(1, _STAY_DAYS)) if rng.random() < _INPATIENTS else 0
        now = hospital.now(settled - after)
        mix = next((phase.mix for phase in now if phase.mix is not None), hospital.mix)
        [reason] = rng.choices(REASONS, mix)
        patient, after = self._patient(hospital, reason, settled, after)
        day = settled - after
        billing, cases = Billing(hospital.price), []
        for phase in now:
            if phase.billing is not None and rng.random() >= phase.share:
                continue
            billing = phase.billing or billing
            if phase.case is not None and reason in phase.marks:
                cases.append(self._cases[phase.case])
        scan = Scan(hospital, patient, reason, day, (Line(billing),), after, cases=tuple(cases))
        # What is put down under a case stays, so that a case is what it was planted as.
        if not cases and rng.random() < _TAKEN_BACK:
            days = rng.randint(1, _TAKEN_BACK_WITHIN_DAYS)
            again = scan if rng.random() < _SETTLED_AGAIN and settled + days < DAYS - 1 else None
            why = rng.choice(("wrong_amount", "technical")) if again else "cancelled"
            undo = Undo(days, why, void=rng.random() < 0.3, again=again)
            scan = replace(scan, undo=undo)
        return scan

    def _patient(self, hospital: Hospital, reason: Reason, settled: int, after: int) -> tuple[Patient, int]:
        """With the days between examination and settlement, fewer where the examination would be before its turn."""
        queue = self._queues[hospital.code, reason.indication]
        if reason in {PLANNING, POST_TREATMENT} and queue and queue[0][0] <= settled:
            due, _, patient, seen = heapq.heappop(queue)
            after = min(after, settled - due)
            seen += 1
        else:
            patient, seen = self._people.new(hospital), 1
        self._follow_up(hospital, reason, settled, patient, seen)
        return patient, after

    def _follow_up(self, hospital: Hospital, reason: Reason, day: int, patient: Patient, seen: int) -> None:
        """One visit leads to the next, so that a patient waits for one at a time."""
        rng, dice = self._rng, self._rng.random()
        if seen >= _SCANS_A_PERSON:
            return
        if reason is STAGING and dice < _PLANNED:
            self._return(hospital, PLANNING, day + rng.randint(10, 30), patient, seen)
        elif reason in {STAGING, PLANNING} and dice < _PLANNED + _FOLLOWED_UP:
            self._return(hospital, POST_TREATMENT, day + rng.randint(90, 210), patient, seen)
        elif reason is POST_TREATMENT and dice < _FOLLOWED_UP_AGAIN:
            self._return(hospital, POST_TREATMENT, day + rng.randint(90, 180), patient, seen)

    def _return(self, hospital: Hospital, reason: Reason, due: int, patient: Patient, seen: int) -> None:
        self._order += 1
        heapq.heappush(self._queues[hospital.code, reason.indication], (due, self._order, patient, seen))

    def _settle(self, scan: Scan, day: int) -> None:
        rng = self._rng
        second = rng.randrange(*_OPEN)
        event = self._desk.completed(scan, second)
        for case in scan.cases:
            case.settlement_ids.append(event["settlement_id"])
        record = self._desk.written(event)
        came, at = day, min(_LAST_SECOND, second + round(rng.expovariate(1 / _DELAY_SECONDS)))
        if scan.undo is None and rng.random() < _LATE:
            came += min(_LATEST_DAYS, 1 + round(rng.expovariate(1 / 4)))
        self._coming[came].append((at, record))
        if rng.random() < _SENT_TWICE:
            self._coming[came + rng.randint(0, 2)].append((rng.randint(at, _LAST_SECOND), record))
        if scan.undo is not None:
            self._undoing[day + scan.undo.after].append((event, scan.undo, at + 1))

    def _take_back(self, target: Event, undo: Undo, day: int, earliest: int) -> None:
        """`earliest` is a second of the day; it counts where both come on the same one."""
        second = self._rng.randint(min(earliest, _LAST_SECOND), _LAST_SECOND)
        self._coming[day].append((second, self._desk.undone(target, undo, day, second)))
        if undo.again is not None:
            self._settled_again += 1
            self._settle(replace(undo.again, after=day - undo.again.day, undo=None), day)

    def _somebody_elses(self, day: int, count: int) -> None:
        rng, coming = self._rng, self._coming[day]
        for hospital in rng.choices(self.hospitals, cum_weights=self._weights, k=count):
            second = rng.randrange(*_OPEN)
            record = self._desk.other(hospital, day, second)
            at = second + rng.randrange(300)
            coming.append((at, record))
            if rng.random() < _OTHERS_TAKEN_BACK:
                tells = rng.random() < _TELLS
                coming.append((at + 60, self._desk.other_undone(record[0], day, at + 60, tells=tells)))


def _volume(hospital: Hospital) -> float:
    """Examinations in the year, its phases with it."""
    busy = [rhythm(day) for day in range(DAYS)]
    return sum(one * hospital.volume(day) for day, one in enumerate(busy)) / sum(busy)


def _spread(count: int, weights: list[float]) -> list[int]:
    """`count` over the days, in proportion, none lost by rounding."""
    whole = sum(weights)
    reached = [round(count * part / whole) for part in accumulate(weights)]
    return [here - before for before, here in zip([0, *reached], reached, strict=False)]


def _when(coming: tuple[int, Record]) -> int:
    return coming[0]
