"""What must come out, by the same code offline, and how records get in."""

from collections import Counter

from schemas.topics import ADJUSTED, DEADLETTERS, DISCLOSURES, EVENTS
from streams.processors.settlement import SettlementProcessor
from streams.rulebook import load_rulebook
from tests.broker.settling import Scene

Records = list[tuple[bytes, bytes]]


class _In:
    """One input record, as far as what comes out depends on it."""

    topic, partition, offset, timestamp, headers = EVENTS, 0, 0, 0, ()

    def __init__(self, key: bytes, value: bytes) -> None:
        self.key, self.value = key, value


def _processor() -> SettlementProcessor:
    return SettlementProcessor(load_rulebook(), b"s", "0")


def expected_outputs(records: Records) -> dict[str, Counter[bytes | None]]:
    """The values each output topic must hold, and how often."""
    process = _processor()
    expected: dict[str, Counter[bytes | None]] = {ADJUSTED: Counter(), DISCLOSURES: Counter(), DEADLETTERS: Counter()}
    for key, value in records:
        for output in process(_In(key, value)).outputs:
            expected[output.topic][output.value] += 1
    return expected


def expected_fates(records: Records) -> Counter[str]:
    process = _processor()
    return Counter(process(_In(key, value)).fate for key, value in records)


def partition_of(key: bytes) -> int:
    """A reversal, which has the key of its settlement, lies where that does."""
    return sum(key) % 4


async def load(on: Scene, records: Records) -> None:
    for partition in range(4):
        mine = [record for record in records if partition_of(record[0]) == partition]
        await on.send_pairs(mine, partition=partition)
