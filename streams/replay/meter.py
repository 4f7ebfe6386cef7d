"""What a replay tells Prometheus while it runs: a registry fed by its pulses, served on a port of its own."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Final

from aiohttp import web
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from streams.metrics import REPLAY_MODES, REPLAY_PHASES, Instruments
from streams.replay.options import Options, Pulse
from streams.replay.plans import Plan
from streams.settings import Settings

_PHASE: Final = dict(
    zip(("reading what was answered before", "replaying", "waiting for live traffic"), REPLAY_PHASES, strict=True)
)


class ReplayMetrics(Instruments):
    """The registry of one run. `plan` is the short name of its plan; `now` in seconds since 1970."""

    def __init__(self, plan: str, *, emit: bool, planned: int, now: float) -> None:
        super().__init__()
        self.gauge("petct_replay_info").labels(plan, REPLAY_MODES[not emit]).set(1)
        self.gauge("petct_replay_planned_records").set(planned)
        self._counters = {
            "records": self.counter("petct_replay_records_total"),
            "reading": self.counter("petct_replay_read_before_total"),
            "differences": self.counter("petct_replay_differences_total"),
            "emitted": self.counter("petct_replay_emitted_total"),
        }
        self._told = dict.fromkeys(self._counters, 0)
        self._phases = self.gauges("petct_replay_phase")
        self._phases["reading",].set(1)
        self.gauge("petct_replay_started_timestamp_seconds").set(now)
        self._progress = self.gauge("petct_replay_last_progress_timestamp_seconds")
        self._progress.set(now)

    def pulse(self, pulse: Pulse, now: float) -> None:
        """`now` in seconds since 1970."""
        phase = _PHASE.get(pulse.phase)
        moved = phase == "waiting"
        for name, counter in self._counters.items():
            seen = getattr(pulse, name)
            # A partition that is tried again after a fault is read again.
            if seen > self._told[name]:
                counter.inc(seen - self._told[name])
                self._told[name] = seen
                moved = True
        for (held,), gauge in self._phases.items():
            gauge.set(held == phase)
        if moved:
            self._progress.set(now)


@contextlib.asynccontextmanager
async def metered(
    plan: Plan, options: Options, settings: Settings, told: Callable[[str], None]
) -> AsyncIterator[Callable[[Pulse], None]]:
    """Serves /metrics on PETCT_REPLAY_HTTP_PORT; what it yields takes the pulses of the run.

    A port that cannot be had is told, and done without: a run matters more than its numbers.
    """
    metrics = ReplayMetrics(plan.name, emit=options.emit, planned=plan.estimate, now=time.time())

    def pulse(beat: Pulse) -> None:
        metrics.pulse(beat, time.time())

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    host, port = settings.http_host, settings.replay_http_port
    if port == 0:
        yield pulse
        return
    app = web.Application()
    app.router.add_get("/metrics", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError:
            told(f"no /metrics of this run: {host}:{port} cannot be had (PETCT_REPLAY_HTTP_PORT gives another port)")
        yield pulse
    finally:
        await runner.cleanup()
