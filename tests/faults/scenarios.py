"""Every scenario of the suite, by the name its test calls it, in the order of the table in docs/reliability.md."""

from __future__ import annotations

from typing import Final, NamedTuple


class Scenario(NamedTuple):
    """`since`: what recovery is counted from. A control is a worker made wrong on purpose: it must show errors."""

    title: str
    since: str = ""
    control: bool = False


SCENARIOS: Final[dict[str, Scenario]] = {
    "kill": Scenario("kill -9 of one of two workers, again and again", "its next start"),
    "sigstop": Scenario("SIGSTOP longer than the session; the zombie comes back", "the SIGSTOP"),
    "sigstop_opening": Scenario("the same; it comes back while its heir opens the lane", "its return"),
    "sigterm": Scenario("SIGTERM under load", "the SIGTERM"),
    "scale": Scenario("1 worker, then 4, then 2", "the change"),
    "cut": Scenario("network cut between one worker and the broker", "the cut"),
    "broker": Scenario("broker killed with kill -9 and started again", "when it is up again"),
    "three_brokers": Scenario(
        "three brokers: transaction coordinator and partition leader killed with kill -9", "the kill"
    ),
    "disk": Scenario("disk of the broker full: it halts, gets room and starts again", "when it is up again"),
    "timeout": Scenario("transaction timed out while its worker stood still", "the worker's going on"),
    "first_batch": Scenario("first batch of each partition fails three times", "the last failure"),
    "before_send": Scenario("exception before outputs are sent"),
    "after_send": Scenario("exception after outputs are sent, before the offset is"),
    "after_offsets": Scenario("exception after the offset is sent, before the commit"),
    "unknown_lost": Scenario("commit with unknown outcome: not done"),
    "unknown_done": Scenario("commit with unknown outcome: done"),
    "after_commit": Scenario("exception after the commit"),
    "each": Scenario("exceptions at each of these steps in turn"),
    "poison": Scenario("poison: runs of records nobody can decide, and kill -9 in the middle", "its next start"),
    "breaker_run": Scenario("breaker open by a run of dead letters; gone on as documented", "the start without it"),
    "breaker_share": Scenario(
        "breaker open by the share of dead letters; gone on as documented", "the start without it"
    ),
    "too_large": Scenario("output above its topic's max.message.bytes, until that is raised", "the mend"),
    "refused": Scenario("output topic refuses writes (its ACL), until they are allowed", "the mend"),
    "missing": Scenario("output topic deleted, until it is made again", "the mend"),
    "quota": Scenario("produce quota: the broker delays the worker's answers", "its end"),
    "slow": Scenario("slow network: all the worker reads and writes at a trickle", "its end"),
    "soak": Scenario("soak: every twentieth transaction fails, for 20 minutes"),
    "control_fence": Scenario("no fence: each producer has a transactional id of its own; SIGSTOP", control=True),
    "control_seek": Scenario("`seek_to_committed()`; first batch of each partition fails", control=True),
    "control_order": Scenario("offset read before the fence; SIGSTOP, back while the heir opens", control=True),
}
