"""Cities and hospitals of a province, as the generator makes them up."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from random import Random
from typing import Final

from streams.simulate import NATIONAL_CODE, ZHEJIANG_CODE
from streams.simulate_year.reasons import BASE, REASONS, Mix, Reason, blurred

REGULATED_PRICE: Final = "5300.00"
"""Of a whole-body PET-CT at a public hospital. Source: 浙医保发〔2021〕31号, 二."""


@dataclass(frozen=True, slots=True)
class City:
    """A pool with its districts and its counties; `weight` is its share of the province's hospitals."""

    region: str
    name: str
    weight: float
    districts: tuple[str, ...]
    counties: tuple[str, ...]


HANGZHOU: Final = City("330100", "杭州", 0.26, ("330102", "330105", "330106", "330108"), ("330122", "330127", "330182"))
NINGBO: Final = City("330200", "宁波", 0.17, ("330203", "330205", "330212"), ("330225", "330281"))
WENZHOU: Final = City("330300", "温州", 0.13, ("330302", "330303"), ("330324", "330381"))
SHAOXING: Final = City("330600", "绍兴", 0.1, ("330602", "330604"), ("330624", "330681"))
CITIES: Final = (
    HANGZHOU,
    NINGBO,
    WENZHOU,
    SHAOXING,
    City("331000", "台州", 0.08, ("331002", "331004"), ("331022", "331081")),
    City("330700", "金华", 0.08, ("330702", "330703"), ("330723", "330782")),
    City("330400", "嘉兴", 0.07, ("330402", "330411"), ("330421", "330481")),
    City("330500", "湖州", 0.04, ("330502", "330503"), ("330521", "330523")),
    City("330800", "衢州", 0.03, ("330802", "330803"), ("330822", "330881")),
    City("331100", "丽水", 0.02, ("331102",), ("331121", "331181")),
    City("330900", "舟山", 0.02, ("330902", "330903"), ("330921",)),
)
_FEWEST_CITIES: Final = 4
_PRIVATE: Final = 0.1
_PUBLIC_EQUIVALENT: Final = 0.04
_PRIVATE_PRICES: Final = ("5300.00", "5800.00", "6500.00", "7200.00")
_PUBLIC_PRICES: Final = ("5300.00", "5300.00", "5300.00", "5000.00")


@dataclass(frozen=True, slots=True)
class Billing:
    """How an examination is billed: `amount` in yuan, of which a part may be called out of catalogue."""

    amount: str
    out_of_catalogue: str = "0.00"


@dataclass(frozen=True, slots=True)
class Phase:
    """What is different at a hospital from one day of the year to another, both included.

    `volume` multiplies what it does, reached evenly within `ramp` days; `billing` holds for a `share` of the
    examinations, `mix` for all. Put down under `case` is what is billed so and asked for one of `marks`.
    """

    case: str | None
    first: int
    last: int
    volume: float = 1.0
    ramp: int = 0
    billing: Billing | None = None
    share: float = 1.0
    mix: Mix | None = None
    marks: tuple[Reason, ...] = REASONS

    def volume_on(self, day: int) -> float:
        if not self.first <= day <= self.last:
            return 1.0
        reached = min(1.0, (day - self.first + 1) / self.ramp) if self.ramp else 1.0
        return 1.0 + (self.volume - 1.0) * reached


@dataclass(frozen=True, slots=True)
class Hospital:
    """`annual` is what it would do in a year without its phases; `every` says that it has a scan day only so often."""

    code: str
    name: str
    region: str
    city: City
    level: str
    ownership: str
    price: str
    item_code: str
    annual: float
    mix: Mix
    residents: float
    """Share of its patients insured as residents, not as employees."""
    from_outside: float
    """Share of its patients insured in another province."""
    phases: tuple[Phase, ...] = ()
    every: int = 1
    outages: tuple[tuple[int, int], ...] = field(default=())
    """Days without a tracer or with a broken scanner, as (first, days)."""

    def volume(self, day: int) -> float:
        """What it does on a day, beside the rhythm that all share."""
        volume = self.annual
        if self.every > 1:
            volume *= self.every if day % self.every == int(self.code[-5:]) % self.every else 0
        for first, days in self.outages:
            if first <= day < first + days:
                return 0.0
            if first + days <= day < first + 2 * days:
                volume *= 1.6  # the appointments put off
        for phase in self.phases:
            volume *= phase.volume_on(day)
        return volume

    def now(self, day: int) -> list[Phase]:
        return [phase for phase in self.phases if phase.first <= day <= phase.last]


def cities(scale: float) -> tuple[City, ...]:
    return CITIES[: max(_FEWEST_CITIES, math.ceil(len(CITIES) * math.sqrt(scale)))]


def numbered(
    rng: Random, number: int, city: City, annual: float, *, county: bool | None = None, ownership: str = "public"
) -> Hospital:
    """A hospital of the city, an ordinary one; `number` tells it from all others."""
    rural = rng.random() < 0.3 if county is None else county
    region = rng.choice(city.counties if rural else city.districts)
    return Hospital(
        code=f"H{region}{number:05d}",
        name=f"示例{city.name}第{number}医院",
        region=region,
        city=city,
        level="tertiary" if annual > 100 else "secondary",
        ownership=ownership,
        price=rng.choice(_PRIVATE_PRICES if ownership == "private" else _PUBLIC_PRICES),
        item_code=rng.choice((NATIONAL_CODE, ZHEJIANG_CODE)),
        annual=annual,
        mix=blurred(rng, BASE),
        residents=0.4 if rural else 0.25,
        from_outside=0.01 if rural else 0.03,
        outages=_outages(rng),
    )


def ordinary(rng: Random, first_number: int, count: int, among: tuple[City, ...], scans: float) -> list[Hospital]:
    """`count` hospitals that share `scans` a year: a few do most of it, many do one or two a week."""
    sizes = [rng.lognormvariate(0, 0.9) for _ in range(count)]
    places = rng.choices(among, [city.weight for city in among], k=count)
    made = []
    for number, (size, city) in enumerate(zip(sizes, places, strict=True), first_number):
        dice = rng.random()
        ownership = "private" if dice < _PRIVATE else "public"
        if _PRIVATE <= dice < _PRIVATE + _PUBLIC_EQUIVALENT:
            ownership = "public_equivalent"
        made.append(numbered(rng, number, city, scans * size / sum(sizes), ownership=ownership))
    return made


def _outages(rng: Random) -> tuple[tuple[int, int], ...]:
    return tuple((rng.randrange(10, 350), rng.randint(1, 4)) for _ in range(rng.choice((0, 1, 1, 2, 3))))
