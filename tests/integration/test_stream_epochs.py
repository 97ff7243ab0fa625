"""What a stream says of its epochs: each record is counted by one of them, whatever happens when an epoch ends."""

import json
import math

import pytest

from pipelines.ingest import epoch
from pipelines.ingest.drain import Pace
from pipelines.ingest.lookahead import Lookahead
from pipelines.ingest.stream import CommitTable, LogReader, Memory, Stream, WriteRanges
from schemas.errors import InfrastructureError
from tests.topics import create_topic, declaring, generations, produce

pytestmark = pytest.mark.integration

PACE = Pace(range_offsets=10, round_ranges=10, max_age_s=0)


def test_an_epoch_whose_end_fails_ends_with_the_next_look_and_counts_all_that_came_meanwhile(
    kafka, context, monkeypatch
):
    topic = create_topic(kafka.bootstrap)
    streamed = declaring(context(kafka_bootstrap_servers=kafka.bootstrap), {topic: "feedwheel.generations"})
    stream, memory = Stream(lambda: streamed, PACE), Memory(Lookahead(10, 10, 0))
    reader = LogReader(stream, "run", memory)
    write, commit = WriteRanges(stream.open_context), CommitTable(stream.open_context, "run")
    write.setup()
    commit.setup()

    def look():
        """Once, and do what a runner does with the ranges that it gives."""
        memory.looks_at = 0
        is_range = reader.advance()
        memory.looks_at = math.inf
        while is_range:
            for table, manifest in write.process(("a partition", [reader.get_current()])):
                commit.process((table, [manifest]))
            is_range = reader.advance()

    def away(_):
        raise InfrastructureError("Kafka does not answer")

    produce(kafka.bootstrap, topic, generations(50))
    look()
    with monkeypatch.context() as patched:
        patched.setattr(epoch, "publish_pending", away)
        look()
    assert memory.is_away
    produce(kafka.bootstrap, topic, generations(10, start=50))
    for _ in range(3):
        look()
    write.teardown()
    assert not memory.is_away
    runs = streamed.lake.read("ops/runs", ["counts_in"]).to_pylist()
    assert sum(json.loads(run["counts_in"])["bronze/generations"] for run in runs) == 60
