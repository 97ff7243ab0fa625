"""ops/runs counts each record once, whatever happens when a drain or an epoch of a stream ends."""

import math
import pickle

import pytest

from pipelines import ingest
from pipelines.ingest import drain, epoch
from pipelines.ingest.drain import Pace
from pipelines.ingest.lookahead import Lookahead
from pipelines.ingest.stream import CommitTable, LogReader, Memory, Stream, WriteRanges
from schemas.errors import InfrastructureError, NothingToDo
from tests.ingest_processes import committed, counted
from tests.topics import create_topic, declaring, generations, produce

pytestmark = pytest.mark.integration

PACE = Pace(range_offsets=10, round_ranges=10, max_age_s=0)


@pytest.fixture
def topic(kafka):
    return create_topic(kafka.bootstrap)


@pytest.fixture
def streamed(kafka, context, topic):
    return declaring(context(kafka_bootstrap_servers=kafka.bootstrap), {topic: "feedwheel.generations"})


@pytest.fixture
def look(streamed):
    """`look(memory)`: once, by a reader of its own, as runners make them; and do with its ranges what a runner does."""
    stream = Stream(lambda: streamed, PACE)
    write, commit = WriteRanges(stream.open_context), CommitTable(stream.open_context, "run")
    write.setup()
    commit.setup()

    def once(memory):
        reader, memory.looks_at = LogReader(stream, "run", memory), 0
        is_range, memory.looks_at = reader.advance(), math.inf
        while is_range:
            for table, manifest in write.process(("a partition", [reader.get_current()])):
                commit.process((table, [manifest]))
            is_range = reader.advance()

    yield once
    write.teardown()


def new_memory():
    return Memory(Lookahead(PACE.range_offsets, PACE.round_ranges, PACE.max_age_s))


def test_an_epoch_whose_end_fails_ends_with_the_next_look_and_counts_all_that_came_meanwhile(
    kafka, streamed, topic, look, monkeypatch
):
    def away(_):
        raise InfrastructureError("Kafka does not answer")

    memory = new_memory()
    produce(kafka.bootstrap, topic, generations(50))
    look(memory)
    with monkeypatch.context() as patched:
        patched.setattr(epoch, "publish_pending", away)
        look(memory)
    assert memory.is_away
    assert counted(streamed) == 0
    produce(kafka.bootstrap, topic, generations(10, start=50))
    for _ in range(3):
        look(memory)
    assert not memory.is_away
    assert counted(streamed) == 60


def test_an_epoch_that_is_settled_again_from_an_older_checkpoint_counts_nothing_twice(kafka, streamed, topic, look):
    memory = new_memory()
    produce(kafka.bootstrap, topic, generations(50))
    look(memory)
    checkpoint = pickle.dumps(memory)
    look(memory)
    assert counted(streamed) == 50
    look(pickle.loads(checkpoint))
    assert counted(streamed) == 50


def test_what_a_stream_left_uncounted_is_counted_by_the_next(kafka, streamed, topic, look):
    produce(kafka.bootstrap, topic, generations(50))
    look(new_memory())  # it ends before its first epoch does
    produce(kafka.bootstrap, topic, generations(10, start=50))
    memory = new_memory()
    for _ in range(2):
        look(memory)
    assert counted(streamed) == 60


def test_a_drain_that_fails_after_a_commit_leaves_its_count_to_the_next(kafka, streamed, topic, monkeypatch):
    produce(kafka.bootstrap, topic, generations(50))
    with monkeypatch.context() as patched:
        patched.setattr(epoch, "expire_daily", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            ingest.run(streamed)
    assert (committed(streamed), counted(streamed)) == (50, 0)
    with pytest.raises(NothingToDo):
        ingest.run(streamed)
    assert counted(streamed) == 50
    with pytest.raises(NothingToDo):
        ingest.run(streamed)
    assert streamed.lake.read("ops/runs").num_rows == 1, "where nothing is to be counted there is no record"


def test_two_that_end_together_count_each_record_once(kafka, streamed, topic, monkeypatch):
    produce(kafka.bootstrap, topic, generations(50))
    count, others = drain.count_commits, []

    def while_another_does(lake, counts):
        fence = count(lake, counts)
        if not others:
            others.append(1)
            with pytest.raises(NothingToDo):
                ingest.run(streamed)
        return fence

    monkeypatch.setattr(drain, "count_commits", while_another_does)
    ingest.run(streamed)
    assert counted(streamed) == 50
    assert streamed.lake.read("ops/runs").num_rows == 1
