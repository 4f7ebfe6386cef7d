"""Synthetic settlement events: what a platform's bus carries, made up from a seed. No person or hospital in it exists.

The same arguments give the same bytes. Made for demonstrations, tests and benchmarks: 100,000 events in a few seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count as count_from
from random import Random
from typing import Any, Final

import orjson

from schemas.events import COMPLETED, REVERSED, VOIDED

NATIONAL_CODE: Final = "002304000070000"
ZHEJIANG_CODE: Final = "23040000700"

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class City:
    """Where events happen: the pool's code, one district with its hospital, and the days the simulation covers."""

    region: str
    district: str
    name: str
    first_day: date
    days: int
    item_code: str
    price: str
    schemes: tuple[str, ...]


_HALF_YEAR: Final = (date(2021, 7, 1), 184)  # the notices' first half year: benefits of 2021 are known
_YEAR_2023: Final = (date(2023, 1, 1), 365)

HANGZHOU: Final = City("330100", "330102", "杭州", *_HALF_YEAR, ZHEJIANG_CODE, "5300.00", ("employee",))
NINGBO: Final = City("330200", "330203", "宁波", *_HALF_YEAR, NATIONAL_CODE, "5300.00", ("employee", "resident"))
SHAOXING: Final = City("330600", "330602", "绍兴", *_HALF_YEAR, NATIONAL_CODE, "5300.00", ("employee", "resident"))
WENZHOU: Final = City("330300", "330302", "温州", *_HALF_YEAR, ZHEJIANG_CODE, "5300.00", ("employee", "resident"))
SHENZHEN: Final = City("440300", "440305", "深圳", *_YEAR_2023, NATIONAL_CODE, "8000.00", ("employee",))

CITIES: Final = (HANGZHOU, NINGBO, SHAOXING, WENZHOU, SHENZHEN)
_COVERED_CITIES: Final = (HANGZHOU, NINGBO, SHAOXING, SHENZHEN)
_ZHEJIANG: Final = (HANGZHOU, NINGBO, SHAOXING)
SURNAMES: Final = ("王", "李", "张", "刘", "陈", "杨", "黄", "赵", "吴", "周", "欧阳", "司马", "诸葛")
_INDICATIONS: Final = (
    ("staging", "肿瘤分期", "C34.900", "肺恶性肿瘤"),
    ("staging", "肿瘤分期", "C50.900", "乳腺恶性肿瘤"),
    ("post_treatment_recurrence_or_metastasis", "治疗后复发或转移", "Z08.000", "恶性肿瘤手术后随诊检查"),
    ("post_treatment_recurrence_or_metastasis", "治疗后复发或转移", "C18.900", "结肠恶性肿瘤"),
)
_SHENZHEN_RATIOS: Final = {"in_service": ("0.70", "0.75", "0.80"), "retired": ("0.85", "0.90")}
OTHER_ITEMS: Final = (
    ("001101000010000", "示例诊察费"),
    ("001201000050000", "示例护理费"),
    ("002103000010000", "示例平扫"),
    ("002502010010000", "示例血常规"),
    ("002503010010000", "示例生化检验"),
    ("002702010010000", "示例病理"),
    ("003107020010000", "示例心电图"),
    ("00ZA04BA0123001", "示例注射液"),
)
_LINES_AN_EVENT: Final = 12
_BASKETS: Final = 64
_REMEMBERED: Final = 1024
DAY_MARK: Final = b"@day@"
"""Stands in a basket for the day on which it was billed."""


def events(
    seed: int = 0, count: int | None = 100, petct_share: float = 0.3, invalid_share: float = 0.02
) -> Iterator[tuple[bytes, bytes]]:
    """Yield `count` records (None: without end) as (key, value), keyed as the contract says; no value holds a newline.

    `petct_share` and `invalid_share` lie between 0 and 1. Of all records about `invalid_share` cannot be decided, of
    the others about `petct_share` concern an examination (reversals and voids of earlier ones among them).
    """
    simulation = _Simulation(seed)
    rng = simulation.rng
    for number in count_from() if count is None else range(count):
        if rng.random() < invalid_share:
            yield simulation.broken(number)
        elif rng.random() < petct_share:
            yield simulation.petct(number)
        else:
            yield simulation.other(number)


