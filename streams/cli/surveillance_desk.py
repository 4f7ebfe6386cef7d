"""`petct surveillance list`, `show`, `ack`, `close`, `daily`: the desk, over settlement.alerts."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeVar, get_args

import typer
from rich.table import Column, Table

from schemas.alerts import ClosedAs, Rule, Severity
from schemas.moments import CHINA
from streams.cli import terminal
from streams.exit_codes import ExitCode
from streams.settings import KafkaSettings
from streams.surveillance.desk import Deed, DeskError, Standing, State, Wanted, end_of

if TYPE_CHECKING:
    from streams.bus.alerts_topic import AlertsTopic

T = TypeVar("T")
Format = Literal["csv", "json", "html"]

_ENDS: Final = {
    ExitCode.USAGE: "a wrong argument, a setting missing or wrong",
    ExitCode.TOPICS: "there is no settlement.alerts, or retention has deleted the record",
    ExitCode.BROKER: "no broker answered",
}
LIST_ENDS: Final = terminal.exit_status({ExitCode.OK: "listed, also where there is none", **_ENDS})
SHOW_ENDS: Final = terminal.exit_status({ExitCode.OK: "shown", ExitCode.FAILED: "no such finding", **_ENDS})
HANDLE_ENDS: Final = terminal.exit_status(
    {
        ExitCode.OK: "done, or done before: then nothing is written",
        ExitCode.FAILED: "no such finding, or it was revised, handled or withdrawn meanwhile; look again",
        **_ENDS,
    }
)
DAILY_ENDS: Final = terminal.exit_status({ExitCode.OK: "written", **_ENDS})

FindingName = Annotated[str, typer.Argument(metavar="ID", help="As list tells; its first 8 digits or more are enough.")]
AsJson = Annotated[bool, typer.Option("--json", help="Write one JSON document instead.")]
By = Annotated[str, typer.Option(help="Who does it: the officer's name.")]
Note = Annotated[str, typer.Option(help="Why, in one line. Never a patient's name or number.")]
Seen = Annotated[
    int | None,
    typer.Option(
        "--revision",
        min=1,
        metavar="N",
        help="Only if the finding is still at this revision, the one you looked at.",
        show_default="the newest",
    ),
]


def list_findings(
    rule: Annotated[list[str] | None, typer.Option(help="Only of this rule; may be given several times.")] = None,
    hospital: Annotated[str, typer.Option(metavar="CODE", help="Only of this hospital.", show_default="all")] = "",
    city: Annotated[
        str, typer.Option(metavar="REGION", help="Only of this city; a province means all in it.", show_default="all")
    ] = "",
    status: Annotated[
        list[str] | None,
        typer.Option(help="Only open, acknowledged, closed or withdrawn ones; may be given several times."),
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="DAY", help="Only of windows that end on that day or later.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="DAY", help="Only of windows that begin on that day or earlier.")
    ] = None,
    severity: Annotated[list[str] | None, typer.Option(help="Only serious, warning or info ones.")] = None,
    most: Annotated[int, typer.Option(min=0, help="Most rows; the counts are of all.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List findings, the newest change first. A finding is a suspicion with evidence, never a verdict.

    **Examples**

    ```console
    petct surveillance list --status open --severity serious
    petct surveillance list --rule repeat_scan --city 330100 --since 2021-07-01 --json
    ```
    """
    wanted = Wanted(
        rules=_among("--rule", rule, get_args(Rule)),
        hospital=hospital,
        city=_region(city),
        states=_among("--status", status, get_args(State)),
        severities=_among("--severity", severity, get_args(Severity)),
        since=_day("--since", since),
        until=_day("--until", until),
    )

    async def question(topic: AlertsTopic) -> Any:
        return topic.desk

    desk = _ask(question)
    found = desk.select(wanted)
    shown = found[:most]
    counts = {state: sum(held.state == state for held in found) for state in get_args(State)}
    if as_json:
        terminal.print_json(
            {
                "by_status": counts,
                "findings": [held.plain() for held in shown],
                "unread": desk.unread,
                "let_go": desk.let_go,
            }
        )
        return
    out = terminal.stdout()
    out.print(", ".join(f"{name}: {number}" for name, number in counts.items() if number) or "no finding")
    if shown:
        # Whole, be the terminal narrow: they are typed into the next command.
        whole = (Column(name, no_wrap=True) for name in ("finding", "status", "severity", "rule", "window"))
        stake = Column("at stake, yuan", justify="right", no_wrap=True)
        table = Table(*whole, "city", "hospitals", stake, box=None)
        for held in shown:
            table.add_row(
                held.id[:12],
                _state(held),
                held.severity,
                held.rule,
                f"{held.begin} – {held.end}",
                held.city,
                " ".join(held.hospitals),
                str(held.at_stake),
            )
        out.print(table)
    if len(found) > len(shown):
        typer.echo(f"{len(found) - len(shown)} more; --most shows them", err=True)
    _tell_of_gaps(desk.unread, desk.let_go)


