"""`petct demo`: a broker, a few hundred events and the real worker, for a minute and without a trace."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import tempfile
from collections import Counter
from typing import IO, Annotated, Final, NoReturn

import typer

from streams.cli import terminal
from streams.exit_codes import ExitCode
from streams.settings import PREFIX, KafkaSettings, SecretSettings, variable

ENDS = terminal.exit_status(
    {
        ExitCode.OK: "every event was settled exactly once",
        ExitCode.FAILED: "something failed, or the demo extra is not installed; the message says what to do",
        ExitCode.USAGE: "a wrong argument",
    }
)

_LOG_LINES: Final = 15
_PETCT_SHARE: Final = 0.7
_INVALID_SHARE: Final = 0.06


def demo(
    count: Annotated[int, typer.Option("--count", "-n", min=50, max=20_000, help="How many events.")] = 400,
    seed: Annotated[int, typer.Option(help="The same seed gives the same events.")] = 30,
) -> None:
    """Watch synthetic events being settled: nothing to set up, nothing left behind.

    Starts a broker inside this process, puts events on it (covered in several cities, not covered, to be reviewed,
    overcharged, refunds, reversals, broken bytes), starts `petct worker settle` as a process of its own, and shows what
    came out. That is compared, byte for byte, with what `petct adjudicate` says about the same events.

    **Examples**

    ```console
    petct demo
    petct demo --count 2000 --seed 7
    ```
    """
    try:
        from streams.bus.embedded import EmbeddedBroker  # noqa: PLC0415 - needs an extra
    except ModuleNotFoundError as missing:
        terminal.fail(str(missing), code=ExitCode.FAILED)

    # Whoever ends us, and how: it is the same clean end as Ctrl-C, which does nothing where a shell started us behind
    # it (`petct demo &` in a script).
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: signal.raise_signal(signal.SIGINT))
    with EmbeddedBroker() as broker:
        _configure(broker.bootstrap_servers)
        _run(count, seed)


def _configure(bootstrap_servers: str) -> None:
    """For this process and the worker it starts; the caller's own settings are about some other bus."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]
    os.environ[variable("kafka_bootstrap_servers")] = bootstrap_servers
    os.environ[variable("disclosure_secret")] = secrets.token_hex()
    os.environ[variable("http_port")] = "0"


def _run(count: int, seed: int) -> None:
    from aiokafka.errors import KafkaError  # noqa: PLC0415 - other commands need no bus

    from streams.cli import demo_bus, demo_summary, offline  # noqa: PLC0415
    from streams.simulate import events  # noqa: PLC0415

    out = terminal.stdout()
    records = list(events(seed, count, _PETCT_SHARE, _INVALID_SHARE))
    decide = offline.processor(terminal.settings_or_fail(SecretSettings).secret)
    expected = Counter(
        (output.topic, output.key, output.value)
        for key, value in records
        for output in decide(offline.OfflineRecord(value, key=key)).outputs
    )
    with tempfile.TemporaryFile() as log:
        out.print(f"{count} events go onto a broker inside this process; petct worker settle is started on it.")
        try:
            with out.status("the worker settles"):
                arrived = asyncio.run(
                    demo_bus.settle(terminal.settings_or_fail(KafkaSettings), records, expected.total(), log)
                )
        except (KafkaError, demo_bus.DemoError) as error:
            _tell(str(error) or type(error).__name__, log)
    found = Counter((record.topic, record.key, record.value) for record in arrived)
    missing, surplus = (expected - found).total(), (found - expected).total()
    demo_summary.show(out, records, arrived)
    if missing or surplus:
        mend = "Every event is to be settled exactly once: please report the seed."
        terminal.fail(f"{missing} records are missing, {surplus} should not be there", mend, ExitCode.FAILED)
    out.print(
        f"\nAll {len(arrived)} records are there once, and byte for byte what petct adjudicate says; "
        "the worker has stopped on SIGTERM.",
        style="green",
    )


def _tell(problem: str, log: IO[bytes]) -> NoReturn:
    log.seek(0)
    for line in log.read().decode(errors="replace").splitlines()[-_LOG_LINES:]:
        typer.echo(f"  worker: {line}", err=True)
    terminal.fail(problem, code=ExitCode.FAILED)
