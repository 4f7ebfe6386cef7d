"""Run a plan: check it, tell the audit, and do its partitions, in this process or in several.

The live group is neither joined nor committed to.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from schemas.topics import ADJUSTED, DEADLETTERS, DISCLOSURES, EVENTS, REPLAYS
from streams import __version__
from streams.bus.topics import check_topics
from streams.replay.errors import PlanError, TopicMissingError
from streams.replay.jobs import run_in_processes
from streams.replay.ledger import RunRecord, Tally
from streams.replay.ledger_topic import write_to_ledger
from streams.replay.options import OnDifference, OnPulse, Options
from streams.replay.plans import Plan
from streams.replay.share import Share, divided, run_share
from streams.rulebook import Rulebook
from streams.settings import Settings


@dataclass(slots=True)
class Outcome:
    """What a run came to. `finished`: every partition was run to its end; else it was told to stop."""

    tally: Tally
    finished: bool
    restored: int
    run: str
    already: int = 0
    """Partitions that an earlier run had done."""
    differing: int = 0


async def run_plan(
    plan: Plan,
    settings: Settings,
    rulebook: Rulebook,
    options: Options,
    *,
    on_difference: OnDifference = lambda _: None,
    on_pulse: OnPulse = lambda _: None,
    stop: asyncio.Event | None = None,
) -> Outcome:
    """Raises ReplayError, and KafkaError, OSError or TimeoutError when the broker does not do its part."""
    _check(plan, settings, rulebook)
    await _check_topics(settings)
    record = RunRecord(
        run=uuid.uuid4().hex[:12],
        plan=plan.hash,
        who=options.who,
        why=options.why,
        rulebook=plan.rulebook,
        source=plan.source,
        worker_version=__version__,
        started=_now(),
    )
    if options.emit:
        await _tell(settings, record)
    stop = stop or asyncio.Event()
    shares = [
        Share(plan, partitions, settings, options, record.run) for partitions in divided(plan.partitions, options.jobs)
    ]
    try:
        if len(shares) > 1:
            done = await run_in_processes(shares, rulebook, on_difference, on_pulse, stop)
        else:
            done = [await run_share(share, rulebook, on_difference, on_pulse, stop) for share in shares]
    except BaseException as error:
        if options.emit and not isinstance(error, asyncio.CancelledError):
            with contextlib.suppress(Exception):
                await _tell(settings, replace(record, ended=_now(), status=f"failed: {type(error).__name__}"))
        raise
    finished = sum(share.finished for share in done) == len(plan.partitions)
    if options.emit:
        await _tell(settings, replace(record, ended=_now(), status="done" if finished else "stopped"))
    tally = Tally()
    for share in done:
        tally.add(share.tally)
    return Outcome(
        tally,
        finished,
        sum(share.restored for share in done),
        record.run,
        sum(share.already for share in done),
        sum(share.differing for share in done),
    )


def _check(plan: Plan, settings: Settings, rulebook: Rulebook) -> None:
    if plan.rulebook != rulebook.hash:
        raise PlanError(f"The plan is for rulebook {plan.rulebook}, not {rulebook.hash}", "Make a new plan")
    for what, planned, here in (
        ("PETCT_TOPIC_PREFIX", plan.topic_prefix, settings.topic_prefix),
        ("PETCT_GROUP_ID", plan.group, settings.group_id),
    ):
        if planned != here:
            raise PlanError(f"The plan was made with {what}={planned}, and here it is {here}", "Set it as it was")


async def _check_topics(settings: Settings) -> None:
    names = (EVENTS, ADJUSTED, DISCLOSURES, DEADLETTERS, REPLAYS)
    if fatal := [problem for problem in await check_topics(settings, names) if problem.fatal]:
        raise TopicMissingError(f"{fatal[0].topic} {fatal[0].problem}", fatal[0].mend)


async def _tell(settings: Settings, record: RunRecord) -> None:
    """Leave the run's record. What it did stands in the progress records, written with it."""
    await write_to_ledger(settings, 0, [record.output()])


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