def show_finding(name: FindingName, as_json: AsJson = False) -> None:
    """Show one finding with its evidence, and who did what about it.

    The person, where it is about one, is a keyed hash: the same person has the same, and nobody can be found by it.

    **Examples**

    ```console
    petct surveillance show 3fa81c09
    petct surveillance show 3fa81c09 --json
    ```
    """

    async def question(topic: AlertsTopic) -> Any:
        held = topic.desk.find(name)
        return held, await topic.finding(held)

    held, record = _ask(question)
    if as_json:
        note = held.handling.note if held.handling is not None else None
        terminal.print_json({**held.plain(), "note": note, "record": record})
        return
    out = terminal.stdout()
    rows: dict[str, Any] = {
        "finding": held.id,
        "status": _state(held),
        "rule": f"{held.rule} ({held.category})",
        "severity": held.severity,
        "says": held.says,
        "window": f"{held.begin} – {held.end}",
        "city": held.city,
        "hospitals": " ".join(held.hospitals),
        "person": record["person"] or "-",
        "at stake": f"{held.at_stake} yuan",
        "revision": held.revision,
        "threshold": f"{record['threshold']['id']}: {record['threshold']['origin']}",
    }
    for label, value in rows.items():
        out.print(f"{label}: {value}", soft_wrap=True)
    evidence = record["evidence"]
    table = Table("measure", Column("value", justify="right"), Column("threshold", justify="right"), box=None)
    for measure in evidence["measures"]:
        table.add_row(measure["name"], measure["value"], measure["threshold"] or "")
    out.print(table)
    named = evidence["settlement_ids"]
    more = evidence.get("settlements", len(named)) - len(named)
    out.print(f"settlements: {' '.join(named)}{f' and {more} more' if more > 0 else ''}", soft_wrap=True)
    if held.handling is not None:
        out.print(f"{_handled(held)}: {held.handling.note}", soft_wrap=True)


def ack(name: FindingName, by: By, note: Note, seen: Seen = None, as_json: AsJson = False) -> None:
    """Acknowledge a finding: somebody is at it. It stays acknowledged when it is revised.

    **Examples**

    ```console
    petct surveillance ack 3fa81c09 --by desk-1 --note 'records asked for'
    ```
    """
    _do(name, Deed(by, note, _now(), None, seen), as_json)


def close(
    name: FindingName,
    by: By,
    note: Note,
    closed_as: Annotated[str, typer.Option("--as", help="confirmed, unfounded or duplicate.")],
    seen: Seen = None,
    as_json: AsJson = False,
) -> None:
    """Close a finding. Revised later, because its facts changed, it is open again.

    Closing it again as something else corrects the first closing.

    **Examples**

    ```console
    petct surveillance close 3fa81c09 --by desk-1 --note 'restaging after treatment' --as unfounded
    petct surveillance close 3fa81c09 --by desk-1 --note 'refunded' --as confirmed --revision 2
    ```
    """
    (wanted,) = _among("--as", [closed_as], get_args(ClosedAs))
    _do(name, Deed(by, note, _now(), wanted, seen), as_json)  # type: ignore[arg-type] # one of them


