"""Maintenance on real Delta tables: few files, the same rows, whoever else is at work and wherever it dies."""

import json
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from pipelines import extract, maintain, privacy
from pipelines.ingest.offsets import progress_of
from pipelines.io.lake import Lake, Rows, StaleCommit, commit_files
from pipelines.io.lease import LEASE, Leased, leased
from pipelines.io.table_files import replace, stored_files
from pipelines.io.vacuum import unnamed, vacuum
from pipelines.maintain.compaction import ORDER, compact, plan
from pipelines.maintain.engines import LEASES
from schemas.errors import NothingToDo
from tests import bronze
from tests.events import APP, START, consent, dialogue, feedback, generation, logged
from tests.memory_drain import TABLE, drain
from tests.memory_log import MemoryLog
from tests.topics import generations

pytestmark = pytest.mark.integration

DAYS, DRAINS_A_DAY, PARTITIONS = 30, 2, 2


def everything(lake, *names):
    """All rows of tables, of any order, as one multiset of texts."""
    return {name: Counter(map(repr, lake.read(name).to_pylist())) for name in names or ORDER}


def files(lake, name=TABLE):
    return len(stored_files(lake.open(name)))


def logs():
    return [MemoryLog(partition=number) for number in range(PARTITIONS)]


def fill(lake, partitions, drains=4):
    """Small drains of every partition, each with a rejected record."""
    for _ in range(drains):
        for partition in partitions:
            partition.append(*generations(4, partition.end), b"{")
            drain(lake, partition)


def assert_filters_find(lake):
    """By any column, whatever statistics the files have of it, a filter finds what it should."""
    rows = lake.read(TABLE)
    for column in rows.column_names:
        values = rows.column(column).drop_null()
        if len(values) and not pa.types.is_nested(values.type):
            found = lake.read(TABLE, ["offset"], pc.field(column) == values[0])
            assert found.num_rows == values.to_pylist().count(values[0].as_py()), column


@pytest.mark.slow
def test_a_month_of_small_drains_leaves_few_files(context, clock):
    """After each run a table this small is one file; until the next, one more for each drain and partition."""
    ctx, partitions = context(), logs()
    most = 0
    for _ in range(DAYS):
        fill(ctx.lake, partitions, DRAINS_A_DAY)
        most = max(most, files(ctx.lake))
        clock.advance(days=1)
        maintain.run(ctx, APP)
        assert files(ctx.lake) == 1
    assert most <= 1 + DRAINS_A_DAY * PARTITIONS
    assert ctx.lake.read(TABLE).num_rows == DAYS * DRAINS_A_DAY * PARTITIONS * 5
    with pytest.raises(NothingToDo):
        maintain.run(ctx, APP)


def test_rows_positions_and_progress_stay_and_files_can_be_skipped(context):
    ctx, partitions = context(), logs()
    fill(ctx.lake, partitions)
    before, progress = everything(ctx.lake, TABLE), progress_of(ctx.lake.open(TABLE))
    report = maintain.run(ctx, APP).tables[TABLE]
    assert (report.files_before, report.files_after, report.merged, report.rows) == (8, 1, 8, 40)
    assert report.bytes_after < report.bytes_before
    assert everything(ctx.lake, TABLE) == before
    fill(ctx.lake, partitions)  # a file of both partitions, and newer ones of each
    before, progress = everything(ctx.lake, TABLE), progress_of(ctx.lake.open(TABLE))
    maintain.run(ctx, APP)
    assert everything(ctx.lake, TABLE) == before
    assert progress_of(ctx.lake.open(TABLE)) == progress
    (uri,) = ctx.lake.open(TABLE).file_uris()
    rows = pq.read_table(uri, columns=["topic_id", "partition", "offset"]).to_pylist()
    assert rows == sorted(rows, key=lambda row: (row["topic_id"], row["partition"], row["offset"]))
    assert_filters_find(ctx.lake)


