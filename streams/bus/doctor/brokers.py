"""The brokers themselves: reached, new enough, as many as copies need, by the same clock."""

from __future__ import annotations

import ipaddress
from typing import Final

from streams.bus.doctor.facts import Facts, Unknown
from streams.bus.doctor.finding import Finding, advice, ok, problem, skipped
from streams.settings import Settings

OLDEST: Final = (3, 0)
ENOUGH: Final = 3
"""Brokers of which one may fail while another is down for maintenance."""
AHEAD_ADVICE_SECONDS: Final = 1.0
AHEAD_PROBLEM_SECONDS: Final = 3600.0


def brokers(facts: Facts) -> list[Finding]:
    found = []
    for broker in facts.brokers:
        subject = f"broker {broker.node_id}"
        if broker.version is None:
            found.append(
                problem(
                    "broker.reachable",
                    subject,
                    f"cannot be reached at {broker.address}, the address it advertises",
                    "Open the network to it, or set its advertised.listeners to an address this host can reach.",
                    "Partitions that it leads would not be settled.",
                )
            )
        elif broker.version < OLDEST:
            found.append(
                problem(
                    "broker.version",
                    subject,
                    f"at {broker.address} is older than Kafka {_told(OLDEST)}",
                    f"Upgrade it to Kafka {_told(OLDEST)} or newer.",
                    "Nothing older was tried (nor can the embedded broker be), and the rest cannot be looked at.",
                )
            )
        else:
            found.append(ok("broker.version", subject, f"{broker.address}, Kafka {_told(broker.version)} or newer"))
    return [*found, _number(len(facts.brokers))]


def _number(count: int) -> Finding:
    if count >= ENOUGH:
        return ok("broker.count", "brokers", f"{count}")
    return advice(
        "broker.count",
        "brokers",
        f"only {count}",
        f"Run {ENOUGH} or more in production, each topic with replication factor 3 and min.insync.replicas=2.",
        "With one, a broken disk loses every settlement; with two, either a failure stops the worker or a second one "
        "loses settlements.",
    )


def encryption(settings: Settings, facts: Facts) -> list[Finding]:
    protocol = settings.kafka_security_protocol
    outside = [broker.address for broker in facts.brokers if not _loopback(broker.address)]
    if protocol.endswith("SSL") or not outside:
        return [ok("broker.encryption", "connection", protocol if outside else f"{protocol}, within this host")]
    return [
        advice(
            "broker.encryption",
            "connection",
            f"{protocol} to {outside[0]}",
            "Give the brokers a SASL_SSL listener, and set PETCT_KAFKA_SECURITY_PROTOCOL to it.",
            "Names and diagnoses of patients cross the network readable by anybody on it.",
        )
    ]


def clock(facts: Facts) -> list[Finding]:
    if isinstance(facts.clock, Unknown):
        return [skipped("clock", "clock", facts.clock.why, facts.clock.change)]
    ahead, uncertainty = facts.clock.ahead, facts.clock.uncertainty
    least = max(0.0, abs(ahead) - uncertainty)
    direction = "ahead of" if ahead > 0 else "behind"
    told = f"the controller's is {abs(ahead):.3f} s {direction} this host's, give or take {uncertainty:.3f} s"
    mend = "Let NTP or chrony keep the clocks of this host and of all brokers."
    if least > AHEAD_PROBLEM_SECONDS:
        why = "Brokers delete by their clock: what looks like retention of days may be hours, and tokens expire early."
        return [problem("clock", "clock", told, mend, why)]
    if least > AHEAD_ADVICE_SECONDS:
        why = "No amount depends on it, but lag and latency in the metrics, and the time a release is known from, do."
        return [advice("clock", "clock", told, mend, why)]
    return [ok("clock", "clock", told)]


def _loopback(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _told(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
