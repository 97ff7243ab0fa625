"""The lake keeps contracts: tables as declared, commits that fence, no null where none may be."""

from datetime import UTC, datetime

import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable, write_deltalake

from pipelines.io.delta_log import transactions
from pipelines.io.lake import Lake, StaleCommit, commit_files
from schemas.errors import ContractViolation
from schemas.tables import TABLES

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


def test_every_table_of_the_contract_can_be_made_and_read(lake: Lake) -> None:
    for name, table in TABLES.items():
        assert lake.read(name).schema == table.schema


def test_a_required_column_takes_no_null(lake: Lake) -> None:
    with pytest.raises(ContractViolation, match="silver/admissions: app must not be null"):
        lake.append("silver/admissions", [admission(app=None)])


def test_a_transaction_is_committed_with_the_rows_and_fences_a_stale_writer(lake: Lake) -> None:
    stale = lake.open("silver/admissions")
    lake.append("silver/admissions", [admission()], {"job": 7})
    assert transactions(lake.open("silver/admissions")) == {"job": 7}
    with pytest.raises(StaleCommit):
        commit_files(stale, [], {"job": 8}, {})
    assert transactions(lake.open("silver/admissions")) == {"job": 7}


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
    with pytest.raises(ContractViolation, match="silver/admissions"):
        lake.open("silver/admissions")
