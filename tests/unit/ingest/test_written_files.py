"""Files carry statistics that are right: readers prune by them, and a wrong one loses rows."""

import json
import re
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from feedwheel_capture.events import EARLIEST, LATEST, encode
from hypothesis import given
from hypothesis import strategies as st

from pipelines.ingest.offsets import progress_of
from pipelines.io import parquet
from pipelines.io.parquet import TableFile
from schemas.tables import INSTANT
from tests.events import generation
from tests.memory_drain import TABLE, commit, drain, read
from tests.memory_log import MemoryLog
from tests.topics import event, generations

FIRST, LAST = EARLIEST, LATEST - timedelta(microseconds=1)
MIDDLE = datetime(2026, 1, 5, 11, 0, 0, 123_456, tzinfo=UTC)


def log_of(*values):
    log = MemoryLog()
    log.append(*values)
    return log


def test_a_filtered_read_finds_every_row_and_opens_only_its_file(lake):
    log = log_of(*generations(40))
    assert drain(lake, log, size=10) == 4
    dataset = lake.open(TABLE).to_pyarrow_dataset()
    for number in range(40):
        wanted = pc.field("offset") == number
        assert dataset.to_table(columns=["response_id"], filter=wanted).to_pylist() == [{"response_id": f"a{number}"}]
        assert len(list(dataset.get_fragments(filter=wanted))) == 1


@pytest.mark.parametrize("time", [FIRST, MIDDLE, LAST])
def test_times_are_found_to_the_microsecond(lake, time):
    values = [
        encode(event(generation(f"a{n}", redactor="r"), time=each)) for n, each in enumerate([FIRST, MIDDLE, LAST])
    ]
    for value in values:  # one file each
        lake_log = log_of(value)
        lake_log.topic_id = value[:20].hex()
        drain(lake, lake_log)
    found = lake.read(TABLE, ["event_time"], pc.field("event_time") == time)
    assert found.column("event_time").to_pylist() == [time]
    assert lake.read(TABLE, ["event_time"], pc.field("event_time") >= MIDDLE).num_rows == 2


def test_statistics_are_those_of_the_rows(lake):
    (manifest,) = read(lake, log_of(*generations(4), b"{", *generations(4, start=4)))
    statistics = json.loads(manifest.file.statistics)
    rows = pq.read_table(f"{lake.uri(TABLE)}/{manifest.file.path}")
    assert statistics["numRecords"] == rows.num_rows == 9
    assert statistics["nullCount"]["app"] == rows.column("app").null_count == 1
    assert (statistics["minValues"]["offset"], statistics["maxValues"]["offset"]) == (0, 8)
    assert (statistics["minValues"]["status"], statistics["maxValues"]["status"]) == ("accepted", "rejected")
    assert statistics["maxValues"]["event_time"] == "2026-01-05T11:00:07.000000Z"


def test_a_column_of_nulls_has_no_bounds(lake):
    (manifest,) = read(lake, log_of(b"{", b"{"))
    statistics = json.loads(manifest.file.statistics)
    assert "app" not in statistics["minValues"]
    assert statistics["nullCount"]["app"] == 2
    commit(lake, [manifest])
    assert lake.read(TABLE, ["offset"], pc.field("status") == "rejected").num_rows == 2


@pytest.mark.parametrize("text", ["x" * 5000, "\U0010ffff" * 200, "é" * 100, "", "a\x00b"])
def test_any_text_is_found(lake, text):
    drain(lake, log_of(*generations(2, conversation_id=text), *generations(1, start=2)))
    assert lake.read(TABLE, ["offset"], pc.field("conversation_id") == text).num_rows == 2
    assert lake.read(TABLE, ["offset"], pc.field("event_subject") == text).num_rows == 2


def test_every_column_can_be_filtered(lake):
    """A column without bounds would hide its rows from every filter on it."""
    drain(lake, log_of(*generations(2, simulated=True, locale="en"), b"{"))
    dataset = lake.open(TABLE).to_pyarrow_dataset()
    rows = dataset.to_table()
    for name in (field.name for field in rows.schema if not pa.types.is_nested(field.type)):
        there = rows.filter(pc.field(name).is_valid())
        assert dataset.count_rows(filter=pc.field(name).is_valid()) == there.num_rows, name
        for value in there.column(name).unique():
            assert dataset.count_rows(filter=pc.field(name) == value) > 0, name


