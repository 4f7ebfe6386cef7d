"""How a command ends. The number is part of the contract with whoever restarts a worker; each has one meaning."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """`MEANING` says what each tells and whether a restart alone can help."""

    OK = 0
    FAILED = 1
    USAGE = 2
    TOPICS = 3
    BROKER = 4
    BREAKER = 5
    GROUP = 6
    RULEBOOK = 7


MEANING: dict[ExitCode, str] = {
    ExitCode.OK: "done, or stopped by SIGTERM or SIGINT within the budget",
    ExitCode.FAILED: "something we did not foresee, or dead letters under --strict; a restart may help",
    ExitCode.USAGE: "a wrong argument, or a setting missing or wrong; mend it first",
    ExitCode.TOPICS: "a topic is missing or unlike the catalogue; `petct topics create` or mend it, then start again",
    ExitCode.BROKER: "no broker answered within PETCT_BROKER_WAIT_SECONDS; a restart may help",
    ExitCode.BREAKER: "too many dead letters; look at them and at the last deployment before starting again",
    ExitCode.GROUP: "the consumer group did not take us back; a restart may help",
    ExitCode.RULEBOOK: "a notice cannot be used; `petct rulebook check` tells which line",
}
