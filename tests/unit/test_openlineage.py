"""Runs as a lineage catalogue is told of them."""

import json
from datetime import UTC, datetime

import pytest
from fastapi import FastAPI, Request, Response

from pipelines.io.openlineage import Catalogue, Dataset, RunRecord, events
from tests.http_server import running

TOPIC = Dataset.topic("kafka-1:9092, kafka-2:9092", "events", {"0": (5, 9), "1": (0, 2)})
TABLE = Dataset.table("/data/lake/bronze/generations", 7, 6)
RUN = RunRecord(
    "019be1f0-0000-7000-8000-000000000000",
    "ingest",
    datetime(2026, 1, 5, 12, tzinfo=UTC),
    datetime(2026, 1, 5, 12, 1, tzinfo=UTC),
    [TOPIC],
    [TABLE],
)
FAILED = RunRecord(RUN.run_id, "extract.routing", RUN.started_at, RUN.ended_at, [TABLE], [], "the lake is away")


@pytest.mark.parametrize(
    ("uri", "namespace", "name"),
    [
        ("/data/lake/bronze/generations", "file", "/data/lake/bronze/generations"),
        ("file:///data/lake/silver/turns", "file", "/data/lake/silver/turns"),
        ("s3://bucket/lake/silver/turns", "s3://bucket", "lake/silver/turns"),
        ("abfss://box@account.dfs.example/lake", "abfss://box@account.dfs.example", "lake"),
    ],
)
def test_tables_are_named_as_the_specification_names_them(uri, namespace, name) -> None:
    table = Dataset.table(uri, 3)
    assert (table.namespace, table.name) == (namespace, name)


def test_a_run_has_a_start_and_an_end_with_versions_offsets_and_rows() -> None:
    start, end = events(RUN, "production")
    assert [(each["eventType"], each["eventTime"]) for each in (start, end)] == [
        ("START", "2026-01-05T12:00:00+00:00"),
        ("COMPLETE", "2026-01-05T12:01:00+00:00"),
    ]
    assert (end["job"]["namespace"], end["job"]["name"], end["run"]["runId"]) == ("production", "ingest", RUN.run_id)
    (topic,), (table,) = end["inputs"], end["outputs"]
    assert (topic["namespace"], topic["name"]) == ("kafka://kafka-1:9092", "events")
    assert topic["inputFacets"]["feedwheel_offsets"]["partitions"] == {
        "0": {"from": 5, "to": 9},
        "1": {"from": 0, "to": 2},
    }
    assert table["facets"]["version"]["datasetVersion"] == "7"
    assert table["outputFacets"]["outputStatistics"]["rowCount"] == 6
    failed = events(FAILED, "production")[1]
    assert (failed["eventType"], failed["run"]["facets"]["errorMessage"]["message"]) == ("FAIL", "the lake is away")


@pytest.mark.parametrize("run", [RUN, FAILED], ids=["complete", "failed"])
def test_the_specification_s_own_client_would_write_the_same(run) -> None:
    """Its classes are generated from the specification; it is not installed everywhere."""
    client = pytest.importorskip("openlineage.client.event_v2")
    facets = pytest.importorskip("openlineage.client.facet_v2")
    base, serde = (pytest.importorskip(f"openlineage.client.{name}") for name in ("generated.base", "serde"))
    base.set_producer("urn:feedwheel")

    def version(dataset):
        return {"version": facets.dataset_version_dataset.DatasetVersionDatasetFacet(str(dataset.version))}

    def offsets(dataset):
        partitions = {name: {"from": first, "to": end} for name, (first, end) in dataset.offsets.items()}
        facet = base.InputDatasetFacet().with_additional_properties(partitions=partitions)
        return {"feedwheel_offsets": facet} if partitions else {}

    def written(dataset):
        return {
            "outputStatistics": facets.output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(dataset.rows)
        }

    for ours in events(run, "production"):
        failed = ours["eventType"] == "FAIL"
        error = facets.error_message_run.ErrorMessageRunFacet(message=run.error or "", programmingLanguage="PYTHON")
        theirs = client.RunEvent(
            eventType=client.RunState[ours["eventType"]],
            eventTime=ours["eventTime"],
            run=client.Run(run.run_id, {"errorMessage": error} if failed else {}),
            job=client.Job("production", run.job),
            inputs=[
                client.InputDataset(
                    each.namespace, each.name, offsets(each), facets=version(each) if each.version else {}
                )
                for each in run.inputs
            ],
            outputs=[
                client.OutputDataset(each.namespace, each.name, written(each), facets=version(each))
                for each in run.outputs
            ],
        )
        assert ours == serde.Serde.to_dict(theirs)


def test_it_is_appended_to_a_file_and_posted_to_a_service(tmp_path) -> None:
    app, posted = FastAPI(), []

    @app.post("/api/v1/lineage")
    async def lineage(request: Request) -> Response:
        posted.append((request.headers["authorization"], await request.json()))
        return Response(status_code=201)

    file = tmp_path / "lineage" / "events.jsonl"
    with running(app) as url:
        Catalogue("production", file, f"{url}/", "secret-key").tell(RUN)
        Catalogue("production", file, url, "secret-key").tell(FAILED)
    assert [json.loads(line) for line in file.read_text().splitlines()] == [event for _, event in posted]
    assert [event["eventType"] for _, event in posted] == ["START", "COMPLETE", "START", "FAIL"]
    assert {key for key, _ in posted} == {"Bearer secret-key"}
    assert "secret-key" not in repr(Catalogue("production", file, url, "secret-key"))


def test_a_catalogue_that_is_away_ends_nothing(tmp_path, caplog) -> None:
    Catalogue("production", None, "http://127.0.0.1:1", None).tell(RUN)
    assert f"run {RUN.run_id} is not told: ConnectError" in caplog.text
    (tmp_path / "taken").write_text("")
    Catalogue("production", tmp_path / "taken" / "events.jsonl").tell(RUN)
    assert "is not told: File exists" in caplog.text or "is not told: Not a directory" in caplog.text
