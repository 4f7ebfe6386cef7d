"""The lane on a broker: what comes out, what is committed, and what a failure leaves behind: nothing."""

import asyncio
import time
from collections import Counter
from dataclasses import replace
from itertools import count

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import MessageSizeTooLargeError
from confluent_kafka import TopicPartition as Where
from confluent_kafka.admin import AdminClient

from ops.kafka.broker import RealKafka
from schemas import deadletters
from schemas.topics import ADJUSTED, DEADLETTERS, DISCLOSURES, EVENTS, MAX_OUTPUT_BYTES, TOPICS
from streams.bus import clients
from streams.bus.clients import Clients, throw_away
from streams.bus.lane import FENCED, Limits, open_lane, transact
from streams.bus.topics import SETTLE, check_topics, create_topics
from streams.exit_codes import ExitCode
from streams.metrics import CAUSES, RESULTS, Metrics
from streams.processors.settlement import Answer, Fate, Output, Record
from tests.broker.crashing import POINTS, crashing
from tests.broker.settling import PATIENCE, QUICK, Scene, decide, scene, until_true
from tests.kafka import Broker
from tests.kafka import create_topics as make_topics


@pytest.fixture
async def on_any(broker: Broker, prefix: str) -> Scene:
    made = scene(broker, prefix)
    await made.create_topics()
    return made


@pytest.fixture
async def on_kafka(real_kafka: RealKafka, prefix: str) -> Scene:
    """For what only a broker that stores the offsets of a transaction can show."""
    made = scene(Broker("real", real_kafka.bootstrap_servers), prefix)
    await made.create_topics()
    return made


def _reopenings(metrics: Metrics) -> float:
    return sum(metrics.registry.get_sample_value("petct_reopenings_total", {"cause": cause}) or 0 for cause in CAUSES)


def _transactions(metrics: Metrics) -> dict[str, float]:
    name = "petct_transaction_seconds_count"
    return {result: metrics.registry.get_sample_value(name, {"result": result}) or 0 for result in RESULTS}


def _numbered(count: int, kind: str = "ours") -> list[bytes | None]:
    return [f"{kind} {number}".encode() for number in range(count)]


async def test_outputs_arrive_read_committed_at_the_partition_number_of_their_input(on_any: Scene) -> None:
    for partition in range(4):
        await on_any.send(b"both %d" % partition, b"of no interest", partition=partition)
    async with on_any.settling():
        await on_any.until(4)
        await on_any.until(4, DISCLOSURES)

    for topic in (ADJUSTED, DISCLOSURES):
        places = {(record.partition, record.value) for record in await on_any.records(topic)}
        assert places == {(partition, b"both %d" % partition) for partition in range(4)}


async def test_what_one_partition_brings_stays_in_its_order(on_any: Scene) -> None:
    values = _numbered(5_000)
    await on_any.send(*values)
    async with on_any.settling():
        assert await on_any.until(5_000) == values


@pytest.mark.real_kafka
async def test_outputs_and_offset_are_committed_together(on_kafka: Scene) -> None:
    await on_kafka.send(*_numbered(100))
    async with on_kafka.settling():
        await on_kafka.until(100)
        assert await on_kafka.committed() == 100


@pytest.mark.real_kafka
@pytest.mark.parametrize("point", POINTS)
async def test_a_failure_at_any_point_of_a_transaction_loses_and_repeats_nothing(on_kafka: Scene, point: str) -> None:
    """The first batch of each partition fails, three times over: that one is lost with seek_to_committed()."""
    producer_type = crashing(point, times=3)
    values = _numbered(300, "both")
    for partition in range(4):
        await on_kafka.send(*values, partition=partition)
    async with on_kafka.settling(producer_type) as (_, metrics):
        await on_kafka.until(1_200)
        await on_kafka.send(*_numbered(100, "both again"))
        await on_kafka.until(1_300)
        # More where a loaded machine makes a call to the broker time out.
        assert _reopenings(metrics) >= sum(producer_type.crashes.values())
        told = _transactions(metrics)
        failed = "aborted" if point in {"before_send", "after_send", "after_offsets"} else "in_doubt"
        assert told[failed] >= sum(producer_type.crashes.values())

    assert len(producer_type.crashes) == 4
    expected = Counter(4 * values + _numbered(100, "both again"))
    assert Counter(await on_kafka.outputs(ADJUSTED)) == expected
    assert Counter(await on_kafka.outputs(DISCLOSURES)) == expected
    assert [await on_kafka.committed(partition) for partition in range(4)] == [400, 300, 300, 300]


