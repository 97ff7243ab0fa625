"""Kafka as it is elsewhere: three brokers of which one dies, quotas, compaction, and a log that lost its end."""

import random
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions
from kafka import KafkaConsumer
from kafka import TopicPartition as Assigned

from pipelines import ingest, reconcile
from pipelines.context import Context
from pipelines.ingest.drain import Pace
from pipelines.ingest.offsets import progress_of
from pipelines.io.kafka import Outgoing, publish
from pipelines.stack.jars import classpath
from pipelines.stack.java import find_java
from pipelines.stack.kafka import SMALL_JVM
from schemas.errors import InfrastructureError, NothingToDo
from tests.conftest import JAR_CACHE
from tests.kafka_nodes import HEAP, KafkaNodes
from tests.ports import free_port
from tests.topics import create_topic, declaring, generations, produce

pytestmark = [pytest.mark.integration, pytest.mark.slow]

TABLE = "bronze/generations"
OPTIONS = {
    # So that a test need not wait a quarter of a minute for the cleaner.
    "log.cleaner.backoff.ms": "200",
    "log.cleaner.min.cleanable.ratio": "0.01",
    # And so that a quota counts what two seconds brought, not eleven.
    "quota.window.num": "2",
}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaNodes]:
    nodes = KafkaNodes(tmp_path_factory.mktemp("cluster"), JAR_CACHE, free_port(6), 3, OPTIONS)
    nodes.start()
    try:
        yield nodes
    finally:
        nodes.stop()


@pytest.fixture
def over(cluster, context):
    def make(topic: str) -> Context:
        base = context(kafka_bootstrap_servers=cluster.access.bootstrap_servers)
        return declaring(base, {topic: "feedwheel.generations"})

    return make


def assert_once(context: Context, count: int) -> None:
    report = reconcile.run(context, verify_gaps=True)
    assert (report.exact, report.broker) == (True, "reached"), report.failures
    assert {account.lag for account in report.partitions} == {0}
    ids = context.lake.read(TABLE, ["event_id"]).column("event_id").to_pylist()
    assert sorted(ids) == sorted(f"event-{number}" for number in range(count))