def test_a_replacement_is_no_new_data_to_who_follows_the_log(context):
    ctx = context()
    fill(ctx.lake, logs())
    maintain.run(ctx, APP)
    actions = [
        next(iter(json.loads(line).items()))
        for path in sorted(Path(ctx.lake.uri(TABLE), "_delta_log").glob("*.json"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if line
    ]
    removed = [action for kind, action in actions if kind == "remove"]
    assert len(removed) == 8
    assert not any(action["dataChange"] for action in removed)
    assert [action["dataChange"] for kind, action in actions if kind == "add"] == [True] * 8 + [False]


@pytest.fixture
def wheel(context):
    """Conversations that were extracted piece by piece."""
    ctx = context()
    for number in range(4):
        talk = dialogue("Where is my card?", "card arrival", conversation_id=f"c{number}", user_key=f"u{number}")
        events = [*talk, feedback(conversation_id=f"c{number}")]
        at = [logged(event, number * 10 + place) for place, event in enumerate(events)]
        bronze.ingest(ctx.lake, at, START + timedelta(minutes=number))
        extract.run(ctx, APP)
    return ctx


def test_extract_sees_nothing_new_and_goes_on(wheel):
    before = everything(wheel.lake)
    report = maintain.run(wheel, APP)
    assert {name for name, table in report.tables.items() if table.merged} >= {
        "bronze/generations", "silver/turns", "silver/conversations", "ops/runs",
    }  # fmt: skip
    after = everything(wheel.lake)
    assert {name for name in ORDER if before[name] != after[name]} == {"ops/runs"}, "its own run is in the books"
    with pytest.raises(NothingToDo):
        extract.run(wheel, APP)
    bronze.ingest(wheel.lake, [logged(generation("a9", conversation_id="c0"), 90)], START + timedelta(hours=1))
    assert extract.run(wheel, APP).taken == {"generation": 1}
    turns = wheel.lake.read(
        "silver/turns", ["revision", "response_id"], pc.field("conversation_id") == "c0"
    ).to_pylist()
    newest = max(row["revision"] for row in turns)
    assert sorted(row["response_id"] for row in turns if row["revision"] == newest) == ["a0", "a9"]


def test_a_dry_run_says_what_a_run_does_and_changes_nothing(wheel):
    versions = {name: wheel.lake.open(name).version() for name in ORDER if Path(wheel.lake.uri(name)).exists()}
    planned = maintain.run(wheel, APP, dry_run=True)
    assert {name: wheel.lake.open(name).version() for name in versions} == versions
    assert not Path(wheel.lake.uri("ops/control")).exists()
    done = maintain.run(wheel, APP)
    for name, table in done.tables.items():
        expected = planned.tables.get(name)
        if expected is None:
            assert not table.merged
        else:
            assert (expected.files_after, expected.merged, expected.rows) == (
                table.files_after, table.merged, table.rows,
            )  # fmt: skip


def test_payloads_expire_and_old_files_go(context, clock):
    ctx, partitions = context(), logs()
    fill(ctx.lake, partitions)
    clock.advance(days=15)
    assert maintain.run(ctx, APP, dry_run=True).payloads_expired == 8
    assert maintain.run(ctx, APP).payloads_expired == 8
    rejected = ctx.lake.read(TABLE, ["raw"], pc.field("status") == "rejected")
    assert (rejected.num_rows, rejected.column("raw").null_count) == (8, 8)
    before = everything(ctx.lake)
    assert unnamed(ctx.lake, TABLE).old == 0, "files of the last seven days stay"
    with leased(ctx.lake, TABLE, clock) as lease:
        assert vacuum(lease, timedelta(0)).old > 0
    stored = {path.name for path in Path(ctx.lake.uri(TABLE)).glob("*.parquet")}
    assert stored == {Path(uri).name for uri in ctx.lake.open(TABLE).file_uris()}
    assert everything(ctx.lake) == before


def test_log_entries_go_when_they_are_old_whoever_else_deletes_them(wheel, monkeypatch):
    """Also of tables that are not merged."""
    wheel.lake.append("ops/gates", [])
    old = (datetime.now(UTC) - timedelta(days=40)).timestamp()  # the log has the machine's times
    logs = [Path(wheel.lake.uri(name), "_delta_log") for name in ("bronze/generations", "ops/gates")]
    for log in logs:
        DeltaTable(str(log.parent)).create_checkpoint()
        for entry in log.glob("*.json"):
            os.utime(entry, (old, old))
    real = DeltaTable.cleanup_metadata

    def clean_after_another(table):
        real(table)
        raise FileNotFoundError(table.table_uri)

    monkeypatch.setattr(DeltaTable, "cleanup_metadata", clean_after_another)
    with suppress(NothingToDo):
        maintain.run(wheel, APP)
    assert not any((log / f"{0:020d}.json").exists() for log in logs)
    assert wheel.lake.read("bronze/generations").num_rows == 4


class TestLease:
    def test_one_maintainer_at_a_time_and_a_dead_one_not_for_ever(self, context, clock):
        ctx = context()
        fill(ctx.lake, logs())
        holding = leased(ctx.lake, TABLE, clock)
        holding.__enter__()  # and never gives it back, as if it had been killed
        with pytest.raises(Leased, match="until 2026-01-05 12:15:00 UTC"):
            maintain.run(ctx, APP)
        assert files(ctx.lake) == 8
        clock.advance(seconds=LEASE.total_seconds())
        maintain.run(ctx, APP)
        assert files(ctx.lake) == 1

    def test_one_taken_under_a_clock_far_ahead_is_over(self, context, clock):
        """As of a machine that was a year ahead when it was killed: maintenance and erasure would wait as long."""
        ctx = context()
        fill(ctx.lake, logs())
        ahead = clock.now + timedelta(days=365)
        holding = leased(ctx.lake, TABLE, lambda: ahead)
        wrong = holding.__enter__()
        maintain.run(ctx, APP)
        assert files(ctx.lake) == 1
        with pytest.raises(Leased, match="another maintainer took over"):
            wrong.transactions(ctx.lake.open(TABLE))

    def test_the_longest_is_waited_for_though_clocks_differ(self, context, clock):
        ctx = context()
        fill(ctx.lake, logs())
        ahead = clock.now + timedelta(minutes=59)
        holding = leased(ctx.lake, TABLE, lambda: ahead, max(LEASES.values()))
        holding.__enter__()
        with pytest.raises(Leased):
            maintain.run(ctx, APP)

    def test_who_has_lost_it_replaces_nothing(self, context, clock):
        ctx = context()
        fill(ctx.lake, logs())
        with leased(ctx.lake, TABLE, clock) as slow:
            clock.advance(minutes=16)
            with leased(ctx.lake, TABLE, clock):
                with pytest.raises(Leased, match="another maintainer took over"):
                    compact(slow)
                assert files(ctx.lake) == 8

    def test_a_withdrawal_waits_for_a_maintainer_and_the_other_way_round(self, wheel, clock):
        withdrawn = [logged(consent("none", user_key="u1"), 95, appended_at=START + timedelta(hours=2))]
        bronze.ingest(wheel.lake, withdrawn, START + timedelta(hours=2))
        with leased(wheel.lake, "bronze/generations", clock), pytest.raises(Leased):
            privacy.run(wheel, APP)
        assert privacy.run(wheel, APP).rows["bronze/generations"] == 1

    def test_of_many_at_once_one_gets_it(self, context, clock):
        ctx = context()
        fill(ctx.lake, logs())
        before = everything(ctx.lake)

        def attempt(_):
            try:
                maintain.run(ctx, APP)
            except (Leased, NothingToDo) as error:
                return type(error)
            return None

        with ThreadPoolExecutor(4) as pool:
            outcomes = list(pool.map(attempt, range(4)))
        assert None in outcomes
        assert everything(ctx.lake, TABLE) == {TABLE: before[TABLE]}
        assert files(ctx.lake) == 1


class TestMeanwhile:
    def test_ingest_commits_during_a_merge_and_nothing_is_lost(self, context, monkeypatch):
        ctx, partitions = context(), logs()
        fill(ctx.lake, partitions)
        real, committed = Lake.open, []

        def open_and_be_overtaken(lake, name):
            table = real(lake, name)
            if name == TABLE and len(committed) < 6:
                committed.append(name)
                monkeypatch.setattr(Lake, "open", real)
                fill(ctx.lake, partitions[:1], 1)
                monkeypatch.setattr(Lake, "open", open_and_be_overtaken)
            return table

        with leased(ctx.lake, TABLE, ctx.clock) as lease:
            monkeypatch.setattr(Lake, "open", open_and_be_overtaken)
            compact(lease)
            monkeypatch.setattr(Lake, "open", real)
        assert len(committed) == 6
        rows = ctx.lake.read(TABLE, ["partition", "offset"]).to_pylist()
        expected = {(log_.partition, offset) for log_ in partitions for offset in range(log_.end)}
        assert sorted((row["partition"], row["offset"]) for row in rows) == sorted(expected)

    def test_who_read_the_table_before_a_merge_appends_after_it(self, wheel):
        """As extract does, whose commit may come minutes after its look, and fences other extracts all the same."""
        early, late = (wheel.lake.open("silver/conversations") for _ in range(2))
        rows = wheel.lake.read("silver/conversations").num_rows
        maintain.run(wheel, APP)
        commit_files(early, [], {"extract/routing/revision": 7}, {})
        with pytest.raises(StaleCommit):
            commit_files(late, [], {"extract/routing/revision": 8}, {})
        assert wheel.lake.read("silver/conversations").num_rows == rows

    def test_a_rewrite_during_a_merge_wins(self, context, clock, monkeypatch):
        """As when ingest lets payloads expire, which takes no lease."""
        ctx = context()
        fill(ctx.lake, logs())
        rewritten = []

        def rewrite(point):
            if point == "compacted" and not rewritten:
                rewritten.append(ctx.lake.rewrite(TABLE, Rows({"status": ["rejected"]}), without_bytes))

        monkeypatch.setattr("pipelines.crash.reach", rewrite)
        with leased(ctx.lake, TABLE, clock) as lease:
            compact(lease)
        assert rewritten == [8]
        rows = ctx.lake.read(TABLE, ["status", "raw"]).to_pylist()
        assert len(rows) == 40
        assert all(row["raw"] is None for row in rows)

    def test_two_that_merged_the_same_files_have_the_rows_once(self, context, clock, monkeypatch):
        """Delta-rs would commit both: it sees no conflict between two removals that change no data."""
        ctx = context()
        fill(ctx.lake, logs())
        before = everything(ctx.lake)
        with leased(ctx.lake, TABLE, clock) as lease:
            (due,) = plan(ctx.lake, TABLE)
            monkeypatch.setattr("pipelines.maintain.compaction.replace", lambda *args: written.append(args))
            written = []
            compact(lease)
            (replacement,) = written
            replace(*replacement)
            with pytest.raises(StaleCommit, match="8 files were rewritten meanwhile"):
                replace(*replacement)
        assert len(due) == 8
        assert everything(ctx.lake) == before


def without_bytes(rows):
    place = rows.schema.get_field_index("raw")
    return rows.set_column(place, rows.schema.field(place), pa.nulls(rows.num_rows, pa.binary())), rows.num_rows
