"""`petct replay …`: run a stretch of the past again, see the difference, emit corrections."""

from __future__ import annotations

import asyncio
import getpass
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn, TypeVar

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column, Table

from streams.cli import terminal
from streams.exit_codes import ExitCode
from streams.settings import KafkaSettings, Settings, SettingsError

if TYPE_CHECKING:
    from streams.replay import Difference, Options, Plan, Report
    from streams.replay.errors import ReplayError
    from streams.replay.options import Pulse
    from streams.replay.running import Outcome

app = typer.Typer(no_args_is_help=True, help="Run a stretch of the past again, see the difference, emit corrections.")

T = TypeVar("T")
DIFFERENT: Final = 3
NO_TOPIC: Final = 8
INTERRUPTED: Final = 130

_SETTINGS: Final = "2: a wrong argument, setting or plan\n- 4: no broker answered, or not in time"
ENDS: Final = f"""**Exit status**

- 0: done
- 1: something we did not foresee
- {_SETTINGS}
- 7: no such rulebook, or notices that cannot be used
- 8: a topic is missing, or retention has deleted records
- 130: stopped by Ctrl-C or SIGTERM at a batch border; the same command goes on from there"""
DIFF_ENDS: Final = ENDS.replace("- 0: done", "- 0: nothing differs\n- 3: something differs")
AGAIN: Final = "at a batch border; run the same command again to go on"

PlanFile = Annotated[Path, typer.Argument(metavar="PLAN.yaml", help="A plan made by petct replay plan.")]
Jobs = Annotated[
    int | None,
    typer.Option(min=1, help="Processes that share the partitions.", show_default="as many as there are cores"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Write one JSON document instead.")]


@app.command("plan", epilog=ENDS)
def make(
    since: Annotated[str, typer.Option(metavar="TIME", help="Records from then on; without an offset, China's time.")],
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Records before then.", show_default="now")] = None,
    partitions: Annotated[
        str | None, typer.Option(metavar="N,N…", help="Only these partitions.", show_default="all")
    ] = None,
    region: Annotated[
        str | None,
        typer.Option(help="Only where hospital or insured is of this division; 330100: all in it."),
    ] = None,
    hospital: Annotated[str | None, typer.Option(help="Only this hospital's, by its code.")] = None,
    scheme: Annotated[str | None, typer.Option(help="Only employee, or only resident.")] = None,
    outcome: Annotated[
        list[str] | None, typer.Option(help="Only what was decided so: covered, not_covered, needs_review, no_rule.")
    ] = None,
    event_type: Annotated[list[str] | None, typer.Option(help="Only these, for example settlement.completed.")] = None,
    settlement_id_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Only these settlements, one id a line."),
    ] = None,
    rulebook: Annotated[
        str, typer.Option(help="newest, a hash (8 digits are enough), or 'as-known-at TIME'.")
    ] = "newest",
    source: Annotated[str, typer.Option(help="events, or deadletters to try those again.")] = "events",
    reason: Annotated[list[str] | None, typer.Option(help="Only dead letters of this reason.")] = None,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", callback=terminal.writable, help="Where to write.", show_default="output"),
    ] = None,
) -> None:
    """Freeze a stretch of the past: times become offsets, and a hash holds the plan to what it says.

    Records that the live group has not yet settled are left out, and so told; so is what retention has deleted.

    **Examples**

    ```console
    petct replay plan --since 2021-06-30 --until 2021-07-24 --region 330200 -o ningbo.yaml
    petct replay plan --since 2021-06-30 --source deadletters --reason schema -o letters.yaml
    petct replay plan --since 2021-07-01 --rulebook 'as-known-at 2021-07-22' -o then.yaml
    ```
    """
    from pydantic import ValidationError  # noqa: PLC0415 - other commands need none of this

    from streams.replay.api import reference  # noqa: PLC0415
    from streams.replay.errors import PlanError  # noqa: PLC0415
    from streams.replay.planning import Asked, make_plan, moment  # noqa: PLC0415
    from streams.replay.plans import Filters, write  # noqa: PLC0415
    from streams.replay.rulebooks import resolve, shelves  # noqa: PLC0415
    from streams.replay.settings import PlanSettings  # noqa: PLC0415

    settings = terminal.settings_or_fail(PlanSettings)
    with telling():
        try:
            filters = Filters(
                region=region,
                hospital=hospital,
                scheme=scheme,
                outcomes=tuple(outcome or ()),
                event_types=tuple(event_type or ()),
                settlement_ids=_ids(settlement_id_file),
                reasons=tuple(_reasons(reason or [])),
            )
        except ValidationError as error:
            wrong = error.errors(include_input=False)[0]
            name = str(wrong["loc"][0]).replace("_", "-").removesuffix("s") if wrong["loc"] else "filter"
            raise PlanError(f"--{name} is wrong", str(wrong["msg"])) from None
        if source not in {"events", "deadletters"}:
            raise PlanError(f"--source {source!r} is unknown", "Give events or deadletters")
        asked = Asked(
            moment(since),
            None if until is None else moment(until),
            source,  # type: ignore[arg-type]
            _numbers(partitions),
            filters,
        )
        known = reference(rulebook)

        async def ask() -> Any:
            return await make_plan(settings, asked, await resolve(known, shelves(settings, settings.notices)), _now())

        planned = ask_broker(settings, ask())
        for note in planned.notes:
            typer.echo(f"note: {note}", err=True)
        text = write(planned.plan)
        if out is None:
            typer.echo(text, nl=False)
        else:
            terminal.write(out, text)
        typer.echo(
            f"plan {planned.plan.name}: at most {planned.plan.estimate} records of {len(planned.plan.partitions)} "
            "partitions (an estimate: transaction markers take offsets too, and filters are not counted)",
            err=True,
        )


