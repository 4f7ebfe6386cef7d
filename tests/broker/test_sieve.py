"""The sieve in a settling worker: the same outputs, counts and offsets as without it, also where the rules change."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count

import pytest

from ops.kafka.broker import RealKafka
from schemas.topics import ADJUSTED
from streams.bus.rules import Rules
from streams.processors.settlement import PASSED_OVER, Answer, Fate, Output, Record
from tests.broker.settling import Scene, scene, until_true
from tests.kafka import Broker

MANY = 3_000


@dataclass
class Without:
    """Passes over what does not hold `word`; `asked` is called before it tells."""

    word: bytes
    asked: Callable[[], None] = lambda: None

    def __call__(self, value: bytes | None) -> bool:
        self.asked()
        return value is not None and self.word not in value

    def every(self, values: Sequence[bytes | None], data: bytes, start: int, end: int) -> bool:
        return all(self(value) for value in values)


@dataclass
class Deciding:
    """Answers with its own `name` what `passes_over` leaves."""

    name: bytes
    passes_over: Without
    met: list[bytes | None] = field(default_factory=list)

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
    process = Deciding(b"it", Without(b"ours"))
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
    process = Deciding(b"it", Without(b"ours"))
    on_kafka.rules = Rules(process)
    await on_kafka.send(*[b"else"] * MANY)
    async with on_kafka.settling():
        await on_kafka.until_committed(MANY)
    assert process.met == []


@pytest.mark.real_kafka
async def test_what_was_passed_over_by_the_rules_before_is_asked_again(on_kafka: Scene) -> None:
    """The rules change while the sieve is at work: what it had dropped by those before is fetched again."""
    rules = Rules()
    new = Deciding(b"new", Without(b"s"))  # both kinds of value hold it
    left = count(MANY // 2, -1)
    old = Deciding(b"old", Without(b"ours", lambda: rules.switch(new) if next(left) == 0 else None))
    rules.switch(old)
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