class _Simulation:
    """The state that makes the records of one run belong together: its dice, and the settlements still to be undone."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)  # noqa: S311 - reproducible, guards nothing
        self._seed = seed
        self._baskets = [basket(self.rng, first_line=1) for _ in range(_BASKETS)]
        self._baskets_after_petct = [basket(self.rng, first_line=3) for _ in range(_BASKETS)]
        self._undoable: list[Event] = []

    def petct(self, number: int) -> tuple[bytes, bytes]:
        [scenario] = self.rng.choices(_SCENARIOS, cum_weights=_CUMULATED)
        if scenario is None:
            if self._undoable:
                return self._undo(number)
            scenario = _covered
        event = scenario(self, number)
        if len(self._undoable) < _REMEMBERED:
            self._undoable.append(event)
        else:
            self._undoable[self.rng.randrange(_REMEMBERED)] = event
        return _record(event, self._write(event))

    def other(self, number: int) -> tuple[bytes, bytes]:
        """Somebody else's settlement: nearly everything on the bus."""
        event = self.event(number, self.rng.choice(CITIES))
        return _record(event, self._write(event, petct=False))

    def broken(self, number: int) -> tuple[bytes, bytes]:
        """A record that cannot be decided; each holds an examination code, so none is passed over."""
        event = _covered(self, number)
        return _record(event, self.rng.choice(_BREAKAGES)(event, self._write))

    def event(self, number: int, city: City) -> Event:
        """A settlement with one examination that the city's notices answer; scenarios change what they are about."""
        rng = self.rng
        day = city.first_day + timedelta(rng.randrange(city.days))
        second = rng.randrange(8 * 3600, 18 * 3600)
        clock = f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
        hospital = f"H{city.district}00001"
        scheme = rng.choice(city.schemes)
        status = rng.choice(("in_service", "retired")) if scheme == "employee" else "adult"
        indication, purpose, code, diagnosis = rng.choice(_INDICATIONS)
        return {
            "schema_version": "1.0",
            "event_id": f"{hospital}{day:%Y%m%d}{clock.replace(':', '')}{number:04d}-{self._seed}",
            "event_type": COMPLETED,
            "settlement_id": f"S{self._seed}-{number:08d}",
            "occurred_at": f"{day}T{clock}+08:00",
            "claim_channel": "direct",
            "hospital": {
                "code": hospital,
                "name": f"示例{city.name}医院",
                "region": city.district,
                "level": "tertiary",
                "ownership": "public",
                "designated": True,
            },
            "patient": {
                "person_id": f"P{rng.randrange(10**6):06d}",
                "name": f"{rng.choice(SURNAMES)}示例",
                "birth_date": str(date(1935, 1, 1) + timedelta(rng.randrange(20_000))),
                "insured_region": city.region,
                "scheme": scheme,
                "status": status,
                "tier": None,
                "insurance_active": True,
                "assistance": "none",
            },
            "account": {
                "own_paid_ytd": f"{rng.randrange(6_000_000) / 100:.2f}",
                "fund_paid_ytd": f"{rng.randrange(2_000_000) / 100:.2f}",
                "benefit_ratio": rng.choice(_SHENZHEN_RATIOS[status]) if city is SHENZHEN else None,
                "assistance_ratio": None,
            },
            "filing": None,
            "request": {"indication": indication, "purpose": purpose, "clinical_basis": "pathology_confirmed"},
            "diagnoses": [{"code": code, "name": diagnosis, "main": True}],
            "line_items": [scan_line(1, city.item_code, day, city.price)],
            "manual_claim": None,
        }

    def _undo(self, number: int) -> tuple[bytes, bytes]:
        """Reverse or void one earlier settlement of this run, once."""
        rng = self.rng
        undone = self._undoable
        index = rng.randrange(len(undone))
        undone[index], undone[-1] = undone[-1], undone[index]
        target = undone.pop()
        void = rng.random() < 0.3
        settlement_id = target["settlement_id"]
        event = {
            "schema_version": "1.0",
            "event_id": f"U{target['event_id']}",
            "event_type": VOIDED if void else REVERSED,
            "settlement_id": settlement_id if void else f"S{self._seed}-{number:08d}",
            "occurred_at": target["occurred_at"],
            "insured_region": target["patient"]["insured_region"],
            "reverses": {"event_id": target["event_id"], "settlement_id": settlement_id},
            "reason": rng.choice(("duplicate", "wrong_amount", "cancelled", "benign_result", "technical")),
            "item_codes": [line["item_code"] for line in target["line_items"]],
        }
        # Keyed by what it undoes: it must lie behind it in the same partition.
        return settlement_id.encode(), orjson.dumps(event)

    def _write(self, event: Event, *, petct: bool = True) -> bytes:
        """The event with everything else that was billed that day, eleven or twelve lines in all."""
        chosen = self.rng.choice(self._baskets_after_petct if petct else self._baskets)
        others = chosen.replace(DAY_MARK, event["occurred_at"][:10].encode())
        own = [orjson.dumps(line) for line in event["line_items"]] if petct else []
        lines = b",".join((*own, others))
        return orjson.dumps({**event, "line_items": orjson.Fragment(b"[" + lines + b"]")})


