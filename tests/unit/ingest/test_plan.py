"""Plans are half-open, continue what is committed, and never pass a log's end."""

from pipelines.ingest.offsets import Progress, Source
from pipelines.ingest.plan import PartitionLog, remaining, truncations
from pipelines.io.kafka import LogBounds
from schemas.config import Topic

SOURCE = Source("c", "t", 0)


def log(begin, end):
    return PartitionLog("a.topic", Topic(maps_to="feedwheel.generations", trusted=True), SOURCE, LogBounds(begin, end))


def ranges(begin, end, next_offset=None, size=10):
    progress = {} if next_offset is None else {SOURCE: Progress(0, next_offset)}
    planned = remaining([log(begin, end)], {"bronze/generations": progress}, size)
    return [(part.first, part.next, part.opens) for part in planned]


def test_the_first_contact_begins_where_the_log_begins():
    assert ranges(5, 27) == [(5, 15, True), (15, 25, False), (25, 27, False)]


def test_an_empty_partition_is_opened_too():
    assert ranges(5, 5) == [(5, 5, True)]


def test_it_continues_at_the_committed_offset():
    assert ranges(0, 25, next_offset=7) == [(7, 17, False), (17, 25, False)]
    assert ranges(0, 25, next_offset=25) == []


def test_what_was_deleted_unread_is_one_range_however_long():
    assert ranges(1_000_000, 1_000_015, next_offset=3) == [
        (3, 1_000_000, False),
        (1_000_000, 1_000_010, False),
        (1_000_010, 1_000_015, False),
    ]


def test_a_log_that_ends_before_our_offset_is_named_and_not_read():
    progress = {"bronze/generations": {SOURCE: Progress(0, 9)}}
    assert truncations([log(0, 5)], progress) == ["a.topic[0] ends at 5, ingested up to 9"]
    assert truncations([log(0, 9)], progress) == []
    assert ranges(0, 5, next_offset=9) == []
