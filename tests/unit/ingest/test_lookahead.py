"""What a stream plans next: every offset once, unless nobody commits it; few events together, many at once."""

import pickle

import pytest

from pipelines.ingest.lookahead import PATIENCE_S, Lookahead
from pipelines.ingest.offsets import Progress, Source
from pipelines.ingest.plan import PartitionLog
from pipelines.io.kafka import LogBounds
from schemas.config import Topic
from schemas.tables import TABLE_OF_TOPIC

SIZE, LIMIT, MAX_AGE_S = 10, 4, 60.0


class Stream:
    """Logs by name, what is committed of them, and a clock."""

    def __init__(self) -> None:
        self.lookahead = Lookahead(SIZE, LIMIT, MAX_AGE_S)
        self.logs: dict[str, PartitionLog] = {}
        self.progress = {table: {} for table in TABLE_OF_TOPIC.values()}
        self.now = 1000.0

    def has(self, name, end, begin=0, maps_to="feedwheel.generations"):
        settings = Topic(maps_to=maps_to, trusted=True)
        self.logs[name] = PartitionLog(name, settings, Source("c", name, 0), LogBounds(begin, end))

    def committed(self, name, next_offset):
        log = self.logs[name]
        self.progress[log.table][log.source] = Progress(0, next_offset)

    def plan(self, after_s=0.0):
        self.now += after_s
        ranges = self.lookahead.plan(list(self.logs.values()), self.progress, self.now)
        return [(part.topic, part.first, part.next) for part in ranges]


@pytest.fixture
def stream():
    return Stream()


def test_full_ranges_are_planned_at_once_and_only_once(stream):
    stream.has("a", 25)
    assert stream.plan() == [("a", 0, 10), ("a", 10, 20)]
    assert stream.plan(1) == []
    stream.committed("a", 10)
    assert stream.plan(1) == []
    stream.has("a", 30)
    assert stream.plan(1) == [("a", 20, 30)]


def test_the_rest_waits_its_time_and_takes_those_of_its_table_along(stream):
    for name, maps_to in (("a", "generations"), ("b", "generations"), ("c", "privacy")):
        stream.has(name, 0, maps_to=f"feedwheel.{maps_to}")
        stream.committed(name, 0)
    stream.has("a", 3)
    assert stream.plan(1) == []
    stream.has("b", 4)
    stream.has("c", 5, maps_to="feedwheel.privacy")
    assert stream.plan(MAX_AGE_S - 1) == []
    assert stream.plan(1) == [("a", 0, 3), ("b", 0, 4)]
    assert stream.plan(MAX_AGE_S) == [("c", 0, 5)]


def test_an_empty_partition_is_opened_once(stream):
    stream.has("a", 7, begin=7)
    assert stream.plan() == []
    assert stream.plan(MAX_AGE_S) == [("a", 7, 7)]
    assert stream.plan(MAX_AGE_S) == []
    stream.committed("a", 7)
    assert stream.plan(MAX_AGE_S) == []


def test_a_new_partition_is_found_while_it_runs(stream):
    stream.has("a", 10)
    stream.plan()
    stream.has("a/1", 10)
    assert stream.plan(1) == [("a/1", 0, 10)]


def test_what_retention_deleted_unread_is_a_range_too(stream):
    stream.has("a", 1010, begin=1000)
    stream.committed("a", 5)
    assert stream.plan() == [("a", 5, 1000), ("a", 1000, 1010)]


def test_no_more_is_on_its_way_than_the_limit_and_whoever_waits_longest_is_next(stream):
    stream.has("a", 1000)
    assert len(stream.plan()) == LIMIT
    stream.has("b", 1000)
    assert stream.plan(1) == []
    turns = []
    for committed in (10, 20, 30, 40):
        stream.committed("a", committed)
        turns += stream.plan(1)
    assert turns == [("a", 40, 50), ("b", 0, 10), ("a", 50, 60), ("b", 10, 20)]


def test_where_another_writer_committed_planning_begins_anew(stream):
    stream.has("a", 40)
    stream.plan()
    stream.committed("a", 17)
    assert stream.plan(1) == [("a", 17, 27), ("a", 27, 37)]


def test_a_range_that_nobody_commits_is_planned_again(stream):
    stream.has("a", 20)
    first = stream.plan()
    assert stream.plan(PATIENCE_S) == []
    assert stream.plan(1) == first


def test_who_takes_over_knows_what_is_on_its_way(stream):
    stream.has("a", 20)
    stream.plan()
    stream.lookahead = pickle.loads(pickle.dumps(stream.lookahead))
    assert stream.plan(1) == []


def test_who_knows_nothing_begins_at_what_is_committed(stream):
    stream.has("a", 30)
    stream.plan()
    stream.committed("a", 10)
    stream.lookahead = Lookahead(SIZE, LIMIT, MAX_AGE_S)
    assert stream.plan() == [("a", 10, 20), ("a", 20, 30)]
