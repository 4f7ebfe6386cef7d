"""The values an entry of a notice is written with. Each refuses what it cannot be, and says how to mend it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, TypeVar, get_args

from pydantic import (
    AfterValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from schemas.decimals import exact_decimal
from streams.rulebook.regions import MUNICIPALITIES

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Flaw:
    """A mistake seen by a validator; `path` is relative to the value it looked at."""

    path: Path
    problem: str
    mend: str


def refuse(flaws: Iterable[Flaw]) -> None:
    """Raise all flaws as one validation error, which the reader takes apart again."""
    if found := list(flaws):
        raise PydanticCustomError("flaws", "{count} flaws", {"count": len(found), "flaws": found})


def flawed(problem: str, mend: str) -> PydanticCustomError:
    return PydanticCustomError("flaws", "{count} flaws", {"count": 1, "flaws": [Flaw((), problem, mend)]})


_REGION: Final = re.compile(r"[1-9][0-9]{5}")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ID: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_CODE: Final = re.compile(r"[0-9A-Z]{6,32}")


def _text(value: str) -> str:
    value = value.strip()
    if not value:
        raise flawed("is empty", "write it out, or leave the key away where it is optional")
    if "\n" in value:
        raise flawed("runs over several lines", "write it on one line, with … for what is left out")
    return value


def _region(value: str) -> str:
    if not _REGION.fullmatch(value):
        raise flawed(
            f"{value!r} is no region", 'write the six digits of its division or pool code in quotes, such as "330100"'
        )
    if value[:2] in MUNICIPALITIES and value.endswith("00") and not value.endswith("0000"):
        whole = value[:2] + "0000"
        raise flawed(f"{value!r} is looked up by no district of that municipality", f'write the whole city, "{whole}"')
    return value


def _day(value: Any) -> date:
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise flawed(f"{value} is a day no calendar has", "correct year, month or day") from None
    raise flawed(f"{value!r} is no date", "write it as year-month-day, such as 2021-06-30")


def _number(places: int, example: str, *, high: int | None = None) -> Callable[[Any], Decimal]:
    read = exact_decimal(places, low=0, high=high)

    def validate(value: Any) -> Decimal:
        if not isinstance(value, str):
            raise flawed(
                f"{value!r} is not in quotes, so its places are lost", f'write it in quotes, as in "{example}"'
            )
        try:
            return read(value)
        except ValueError as wrong:
            raise flawed(f'"{value}" cannot stand here: {wrong}', f'write a number such as "{example}"') from None

    return validate


_money = _number(2, "5300.00")
_ratio = _number(4, "0.75", high=1)


def _price(value: Any) -> Decimal:
    price = _money(value)
    if not price:
        raise flawed("a price of 0 would let a hospital charge nothing", "write the price, or leave the entry away")
    return price


def _ratio_or_unknown(value: Any) -> Decimal | str:
    return "unknown" if value == "unknown" else _ratio(value)


def _identifier(value: str) -> str:
    if not _ID.fullmatch(value):
        raise flawed(
            f"{value!r} is no id", "use small Latin letters, digits and single hyphens, such as hz-2021-30, in quotes"
        )
    return value


def _code(value: str) -> str:
    if not _CODE.fullmatch(value):
        raise flawed(f"{value!r} is no item code", "write its 6 to 32 digits or capital letters in quotes")
    return value


def _exam(value: str, info: ValidationInfo) -> str:
    known = (info.context or {}).get("exams", ())
    # Where none is known, exams.yaml is at fault, and that is told there and once.
    if known and value not in known:
        raise flawed(f"the examination {value!r} is not known", f"write one of {', '.join(sorted(known))}")
    return value


def _each_once(values: list[str]) -> list[str]:
    refuse(
        Flaw((at,), f"{value} is written twice", "leave one of them away")
        for at, value in enumerate(values)
        if value in values[:at]
    )
    return values


def _at_least_one(values: list[str]) -> list[str]:
    if not values:
        raise flawed("is an empty list", "name at least one")
    return values


T = TypeVar("T")
AsList = Annotated[list[T], AfterValidator(_each_once), AfterValidator(_at_least_one)]
# A set has no order, so its canonical form must not have the writer's.
AsSetOrEmpty = Annotated[list[T], AfterValidator(_each_once), AfterValidator(sorted)]
AsSet = Annotated[AsSetOrEmpty[T], AfterValidator(_at_least_one)]


def _matching(pattern: re.Pattern[str]) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^{pattern.pattern}$"})


Text = Annotated[StrictStr, AfterValidator(_text), WithJsonSchema({"type": "string", "pattern": r"^[^\n]*\S[^\n]*$"})]
Identifier = Annotated[StrictStr, AfterValidator(_identifier), _matching(_ID)]
ExamId = Annotated[StrictStr, AfterValidator(_exam)]
Code = Annotated[StrictStr, AfterValidator(_code), _matching(_CODE)]
Region = Annotated[StrictStr, AfterValidator(_region), _matching(_REGION)]
Day = Annotated[
    date,
    PlainValidator(_day),
    PlainSerializer(date.isoformat),
    WithJsonSchema({"type": "string", "format": "date"}),
]
_DECIMAL = PlainSerializer(str)
_YUAN = WithJsonSchema({"type": "string", "pattern": r"^[0-9]+(\.[0-9]{1,2})?$", "description": "yuan"})
_SHARE = {"type": "string", "pattern": r"^(0(\.[0-9]{1,4})?|1(\.0{1,4})?)$", "description": "0 to 1"}
Money = Annotated[Decimal, PlainValidator(_money), _DECIMAL, _YUAN]
Price = Annotated[Decimal, PlainValidator(_price), _DECIMAL, _YUAN]
Ratio = Annotated[Decimal, PlainValidator(_ratio), _DECIMAL, WithJsonSchema(_SHARE)]
RatioOrUnknown = Annotated[
    Decimal | Literal["unknown"],
    PlainValidator(_ratio_or_unknown),
    _DECIMAL,
    WithJsonSchema({"anyOf": [_SHARE, {"const": "unknown"}]}),
]
Count = Annotated[StrictInt, Field(ge=1)]
Flag = StrictBool
Authority = Literal["official", "press", "article"]
AUTHORITIES: Final[tuple[str, ...]] = get_args(Authority)
