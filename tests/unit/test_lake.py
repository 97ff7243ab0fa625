"""The lake keeps contracts: tables as declared, commits that fence, no null where none may be."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import DeltaError

from pipelines.io.delta_log import commits, transactions
from pipelines.io.lake import Change, Lake, Rows, StaleCommit, commit_files
from pipelines.io.lease import leased
from pipelines.io.table_files import read_rows, replace, stored_files, write_rows
from schemas.errors import ContractViolation, InfrastructureError
from schemas.tables import TABLES, TableName

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def admission(conversation_id: str = "c", app: str | None = "a") -> dict[str, object]:
    return {
        "conversation_id": conversation_id, "revision": "r", "app": app, "user_key": None, "run_id": "n",
        "admitted_at": NOW,
    }  # fmt: skip


def test_rows_come_back_in_the_types_of_the_contract(lake: Lake) -> None:
    lake.append("silver/admissions", [admission("c-1"), admission("c-2", app="b")])
    rows = lake.read("silver/admissions", where=pc.field("app") == "b")
    assert rows.schema == TABLES["silver/admissions"].schema
    assert rows.to_pylist() == [admission("c-2", app="b")]


FIRST, LAST = datetime(1969, 12, 31, 23, 59, 59, 999_001, UTC), datetime.max.replace(tzinfo=UTC)


@pytest.mark.parametrize("at", [FIRST, NOW + timedelta(microseconds=123_456), LAST])
def test_a_time_is_found_to_the_microsecond(lake: Lake, at: datetime) -> None:
    """delta-rs writes bounds of files in milliseconds."""
    lake.append("silver/admissions", [admission() | {"admitted_at": at}])
    time = pc.field("admitted_at")
    for where in (time >= at, time == at, time <= at):
        assert lake.read("silver/admissions", where=where).num_rows == 1
    assert lake.read("silver/admissions", where=(time > at) | (time < at)).num_rows == 0


def test_every_table_of_the_contract_can_be_made_and_read(lake: Lake) -> None:
    for name, table in TABLES.items():
        assert lake.read(name).schema == table.schema


def test_a_table_that_several_make_at_once_is_made_once(tmp_path: Path) -> None:
    lakes = [Lake(str(tmp_path / str(number))) for number in range(30)]
    start = threading.Barrier(3)

    def opened(_: int) -> list[int]:
        start.wait()
        return [lake.open("silver/admissions").version() for lake in lakes]

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(opened, range(3))) == [[0] * len(lakes)] * 3


def test_a_required_column_takes_no_null(lake: Lake) -> None:
    with pytest.raises(ContractViolation, match="silver/admissions: app must not be null"):
        lake.append("silver/admissions", [admission(app=None)])


def test_a_transaction_is_committed_with_the_rows_and_fences_a_stale_writer(lake: Lake) -> None:
    stale = lake.open("silver/admissions")
    lake.append("silver/admissions", [admission()], lambda _: {"job": 7})
    assert transactions(lake.open("silver/admissions")) == {"job": 7}
    with pytest.raises(StaleCommit):
        commit_files(stale, [], {"job": 8}, {})
    assert transactions(lake.open("silver/admissions")) == {"job": 7}


def once(table: DeltaTable) -> dict[str, int]:
    """Carried by rows that are there once."""
    if table.transaction_version("job"):
        raise StaleCommit("they are there already")
    return {"job": 1}


@pytest.mark.parametrize("overtaken_by", ["a rewrite", "the same"])
def test_rows_under_a_transaction_wait_out_a_rewrite_and_nobody_else(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, overtaken_by: str
) -> None:
    lake.append("silver/admissions", [admission("c-1"), admission("c-2")])
    real, stale = Lake.open, [lake.open("silver/admissions")]
    if overtaken_by == "a rewrite":
        lake.rewrite("silver/admissions", Rows({"app": ["a"]}), without("c-1"))
    else:
        lake.append("silver/admissions", [], once)
    monkeypatch.setattr(Lake, "open", lambda self, name: stale.pop() if stale else real(self, name))
    if overtaken_by == "a rewrite":
        lake.append("silver/admissions", [admission("c-3")], once)
        assert conversations(lake) == ["c-2", "c-3"]
    else:
        with pytest.raises(StaleCommit):
            lake.append("silver/admissions", [admission("c-3")], once)
        assert conversations(lake) == ["c-1", "c-2"]
    assert (stale, transactions(lake.open("silver/admissions"))) == ([], {"job": 1})


def test_a_commit_keeps_its_version_though_others_came_since_the_table_was_opened(lake: Lake) -> None:
    """delta-rs numbers its history down from the handle's version, from the newest commit on."""
    for number in range(3):
        commit_files(lake.open("silver/admissions"), [], {}, {"number": str(number)})
    opened = lake.open("silver/admissions")
    first = opened.version() - 2
    for number in range(3, 5):
        commit_files(lake.open("silver/admissions"), [], {}, {"number": str(number)})
    assert [commit["number"] for commit in opened.history(3)] != ["2", "1", "0"], "delta-rs is right now: use it"

    assert {made: commit["number"] for made, commit in commits(opened, first - 1).items()} == {
        first: "0", first + 1: "1", first + 2: "2"
    }  # fmt: skip
    assert list(commits(opened, opened.version() - 1)) == [opened.version()]
    assert len(commits(opened, -20)) == opened.version() + 1
    (Path(lake.uri("silver/admissions")) / "_delta_log" / f"{first:020d}.json").unlink()
    assert list(commits(opened, first - 1)) == [first + 1, first + 2], "what was cleaned is none"