def test_a_leader_that_dies_in_the_middle_of_a_drain_costs_nothing(cluster, over):
    addresses, events = cluster.access.bootstrap_servers, 3_000
    topic = create_topic(addresses, 3, 3)
    for partition in range(3):
        produce(addresses, topic, generations(events // 3, start=partition * events // 3), partition)
    context, rounds = over(topic), 0
    leader = leader_of(addresses, topic, 0)

    def killing() -> bool:
        nonlocal rounds
        rounds += 1
        if rounds == 3:
            cluster.kill(leader)
        return False

    failures = follow(context, Pace(range_offsets=200, round_ranges=3, threads=2), killing)
    assert rounds > 3
    assert leader_of(addresses, topic, 0) != leader, failures
    produce(addresses, topic, generations(300, start=events), 0)
    follow(context, Pace(), lambda: False)
    assert_once(context, events + 300)
    cluster.start_node(leader)
    cluster.wait_for(3)


def follow(context: Context, pace: Pace, stop: Callable[[], bool]) -> list[str]:
    """Drain to the end as `--follow` does: what does not answer is tried again. What did not."""
    failures = list[str]()
    while True:
        try:
            ingest.run(context, pace=pace, follows=True, stop=stop)
        except InfrastructureError as error:
            failures.append(str(error))
            assert len(failures) < 60, failures
            time.sleep(0.5)
        except NothingToDo:
            return failures


def leader_of(addresses: str, topic: str, partition: int) -> int:
    """The leading node, -1 if there is none or no such partition."""
    partitions = AdminClient({"bootstrap.servers": addresses}).list_topics(topic, timeout=20).topics[topic].partitions
    return partitions[partition].leader if partition in partitions else -1


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_what_a_compacted_topic_no_longer_holds_is_a_gap(cluster, over):
    addresses, compact = cluster.access.bootstrap_servers, {"cleanup.policy": "compact", "segment.ms": "100"}
    topic = create_topic(addresses, 1, 3, **compact, **{"max.compaction.lag.ms": "200"})
    context = over(topic)
    publish(cluster.access, keyed(topic, 0, 40))
    ingest.run(context)
    publish(cluster.access, keyed(topic, 40, 100))
    deadline = time.monotonic() + 60
    while (left := offsets_left(addresses, topic, 40)) > 20:
        assert time.monotonic() < deadline, f"{left} of 60 are left"
        time.sleep(0.3)
        publish(cluster.access, keyed(topic, 100, 101))  # the segment that is written to is not compacted
    ingest.run(context)
    report = reconcile.run(context, verify_gaps=True)
    assert report.exact, report.failures
    (account,) = report.partitions
    assert account.gaps >= 40
    assert account.lost == 0
    assert account.accepted + account.gaps == account.next
    ids = set(context.lake.read(TABLE, ["event_id"]).column("event_id").to_pylist())
    assert {f"event-{number}" for number in range(40)} <= ids, "what was compacted later stays"


def keyed(topic: str, start: int, end: int) -> Iterator[Outgoing]:
    """Events of ten keys."""
    for number, value in enumerate(generations(end - start, start=start), start):
        yield Outgoing(topic, b"%d" % (number % 10), value, partition=0)


def offsets_left(addresses: str, topic: str, first: int) -> int:
    """Records from an offset on that the log still holds."""
    consumer = Consumer({"bootstrap.servers": addresses, "group.id": "test", "enable.partition.eof": True})
    consumer.assign([TopicPartition(topic, 0, first)])
    count = 0
    while (message := consumer.poll(10)) is not None and message.error() is None:
        count += message.offset() < 100
    consumer.close()
    return count


def test_partitions_that_are_added_are_read_by_the_drain_under_way(cluster, over):
    addresses = cluster.access.bootstrap_servers
    topic = create_topic(addresses, 1, 3)
    produce(addresses, topic, generations(60))
    context, rounds = over(topic), 0

    def growing() -> bool:
        nonlocal rounds
        rounds += 1
        if rounds == 2:
            admin = AdminClient({"bootstrap.servers": addresses})  # by name: it must outlive its future
            admin.create_partitions([NewPartitions(topic, 3)])[topic].result()
            for address in addresses.split(","):  # each of them learns of it by itself
                wait_until(lambda broker=address: leader_of(broker, topic, 2) > 0)
            produce(addresses, topic, generations(10, start=60), 2)
        return False

    ingest.run(context, pace=Pace(range_offsets=10, round_ranges=1, threads=1), follows=True, stop=growing)
    follow(context, Pace(), lambda: False)
    assert_once(context, 70)
    assert len(progress_of(context.lake.open(TABLE))) == 3


def test_a_log_that_really_lost_its_end_is_named_and_passed_when_told(cluster, over):
    addresses = cluster.access.bootstrap_servers
    topic = create_topic(addresses, 1, 1, **{"min.insync.replicas": "1"})
    context, node = over(topic), leader_of(addresses, topic, 0)
    produce(addresses, topic, generations(5))
    ingest.run(context)
    cluster.kill(node)
    shutil.rmtree(cluster.data(node) / f"{topic}-0")  # its only replica
    wait_until(lambda: leader_of(addresses, topic, 0) < 0)
    cluster.start_node(node)
    wait_until(lambda: leader_of(addresses, topic, 0) == node)
    produce(addresses, topic, generations(2, start=5))
    with pytest.raises(ingest.LogTruncated, match=rf"{topic}\[0\] ends at 2, ingested up to 5"):
        ingest.run(context)
    report = reconcile.run(context)
    (failure,) = report.failures
    assert failure.endswith("ingested up to 5, but Kafka's log ends at 2: it lost records")
    produce(addresses, topic, generations(4, start=7))
    accepted = ingest.run(context, accept_truncation=True)
    assert accepted.accepted == {"routing": 1}, "what lies at offsets that were ingested before is not read"
    assert reconcile.run(context).exact


def test_a_quota_slows_and_breaks_nothing(cluster, over):
    addresses, events = cluster.access.bootstrap_servers, 450
    topic, draw = create_topic(addresses, 1, 3), random.Random(7)
    (template,) = generations(1, output="LONG")
    values = (
        template.replace(b"LONG", draw.randbytes(1500).hex().encode()).replace(b'"event-0"', b'"event-%d"' % number)
        for number in range(events)
    )
    publish(cluster.access, (Outgoing(topic, None, value, partition=0) for value in values))
    quota(cluster, "consumer_byte_rate=400000")  # nothing follows that it would slow: each change costs a JVM
    assert throttled(addresses, topic), "the quota is in force"
    context = over(topic)
    ingest.run(context, pace=Pace(range_offsets=100))
    assert_once(context, events)


def quota(cluster: KafkaNodes, limit: str) -> None:
    """Limit what every client may read."""
    tool = [str(find_java(None).path), HEAP, *SMALL_JVM, "-cp", classpath(JAR_CACHE)]
    tool += ["kafka.admin.ConfigCommand", "--bootstrap-server", cluster.access.bootstrap_servers, "--alter"]
    tool += ["--add-config", limit, "--entity-type", "clients", "--entity-default"]
    subprocess.run(tool, check=True, capture_output=True)


def throttled(addresses: str, topic: str) -> bool:
    """Whether a client that reads all of a topic is slowed down."""
    with KafkaConsumer(bootstrap_servers=addresses, auto_offset_reset="earliest") as consumer:
        consumer.assign([Assigned(topic, 0)])
        end = consumer.end_offsets([Assigned(topic, 0)])[Assigned(topic, 0)]
        while consumer.position(Assigned(topic, 0)) < end:
            consumer.poll(1000)
        return consumer.metrics()["consumer-metrics"]["throttle-time-max"] > 0