@pytest.mark.real_kafka
async def test_an_offset_moves_although_nothing_was_ours(on_kafka: Scene) -> None:
    await on_kafka.send(*[b"of no interest"] * 50)
    async with on_kafka.settling():
        await on_kafka.until_committed(50)


@pytest.mark.real_kafka
async def test_what_was_passed_over_is_committed_before_letting_go(on_kafka: Scene) -> None:
    on_kafka.settings = on_kafka.settings.model_copy(update={"offset_commit_seconds": 300.0})
    # Not about how soon: a loaded machine may take longer than the 2 s a lane has.
    on_kafka.limits = replace(QUICK, finish=PATIENCE)
    await on_kafka.send(*[b"of no interest"] * 50)
    async with on_kafka.settling() as (service, _):
        await on_kafka.ready(service)
        await until_true(lambda: any(lane.position == 50 for lane in service._lanes or ()))
        assert await on_kafka.committed() == 0

    assert await on_kafka.committed() == 50


@pytest.mark.real_kafka
async def test_a_restarted_worker_goes_on_where_the_last_one_stopped(on_kafka: Scene) -> None:
    await on_kafka.send(b"ours 1", b"of no interest")
    async with on_kafka.settling():
        await on_kafka.until(1)
    await on_kafka.send(b"ours 2")
    async with on_kafka.settling():
        await on_kafka.until(2)

    assert await on_kafka.outputs() == [b"ours 1", b"ours 2"]


@pytest.mark.real_kafka
async def test_beginning_at_the_end_loses_nothing_when_the_first_batch_fails(on_kafka: Scene) -> None:
    """Where the end was is committed before the lane is ready: the next try begins there, not at the end by then."""
    on_kafka.settings = on_kafka.settings.model_copy(update={"offset_reset": "latest"})
    await on_kafka.send(b"ours, long ago")
    producer_type = crashing("before_send", times=2)
    async with on_kafka.settling(producer_type) as (service, _):
        await on_kafka.ready(service)
        assert await on_kafka.committed() == 1
        await on_kafka.send(*_numbered(10))
        await on_kafka.until(10)

    assert producer_type.crashes.total() == 2
    assert await on_kafka.outputs() == _numbered(10)


@pytest.mark.real_kafka
async def test_a_batch_larger_than_one_request_goes_out_whole(on_kafka: Scene) -> None:
    """3,000 records of 4 KB: three record batches in one transaction. (The embedded broker keeps only 5 MB.)"""
    values: list[bytes | None] = [b"ours %d " % number + b"x" * 4_000 for number in range(3_000)]
    await on_kafka.send(*values)
    async with on_kafka.settling():
        assert await on_kafka.until(3_000) == values


async def test_a_record_with_neither_key_nor_value_becomes_a_dead_letter(on_any: Scene) -> None:
    await on_any.send(None, key=None)
    async with on_any.settling():
        await on_any.until(1, DEADLETTERS)

    (letter,) = await on_any.records(DEADLETTERS)
    assert (letter.key, letter.value) == (None, None)


@pytest.mark.real_kafka
async def test_a_dead_letter_of_seven_megabytes_goes_out(on_kafka: Scene) -> None:
    large = b"dead" + b"x" * deadletters.MAX_BODY_BYTES

    def enlarge(record: Record) -> Answer:
        answer = decide(record)
        return Answer(answer.fate, tuple(Output(o.topic, o.key, large, o.headers) for o in answer.outputs))

    on_kafka.process = enlarge
    await on_kafka.send(b"dead")
    async with on_kafka.settling():
        await on_kafka.until(1, DEADLETTERS)

    assert await on_kafka.outputs(DEADLETTERS) == [large]


