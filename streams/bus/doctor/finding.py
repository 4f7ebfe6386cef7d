"""What the doctor says about one thing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How much it matters."""

    PROBLEM = "problem"
    """A worker cannot run like this, or one ordinary fault or outage loses or repeats settlements."""
    ADVICE = "advice"
    """It runs; something weaker than it could be, that hurts only when more goes wrong."""
    SKIPPED = "skipped"
    """Could not be looked at, for the reason given: neither well nor ill."""
    OK = "ok"


@dataclass(frozen=True, slots=True)
class Finding:
    """`check` names what was looked at, for machines; `subject` which one. Never holds a secret.

    `change` and `why` are empty where nothing is to be done.
    """

    level: Level
    check: str
    subject: str
    found: str
    change: str = ""
    why: str = ""


def ok(check: str, subject: str, found: str) -> Finding:
    return Finding(Level.OK, check, subject, found)


def skipped(check: str, subject: str, found: str, change: str = "") -> Finding:
    return Finding(Level.SKIPPED, check, subject, found, change)


def advice(check: str, subject: str, found: str, change: str, why: str) -> Finding:
    return Finding(Level.ADVICE, check, subject, found, change, why)


def problem(check: str, subject: str, found: str, change: str, why: str) -> Finding:
    return Finding(Level.PROBLEM, check, subject, found, change, why)
