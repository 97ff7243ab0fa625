"""From an answer to its sources, from a person to every model: over real tables, a whole turn long."""

import json

import pyarrow.compute as pc
import pytest
import typer
from deltalake import write_deltalake
from feedwheel_capture.ids import user_key
from typer.testing import CliRunner

from pipelines import extract, lineage
from pipelines.cli import signals
from schemas.errors import CheckFailed
from schemas.tables import TABLES
from tests import bronze
from tests.events import APP, START, exposure, feedback, generation, log

pytestmark = pytest.mark.integration


@pytest.fixture
def wheel(context):
    """One answer and a thumb became an example, a data set, a model, a release; another answer did not."""
    ctx = context()
    answers = generation("a0"), generation("b0", conversation_id="conversation-2", user_key="person-2")
    later = generation("c0", conversation_id="conversation-3", user_key="person-3", model_version="model-1")
    bronze.ingest(ctx.lake, log(*answers, feedback(), exposure("a0"), later), START)
    extract.run(ctx, APP)
    example = {"example_id": "example-1", "conversation_id": "conversation-1", "response_id": "a0"}
    add(ctx.lake, "gold/candidates", **example, event_ids=["event-0000", "event-0002"])
    add(ctx.lake, "gold/datasets/examples", dataset_id="set-1", **example, event_ids=["event-0000", "event-0002"])
    add(ctx.lake, "ops/models", model_version="model-1", dataset_id="set-1")
    add(ctx.lake, "ops/releases", release_id="release-1", model_version="model-1", dataset_id="set-1")
    return ctx


def add(lake, table, **fields):
    """Append a row with these fields; the other required ones are filled."""
    fillers = {"string": "x", "int64": 1, "double": 0.5, "bool": True, "timestamp[us, tz=UTC]": START}
    row = {"app": APP}
    for field in TABLES[table].schema:
        if field.name in TABLES[table].required:
            row.setdefault(field.name, fillers.get(str(field.type), []))
    lake.append(table, [{**row, **fields}])


def below(branch):
    """Every node of a tree but its root."""
    return {(child.kind, child.id) for child in branch.branches} | {
        node for child in branch.branches for node in below(child)
    }


def test_from_a_release_to_the_people_behind_it(wheel):
    report = lineage.run(wheel, APP, "release-1")
    assert {node for node in below(report.made_from) if node[0] != "event"} == {
        ("model", "model-1"),
        ("dataset", "set-1"),
        ("example", "example-1"),
        ("answer", "a0"),
        ("conversation", "conversation-1"),
        ("model", "base-1"),
        ("user", "person-1"),
    }
    assert below(report.used_by) == set()


def test_from_an_answer_to_the_data_of_the_model_that_gave_it(wheel):
    assert {("model", "model-1"), ("dataset", "set-1"), ("event", "event-0002")} <= below(
        lineage.run(wheel, APP, "c0").made_from
    )


@pytest.mark.parametrize("start", ["person-1", "event-0000", "event-0002", "a0", "conversation-1", "example-1"])
def test_from_a_person_or_an_event_to_every_set_and_model(wheel, start):
    assert {("dataset", "set-1"), ("model", "model-1"), ("release", "release-1")} <= below(
        lineage.run(wheel, APP, start).used_by
    )


def test_what_was_not_used_is_used_by_nothing_beyond_itself(wheel):
    assert below(lineage.run(wheel, APP, "person-2").used_by) == {("event", "event-0001"), ("answer", "b0")}


def test_an_event_that_bronze_has_no_more_is_still_known_to_what_was_made_of_it(wheel):
    """Its row was taken out, and with it what says which conversation it was in."""
    left = wheel.lake.read("bronze/feedback", where=pc.field("event_id") != "event-0002")
    write_deltalake(wheel.lake.uri("bronze/feedback"), left, mode="overwrite")
    assert ("model", "model-1") in below(lineage.run(wheel, APP, "event-0002").used_by)


def test_an_event_says_where_it_lies(wheel):
    event = lineage.run(wheel, APP, "event-0002").made_from
    assert (event.facts["topic"], event.facts["partition"], event.facts["offset"]) == ("feedwheel.feedback", "0", "2")


def test_a_person_is_one_node_under_every_key(context):
    layers = ["layer-1", "layer-2"]
    ctx = context(user_key_layers=",".join(layers))
    old, new = ({"user_key": user_key(layers[:number], APP, "ann"), "user_key_id": number} for number in (1, 2))
    bronze.ingest(ctx.lake, log(generation("a0", **old), generation("a1", **new)), START)
    extract.run(ctx, APP)
    for key in (old["user_key"], new["user_key"]):
        used_by = lineage.run(ctx, APP, key).used_by
        assert (used_by.id, len(used_by.branches)) == (new["user_key"], 2)
    assert ("user", new["user_key"]) in below(lineage.run(ctx, APP, "event-0000").made_from)


def test_one_may_look_without_being_trusted_with_the_layers(context):
    ctx = context()
    bronze.ingest(ctx.lake, log(generation("a0")), START)
    blind = context(user_key_layers="")
    assert below(lineage.run(blind, APP, "person-1").used_by) == {("event", "event-0000"), ("answer", "a0")}


def test_an_unknown_id_is_said_to_be_unknown(wheel):
    with pytest.raises(CheckFailed, match="nothing is known of this id"):
        lineage.run(wheel, APP, "nowhere")


def test_the_command_prints_trees_or_json(wheel, monkeypatch):
    app = typer.Typer()
    signals.register(app)
    monkeypatch.setattr("pipelines.context.Context.load", lambda: wheel)
    printed = CliRunner().invoke(app, ["lineage", "release-1"]).stdout
    assert "release release-1" in printed
    assert "user person-1" in printed
    found = json.loads(CliRunner().invoke(app, ["lineage", "release-1", "--json"]).stdout)
    assert found["made_from"]["branches"][0]["id"] == "model-1"