async def test_a_dead_letter_no_topic_takes_goes_out_without_its_body_and_the_rest_follows(on_any: Scene) -> None:
    def enlarge(record: Record) -> Answer:
        if record.value != b"dead":
            return decide(record)
        letter = Output(DEADLETTERS, record.key, b"x" * MAX_OUTPUT_BYTES, [])
        return Answer(Fate.DEAD_LETTER, (letter,))

    on_any.process = enlarge
    await on_any.send(b"dead", b"ours")
    async with on_any.settling():
        await on_any.until(1)

    (letter,) = await on_any.records(DEADLETTERS)
    assert (letter.value, letter.headers) == (None, ((deadletters.BODY, b"withheld"),))


@pytest.mark.real_kafka
async def test_an_output_its_topic_refuses_holds_its_lane_and_no_other_until_that_is_mended(on_kafka: Scene) -> None:
    """Not one byte of the refused batch is committed, its offset neither; mended, it comes once."""
    admin = AdminClient({"bootstrap.servers": on_kafka.broker.bootstrap_servers})
    full = on_kafka.settings.topic(ADJUSTED)
    large = b"ours" + b"x" * 200_000
    async with on_kafka.settling() as (service, metrics):
        # The check at start would refuse a limit that low: somebody lowers it later.
        await on_kafka.ready(service)
        await asyncio.to_thread(_limit, admin, full, 100_000)
        probes = await _until_refused(on_kafka, large)
        await on_kafka.send(b"ours before", large, partition=1)
        await on_kafka.send(*_numbered(50), partition=2)
        assert len(await on_kafka.until(50 + probes)) == 50 + probes
        await until_true(lambda: _reopenings(metrics) > 2)
        assert any("MessageSizeTooLarge" in reason for reason in [*service.not_ready(), *_errors(service)])
        assert service.not_live() == []
        assert await on_kafka.committed(1) == 0
        await asyncio.to_thread(_limit, admin, full, MAX_OUTPUT_BYTES)
        await on_kafka.until(52 + probes)

    due = Counter([b"ours before", large, *_numbered(50)])
    due[large] += probes
    assert Counter(await on_kafka.outputs()) == due


async def _until_refused(on: Scene, value: bytes) -> int:
    """A broker follows a change of a topic when it has heard of it; how many it took until then."""
    async with asyncio.timeout(PATIENCE):
        for taken in count():
            try:
                await on.send(value, topic=ADJUSTED, partition=3)
            except MessageSizeTooLargeError:
                return taken
    raise AssertionError


def _errors(service: object) -> list[str]:
    return [str(lane.last_error) for lane in service._lanes]  # type: ignore[attr-defined]


def _limit(admin: AdminClient, topic: str, limit: int) -> None:
    from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

    entry = ConfigEntry("max.message.bytes", str(limit), incremental_operation=AlterConfigOpType.SET)
    change = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    for done in admin.incremental_alter_configs([change]).values():
        done.result(timeout=30)


@pytest.mark.real_kafka
async def test_who_opens_a_lane_ends_what_its_last_owner_had_under_way(on_kafka: Scene) -> None:
    """A zombie with outputs and offset sent but not committed can never commit them."""
    await on_kafka.send(*_numbered(10))
    partition = TopicPartition(on_kafka.settings.topic(EVENTS), 0)
    async with on_kafka.shared(partition) as shared:
        consumer = shared.consumer
        async with open_lane(partition, shared) as zombie:
            zombie.batch.add((await consumer.getmany(partition, timeout_ms=5_000))[partition], 10, decide)
            await zombie.producer.begin_transaction()
            builder = zombie.producer.create_batch()
            builder.append(timestamp=None, key=b"k", value=b"by the zombie")
            topic = on_kafka.settings.topic(ADJUSTED)
            await (await zombie.producer.send_batch(builder, topic, partition=0))
            await zombie.producer.send_offsets_to_transaction({partition: 10}, shared.group_id)

            async with open_lane(partition, shared) as owner:
                assert (owner.committed, owner.batch.next_offset) == (None, 0)
                with pytest.raises(FENCED):
                    await zombie.producer.commit_transaction()
                owner.batch.add((await consumer.getmany(partition, timeout_ms=5_000))[partition], 10, decide)
                await transact(owner.producer, partition, owner.batch, shared)
                with pytest.raises(Exception, match=r"(?i)fenced|fatal|state"):
                    await transact(zombie.producer, partition, zombie.batch, shared)

    assert await on_kafka.outputs() == _numbered(10)
    assert await on_kafka.committed() == 10