def test_a_file_whose_writing_fails_is_removed(lake, tmp_path):
    class Breaking(MemoryLog):
        def read(self, *part):
            yield from super().read(*part)
            raise ConnectionError

    log = Breaking()
    log.append(*generations(5))
    with pytest.raises(ConnectionError):
        read(lake, log)
    assert not list(tmp_path.rglob("part-*.parquet"))


def next_offsets(table):
    return {source.app_id: known.next for source, known in progress_of(table).items()}


def test_transactions_survive_checkpoints(lake):
    logs = [MemoryLog(partition=partition) for partition in range(3)]
    for step in range(4):
        for log in logs:
            log.append(*generations(2, start=log.end))
            drain(lake, log)
        if step < 3:
            lake.open(TABLE).create_checkpoint()
    assert next_offsets(lake.open(TABLE)) == {f"feedwheel/cluster-id/topic-id/{partition}": 8 for partition in range(3)}


def test_an_older_handle_sees_its_own_transactions(lake):
    log = log_of(*generations(2))
    drain(lake, log)
    older = lake.open(TABLE)
    log.append(*generations(2, start=2))
    drain(lake, log)
    lake.open(TABLE).create_checkpoint()
    assert next_offsets(older) == {"feedwheel/cluster-id/topic-id/0": 2}


FIELDS = {
    "offset": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "partition": (pa.int32(), st.integers(0, 9)),
    "rating": (pa.float64(), st.floats(allow_nan=False, allow_infinity=False)),
    "seen": (pa.bool_(), st.booleans()),
    "at": (INSTANT, st.datetimes(EARLIEST.replace(tzinfo=None), LAST.replace(tzinfo=None), timezones=st.just(UTC))),
    "text": (pa.string(), st.text(max_size=70) | st.text("ab\U0010ffff", max_size=90)),
    "long": (pa.string(), st.sampled_from(["", "a", "x" * 5000, "\u00e9" * 3000])),
}


@given(
    rows=st.lists(st.tuples(*(st.none() | values for _, values in FIELDS.values())), max_size=30),
    batch=st.integers(1, 30),
)
def test_statistics_bound_the_rows(tmp_path_factory, rows, batch):
    schema = pa.schema(
        [(name, kind) for name, (kind, _) in FIELDS.items()] + [("raw", pa.binary()), ("parts", pa.list_(pa.string()))]
    )
    table = pa.table(
        [*map(list, zip(*rows, strict=True)), [b""] * len(rows), [["x"]] * len(rows)] if rows else [[]] * len(schema),
        schema,
    )
    with (
        patch.object(parquet, "ROW_GROUP_ROWS", 4),
        TableFile(str(tmp_path_factory.mktemp("t")), "part.parquet", schema) as file,
    ):
        for start in range(0, len(rows), batch):
            file.write(table.slice(start, batch))
    statistics = json.loads(file.statistics.to_json())
    assert statistics["numRecords"] == len(rows)
    assert statistics["nullCount"] == {name: table.column(name).null_count for name in FIELDS}
    for name, (kind, _) in FIELDS.items():
        values = table.column(name).drop_null()
        assert (name in statistics["minValues"]) == (name in statistics["maxValues"]) == (len(values) > 0)
        if len(values):
            low, high = (pa.scalar(_parsed(statistics[of][name]), kind) for of in ("minValues", "maxValues"))
            assert pc.all(pc.and_(pc.less_equal(low, values), pc.less_equal(values, high))).as_py()
            if name not in ("text", "long"):
                assert {low.as_py(), high.as_py()} <= set(values.to_pylist())


def _parsed(bound):
    return datetime.fromisoformat(bound) if isinstance(bound, str) and re.match(r"\d{4}-\d\d-.*Z$", bound) else bound
