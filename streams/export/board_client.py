"""The board's read API, asked for what an export needs. docs/board.md says what it answers."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from pydantic import ValidationError

from schemas.board import DailyList

SECONDS: Final = 30.0


class BoardUnavailable(Exception):
    """The board does not answer, or not yet; asking again may help."""


class UnknownHospital(Exception):
    """The board knows no disclosure of it."""


@dataclass(frozen=True, slots=True)
class BoardHospital:
    """`version` is equal as long as no list of it has changed."""

    code: str
    name: str
    region: str
    version: str
    first_day: str


@dataclass(frozen=True, slots=True)
class BoardDay:
    """One day that has a list."""

    day: str
    rows: int
    updated_on: str | None
    version: str


@dataclass(frozen=True, slots=True)
class BoardList:
    """`awaited`: examinations were settled, and no disclosure of that day has come yet."""

    made: DailyList
    awaited: bool


class BoardClient:
    """All methods raise BoardUnavailable; those of one hospital UnknownHospital."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def hospitals(self) -> list[BoardHospital]:
        found = self._get("hospitals")["hospitals"]
        return [
            BoardHospital(held["code"], held["name"], held["region"], held["version"], held["first_day"])
            for held in found
        ]

    def months(self, code: str) -> dict[str, int]:
        """How many days of each month have a list, ascending."""
        return {held["month"]: held["days"] for held in self._get("hospitals", code)["months"]}

    def month(self, code: str, month: str) -> list[BoardDay]:
        """`month` is YYYY-MM."""
        days = self._get("hospitals", code, "months", month)["days"]
        return [BoardDay(held["day"], held["rows"], held["updated_on"], held["version"]) for held in days]

    def day(self, code: str, day: str) -> BoardList:
        answer = self._get("hospitals", code, "days", day)
        try:
            # What is published is what this version knows of, and nothing else.
            return BoardList(DailyList.model_validate_json(json.dumps(answer["list"])), answer["awaited"])
        except (ValidationError, KeyError):
            raise BoardUnavailable(f"{self._url} answers with a list of another version; update this program") from None

    def _get(self, *path: str) -> dict[str, Any]:
        url = "/".join([self._url, "v1", "board", *(quote(part, safe="") for part in path)])
        try:
            with urllib.request.urlopen(url, timeout=SECONDS) as answer:  # noqa: S310 - the scheme was looked at
                told: dict[str, Any] = json.load(answer)
                return told
        except urllib.error.HTTPError as error:
            told = _told(error)
            if told.get("error") == "unknown_hospital":
                raise UnknownHospital from None
            raise BoardUnavailable(
                f"{self._url} answers {error.code}: {told.get('detail', 'no reason is given')}"
            ) from None
        except (OSError, ValueError) as error:
            raise BoardUnavailable(f"{self._url} does not answer ({type(error).__name__})") from None


def _told(error: urllib.error.HTTPError) -> dict[str, Any]:
    try:
        told = json.load(error)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