def log_of(lake: Lake) -> Path:
    return Path(lake.uri("silver/admissions"), "_delta_log")


def replace_all(lake: Lake) -> None:
    """As maintenance does."""
    with leased(lake, "silver/admissions", lambda: NOW) as lease:
        old = stored_files(lake.open("silver/admissions"))
        rows = read_rows(lake, "silver/admissions", old)
        replace(lease, old, write_rows(lake, "silver/admissions", rows))


COMMITS: dict[str, Callable[[Lake], object]] = {
    "append": lambda lake: lake.append("silver/admissions", [admission("c-2")]),
    "rewrite": lambda lake: lake.rewrite("silver/admissions", Rows({"app": ["a"]}), without("c-1")),
    "files": lambda lake: commit_files(lake.open("silver/admissions"), [], {}, {}),
    "replacement": replace_all,
}


@pytest.mark.parametrize("commit", COMMITS.values(), ids=COMMITS)
def test_a_commit_stands_though_the_store_refuses_the_checkpoint(
    lake: Lake, commit: Callable[[Lake], object], caplog: pytest.LogCaptureFixture
) -> None:
    every_version(lake, 1)
    lake.append("silver/admissions", [admission("c-1")])
    (log_of(lake) / "_last_checkpoint").unlink()
    (log_of(lake) / "_last_checkpoint" / "in the way").mkdir(parents=True)
    before = DeltaTable(lake.uri("silver/admissions")).version()
    caplog.clear()
    commit(lake)
    made = DeltaTable(lake.uri("silver/admissions")).version() - before
    assert (made, len(caplog.messages)) == ((3, 3) if commit is replace_all else (1, 1)), "a lease is two commits"
    assert "silver/admissions/ has no new checkpoint" in caplog.text


@pytest.mark.parametrize("commit", COMMITS.values(), ids=COMMITS)
def test_a_commit_leaves_the_log_to_maintenance(lake: Lake, commit: Callable[[Lake], object]) -> None:
    """Two that delete the same entries are in each other's way, and delta-rs says that the commit failed."""
    lake.append("silver/admissions", [admission("c-1")])
    lake.open("silver/admissions").create_checkpoint()
    old = (NOW - timedelta(days=40)).timestamp()
    entries = sorted(log_of(lake).iterdir())
    for entry in entries:
        os.utime(entry, (old, old))
    commit(lake)
    assert not set(entries) - set(log_of(lake).iterdir())


def every_version(lake: Lake, number: int) -> None:
    """A table that wants checkpoints more often than ours."""
    schema, interval = TABLES["silver/admissions"].schema, {"delta.checkpointInterval": str(number)}
    DeltaTable.create(lake.uri("silver/admissions"), schema, configuration=interval)


def checkpoints(lake: Lake) -> list[int]:
    return sorted(int(path.name.split(".")[0]) for path in log_of(lake).glob("*.checkpoint.parquet"))


def test_a_checkpoint_is_written_at_its_version_whatever_version_the_commit_was_to_be(lake: Lake) -> None:
    every_version(lake, 4)
    stale = lake.open("silver/admissions")
    for number in range(2):
        commit_files(lake.open("silver/admissions"), [], {"job": number}, {})
    assert checkpoints(lake) == []
    commit_files(stale, [], {"other": 1}, {})
    assert (lake.open("silver/admissions").version(), checkpoints(lake)) == (3, [3])
    for number in range(2, 7):
        lake.append("silver/admissions", [admission()], lambda _, number=number: {"job": number})
    assert checkpoints(lake) == [3, 7]
    assert transactions(lake.open("silver/admissions")) == {"job": 6, "other": 1}