@app.command(epilog=ENDS)
def run(
    plan_file: PlanFile,
    emit: Annotated[bool, typer.Option("--emit", help="Write corrections; without it nothing is written.")] = False,
    why: Annotated[str, typer.Option(help="For the audit; must be given with --emit.", show_default=False)] = "",
    who: Annotated[str, typer.Option(help="For the audit.", show_default="the user of the system")] = "",
    rate: Annotated[float | None, typer.Option(help="Most records a second.", show_default="no limit")] = None,
    pause_when_live_lag_over: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Rest while live traffic is more than N records behind.")
    ] = None,
    jobs: Jobs = None,
    retry_limit: Annotated[int, typer.Option(min=1, help="How often a dead letter is tried again.")] = 5,
    accept_gap: Annotated[bool, typer.Option(help="Go on where retention has deleted records since.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run a plan: compare, and with --emit write what changed, each correction exactly once.

    Killed or stopped, the same command goes on where it ended. The live group's offsets stay untouched.

    **Examples**

    ```console
    petct replay run ningbo.yaml
    petct replay run ningbo.yaml --emit --why '甬医保发〔2021〕23号 applies from 2021-06-30' --rate 2000
    petct replay run ningbo.yaml --emit --why 'the same' --pause-when-live-lag-over 5000
    ```
    """
    from streams.replay import Options  # noqa: PLC0415

    with telling():
        options = Options(
            emit=emit,
            why=why,
            who=who or _user(),
            rate=rate,
            pause_when_lag_over=pause_when_live_lag_over,
            jobs=jobs or _cores(),
            retry_limit=retry_limit,
            accept_gap=accept_gap,
        )
        report, outcome, _ = run_here(plan_file, options)
    show(report, outcome, options, as_json=as_json)
    if not outcome.finished:
        typer.echo(f"petct: stopped {AGAIN}", err=True)
        raise typer.Exit(INTERRUPTED)


@app.command(epilog=DIFF_ENDS)
def diff(
    plan_file: PlanFile,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", callback=terminal.writable, help="Write a page with the derivations too."),
    ] = None,
    rate: Annotated[float | None, typer.Option(help="Most records a second.", show_default="no limit")] = None,
    jobs: Jobs = None,
    as_json: AsJson = False,
) -> None:
    """Show what a plan would change; writes nothing to any topic.

    **Examples**

    ```console
    petct replay diff ningbo.yaml
    petct replay diff ningbo.yaml --json > ningbo.json
    petct replay diff ningbo.yaml --html ningbo.html
    ```
    """
    from streams.replay import Options  # noqa: PLC0415
    from streams.replay.page import page  # noqa: PLC0415

    with telling():
        options = Options(rate=rate, jobs=jobs or _cores())
        report, outcome, plan = run_here(plan_file, options)
    if html is not None:
        terminal.write(html, page(plan, report))
    show(report, outcome, options, as_json=as_json)
    if not outcome.finished:
        typer.echo("petct: stopped before the end; what is shown is not all", err=True)
        raise typer.Exit(INTERRUPTED)
    raise typer.Exit(DIFFERENT if report.differs else ExitCode.OK)


@app.command("log", epilog=ENDS)
def show_log(as_json: AsJson = False) -> None:
    """List every run that emitted: when, who, why, which plan and rulebook, what it wrote, what money it moved.

    **Examples**

    ```console
    petct replay log
    petct replay log --json
    ```
    """
    from streams.replay.audit import read_log  # noqa: PLC0415
    from streams.replay.difference import BEARERS  # noqa: PLC0415
    from streams.replay.settings import PlanSettings  # noqa: PLC0415

    settings = terminal.settings_or_fail(PlanSettings)
    with telling():
        entries = ask_broker(settings, read_log(settings))
    if as_json:
        terminal.print_json(entries)
        return
    out = terminal.stdout()
    if not entries:
        out.print("no run has emitted anything yet")
    for entry in entries:
        moved = ", ".join(f"{bearer} {entry['moved'][bearer]}" for bearer in BEARERS)
        for told in (
            f"{entry['started']} {entry['status']}, by {entry['who']}: {entry['why']}",
            f"    plan {entry['plan'][7:19]} of {entry['source']}, rulebook {entry['rulebook'][7:19]}",
            f"    {entry['records']} records, {entry['emitted']} emitted; yuan more: {moved}",
        ):
            out.print(told, soft_wrap=True)


def run_here(plan_file: Path, options: Options) -> tuple[Report, Outcome, Plan]:
    """Run with progress on standard error, until done or told to stop. Raises ReplayError."""
    from streams.replay import Report  # noqa: PLC0415
    from streams.replay.plans import read  # noqa: PLC0415

    plan = read(plan_file)
    settings = terminal.settings_or_fail(Settings)
    report = Report()
    outcome = ask_broker(settings, running(plan, settings, options, report.add))
    return report, outcome, plan


async def running(plan: Plan, settings: Settings, options: Options, on_difference: Callable[[Difference], None]) -> Any:
    """A run with signals and progress."""
    from streams.replay.meter import metered  # noqa: PLC0415
    from streams.replay.rulebooks import resolve, shelves  # noqa: PLC0415
    from streams.replay.running import run_plan  # noqa: PLC0415

    book = await resolve(plan.rulebook, shelves(settings, settings.notices))
    with _progress(plan.estimate, emit=options.emit) as draw:
        async with _stopping() as stop, metered(plan, options, settings, _note) as count:

            def on_pulse(pulse: Pulse) -> None:
                draw(pulse)
                count(pulse)

            return await run_plan(
                plan, settings, book, options, on_difference=on_difference, on_pulse=on_pulse, stop=stop
            )


def _note(text: str) -> None:
    typer.echo(f"note: {text}", err=True)


def show(report: Report, outcome: Outcome, options: Options, *, as_json: bool) -> None:
    from streams.replay.difference import BEARERS  # noqa: PLC0415

    tally = outcome.tally.plain()
    if as_json:
        told = {"emit": options.emit, "finished": outcome.finished, "restored": outcome.restored, **tally}
        terminal.print_json({"run": told, "difference": report.plain()})
        return
    out = terminal.stdout()
    verb = "emitted" if options.emit else "to emit"
    out.print(f"{tally['records']} records, {report.total.settlements} settlements change, {tally['emitted']} {verb}")
    if outcome.already:
        out.print(f"{outcome.already} partitions were done by an earlier run of this plan")
    if outcome.restored:
        out.print(f"{outcome.restored} records written again, because a correction had come to lie behind them")
    for name, number in sorted(outcome.tally.counts.items()):
        out.print(f"  {name}: {number}")
    for title, rows in (
        ("outcome", sorted(report.by_outcome.items())),
        ("city of the insured", sorted(report.by_city.items())),
    ):
        if not rows:
            continue
        columns = (Column(name, justify="right") for name in ("settlements", *(f"{who}, yuan more" for who in BEARERS)))
        table = Table(Column(title, no_wrap=True), *columns, box=None)
        for name, moves in rows:
            table.add_row(name, str(moves.settlements), *(str(moves.moved[bearer]) for bearer in BEARERS))
        out.print(table)
    if report.total.settlements:
        bars = Table("fund, yuan more", "settlements", box=None)
        for label, number in report.bars():
            if number:
                bars.add_row(label, str(number))
        out.print(bars)
        out.print("largest:")
    for difference in report.largest[:5]:
        moved = difference.moved
        out.print(
            f"  {difference.settlement_id}: {difference.outcome_before} → {difference.outcome_after}, "
            f"fund {moved['fund']:+}, patient {moved['patient']:+}"
        )


@contextmanager
def telling() -> Any:
    """Say what is wrong, and the mend, and end with the status that goes with it."""
    from streams.replay.errors import ReplayError  # noqa: PLC0415
    from streams.rulebook import RulebookError  # noqa: PLC0415

    try:
        yield
    except ReplayError as error:
        _fail(error)
    except RulebookError as error:
        terminal.fail(f"the rulebook cannot be used\n{error}", code=ExitCode.RULEBOOK)


def _fail(error: ReplayError) -> NoReturn:
    from streams.replay import errors  # noqa: PLC0415

    typer.echo(f"petct: {error.problem}", err=True)
    if error.mend:
        typer.echo(f"       {error.mend}", err=True)
    match error:
        case errors.RulebookUnknownError():
            code: int = ExitCode.RULEBOOK
        case errors.TopicMissingError() | errors.RetentionError():
            code = NO_TOPIC
        case errors.BrokerAwayError():
            code = ExitCode.BROKER
        case errors.PlanError():
            code = ExitCode.USAGE
        case _:
            code = ExitCode.FAILED
    raise typer.Exit(code)


def ask_broker(settings: KafkaSettings, question: Coroutine[Any, Any, T]) -> T:
    """Ends the command where the broker does not answer."""
    from aiokafka.errors import KafkaError  # noqa: PLC0415

    from streams.cli.publishing import silence_the_client  # noqa: PLC0415

    silence_the_client()
    try:
        # The loop of the worker, where there is one.
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(question)
    except SettingsError as error:
        terminal.fail_with(error)
    except (KafkaError, TimeoutError, OSError) as error:
        terminal.no_broker(settings, error)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - not on Windows
    except ModuleNotFoundError:
        return None
    return uvloop.new_event_loop


@asynccontextmanager
async def _stopping() -> AsyncIterator[asyncio.Event]:
    """Set by the first signal; the second one ends the process where it stands."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def told() -> None:
        stop.set()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told)
    try:
        yield stop
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


@contextmanager
def _progress(total: int, *, emit: bool) -> Any:
    """A bar on a terminal, else a line of JSON a second; both on standard error."""
    began = time.monotonic()
    verb = "emitted" if emit else "to emit"
    if not sys.stderr.isatty():

        def line(pulse: Pulse) -> None:
            told = {
                "phase": pulse.phase,
                "records": pulse.records,
                "of_at_most": pulse.total,
                "read_before": pulse.reading,
                "differences": pulse.differences,
                verb.replace(" ", "_"): pulse.emitted,
                "seconds": round(time.monotonic() - began, 1),
            }
            sys.stderr.write(orjson.dumps(told).decode() + "\n")
            sys.stderr.flush()

        yield line
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[words]}"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("replay", total=total, words="")

        def draw(pulse: Pulse) -> None:
            rate = pulse.records / max(0.001, time.monotonic() - began)
            words = f"{rate:.0f} a second, {pulse.differences} differ, {pulse.emitted} {verb}"
            bar.update(task, completed=pulse.records, description=pulse.phase, words=words)

        yield draw


