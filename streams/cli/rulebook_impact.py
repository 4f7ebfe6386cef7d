"""`petct rulebook impact`: what a draft would change, on events that really happened."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from schemas.topics import EVENTS, TOPICS
from streams.cli import terminal
from streams.exit_codes import ExitCode
from streams.settings import KafkaSettings, variable

if TYPE_CHECKING:
    from streams.impact import Change, Impact

ENDS: Final = terminal.exit_status(
    {
        ExitCode.OK: "compared, different or not",
        ExitCode.FAILED: "a folder of notices holds mistakes",
        ExitCode.USAGE: "a wrong argument, an unknown release, a setting missing or wrong",
        ExitCode.TOPICS: "a topic does not exist",
        ExitCode.BROKER: "no broker answered",
        ExitCode.RULEBOOK: "a release cannot be used",
    }
)
_SHOWN: Final = 5


def impact(
    draft: Annotated[
        str, typer.Argument(metavar="DRAFT", help="A folder of notices, installed, newest, or digits of a hash.")
    ],
    against: Annotated[
        str | None,
        typer.Option(help="What to compare with: the same; newest, or installed where no broker is set, if not given."),
    ] = None,
    events: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            callback=terminal.readable,
            help="Events, one JSON document a line; - for standard input; may be repeated.",
        ),
    ] = None,
    topic: Annotated[
        str | None, typer.Option(help=f"Events of this topic instead, such as {EVENTS}; its name without prefix.")
    ] = None,
    since: Annotated[str | None, typer.Option(metavar="TIME", help="Of the topic: from this time on.")] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Of the topic: to before this time.")] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", callback=terminal.writable, help="Write a page with plots.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document instead.")] = False,
) -> None:
    """Decide the same events by the rulebook in force and by a draft, and show what changes.

    Outcomes before and after, money by bearer and by city, and the largest changes with both derivations. Nothing is
    written to any topic, and no worker notices.

    **Examples**

    ```console
    petct rulebook impact my-notices --topic settlement.events --since 2021-06-30 --html impact.html
    petct rulebook impact my-notices --against installed --events events.jsonl --json
    ```
    """
    from streams.cli import offline  # noqa: PLC0415
    from streams.cli import rulebook_sources as sources  # noqa: PLC0415 - other commands need no bus
    from streams.impact import Impact  # noqa: PLC0415

    if (topic is None) == (not events):
        terminal.fail("give either --events or --topic", "The events are what the draft is tried on.")
    if topic is None and (since or until):
        terminal.fail("--since and --until are about a topic", "Give --topic, or leave them away.")
    if topic is not None and topic not in TOPICS:
        terminal.fail(f"--topic {topic!r} is unknown", f"It is one of {', '.join(TOPICS)}; {EVENTS} is usual.")
    start, end = (sources.moment(text) if text is not None else None for text in (since, until))
    if start is not None and start < datetime(1970, 1, 1, tzinfo=UTC):
        terminal.fail(f"--since {since} lies before 1970", "Kafka keeps no such time; leave it out to mean all.")
    if end is not None and end <= (start or datetime(1970, 1, 1, tzinfo=UTC)):
        terminal.fail(f"--until {until} is not after --since {since or '1970-01-01'}", "Swap or change them.")
    against = against or ("newest" if os.environ.get(variable("kafka_bootstrap_servers")) else sources.INSTALLED)
    compared = Impact(sources.rulebook(against), sources.rulebook(draft), form=offline.form())
    if topic is None:
        _from_files(compared, events or [])
        said = f"Events of {', '.join(str(path) for path in events or ())}"
    else:
        settings = terminal.settings_or_fail(KafkaSettings)
        sources.ask(settings, _from_topic(compared, settings, topic, start, end))
        said = f"Events of {settings.topic(topic)}" + (f" since {since}" if since else "")
        said += f" until {until}" if until else ""
    if html is not None:
        from streams.pages.impact import impact_page  # noqa: PLC0415 - needs templates

        terminal.write(html, impact_page(compared, said))
    if as_json:
        terminal.print_json(compared.document())
    elif html is None:
        terminal.end_quietly_when_the_reader_leaves()
        _print(compared, said)


def _from_files(compared: Impact, paths: list[Path]) -> None:
    from streams.cli.adjudicate import lines_of, size_of  # noqa: PLC0415
    from streams.cli.offline import OfflineRecord  # noqa: PLC0415

    with terminal.progress("deciding twice", size_of(paths)) as advance:
        for batch in lines_of(paths):
            for line in batch:
                if line.strip():
                    compared.add(OfflineRecord(line))
            advance(sum(map(len, batch)) + len(batch), _words(compared))


async def _from_topic(
    compared: Impact, settings: KafkaSettings, topic: str, since: datetime | None, until: datetime | None
) -> None:
    from streams.bus.stretch import stretch  # noqa: PLC0415
    from streams.cli.rulebook_sources import refuse_without_topic  # noqa: PLC0415

    await refuse_without_topic(settings, topic)
    async with stretch(settings, settings.topic(topic), since, until) as past:
        with terminal.progress("deciding twice", past.total) as advance:
            async for records, passed in past.batches():
                for record in records:
                    compared.add(record)
                advance(passed, _words(compared))


def _words(compared: Impact) -> str:
    return f"{compared.events:,} events, {compared.changed:,} changed"


def _print(compared: Impact, said: str) -> None:
    out = terminal.stdout()
    out.print(Text(f"before {compared.before.hash}\nafter  {compared.after.hash}", "dim"), soft_wrap=True)
    out.print(
        f"{said}: {compared.changed:,} of {compared.events:,} come out otherwise; {compared.rewritten:,} keep outcome "
        f"and amounts, but not rules or reasons; {compared.disclosures_changed:,} disclosures differ.",
        style="bold",
    )
    outcomes = _table("before", "after", "#events")
    for (before, after), count in sorted(
        compared.outcomes.items(), key=lambda item: (item[0][0] == item[0][1], -item[1])
    ):
        outcomes.add_row(before, "the same" if before == after else after, f"{count:,}")
    out.print(outcomes)
    money = _table("borne by", "#before", "#after", "#change")
    for bearer, before_amount in compared.money[0].items():
        after_amount = compared.money[1][bearer]
        money.add_row(bearer, f"{before_amount:,.2f}", f"{after_amount:,.2f}", f"{after_amount - before_amount:+,.2f}")
    out.print(money)
    if compared.changed:
        cities = _table("insured in", "#settlements", "#changed", "#fund", "#patient")
        for name, city in sorted(compared.cities.items(), key=lambda item: (-item[1].changed, item[0])):
            if city.changed:
                fund, patient = (city.after[who] - city.before[who] for who in ("fund", "patient"))
                cities.add_row(name, f"{city.settlements:,}", f"{city.changed:,}", f"{fund:+,.2f}", f"{patient:+,.2f}")
        out.print(cities)
    for change in compared.largest:
        for line in _told(change):
            out.print(line, soft_wrap=True)
    if compared.changed > _SHOWN:
        out.print(Text("--html shows both derivations of each; --json holds all of it.", "dim"))


def _told(change: Change) -> Iterator[str]:
    shares: Callable[[int], str] = lambda side: ", ".join(  # noqa: E731
        f"{bearer} {amount:.2f}" for bearer, amount in change.shares[side].items() if amount
    )
    yield f"{change.settlement_id} ({change.city}): {change.outcomes[0]} → {change.outcomes[1]}"
    for side, word in enumerate(("before", "after ")):
        reasons = sorted(
            {reason for line in (change.adjusted[side] or {}).get("lines", ()) for reason in line["reasons"]}
        )
        yield f"    {word} {shares(side) or 'nobody pays'}{': ' if reasons else ''}{', '.join(reasons)}"


def _table(*columns: str) -> Table:
    """A column whose name begins with # holds numbers."""
    table = Table(box=box.SIMPLE, pad_edge=False)
    for name in columns:
        table.add_column(name.removeprefix("#"), justify="right" if name.startswith("#") else "left", no_wrap=True)
    return table
