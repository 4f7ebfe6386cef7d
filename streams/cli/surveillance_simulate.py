"""`petct surveillance simulate`: a year of a province, with abuse and innocents planted in it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import orjson
import typer

from streams.cli import terminal
from streams.cli.simulate import to_stdout, to_topic
from streams.exit_codes import ExitCode
from streams.settings import KafkaSettings

ENDS = terminal.exit_status(
    {
        ExitCode.OK: "done",
        ExitCode.USAGE: "a wrong argument, a file that cannot be written, or with --to-topic a wrong setting",
        ExitCode.TOPICS: "with --to-topic: the topic is missing",
        ExitCode.BROKER: "with --to-topic: no broker answered, or it did not take an event",
    }
)


def simulate(
    scale: Annotated[
        float, typer.Option(min=0.001, max=10, help="1: 1,000,000 settlements, 40,000 of them examinations.")
    ] = 0.1,
    seed: Annotated[int, typer.Option(help="The same seed gives the same events.")] = 0,
    planted: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            callback=terminal.writable,
            help="Write what was planted there, after the last event: a case a line, as JSON, with rule, kind, subject "
            "and settlement ids.",
        ),
    ] = None,
    rate: Annotated[
        float | None, typer.Option(min=0.001, show_default="as fast as possible", help="Events a second.")
    ] = None,
    send: Annotated[
        bool, typer.Option("--to-topic", help="Send them to settlement.events, by the settings PETCT_KAFKA_….")
    ] = False,
) -> None:
    """Make up a year of a province's settlements, to try rules and thresholds on: nobody in it exists.

    Hospitals of all sizes, the week, public holidays, growth, reversals, records that come late, and planted in it
    abuse of each kind that there is a rule for, and innocents that look like it: restaging after treatment,
    radiotherapy of several sites, referrals, corrected bills, a new scanner, holiday weeks. Scaled down, every kind of
    case is still there. On standard output one event a line, with --to-topic on the bus.

    **Examples**

    ```console
    petct surveillance simulate --planted planted.jsonl > year.jsonl
    petct surveillance simulate --scale 1 --seed 7 --planted planted.jsonl | gzip > year.jsonl.gz
    PETCT_KAFKA_BOOTSTRAP_SERVERS=localhost:9092 petct surveillance simulate --rate 2000 --to-topic
    ```
    """
    from streams.simulate_year import Year  # noqa: PLC0415

    year = Year(seed, scale)
    with terminal.progress("simulating", year.settlements) as advance:
        if send:
            to_topic(terminal.settings_or_fail(KafkaSettings), year.records(), rate, advance)
        else:
            terminal.end_quietly_when_the_reader_leaves()
            to_stdout(year.records(), rate, advance)
    if planted is not None:
        cases = b"".join(orjson.dumps(case.plain()) + b"\n" for case in year.planted)
        terminal.write(planted, cases.decode())
