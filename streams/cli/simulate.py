"""`petct simulate`: synthetic events, to look at or to put load on a bus."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator
from typing import Annotated

import typer

from streams.cli import terminal
from streams.cli.pace import Pace
from streams.exit_codes import ExitCode
from streams.settings import KafkaSettings, SettingsError

ENDS = terminal.exit_status(
    {
        ExitCode.OK: "done",
        ExitCode.USAGE: "a wrong argument, or with --to-topic a setting missing or wrong",
        ExitCode.TOPICS: "with --to-topic: the topic is missing",
        ExitCode.BROKER: "with --to-topic: no broker answered, or it did not take an event",
    }
)


def simulate(
    count: Annotated[int, typer.Option("--count", "-n", min=0, help="How many events; 0: until Ctrl-C.")] = 100,
    share: Annotated[float, typer.Option(min=0, max=1, help="Share of events with a PET-CT examination.")] = 0.3,
    invalid: Annotated[float, typer.Option(min=0, max=1, help="Share of events that cannot be decided.")] = 0.02,
    seed: Annotated[int, typer.Option(help="The same seed gives the same events.")] = 0,
    rate: Annotated[
        float | None, typer.Option(min=0.001, show_default="as fast as possible", help="Events a second.")
    ] = None,
    send: Annotated[
        bool, typer.Option("--to-topic", help="Send them to settlement.events, by the settings PETCT_KAFKA_….")
    ] = False,
) -> None:
    """Make up settlement events: no person, no hospital in them exists.

    Five cities, all outcomes, refunds, reversals, voids, claims from outside the pool, and broken records: on standard
    output one a line, with --to-topic on the bus under the keys of the contract.

    **Examples**

    ```console
    petct simulate --count 3 --share 1 --invalid 0
    petct simulate -n 1000 --seed 7 | PETCT_DISCLOSURE_SECRET=x petct adjudicate
    PETCT_KAFKA_BOOTSTRAP_SERVERS=localhost:9092 petct simulate -n 0 --rate 500 --to-topic
    ```
    """
    from streams.simulate import events  # noqa: PLC0415

    records = events(seed, count or None, share, invalid)
    if send:
        settings = terminal.settings_or_fail(KafkaSettings)
        with terminal.progress("simulating", count or None) as advance:
            to_topic(settings, records, rate, advance)
    else:
        terminal.end_quietly_when_the_reader_leaves()
        with terminal.progress("simulating", count or None) as advance:
            to_stdout(records, rate, advance)


def to_stdout(records: Iterator[tuple[bytes, bytes]], rate: float | None, advance: terminal.Advance) -> None:
    out, pace = sys.stdout.buffer, Pace(rate)
    for number, (_, value) in enumerate(records):
        if wait := pace.ahead(number):
            out.flush()
            time.sleep(wait)
        out.write(value + b"\n")
        advance(1, "")
    out.flush()


def to_topic(
    settings: KafkaSettings, records: Iterator[tuple[bytes, bytes]], rate: float | None, advance: terminal.Advance
) -> None:
    from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError  # noqa: PLC0415

    from streams.cli.publishing import publish  # noqa: PLC0415

    try:
        asyncio.run(publish(settings, records, rate=rate, sent=lambda: advance(1, "")))
    except SettingsError as error:
        terminal.fail_with(error)
    except UnknownTopicOrPartitionError:
        terminal.fail("the topic settlement.events is missing", "petct topics create", ExitCode.TOPICS)
    except KafkaError as error:
        terminal.no_broker(settings, error)