@pytest.mark.parametrize("whole", [False, True], ids=["its writer died", "whole"])
def test_of_a_checkpoint_in_parts_all_are_read_or_none(lake: Lake, whole: bool) -> None:
    for number in range(6):
        commit_files(lake.open("silver/admissions"), [], {f"job-{number}": number}, {})
    opened = lake.open("silver/admissions")
    opened.create_checkpoint()
    (classic,) = log_of(lake).glob("*.checkpoint.parquet")
    actions = pq.read_table(classic)
    parts = [actions.slice(0, 3), actions.slice(3)]
    for part, rows in enumerate(parts if whole else parts[:1], 1):
        pq.write_table(rows, classic.with_suffix(f".{part:010d}.0000000002.parquet"))
    classic.unlink()
    (log_of(lake) / "_last_checkpoint").unlink()
    commit_files(lake.open("silver/admissions"), [], {"job-0": 7}, {})
    lake.open("silver/admissions").create_checkpoint()  # a newer one than the handle has read
    if whole:
        for entry in log_of(lake).glob("*.json"):
            entry.unlink()
    assert transactions(opened) == {f"job-{number}": number for number in range(6)}


def test_our_tables_have_a_checkpoint_every_hundred_versions(lake: Lake) -> None:
    for _ in range(99):
        commit_files(lake.open("silver/admissions"), [], {}, {})
    assert checkpoints(lake) == [99]


@pytest.mark.parametrize("forbidden", ["delta.enableChangeDataFeed", "delta.enableDeletionVectors"])
def test_a_table_with_a_property_we_cannot_read_rightly_is_refused(lake: Lake, forbidden: str) -> None:
    schema = TABLES["silver/admissions"].schema
    DeltaTable.create(lake.uri("silver/admissions"), schema, configuration={forbidden: "true"})
    with pytest.raises(ContractViolation, match=forbidden):
        lake.open("silver/admissions")


def test_a_table_whose_columns_are_not_the_contract_s_is_named(lake: Lake) -> None:
    schema = TABLES["silver/admissions"].schema
    foreign = schema.empty_table().drop_columns(["run_id"])
    write_deltalake(lake.uri("silver/admissions"), foreign)
    with pytest.raises(ContractViolation, match="silver/admissions lacks run_id"):
        lake.open("silver/admissions")


def test_a_table_of_a_version_without_a_column_gets_it_empty(lake: Lake) -> None:
    schema = TABLES["silver/admissions"].schema
    before = pa.Table.from_pylist([admission("c-1")], schema=schema).drop_columns(["user_key"])
    write_deltalake(lake.uri("silver/admissions"), before)
    lake.append("silver/admissions", [admission("c-2") | {"user_key": "person"}])
    keys = {row["conversation_id"]: row["user_key"] for row in lake.read("silver/admissions").to_pylist()}
    assert keys == {"c-1": None, "c-2": "person"}


