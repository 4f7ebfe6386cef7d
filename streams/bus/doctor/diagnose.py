"""All checks over what was gathered, and what they come to."""

from __future__ import annotations

from collections.abc import Iterable

from streams.bus.doctor import access, brokers, topics, worker
from streams.bus.doctor.facts import Facts
from streams.bus.doctor.finding import Finding, Level
from streams.settings import Settings


def diagnose(settings: Settings, facts: Facts) -> list[Finding]:
    """What is well, what is not, and what could not be looked at. Of `settings`, no secret is read."""
    return [
        *brokers.brokers(facts),
        *brokers.encryption(settings, facts),
        *brokers.clock(facts),
        *topics.topics(settings, facts),
        *topics.own_topics_of_kafka(facts),
        *access.access(settings, facts),
        *worker.limits(settings, facts),
        *worker.group(settings, facts),
        *worker.rulebook(facts),
        *worker.secret(facts),
    ]


def fit_to_run(findings: Iterable[Finding]) -> bool:
    return all(finding.level is not Level.PROBLEM for finding in findings)