@pytest.mark.real_kafka
async def test_two_workers_share_the_partitions_and_one_that_goes_leaves_nothing_undone(on_kafka: Scene) -> None:
    async with on_kafka.settling(instance="one") as (one, of_one):
        await on_kafka.ready(one)
        await _send_everywhere(on_kafka, 0)
        async with on_kafka.settling(instance="two") as (two, of_two):
            await _send_everywhere(on_kafka, 1)
            await until_true(lambda: [len(list(service._lanes or ())) for service in (one, two)] == [2, 2])
            await _send_everywhere(on_kafka, 2)
            await on_kafka.until(3 * 4 * 200)
            await until_true(lambda: _told_of(of_one) | _told_of(of_two) == set("0123"))
            assert not _told_of(of_one) & _told_of(of_two)
            for metrics, rebalances in ((of_one, 2), (of_two, 1)):
                assert metrics.registry.get_sample_value("petct_assigned_partitions") == 2
                assert (metrics.registry.get_sample_value("petct_rebalances_total") or 0) >= rebalances
        await _send_everywhere(on_kafka, 3)
        await on_kafka.until(4 * 4 * 200)

    outputs = await on_kafka.outputs()
    assert len(outputs) == len(set(outputs)) == 4 * 4 * 200


def _told_of(metrics: Metrics) -> set[str]:
    """Partitions whose lag is told."""
    return {
        sample.labels["partition"]
        for family in metrics.registry.collect()
        if family.name == "petct_lag_records"
        for sample in family.samples
    }


@pytest.mark.real_kafka
async def test_a_fencing_is_counted_and_the_lane_takes_its_partition_back(on_kafka: Scene) -> None:
    async with on_kafka.settling() as (service, metrics):
        await on_kafka.ready(service)
        id = f"{on_kafka.settings.group_id}.{on_kafka.settings.topic(EVENTS)}.0"
        other = Clients(on_kafka.settings, None).producer(id)
        await other.start()
        try:
            await on_kafka.send(b"ours")
            await on_kafka.until(1)
        finally:
            await throw_away(other, 2.0)
        assert metrics.registry.get_sample_value("petct_fencings_total") == 1
        assert metrics.registry.get_sample_value("petct_reopenings_total", {"cause": "fenced"}) == 1
        assert _reopenings(metrics) == 1


async def _send_everywhere(on: Scene, wave: int) -> None:
    for partition in range(4):
        values = [b"ours wave %d partition %d: %d" % (wave, partition, number) for number in range(200)]
        await on.send(*values, partition=partition)


@pytest.mark.real_kafka
async def test_a_worker_without_partitions_is_ready(on_kafka: Scene) -> None:
    async with on_kafka.settling(instance="one") as (one, _):
        await on_kafka.ready(one)
        others = [on_kafka.settling(instance=name) for name in ("two", "three", "four", "five")]
        services = [one]
        for other in others:
            services.append((await other.__aenter__())[0])
        try:
            await until_true(lambda: sorted(len(list(service._lanes or ())) for service in services) == [0, 1, 1, 1, 1])
            await on_kafka.ready(*services)
        finally:
            for other in reversed(others):
                await other.__aexit__(None, None, None)


@pytest.mark.real_kafka
async def test_records_retention_has_deleted_do_not_hold_the_lane(on_kafka: Scene) -> None:
    await on_kafka.send(*_numbered(3))
    async with on_kafka.settling():
        await on_kafka.until(3)
    await on_kafka.send(*_numbered(5, "ours deleted"))
    admin = AdminClient({"bootstrap.servers": on_kafka.broker.bootstrap_servers})
    for done in admin.delete_records([Where(on_kafka.settings.topic(EVENTS), 0, 8)]).values():
        done.result(timeout=30)
    await on_kafka.send(b"ours after")
    async with on_kafka.settling() as (_, metrics):
        await on_kafka.until(4)
        assert metrics.registry.get_sample_value("petct_records_missed_total") == 5

    assert await on_kafka.outputs() == [*_numbered(3), b"ours after"]


