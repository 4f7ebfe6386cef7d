"""The read API of a watch worker with surveillance, asked for the months of a hospital (docs/surveillance-desk.md)."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final
from urllib.parse import quote

SECONDS: Final = 15.0


class MonthsUnavailable(Exception):
    """It does not answer, not yet, not to us, or knows nothing of the hospital."""


@dataclass(frozen=True, slots=True)
class Month:
    """`charged` in yuan, two places; `indications` counts examinations."""

    month: str
    scans: int
    charged: Decimal
    indications: dict[str, int]


class MonthsClient:
    def __init__(self, url: str, token: str) -> None:
        self._url = url.rstrip("/")
        self._token = token

    def months(self, hospital: str, city: str) -> list[Month]:
        """The oldest first. Raises MonthsUnavailable."""
        request = urllib.request.Request(  # noqa: S310 - the scheme was looked at
            f"{self._url}/v1/surveillance/{quote(city, safe='')}/hospitals/{quote(hospital, safe='')}",
            headers={"Authorization": f"Bearer {self._token}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
                return [
                    Month(told["month"], told["scans"], Decimal(told["charged"]), told["indications"])
                    for told in json.load(answer)["months"]
                ]
        except (OSError, ValueError, KeyError, TypeError, InvalidOperation) as error:
            raise MonthsUnavailable(type(error).__name__) from None