def _record(event: Event, value: bytes) -> tuple[bytes, bytes]:
    return event["settlement_id"].encode(), value


def basket(rng: Random, first_line: int, last_line: int = _LINES_AN_EVENT) -> bytes:
    """Lines of other items, as JSON with commas between them, to be billed on DAY_MARK."""
    lines = []
    for line_no in range(first_line, last_line + 1):
        code, name = rng.choice(OTHER_ITEMS)
        price = f"{rng.randrange(500, 20_000) / 100:.2f}"
        lines.append(
            orjson.dumps(
                {
                    "line_no": line_no,
                    "item_code": code,
                    "item_name": name,
                    "service_date": DAY_MARK.decode(),
                    "quantity": "1",
                    "unit_price": price,
                    "amount": price,
                }
            )
        )
    return b",".join(lines)


def scan_line(line_no: int, item_code: str, day: date, price: str) -> Event:
    """A whole-body examination, billed once at `price`."""
    return {
        "line_no": line_no,
        "item_code": item_code,
        "item_name": "肿瘤全身断层显像",
        "service_date": str(day),
        "quantity": "1",
        "unit_price": price,
        "amount": price,
        "out_of_catalogue_amount": "0.00",
        "refunds_line_no": None,
    }


def _charge(event: Event, price: str) -> None:
    event["line_items"][0].update(unit_price=price, amount=price)


# One function a scenario: a settlement, and the one thing it is about.


def _covered(run: _Simulation, number: int) -> Event:
    return run.event(number, run.rng.choice(_COVERED_CITIES))


def _not_covered(run: _Simulation, number: int) -> Event:
    event = _covered(run, number)
    cause = run.rng.randrange(4)
    if cause == 0:
        event["hospital"]["designated"] = False
    elif cause == 1:
        event["patient"]["insurance_active"] = False
    elif cause == 2:
        event["request"].update(indication="non_tumour", purpose="炎症")
    else:
        event["request"].update(indication="check_up", purpose="健康体检", clinical_basis=None)
        event["diagnoses"] = [{"code": "Z00.000", "name": "健康查体", "main": True}]
    return event


def _needs_review(run: _Simulation, number: int) -> Event:
    if run.rng.random() < 0.5:
        return run.event(number, WENZHOU)  # covered by the province, but no benefit is known
    event = _covered(run, number)
    event["request"] = None
    return event


def _overcharged(run: _Simulation, number: int) -> Event:
    event = run.event(number, run.rng.choice(_ZHEJIANG))
    _charge(event, run.rng.choice(("6500.00", "7000.00", "5800.00")))
    return event


def _private_hospital(run: _Simulation, number: int) -> Event:
    event = _overcharged(run, number)
    event["hospital"]["ownership"] = "private"
    return event


def _refund_in_the_same_event(run: _Simulation, number: int) -> Event:
    event = _covered(run, number)
    line = event["line_items"][0]
    event["line_items"].append(
        {**line, "line_no": 2, "quantity": "-1", "amount": f"-{line['amount']}", "refunds_line_no": 1}
    )
    return event