async def test_the_breaker_stops_the_worker_and_commits_nothing_of_its_batch(on_any: Scene) -> None:
    on_any.settings = on_any.settings.model_copy(update={"breaker_run": 20})
    await on_any.send(*_numbered(19, "dead"), b"ours")
    async with on_any.settling() as (service, metrics):
        await on_any.until(19, DEADLETTERS)
        await on_any.send(*_numbered(20, "dead again"))
        await until_true(lambda: bool(on_any.ended))
        (reason,) = service.not_ready()
        assert reason.startswith("the breaker is open: ")
        assert service.not_live() == []
        assert metrics.registry.get_sample_value("petct_breaker_open") == 1

    # Whoever runs the service hears of ends once or more, and goes by the first.
    code, why = on_any.ended[0]
    assert code is ExitCode.BREAKER
    assert "20 dead letters in a row" in why
    assert await on_any.outputs(DEADLETTERS) == _numbered(19, "dead")


async def test_a_stop_does_not_wait_for_the_next_try(on_any: Scene) -> None:
    """Were the back-off of an hour not cut short, the patience of the scene would end the test."""
    on_any.limits = Limits(retry_first=3_600, retry_most=3_600)
    await on_any.send(b"ours")
    async with on_any.settling(crashing("before_send")) as (service, _):
        await until_true(lambda: any("reopening" in reason for reason in service.not_ready()))


