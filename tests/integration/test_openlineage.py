"""Ingest and extract over a real broker and lake tell which versions and offsets they touched."""

import json

import pytest

from pipelines import extract, ingest
from schemas.errors import NothingToDo
from tests.topics import create_topic, declaring, generations, produce

pytestmark = pytest.mark.integration

TABLE = "bronze/generations"


def test_events_name_the_offsets_read_and_the_versions_written(kafka, context, tmp_path):
    file, topic = tmp_path / "events.jsonl", create_topic(kafka.bootstrap, partitions=2)
    base = context(kafka_bootstrap_servers=kafka.bootstrap, openlineage_file=file)
    over = declaring(base, {topic: "feedwheel.generations"})
    produce(kafka.bootstrap, topic, generations(4))
    first = ingest.run(over)
    after_first = over.lake.open(TABLE).version()
    produce(kafka.bootstrap, topic, [*generations(3, start=4), b"{"], partition=1)
    ingest.run(over)
    with pytest.raises(NothingToDo):
        ingest.run(over)
    extract.run(over, "routing")
    events = [json.loads(line) for line in file.read_text().splitlines()]
    assert [(each["job"]["name"], each["eventType"]) for each in events] == [
        ("ingest", "START"),
        ("ingest", "COMPLETE"),
        ("ingest", "START"),
        ("ingest", "COMPLETE"),
        ("extract.routing", "START"),
        ("extract.routing", "COMPLETE"),
    ], "a run that found nothing to do is not told"
    drained, again, extracted = events[1::2]

    assert drained["run"]["runId"] == first.run_id
    (read,), (written,) = again["inputs"], again["outputs"]
    assert (read["namespace"], read["name"]) == (f"kafka://{kafka.bootstrap}", topic)
    assert read["inputFacets"]["feedwheel_offsets"]["partitions"] == {"1": {"from": 0, "to": 4}}
    assert (written["namespace"], written["name"]) == ("file", over.lake.uri(TABLE))
    assert written["outputFacets"]["outputStatistics"]["rowCount"] == 4
    version = int(written["facets"]["version"]["datasetVersion"])
    assert rows_at(over, version) == 8, "the version that holds what the drain wrote"
    assert rows_at(over, version - 1) == 4
    assert version > after_first >= int(drained["outputs"][0]["facets"]["version"]["datasetVersion"])

    versions = {each["name"]: int(each["facets"]["version"]["datasetVersion"]) for each in extracted["inputs"]}
    assert versions == {
        over.lake.uri(name): over.lake.open(name).version() for name in (TABLE, "bronze/feedback", "bronze/privacy")
    }
    counts = {each["name"]: each["outputFacets"]["outputStatistics"]["rowCount"] for each in extracted["outputs"]}
    assert counts.keys() == {over.lake.uri(name) for name in ("silver/turns", "silver/signals", "silver/conversations")}
    assert counts[over.lake.uri("silver/turns")] == 7


def rows_at(context, version):
    table = context.lake.open(TABLE)
    table.load_as_version(version)
    return table.to_pyarrow_dataset().count_rows()
