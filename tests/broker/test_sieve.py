"""The sieve in a settling worker: the same outputs, counts and offsets as without it, also where the rules change."""

from dataclasses import dataclass, field

import pytest

from ops.kafka.broker import RealKafka
from schemas.topics import ADJUSTED
from streams.bus.rules import Rules
from streams.processors.settlement import PASSED_OVER, Answer, Fate, Output, Record
from tests.broker.settling import Scene, scene, until_true
from tests.kafka import Broker

MANY = 3_000


@dataclass
class Deciding:
    """Answers values that hold `word` with its own `name`, and tells beforehand which it will not answer."""

    name: bytes
    word: bytes
    met: list[bytes | None] = field(default_factory=list)

    def passes_over(self, value: bytes | None) -> bool:
        return value is not None and self.word not in value

    def __call__(self, record: Record) -> Answer:
        self.met.append(record.value)
        if self.passes_over(record.value):
            return PASSED_OVER
        value = b"%s by %s" % (record.value, self.name)
        return Answer(Fate.DECIDED, (Output(ADJUSTED, record.key, value, []),), "covered")


@pytest.fixture
async def on_any(broker: Broker, prefix: str) -> Scene:
    made = scene(broker, prefix)
    await made.create_topics()
    return made


@pytest.fixture
async def on_kafka(real_kafka: RealKafka, prefix: str) -> Scene:
    made = scene(Broker("real", real_kafka.bootstrap_servers), prefix)
    await made.create_topics()
    return made


def _values(step: int) -> list[bytes | None]:
    return [b"%s %d" % (b"ours" if number % step == 0 else b"else", number) for number in range(MANY)]


@pytest.mark.parametrize("sieve", [True, False])
async def test_outputs_and_counts_are_the_same_with_and_without(on_any: Scene, sieve: bool) -> None:
    process = Deciding(b"it", b"ours")
    on_any.rules = Rules(process)
    on_any.settings = on_any.settings.model_copy(update={"sieve": sieve})
    await on_any.send(*_values(100))
    async with on_any.settling() as (_, metrics):
        outputs = await on_any.until(MANY // 100)
        await until_true(lambda: _counted(metrics.registry, "passed_over") == MANY - MANY // 100)

    assert outputs == [b"ours %d by it" % number for number in range(0, MANY, 100)]
    assert (len(process.met) == MANY // 100) is sieve, "with the sieve, no record is made of what is passed over"


@pytest.mark.real_kafka
async def test_where_nothing_is_ours_the_offset_moves_on_and_is_committed(on_kafka: Scene) -> None:
    process = Deciding(b"it", b"ours")
    on_kafka.rules = Rules(process)
    await on_kafka.send(*[b"else"] * MANY)
    async with on_kafka.settling():
        await on_kafka.until_committed(MANY)
    assert process.met == []


@pytest.mark.real_kafka
async def test_what_was_passed_over_by_the_rules_before_is_asked_again(on_kafka: Scene) -> None:
    """The rules change while the sieve is at work: what it had dropped by those before is fetched again."""
    rules = Rules()
    new = Deciding(b"new", b"s")  # both kinds of value hold it

    class Switching(Deciding):
        asked = 0

        def passes_over(self, value: bytes | None) -> bool:
            self.asked += 1
            if self.asked == MANY // 2:
                rules.switch(new)
            return super().passes_over(value)

    rules.switch(old := Switching(b"old", b"ours"))
    on_kafka.rules = rules
    await on_kafka.send(*_values(10))
    async with on_kafka.settling() as (_, metrics):
        outputs = await on_kafka.until(MANY)
        await on_kafka.until_committed(MANY)
        assert _counted(metrics.registry, "passed_over") == 0

    assert outputs == [b"%s by new" % value for value in _values(10) if value is not None]
    assert old.met == []


def _counted(registry: object, fate: str) -> float:
    return registry.get_sample_value("petct_records_total", {"fate": fate}) or 0.0  # type: ignore[attr-defined]
