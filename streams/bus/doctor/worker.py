"""The worker's own settings against the broker's limits, its group, its rulebook and its secret."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from schemas.topics import EVENTS
from streams.bus.doctor.facts import Facts, NoRulebook, Topic, Unknown
from streams.bus.doctor.finding import Finding, advice, ok, problem, skipped
from streams.bus.doctor.topics import FOR_EVER
from streams.settings import Settings

SECRET_LEAST: Final = 16
SECRET_ENOUGH: Final = 32
"""Bytes. As long as what HMAC-SHA-256 gives out; below, the secret is what one would guess."""
_MINUTE_MS: Final = 60_000
_NEW_KEY: Final = "Make one once with `openssl rand -hex 32`, and keep it for ever: with another, ids change."


def limits(settings: Settings, facts: Facts) -> list[Finding]:
    if isinstance(facts.broker_config, Unknown):
        return [skipped("broker.limits", "broker settings", facts.broker_config.why, facts.broker_config.change)]
    config, members = facts.broker_config, f"group {settings.group_id}"
    found = []
    most = config.get("transaction.max.timeout.ms")
    if most is not None:
        ours = settings.transaction_timeout_ms
        told = f"PETCT_TRANSACTION_TIMEOUT_MS={ours}, brokers have transaction.max.timeout.ms={most}"
        mend = f"Set transaction.max.timeout.ms={ours} or more on the brokers; the worker's cannot go below 45000."
        if ours > int(most):
            why = "The brokers refuse every transactional producer: no lane opens."
            found.append(problem("transaction.timeout", "transactions", told, mend, why))
        else:
            found.append(ok("transaction.timeout", "transactions", told))
    low, high = config.get("group.min.session.timeout.ms"), config.get("group.max.session.timeout.ms")
    if low is not None and high is not None:
        session = settings.session_timeout_ms
        told = f"PETCT_SESSION_TIMEOUT_MS={session}, brokers take {low} to {high}"
        if int(low) <= session <= int(high):
            found.append(ok("group.session_timeout", members, told))
        else:
            mend = f"Set it between {low} and {high}, or change group.{'min' if session < int(low) else 'max'}"
            mend += ".session.timeout.ms on the brokers."
            why = "The brokers refuse the worker as a member."
            found.append(problem("group.session_timeout", members, told, mend, why))
    return [*found, *_offsets_kept(settings, facts, config.get("offsets.retention.minutes"))]


def _offsets_kept(settings: Settings, facts: Facts, minutes: str | None) -> Iterator[Finding]:
    events = facts.topics.get(settings.topic(EVENTS))
    if minutes is None or not isinstance(events, Topic) or isinstance(events.config, Unknown):
        return
    kept = int(events.config.get("retention.ms", FOR_EVER))
    subject = f"group {settings.group_id}"
    told = f"offsets.retention.minutes={minutes}, and {settings.topic(EVENTS)} has retention.ms={kept}"
    if kept != FOR_EVER and int(minutes) * _MINUTE_MS >= kept:
        yield ok("group.offsets_retention", subject, told)
        return
    enough = "the longest outage you want to bear" if kept == FOR_EVER else f"{-(-kept // _MINUTE_MS)} or more"
    again = "settled again" if settings.offset_reset == "earliest" else "passed over"
    yield advice(
        "group.offsets_retention",
        subject,
        told,
        f"Set offsets.retention.minutes on the brokers to {enough}.",
        f"When no worker runs for so long, how far they got is forgotten, and the events still there are {again}.",
    )


def group(settings: Settings, facts: Facts) -> list[Finding]:
    held, name = facts.group, f"group {settings.group_id}"
    if isinstance(held, Unknown):
        return [skipped("group.state", name, held.why, held.change)]
    if not held.state:
        return []  # told with the ACLs
    if held.protocol_type not in ("", "consumer"):
        told = f"is a group of kind {held.protocol_type}, not of consumers"
        return [problem("group.state", name, told, "Set PETCT_GROUP_ID to a name of its own.", "No worker can join.")]
    if held.strangers:
        told = f"has members that are no settle workers: {', '.join(held.strangers[:5])}"
        why = "What they are given of the partitions is not settled."
        return [problem("group.state", name, told, "Set PETCT_GROUP_ID to a name of its own, or stop them.", why)]
    told = f"{held.state}, {held.members} active member{'' if held.members == 1 else 's'}"
    if held.state.endswith("Rebalance"):
        mend = "Ask again in a minute; if it stays so, see in the workers' logs which of them comes and goes."
        return [advice("group.state", name, told, mend, "Nothing is settled while partitions are handed out.")]
    events = facts.topics.get(settings.topic(EVENTS))
    if isinstance(events, Topic) and held.members > len(events.partitions):
        told += f", and {settings.topic(EVENTS)} has {len(events.partitions)} partitions"
        mend = f"Run at most {len(events.partitions)} workers, or add partitions to all topics."
        return [advice("group.state", name, told, mend, "The others have nothing to do.")]
    return [ok("group.state", name, told)]


def rulebook(facts: Facts) -> list[Finding]:
    book, subject = facts.rulebook, "rulebook"
    if isinstance(book, Unknown):
        return [skipped("rulebook", subject, book.why, book.change)]
    found: list[Finding] = []
    for refused in book.refused:
        mend = "Release a rulebook that can be used, or upgrade the worker to the version that wrote this one."
        why = "Workers go on deciding by an older one, or wait."
        found.append(problem("rulebook.release", subject, f"cannot be used: {refused}", mend, why))
    if isinstance(book, NoRulebook):
        mend = (
            "petct rulebook publish; PETCT_RULEBOOK pins another, PETCT_RULEBOOK_FALLBACK=installed needs no release."
        )
        return [*found, problem("rulebook", subject, book.why, mend, "A worker joins, and waits until there is one.")]
    told = f"{book.hash}, {book.rules} rules, {'released' if book.released else 'as installed, unreleased'}"
    if not book.released:
        why = "Workers of two versions decide by two rulebooks, and a replay does not know which was in use."
        found.append(advice("rulebook.release", subject, told, "petct rulebook publish", why))
    else:
        found.append(ok("rulebook", subject, told))
    if book.overdue:
        late = f"{len(book.overdue)} entries are past their day of review, the longest {book.overdue[0]}"
        mend = "See whether each still holds, set its reviewed_until (petct rulebook check lists them), and release."
        found.append(advice("rulebook.review", subject, late, mend, "They are applied as before, right or not."))
    else:
        found.append(ok("rulebook.review", subject, f"no entry is to be reviewed before {book.earliest_review}"))
    return found


def secret(facts: Facts) -> list[Finding]:
    length, subject = facts.secret_bytes, "disclosure secret"
    if isinstance(length, Unknown):
        return [problem("secret", subject, length.why, _NEW_KEY, "A worker does not start without it.")]
    told = f"{length} bytes long"
    if length >= SECRET_ENOUGH:
        return [ok("secret", subject, told)]
    why = "Who guesses it finds, from the ids on the public board, the settlement of each patient."
    if length < SECRET_LEAST:
        return [problem("secret", subject, told, _NEW_KEY, why)]
    return [advice("secret", subject, told, _NEW_KEY, why)]