def _refund_of_an_earlier_event(run: _Simulation, number: int) -> Event:
    event = run.event(number, run.rng.choice((NINGBO, SHAOXING)))
    line = event["line_items"][0]
    line.update(quantity="-1", amount=f"-{line['amount']}")
    return event


def _assisted(run: _Simulation, number: int) -> Event:
    event = run.event(number, run.rng.choice((NINGBO, SHAOXING)))
    event["patient"]["assistance"] = run.rng.choice(("low_income", "extreme_poverty"))
    event["account"]["assistance_ratio"] = "0.50"
    return event


def _out_of_catalogue(run: _Simulation, number: int) -> Event:
    event = run.event(number, SHENZHEN)
    _charge(event, "8500.00")
    event["line_items"][0]["out_of_catalogue_amount"] = "1500.00"
    return event


def _out_of_area(run: _Simulation, number: int) -> Event:
    event = run.event(number, run.rng.choice((HANGZHOU, NINGBO)))
    event["patient"]["insured_region"] = run.rng.choice((SHAOXING.region, NINGBO.region, SHENZHEN.region))
    return event


def _manual_claim(run: _Simulation, number: int) -> Event:
    event = run.event(number, SHENZHEN)
    service_day = date.fromisoformat(event["occurred_at"][:10])
    event["claim_channel"] = "manual"
    event["manual_claim"] = {
        "submitted_on": str(service_day + timedelta(run.rng.randrange(40))),
        "documents": [
            "insurance_card",
            "identity_card",
            "invoice",
            "itemised_list",
            "examination_report",
            "diagnosis_proof",
        ],
    }
    return event


def _before_the_notices(run: _Simulation, number: int) -> Event:
    event = run.event(number, run.rng.choice(_ZHEJIANG))
    day = f"2021-06-{run.rng.randrange(1, 30):02d}"
    event["occurred_at"] = day + event["occurred_at"][10:]
    event["line_items"][0]["service_date"] = day
    return event


Scenario = Callable[[_Simulation, int], Event]
_WEIGHTED: Final[tuple[tuple[Scenario | None, int], ...]] = (
    (_covered, 40),
    (_not_covered, 12),
    (_needs_review, 12),
    (_overcharged, 10),
    (_private_hospital, 3),
    (_refund_in_the_same_event, 3),
    (_refund_of_an_earlier_event, 3),
    (_assisted, 3),
    (_out_of_catalogue, 3),
    (_out_of_area, 4),
    (_manual_claim, 3),
    (_before_the_notices, 2),
    (None, 9),  # a reversal or void of an earlier one
)
_SCENARIOS: Final = [scenario for scenario, _ in _WEIGHTED]
_CUMULATED: Final = [sum(weight for _, weight in _WEIGHTED[: n + 1]) for n in range(len(_WEIGHTED))]


# One function a way to be wrong, named by the dead letter reason it earns.

Writer = Callable[[Event], bytes]


def _not_utf8(event: Event, write: Writer) -> bytes:
    return write(event).replace("示例".encode(), "示例".encode("gb18030"))


def _truncated(event: Event, write: Writer) -> bytes:
    return write(event)[:-7]


def _bare_nan(event: Event, write: Writer) -> bytes:
    return write(event).replace(b'"unit_price":"', b'"unit_price":NaN,"was":"', 1)


def _not_an_event(event: Event, write: Writer) -> bytes:
    return b"[" + write(event) + b"]"


def _newer_major_version(event: Event, write: Writer) -> bytes:
    return write({**event, "schema_version": "2.0"})


def _missing_field(event: Event, write: Writer) -> bytes:
    return write({name: value for name, value in event.items() if name != "patient"})


def _wrong_type(event: Event, write: Writer) -> bytes:
    _charge(event, "伍仟叁佰元")
    return write(event)


def _quantity_of_nothing(event: Event, write: Writer) -> bytes:
    event["line_items"][0]["quantity"] = "0"
    return write(event)


def _too_deep(event: Event, write: Writer) -> bytes:
    return write({**event, "extension": orjson.Fragment(b"[" * 80 + b"]" * 80)})


_BREAKAGES: Final = (
    _not_utf8,
    _truncated,
    _bare_nan,
    _not_an_event,
    _newer_major_version,
    _missing_field,
    _wrong_type,
    _quantity_of_nothing,
    _too_deep,
)