def _ids(path: Path | None) -> tuple[str, ...]:
    from streams.replay.errors import PlanError  # noqa: PLC0415

    if path is None:
        return ()
    try:
        found = tuple(sorted({line.strip() for line in path.read_text("utf-8").splitlines()} - {""}))
    except (OSError, UnicodeDecodeError):
        raise PlanError(f"{path} cannot be read as UTF-8 text", "Give a file with one settlement id a line") from None
    if not found:
        raise PlanError(f"{path} holds no settlement id", "Give a file with one settlement id a line")
    return found


def _reasons(given: list[str]) -> list[str]:
    from schemas.deadletters import DeadLetterReason  # noqa: PLC0415
    from streams.replay.errors import PlanError  # noqa: PLC0415

    known = sorted(DeadLetterReason)
    for reason in given:
        if reason not in known:
            raise PlanError(f"--reason {reason!r} is unknown", f"There are {', '.join(known)}")
    return given


def _numbers(text: str | None) -> tuple[int, ...] | None:
    from streams.replay.errors import PlanError  # noqa: PLC0415

    if text is None:
        return None
    try:
        return tuple(sorted({int(number) for number in text.split(",")}))
    except ValueError:
        raise PlanError(f"--partitions {text!r} is no list of numbers", "Write it like 0,3,5") from None


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _now() -> datetime:
    return datetime.now(UTC)
