"""Which lists are published, and as what files.

    <hospital>/index.html                    its months
    <hospital>/2021-07/index.html            the days of one month
    <hospital>/2021-07/2021-07-01.html       one list, in Chinese; .en.html in English, .csv, .json

A list is written before the page that leads to it. Days without an examination are published too, from the first day a
hospital disclosed anything; today's only once it has rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from schemas.board import DailyList
from schemas.disclosures import DisclosingHospital
from streams.export.board_client import BoardClient, BoardDay, BoardHospital, UnknownHospital
from streams.export.folder import Folder, folder_name
from streams.pages.daily_list import (
    HTML_SUFFIX,
    LANGUAGES,
    IndexDay,
    hospital_html,
    list_csv,
    list_html,
    list_json,
    month_html,
)

_NO_LIST: Final = "no list"

Basis = Callable[[DailyList], str | None]
"""The notice and clause that order a list."""


@dataclass(slots=True)
class Exported:
    """What one round did. `awaited`: lists that must not be published yet, by hospital and day."""

    written: list[str] = field(default_factory=list)
    unchanged: int = 0
    lists: int = 0
    awaited: list[tuple[str, str]] = field(default_factory=list)


class ListExport:
    """Keeps a folder as the board has it. A round writes what changed since the one before, the first everything."""

    def __init__(self, board: BoardClient, folder: Folder, basis: Basis) -> None:
        self._board = board
        self._folder = folder
        self._basis = basis
        self._versions: dict[str, str] = {}
        self._published: dict[tuple[str, str], dict[str, str]] = {}
        self._days: dict[str, tuple[date, date]] = {}

    def round(
        self,
        codes: Iterable[str] | None,
        days: Callable[[BoardHospital], tuple[date, date]],
        today: date,
        done: Callable[[str], None] = lambda _: None,
    ) -> Exported:
        """Export the hospitals of `codes` (None: all), each from the first to the last of `days`; `today` in China.

        Raises UnknownHospital, BoardUnavailable and OSError.
        """
        exported = Exported()
        known = {hospital.code: hospital for hospital in self._board.hospitals()}
        wanted = list(known) if codes is None else list(codes)
        for code in wanted:
            if code not in known:
                raise UnknownHospital(code)
        for code in wanted:
            hospital, span = known[code], days(known[code])
            if self._versions.get(code) != hospital.version or self._days.get(code) != span:
                waiting = len(exported.awaited)
                self._hospital(hospital, span, today, exported)
                # What is awaited is asked for again.
                self._versions[code] = hospital.version if len(exported.awaited) == waiting else _NO_LIST
                self._days[code] = span
            done(code)
        return exported

    def _hospital(self, hospital: BoardHospital, span: tuple[date, date], today: date, exported: Exported) -> None:
        shown = DisclosingHospital(code=hospital.code, name=hospital.name, region=hospital.region)
        place = Path(folder_name(hospital.code))
        for month, wanted in _by_month(*span).items():
            held = {day.day: day for day in self._board.month(hospital.code, month)}
            published = self._published.setdefault((hospital.code, month), {})
            for day in wanted:
                if day > today.isoformat() or (day == today.isoformat() and (day not in held or not held[day].rows)):
                    continue
                # Its name stands on the list.
                version = f"{hospital.name} {hospital.region} {held[day].version if day in held else _NO_LIST}"
                if published.get(day) != version and self._list(hospital.code, place / month, day, exported):
                    published[day] = version
            days = self._index_days(place / month, held, published)
            if days:
                for language in LANGUAGES:
                    page = month_html(shown, month, days, language).encode()
                    self._put(place / month / f"index{HTML_SUFFIX[language]}", page, exported)
        months = self._months(place)
        for language in LANGUAGES if months else ():
            page = hospital_html(shown, months, language).encode()
            self._put(place / f"index{HTML_SUFFIX[language]}", page, exported)

    def _list(self, code: str, place: Path, day: str, exported: Exported) -> bool:
        """False where it must not be published yet."""
        answer = self._board.day(code, day)
        if answer.awaited:
            exported.awaited.append((code, day))
            return False
        made = answer.made
        basis = self._basis(made)
        for language in LANGUAGES:
            self._put(place / f"{day}{HTML_SUFFIX[language]}", list_html(made, language, basis).encode(), exported)
        self._put(place / f"{day}.csv", list_csv(made), exported)
        self._put(place / f"{day}.json", list_json(made), exported)
        exported.lists += 1
        return True

    def _index_days(self, place: Path, held: Mapping[str, BoardDay], published: Iterable[str]) -> list[IndexDay]:
        """Every list of the month that lies in the folder, of earlier exports too, the newest first."""
        there = {path.stem for path in (self._folder.root / place).glob("*-*-*.json") if not path.name.startswith(".")}
        return [
            IndexDay(day, held[day].rows, held[day].updated_on) if day in held else IndexDay(day, 0, None)
            for day in sorted(there | set(published), reverse=True)
        ]

    def _months(self, place: Path) -> dict[str, int]:
        root = self._folder.root / place
        return {
            month.name: days
            for month in sorted(root.iterdir() if root.is_dir() else ())
            if month.is_dir() and (days := sum(1 for _ in month.glob("[0-9]*-*-*.json")))
        }

    def _put(self, path: Path, content: bytes, exported: Exported) -> None:
        if self._folder.put(path, content):
            exported.written.append(str(path))
        else:
            exported.unchanged += 1


def _by_month(first: date, last: date) -> dict[str, list[str]]:
    months: dict[str, list[str]] = {}
    for number in range((last - first).days + 1):
        day = (first + timedelta(days=number)).isoformat()
        months.setdefault(day[:7], []).append(day)
    return months