def daily(
    on: Annotated[str, typer.Option(metavar="DAY", help="The day to sum up, in China.")],
    out: Annotated[
        Path,
        typer.Option("-o", "--out", help="File to write; in a folder: surveillance-DAY and the format's ending."),
    ],
    form: Annotated[str, typer.Option("--format", help="csv, json or html.")] = "csv",
) -> None:
    """Write the daily summary for the bureau: new, open, closed, withdrawn, at stake; by rule, city and hospital.

    As it stood at the end of that day, by the times at which the records came to the bus: the same day gives the same
    file again. It holds counts and amounts; no person, no settlement, no note, no officer.

    **Examples**

    ```console
    petct surveillance daily --on 2021-07-01 -o /srv/bureau
    petct surveillance daily --on 2021-07-01 -o summary.html --format html
    ```
    """
    from streams.pages.surveillance_daily import WRITE  # noqa: PLC0415 - other commands need no pages
    from streams.surveillance.daily import summary  # noqa: PLC0415

    (wanted,) = _among("--format", [form], get_args(Format))
    day = _day("--on", on)
    assert day is not None
    if day > datetime.now(CHINA).date():
        terminal.fail("a day that has not begun has no summary", "Give today or an earlier day.")
    target = terminal.writable(out / f"surveillance-{day}.{wanted}" if out.is_dir() else out)
    assert target is not None

    async def question(topic: AlertsTopic) -> Any:
        return topic.desk

    desk = _ask(question, before=end_of(day))
    terminal.write(target, WRITE[wanted](summary(desk, day)))
    _tell_of_gaps(desk.unread, desk.let_go)


def _do(name: str, deed: Deed, as_json: bool) -> None:
    async def question(topic: AlertsTopic) -> Any:
        return await topic.do(name, deed)

    held, written = _ask(question)
    if as_json:
        terminal.print_json({"written": written, **held.plain()})
    elif written:
        typer.echo(f"{held.id} is {_state(held)}")
    else:
        typer.echo(f"{held.id} is so already ({_handled(held)}); nothing is written")


def _ask(question: Callable[[AlertsTopic], Awaitable[T]], before: int | None = None) -> T:
    """What the topic tells, read to its end. Ends the command where that cannot be."""
    from streams.bus.alerts_topic import AlertsMissing, ask_alerts  # noqa: PLC0415 - --help needs no bus
    from streams.cli.replay import ask_broker  # noqa: PLC0415

    settings = terminal.settings_or_fail(KafkaSettings)
    try:
        return ask_broker(settings, ask_alerts(settings, question, before))
    except AlertsMissing as error:
        terminal.fail(error.problem, error.mend, ExitCode.TOPICS)
    except DeskError as error:
        terminal.fail(error.problem, error.mend, ExitCode.FAILED)


def _state(held: Standing) -> str:
    if held.again:
        return f"{held.state} again"
    if held.state == "closed" and held.handling is not None:
        return f"closed as {held.handling.closed_as}"
    return f"{held.state}, revised since" if held.revised_since else held.state


def _handled(held: Standing) -> str:
    done = held.handling
    if done is None:
        return ""
    what = "acknowledged" if done.closed_as is None else f"closed as {done.closed_as}"
    return f"{what} at revision {done.of_revision} by {done.by}, {done.at}"


def _tell_of_gaps(unread: int, let_go: int) -> None:
    if unread:
        typer.echo(f"petct: {unread} records cannot be read by this version", err=True)
    if let_go:
        typer.echo(f"petct: {let_go} findings that ended longest ago are left out: there are too many", err=True)


def _among(option: str, given: list[str] | None, known: tuple[str, ...]) -> frozenset[str]:
    for one in given or ():
        if one not in known:
            terminal.fail(f"{option} {one!r} is unknown", f"Give one of {', '.join(known)}.")
    return frozenset(given or ())


def _day(option: str, text: str | None) -> date | None:
    if text is None:
        return None
    day: date | None = None
    with contextlib.suppress(ValueError):
        day = date.fromisoformat(text)
    if day is None or day.isoformat() != text:
        terminal.fail(f"{option} is no day", "Write it like 2021-07-01.")
    return day


def _region(text: str) -> str:
    if text and not (len(text) == 6 and text.isascii() and text.isdigit()):
        terminal.fail("--city is no division code", "Give six digits, for example 330100.")
    return text


def _now() -> str:
    return datetime.now(UTC).astimezone(CHINA).isoformat(timespec="seconds")
