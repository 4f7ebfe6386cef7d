"""The form of events that settings ask for: its tables are read here, once, before anything starts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from schemas.nhsa import Reference, TableError, read_codes, read_hospitals
from schemas.nhsa.reference import Codes
from streams.processors.form import CONTRACT, Form, Nhsa
from streams.settings import FormSettings, SettingProblem, SettingsError, variable

T = TypeVar("T")
_MOST_TOLD: Final = 5


def form_of(settings: FormSettings) -> Form:
    """Raises SettingsError where a table cannot be read or used."""
    return CONTRACT if settings.input_format == "contract" else nhsa_form(settings)


def nhsa_form(settings: FormSettings) -> Nhsa:
    """The national interface, whatever `input_format` says. Raises SettingsError."""
    hospitals = _table("nhsa_hospitals", settings.nhsa_hospitals, read_hospitals)
    codes = _table("nhsa_codes", settings.nhsa_codes, read_codes)
    return Nhsa(Reference(hospitals or {}, codes or Codes()))


def _table(name: str, path: Path | None, read: Callable[[str], T]) -> T | None:
    if path is None:
        return None
    try:
        return read(table_text(path))
    except TableError as error:
        told = list(error.mistakes[:_MOST_TOLD])
        if more := len(error.mistakes) - len(told):
            told.append(f"and {more} more")
        problem, mend = f"names a table with mistakes ({'; '.join(told)})", "`petct nhsa check` tells all of them."
    except OSError as error:
        problem, mend = f"names a file that cannot be read ({error.strerror})", "Name the table, or take it away."
    except UnicodeDecodeError:
        problem, mend = "names a file that is not UTF-8", "Save it as CSV UTF-8."
    raise SettingsError([SettingProblem(variable(name), problem, mend)])


def table_text(path: Path) -> str:
    """Raises OSError and UnicodeDecodeError."""
    return path.read_bytes().decode("utf-8")