async def test_a_consumer_stopped_while_the_service_asks_it_is_no_failure(
    on_any: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, stopping = asyncio.Event(), asyncio.Event()

    class Interrupted(AIOKafkaConsumer):
        async def committed(self, partition: TopicPartition) -> int | None:
            offset: int | None = await super().committed(partition)
            task = asyncio.current_task()
            if task is not None and not task.get_name().startswith("lane "):
                # As when SIGTERM comes between this answer and the next question.
                asked.set()
                await stopping.wait()
            return offset

        async def stop(self) -> None:
            stopping.set()
            await super().stop()

    monkeypatch.setattr(clients, "AIOKafkaConsumer", Interrupted)
    async with on_any.settling():
        await asyncio.wait_for(asked.wait(), PATIENCE)

    assert on_any.ended == []


async def test_a_lane_that_cannot_open_keeps_no_other_from_its_work(on_any: Scene) -> None:
    class Stuck(crashing("before_send")):  # type: ignore[misc]
        async def start(self) -> None:
            if self._txn_manager.transactional_id.endswith(".0"):
                await asyncio.sleep(3_600)
            await super().start()

    await on_any.send(b"ours, stuck")
    await on_any.send(*_numbered(100), partition=1)
    async with on_any.settling(Stuck) as (service, _):
        assert await on_any.until(100) == _numbered(100)
        assert service.not_ready() == ["lane 0 is opening"]


@pytest.mark.real_kafka
@pytest.mark.real_kafka
async def test_the_lag_is_told_while_a_lane_gets_nowhere_and_is_0_once_it_has(on_kafka: Scene) -> None:
    """The end of the topic is asked for: what a lane that fails has fetched last does not hold the number still."""
    refusing = crashing("before_send", times=1_000_000)
    partition = {"partition": "0"}

    def lag(metrics: Metrics, unit: str) -> float | None:
        return metrics.registry.get_sample_value(f"petct_lag_{unit}", partition)

    async with on_kafka.settling(refusing) as (service, metrics):
        await on_kafka.ready(service)
        await until_true(lambda: lag(metrics, "records") == 0)
        assert lag(metrics, "seconds") == 0
        await on_kafka.send(*_numbered(3))
        await until_true(lambda: lag(metrics, "records") == 3)
        await on_kafka.send(*_numbered(2))
        await until_true(lambda: lag(metrics, "records") == 5)
        seconds = lag(metrics, "seconds") or 0
        await until_true(lambda: (lag(metrics, "seconds") or 0) > seconds > 0)
        progress = metrics.registry.get_sample_value("petct_last_progress_timestamp_seconds", partition) or 0
        assert progress < (metrics.registry.get_sample_value("petct_broker_seen_timestamp_seconds") or 0)
        held = next(held for held in service.status().partitions if held.partition == 0)
        assert (held.position, held.lag_records, held.last_error) == (0, 5, "InjectedError")
        assert [seen.error for seen in service.status().errors] == ["InjectedError"]
    async with on_kafka.settling() as (_, metrics):
        await on_kafka.until(5)
        await until_true(lambda: lag(metrics, "records") == 0)
        assert lag(metrics, "seconds") == 0


@pytest.mark.real_kafka
async def test_the_lag_in_seconds_goes_back_to_when_the_oldest_waiting_record_was_written(on_kafka: Scene) -> None:
    """Also in a worker that starts behind and gets nowhere: it has seen none of the records before."""
    an_hour_ago = int(1000 * (time.time() - 3_600))
    producer = AIOKafkaProducer(bootstrap_servers=on_kafka.broker.bootstrap_servers)
    await producer.start()
    await producer.send_and_wait(on_kafka.settings.topic(EVENTS), b"ours", partition=0, timestamp_ms=an_hour_ago)
    await producer.stop()
    async with on_kafka.settling(crashing("before_send", times=1_000_000)) as (_, metrics):

        def seconds() -> float:
            return metrics.registry.get_sample_value("petct_lag_seconds", {"partition": "0"}) or 0

        await until_true(lambda: seconds() >= 3_600)


async def test_an_output_topic_with_too_few_partitions_is_told_with_its_mend(
    real_kafka: RealKafka, prefix: str
) -> None:
    made = scene(Broker("real", real_kafka.bootstrap_servers), prefix)
    make_topics(real_kafka.bootstrap_servers, made.settings.topic(ADJUSTED), partitions=2)
    await made.create_topics()

    told = [problem for problem in await check_topics(made.settings) if "2 partitions" in problem.problem]

    assert [(problem.topic, problem.fatal) for problem in told] == [(made.settings.topic(ADJUSTED), True)]
    assert "add partitions up to 4" in told[0].mend


@pytest.mark.real_kafka
async def test_topics_are_created_as_the_catalogue_says_and_a_second_time_nothing_is(on_kafka: Scene) -> None:
    assert len(await create_topics(on_kafka.settings, 9, 1)) == len(TOPICS) - len(SETTLE)
    assert await create_topics(on_kafka.settings, 9, 1) == []
    assert await check_topics(on_kafka.settings) == []


@pytest.mark.real_kafka
async def test_of_two_who_create_the_topics_at_once_neither_fails(real_kafka: RealKafka, prefix: str) -> None:
    made = scene(Broker("real", real_kafka.bootstrap_servers), prefix)

    both = await asyncio.gather(*[create_topics(made.settings, 4, 1) for _ in range(2)])

    assert sorted(both[0] + both[1]) == sorted(made.settings.topic(name) for name in TOPICS)


@pytest.mark.real_kafka
async def test_topics_unlike_the_catalogue_are_told_and_a_small_limit_is_fatal(
    real_kafka: RealKafka, prefix: str
) -> None:
    made = scene(Broker("real", real_kafka.bootstrap_servers), prefix)
    full = made.settings.topic(ADJUSTED)
    make_topics(real_kafka.bootstrap_servers, full, partitions=4)
    await made.create_topics()

    told = {(problem.problem, problem.fatal) for problem in await check_topics(made.settings) if problem.topic == full}

    assert told == {
        ("has cleanup.policy=delete", False),
        ("has message.timestamp.type=CreateTime", False),
        ("has max.message.bytes=1048588", True),
    }


async def test_a_check_creates_nothing(broker: Broker, prefix: str) -> None:
    made = scene(broker, prefix)

    assert len(await check_topics(made.settings)) == len(TOPICS)
    assert len(await check_topics(made.settings)) == len(TOPICS)


@pytest.mark.real_kafka
async def test_a_producer_in_the_middle_of_a_transaction_can_be_thrown_away(on_kafka: Scene) -> None:
    producer = Clients(on_kafka.settings, None).producer("thrown-away")
    await producer.start()
    await producer.begin_transaction()
    builder = producer.create_batch()
    builder.append(timestamp=None, key=None, value=b"never committed")
    await producer.send_batch(builder, on_kafka.settings.topic(ADJUSTED), partition=0)
    async with asyncio.timeout(PATIENCE):
        await throw_away(producer, QUICK.producer_stop)

    assert not [task for task in asyncio.all_tasks() if "sender" in repr(task.get_coro())]
    assert await on_kafka.outputs() == []
