"""Exact decimals on the wire and in sums. Money is yuan with two places; nothing here ever touches a float's value."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import lru_cache
from typing import Any, Final

# Wide enough that a product of two wire numbers (20 and 18 digits) is exact before it is rounded.
EXACT: Final = Context(prec=64, rounding=ROUND_HALF_UP)
FEN: Final = Decimal("0.01")
ZERO: Final = Decimal("0.00")

_TEXT: Final = re.compile(r"-?[0-9]+(?:\.([0-9]+))?")
_LIMIT: Final = Decimal(10) ** 14
_NUMBER_LIMIT: Final = Decimal(10) ** 12
_LONGEST_CACHED: Final = 32


def exact_decimal(places: int, *, low: int | None = None, high: int | None = None) -> Callable[[Any], Decimal]:
    """A reader of decimal strings (JSON numbers by their shortest form) with at most `places` places.

    The reader returns a Decimal with exactly `places` places, zero without a sign, and raises ValueError with a
    message that says what was expected and never what was found. Source: docs/records.md.
    """
    quantum = Decimal(1).scaleb(-places)
    zero = Decimal(0).quantize(quantum)
    bounds = "" if low is None else (f" from {low} to {high}" if high is not None else f" not below {low}")

    def read(value: Any) -> Decimal:
        if type(value) is str:
            # Long texts stay out of the cache: it holds a few kilobytes, whatever the events hold.
            return read_short(value) if len(value) <= _LONGEST_CACHED else read_text(value, _LIMIT)
        if type(value) is int or type(value) is float:
            return read_text(format(Decimal(repr(value)), "f"), _NUMBER_LIMIT)
        raise ValueError("expected a decimal string")

    @lru_cache(maxsize=1024)
    def read_short(text: str) -> Decimal:
        return read_text(text, _LIMIT)

    def read_text(text: str, limit: Decimal) -> Decimal:
        match = _TEXT.fullmatch(text)
        if match is None:
            raise ValueError("expected a decimal string: digits, at most one point, no exponent")
        fraction = match[1] or ""
        if len(fraction) > places and fraction[places:].strip("0"):
            raise ValueError(f"expected at most {places} decimal places")
        number = Decimal(text)
        if not number:
            return zero
        if abs(number) >= limit:
            raise ValueError("expected a magnitude below 10^14 (as a JSON number below 10^12)")
        if (low is not None and number < low) or (high is not None and number > high):
            raise ValueError(f"expected a number{bounds}")
        return number if len(fraction) == places else number.quantize(quantum, context=EXACT)

    return read


def times(*factors: Decimal) -> Decimal:
    """The exact product."""
    product = factors[0]
    for factor in factors[1:]:
        product = EXACT.multiply(product, factor)
    return product


def to_fen(amount: Decimal) -> Decimal:
    """Round half up (away from zero at the half) to two places."""
    return amount.quantize(FEN, ROUND_HALF_UP, EXACT)


def plain(number: Decimal) -> str:
    """The number without trailing zeros or exponent, as one would write it by hand: `1`, `0.5`, `0.75`."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
