"""The settle service: joins the consumer group, keeps lanes for what it is given, and knows how it is doing."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import ConsumerStoppedError, KafkaError
from mode import Service

from schemas.topics import EVENTS
from streams.bus import reader
from streams.bus.breaker import BreakerOpenError, BreakerPolicy
from streams.bus.clients import Clients
from streams.bus.lane import LaneState, Limits, Shared
from streams.bus.lanes import Lanes
from streams.bus.refused import why_refused
from streams.bus.rules import Rules
from streams.bus.sieve import Sieve
from streams.bus.topics import SETTLE, check_topics
from streams.exit_codes import ExitCode
from streams.harmless import harmless
from streams.metrics import Metrics
from streams.settings import Settings
from streams.status import Errors, PartitionStatus, Status, moment

log = structlog.get_logger("petct.settle")

PULSE_SECONDS: Final = 1.0
RETRY_MOST_SECONDS: Final = 5.0
CONSUMER_STOP_SECONDS: Final = 5.0
BROKER_SEEN_SECONDS: Final = 20.0
"""Without an answer for so long, we do not call ourselves ready."""
LOOK_SECONDS: Final = 5.0
LOOK_EVERY_SECONDS: Final = 5.0
"""Between two looks, what comes with the fetches tells the lag of whatever moves."""
STEP_SECONDS: Final = 90.0
"""Every step of a lane has a limit below this; one that takes longer hangs."""
TOPICS_WAIT_SECONDS: Final = 5.0
"""A broker that has just started may not yet know its topics."""


class SettleService(Service):
    """`on_end` is told, once or more, when the worker should stop, with which exit code and why."""

    mundane_level = "debug"

    def __init__(
        self,
        settings: Settings,
        clients: Clients,
        rules: Rules,
        metrics: Metrics,
        on_end: Callable[[ExitCode, str], None],
        limits: Limits | None = None,
    ) -> None:
        super().__init__()
        self._settings = settings
        self._clients = clients
        self._rules = rules
        self._metrics = metrics
        self._on_end = on_end
        self._limits = limits or Limits()
        metrics.transaction_limit.set(self._limits.batch)
        self._topic = settings.topic(EVENTS)
        self._consumer: AIOKafkaConsumer | None = None
        self._lanes: Lanes | None = None
        self._last_step = time.monotonic()
        self._broker_seen: float | None = None
        self._broker_seen_at: float | None = None
        self._looked = 0.0
        self._breaker_open: str | None = None
        self._errors = Errors()

    def not_live(self) -> list[str]:
        """Why the process should be killed; empty while everything moves, or waits for something that may come."""
        if self._breaker_open is not None:
            return []  # It ends by itself, and tells why until then.
        now = time.monotonic()
        reasons = [] if now - self._last_step < STEP_SECONDS else ["the service makes no step"]
        for lane in self._lanes or ():
            if now - lane.last_step >= STEP_SECONDS:
                reasons.append(f"lane {lane.partition.partition} makes no step in state {lane.state}")
        return reasons

    def not_ready(self) -> list[str]:
        """Why the worker does not do its work now; empty when it does, or has been given nothing to do."""
        if self._breaker_open is not None:
            return [f"the breaker is open: {self._breaker_open}"]
        if self._broker_seen is None:
            return ["no broker has answered yet"]
        if self._rules.missing is not None:
            return [self._rules.missing]
        if self._lanes is None:
            return ["the group is not joined yet"]
        reasons = []
        if time.monotonic() - self._broker_seen > BROKER_SEEN_SECONDS:
            reasons.append("no broker answers")
        if not self._lanes.assigned:
            reasons.append("the group is handing out partitions")
        for lane in self._lanes:
            if lane.state is not LaneState.RUNNING:
                because = f" after {lane.last_error}" if lane.last_error else ""
                reasons.append(f"lane {lane.partition.partition} is {lane.state}{because}")
        return reasons

    def status(self) -> Status:
        """Everything an operator asks first. Holds nothing of any event."""
        lanes, settings = self._lanes, self._settings
        partitions = []
        for lane in lanes or ():
            records, seconds = (lanes and lanes.lag(lane)) or (None, None)
            partitions.append(
                PartitionStatus(
                    lane.partition.partition,
                    lane.state,
                    lane.position,
                    records,
                    None if seconds is None else round(seconds, 1),
                    moment(lane.progressed),
                    lane.last_error,
                )
            )
        return Status(
            self.not_live(),
            self.not_ready(),
            self._topic,
            settings.group_id,
            self._clients.instance_id,
            moment(self._broker_seen_at),
            self._rules.status(),
            partitions,
            self._errors.latest(),
        )

    @Service.task
    async def _run(self) -> None:
        try:
            consumer = await self._connect()
            if consumer is None:
                return
            self.add_future(self._rules.follow())
            # Partitions without a rulebook would be partitions nobody works on.
            while self._rules.missing is not None and not self.should_stop:
                self._last_step = time.monotonic()
                await self.wait(self._rules.loaded(), timeout=PULSE_SECONDS)
            if not self.should_stop:
                await self._watch(consumer)
        except Exception as error:
            self._errors.add(error, "the settle service")
            log.error(  # noqa: TRY400 - a traceback ends in the error's text, which may quote a record
                "the settle service failed", error=type(error).__name__, detail=harmless(error)
            )
            self._on_end(ExitCode.FAILED, f"unforeseen: {type(error).__name__}")

    async def on_stop(self) -> None:
        if self._lanes is not None:
            await self._lanes.close_all()
            self._lanes.measure()
        if self._consumer is not None:
            await reader.stop(self._consumer, CONSUMER_STOP_SECONDS)

    async def _connect(self) -> AIOKafkaConsumer | None:
        """A started consumer, or None when it is not to be: then `on_end` knows why, or we are stopping."""
        settings = self._settings
        began = time.monotonic()
        wait = 0.5
        while not self.should_stop:
            self._last_step = time.monotonic()
            left = began + settings.broker_wait_seconds - time.monotonic()
            try:
                problems = await check_topics(settings, SETTLE)
                fatal = [problem for problem in problems if problem.fatal]
                if not fatal:
                    for problem in problems:
                        log.warning("topic differs", topic=problem.topic, problem=problem.problem, mend=problem.mend)
                    return await self._started_consumer()
                why, code = "\n".join(map(str, fatal)), ExitCode.TOPICS
                left = min(left, began + TOPICS_WAIT_SECONDS - time.monotonic())
            except (KafkaError, OSError, TimeoutError) as error:
                self._errors.add(error, "connecting")
                why = f"no broker answers at {settings.kafka_bootstrap_servers} ({_told(error)})"
                if (refusal := await why_refused(settings)) is not None:
                    why = f"no broker answers at {settings.kafka_bootstrap_servers}: {refusal}"
                code = ExitCode.BROKER
            if left <= 0:
                self._on_end(code, why)
                return None
            log.warning("waiting for the broker", why=why, retry_seconds=wait, give_up_in_seconds=round(left, 1))
            await self.sleep(min(wait, left))
            wait = min(2 * wait, RETRY_MOST_SECONDS)
        return None

    async def _started_consumer(self) -> AIOKafkaConsumer:
        consumer = self._clients.consumer()
        try:
            async with asyncio.timeout(self._limits.start):
                await consumer.start()
        except BaseException:
            await reader.stop(consumer, CONSUMER_STOP_SECONDS)
            raise
        self._consumer = consumer
        self._see_broker()
        return consumer

    def _see_broker(self) -> None:
        self._broker_seen, self._broker_seen_at = time.monotonic(), time.time()
        self._metrics.broker_seen.set(self._broker_seen_at)

    async def _watch(self, consumer: AIOKafkaConsumer) -> None:
        """Join the group; then look every second whether it and the broker are still there."""
        settings, rules = self._settings, self._rules
        sieve = Sieve(lambda _: getattr(rules.process, "passes_over", None)) if settings.sieve else None
        if sieve is not None and not sieve.put_into(consumer):
            sieve = None
        self._lanes = lanes = Lanes(
            Shared(
                consumer=consumer,
                new_producer=self._clients.producer,
                rules=rules,
                metrics=self._metrics,
                breaker=BreakerPolicy(settings.breaker_run, settings.breaker_share, settings.breaker_window),
                group_id=settings.group_id,
                topic_prefix=settings.topic_prefix,
                from_beginning=settings.offset_reset == "earliest",
                batch_records=settings.batch_records,
                offset_commit_seconds=settings.offset_commit_seconds,
                limits=self._limits,
                sieve=sieve,
                errors=self._errors,
            ),
            self._lane_ended,
        )
        consumer.subscribe([self._topic], listener=lanes)
        failing_since: float | None = None
        while not self.should_stop:
            await self.sleep(PULSE_SECONDS)
            self._last_step = time.monotonic()
            await self._look(lanes)
            try:
                async with asyncio.timeout(self._limits.offsets):
                    await consumer.committed(TopicPartition(self._topic, 0))
                    self._see_broker()
                    # What went wrong in the group is told only to who polls, and until then the group work stands
                    # still: without partitions there is no lane to poll. There is no partition -1.
                    await consumer.getmany(TopicPartition(self._topic, -1))
                failing_since = None
            except TimeoutError:
                continue  # An outage, or a rebalance that takes its time: both end by themselves.
            except (KafkaError, ConsumerStoppedError) as error:
                # Stopping stops the consumer while we ask it.
                if self.should_stop:
                    return
                self._errors.add(error, "the group")
                failing_since = failing_since or time.monotonic()
                failing = time.monotonic() - failing_since
                log.warning("the group reports a failure", error=_told(error), since_seconds=round(failing, 1))
                if failing > settings.broker_wait_seconds:
                    self._on_end(ExitCode.GROUP, f"group {settings.group_id} does not take us back ({_told(error)})")
                    return

    async def _look(self, lanes: Lanes) -> None:
        if self._last_step - self._looked >= LOOK_EVERY_SECONDS or any(lanes.lag(lane) is None for lane in lanes):
            await self._ask(lanes)
        lanes.measure()

    async def _ask(self, lanes: Lanes) -> None:
        self._looked = self._last_step
        with contextlib.suppress(KafkaError, ConsumerStoppedError, TimeoutError):
            # A partition that answers to nobody is its lane's to tell of; the others' lag is known from before.
            async with asyncio.timeout(LOOK_SECONDS):
                await lanes.look()

    def _lane_ended(self, failure: BaseException) -> None:
        if isinstance(failure, BreakerOpenError):
            self._breaker_open = self._breaker_open or str(failure)
            self._metrics.breaker_open.set(1)
            self._on_end(ExitCode.BREAKER, f"the breaker is open: {failure}")
        else:
            self._on_end(ExitCode.FAILED, f"a lane ended unforeseen: {type(failure).__name__}")


def _told(error: BaseException) -> str:
    return str(error) or type(error).__name__