def test_a_column_that_another_process_adds_at_the_same_time_is_there_once(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = TABLES["silver/admissions"].schema
    write_deltalake(lake.uri("silver/admissions"), schema.empty_table().drop_columns(["user_key"]))
    real, others = Lake._add_columns, [Lake(lake.url)]

    def add_after_another(self: Lake, name: TableName, table: DeltaTable) -> None:
        if others:
            others.pop().open(name)
        real(self, name, table)

    monkeypatch.setattr(Lake, "_add_columns", add_after_another)
    held = [field.name for field in lake.open("silver/admissions").schema().fields]
    assert sorted(held) == sorted(schema.names)


def test_a_record_of_a_version_without_a_field_gets_it_empty(lake: Lake) -> None:
    schema = TABLES["bronze/generations"].schema
    whole = schema.field("sampling").type
    then = pa.struct([field for field in whole if field.name in ("temperature", "top_p")])
    fields = [schema.field(name) for name in sorted(TABLES["bronze/generations"].required)]
    required = {field.name: "x" if field.type == pa.string() else 0 for field in fields}
    row = {**required, "event_id": "e-1", "sampling": {"temperature": 0.5, "top_p": 1.0}}
    narrow = schema.set(schema.get_field_index("sampling"), pa.field("sampling", then))
    write_deltalake(lake.uri("bronze/generations"), pa.Table.from_pylist([row], schema=narrow))
    grown = {**required, "event_id": "e-2", "sampling": {"temperature": 1.0, "top_p": 1.0, "top_k": 40}}
    lake.append("bronze/generations", [grown])
    found = {row["event_id"]: row["sampling"] for row in lake.read("bronze/generations").to_pylist()}
    assert [(found[name]["temperature"], found[name]["top_k"]) for name in ("e-1", "e-2")] == [(0.5, None), (1.0, 40)]


def conversations(lake: Lake) -> list[str]:
    return sorted(lake.read("silver/admissions", ["conversation_id"]).column("conversation_id").to_pylist())


def without(*names: str) -> Change:
    def change(rows: pa.Table) -> tuple[pa.Table, int]:
        kept = rows.filter(~pc.field("conversation_id").isin(names))
        return kept, rows.num_rows - kept.num_rows

    return change


STRANGE = ["", "'", "''", "a'b", "a\\b", "\\'", 'a"b', "a\nb", "a%_b", "a -- b", "ü😀", "NULL", "') OR ('1' = '1"]


@pytest.mark.parametrize("name", STRANGE)
def test_a_rewrite_means_the_same_rows_in_both_languages(lake: Lake, name: str) -> None:
    lake.append("silver/admissions", [admission(other) for other in [*STRANGE, "kept"]], lambda _: {"job": 7})
    assert lake.rewrite("silver/admissions", Rows({"conversation_id": [name], "app": ["a"]}), without(name)) == 1
    assert conversations(lake) == sorted({*STRANGE, "kept"} - {name})
    assert transactions(lake.open("silver/admissions")) == {"job": 7}
    assert lake.rewrite("silver/admissions", Rows({"conversation_id": [name]}), without(name)) == 0


@pytest.mark.parametrize("name", STRANGE)
def test_a_rewrite_means_the_same_rows_though_others_commit_meanwhile(lake: Lake, name: str) -> None:
    lake.append("silver/admissions", [admission(name), admission("kept")])
    during = [admission("other")]

    def change(rows: pa.Table) -> tuple[pa.Table, int]:
        if during:
            lake.append("silver/admissions", [during.pop()])
        return without(name)(rows)

    assert lake.rewrite("silver/admissions", Rows({"conversation_id": [name], "app": ["a"]}), change) == 1
    assert conversations(lake) == ["kept", "other"]


def test_a_rewrite_that_fails_by_itself_is_not_tried_again(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.append("silver/admissions", [admission("c-1")])
    monkeypatch.setattr(Rows, "sql", lambda rows: "conversation_id = 'without an end")
    with pytest.raises(DeltaError):
        lake.rewrite("silver/admissions", Rows({"app": ["a"]}), without("c-1"))


def test_a_rewrite_by_numbers_touches_only_what_lies_between(lake: Lake) -> None:
    rows = [
        {"topic": "t", "topic_id": "i", "partition": partition, "offset": offset, "appended_at": NOW,
         "ingested_at": NOW, "status": "accepted", "detail": "text"}
        for partition in (0, 1)
        for offset in range(4)
    ]  # fmt: skip
    lake.append("bronze/feedback", rows)
    span = Rows({"topic_id": ["i"], "partition": [1]}, {"offset": (1, 2)})

    def without_detail(found: pa.Table) -> tuple[pa.Table, int]:
        rows = [{**row, "detail": None} for row in found.to_pylist()]
        return pa.Table.from_pylist(rows, schema=found.schema), len(rows)

    assert lake.rewrite("bronze/feedback", span, without_detail) == 2
    left = lake.read("bronze/feedback").to_pylist()
    assert len(left) == 8
    assert {(row["partition"], row["offset"]) for row in left if row["detail"] is None} == {(1, 1), (1, 2)}


def test_a_dry_run_changes_nothing(lake: Lake) -> None:
    lake.append("silver/admissions", [admission("c-1")])
    version = lake.open("silver/admissions").version()
    assert lake.rewrite("silver/admissions", Rows({"app": ["a"]}), without("c-1"), dry_run=True) == 1
    assert (lake.open("silver/admissions").version(), conversations(lake)) == (version, ["c-1"])


def test_what_is_appended_during_a_rewrite_is_neither_lost_nor_missed(lake: Lake) -> None:
    lake.append("silver/admissions", [admission("c-1"), admission("c-2")])
    during = [admission("c-1"), admission("c-3")]

    def change(rows: pa.Table) -> tuple[pa.Table, int]:
        if during:
            lake.append("silver/admissions", [during.pop(), during.pop()])
        return without("c-1")(rows)

    assert lake.rewrite("silver/admissions", Rows({"app": ["a"]}), change) == 2
    assert conversations(lake) == ["c-2", "c-3"]


def test_rows_and_files_that_depend_on_nothing_wait_out_a_rewrite(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.append("silver/admissions", [admission("c-1"), admission("c-2")])
    real, stale = Lake.open, [lake.open("silver/admissions")]
    lake.rewrite("silver/admissions", Rows({"app": ["a"]}), without("c-1"))
    monkeypatch.setattr(Lake, "open", lambda self, name: stale.pop() if stale else real(self, name))
    lake.append("silver/admissions", [admission("c-3")])
    assert (stale, conversations(lake)) == ([], ["c-2", "c-3"])


def test_a_rewrite_that_is_always_overtaken_says_so(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.append("silver/admissions", [admission("c-1")])
    monkeypatch.setattr("pipelines.io.lake.ATTEMPTS", 2)

    def change(rows: pa.Table) -> tuple[pa.Table, int]:
        lake.append("silver/admissions", [admission("c-1")])
        return without("c-1")(rows)

    with pytest.raises(InfrastructureError, match="overtaken: run it again"):
        lake.rewrite("silver/admissions", Rows({"app": ["a"]}), change)
