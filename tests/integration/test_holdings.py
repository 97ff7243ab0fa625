"""What is held about a person, as they are told: nothing is left out, nothing of anybody else is in it."""

import json
from datetime import timedelta

import pytest
import typer
from feedwheel_capture.events import Erasure, FeedbackValue, ToolCall
from feedwheel_capture.ids import user_key
from typer.testing import CliRunner

from pipelines import extract
from pipelines.cli import privacy as commands
from pipelines.privacy import holdings
from pipelines.privacy.holdings import _TIME_OF
from schemas.errors import CheckFailed
from schemas.tables import TABLES
from tests import bronze
from tests.events import APP, PERSON, START, consent, exposure, feedback, generation, logged

pytestmark = pytest.mark.integration

LAYERS = ["layer-1", "layer-2"]
OLD, NEW = ({"user_key": user_key(LAYERS[:number], APP, "ann"), "user_key_id": number} for number in (1, 2))
BOB = {"user_key": user_key(LAYERS, APP, "bob"), "user_key_id": 2}


@pytest.fixture
def wheel(context):
    """Ann spoke under one layer of keys and under two; what she said the first time became a model that is released."""
    wheel = context(user_key_layers=",".join(LAYERS))
    spoken = [
        generation("a0", "Where is my card?", tool_calls=[ToolCall(name="look_up", arguments="my card")], **OLD),
        exposure("a0", **OLD),
        feedback("edit", FeedbackValue(edited_output="lost\x1b card", text="no", text_length=2), **OLD),
        generation("a1", "Where is my money?", "top up", conversation_id="conversation-2", **NEW),
        consent("signal_only", **OLD),
        consent("content", **NEW),
        generation("b0", "Bob's own words", conversation_id="of-bob", **BOB),
    ]
    bronze.ingest(wheel.lake, [logged(record, offset) for offset, record in enumerate(spoken)], START)
    extract.run(wheel, APP)
    asked = Erasure(erasure_id="e", **{**PERSON, **NEW, "consent": "none"})  # not extracted yet
    bronze.ingest(wheel.lake, [logged(asked, 7)], START)
    add(
        wheel.lake,
        "gold/datasets/examples",
        dataset_id="set-1",
        example_id="example-1",
        conversation_id="conversation-1",
        event_ids=["event-0000"],
        **OLD,
    )
    add(wheel.lake, "ops/models", model_version="model-1", dataset_id="set-1")
    add(wheel.lake, "ops/releases", release_id="release-1", model_version="model-1")
    return wheel


def add(lake, table, **fields):
    """Append a row with these fields; the other required ones are filled."""
    fillers = {"string": "x", "int64": 1, "double": 0.5, "bool": True, "timestamp[us, tz=UTC]": START}
    filled = {
        column.name: fillers.get(str(column.type), [])
        for column in TABLES[table].schema
        if column.name in TABLES[table].required
    }
    lake.append(table, [{**filled, "app": APP, **fields}])


@pytest.mark.parametrize("ask", ["old key", "new key", "raw id"])
def test_a_person_is_told_everything_whichever_way_they_are_named(wheel, ask):
    if ask == "raw id":
        held = holdings.of_raw_id(wheel, APP, "ann", content=True)
    else:
        held = holdings.of_key(wheel, APP, (OLD if ask == "old key" else NEW)["user_key"], content=True)
    assert (held.person, held.keys) == (NEW["user_key"], sorted([OLD["user_key"], NEW["user_key"]]))
    assert held.events == {"generation": 2, "exposure": 1, "feedback edit": 1}
    assert (held.first, held.last) == (START, START + timedelta(minutes=3))
    assert [(change.since, change.consent) for change in held.consents] == [
        (START + timedelta(minutes=4), "signal_only"),
        (START + timedelta(minutes=5), "content"),
        (START + timedelta(minutes=7), "none"),
    ]
    assert (held.limit, held.carried) == ("none", {"content": 4})
    assert held.erasures_asked == [START + timedelta(minutes=7)]
    assert [(one.conversation_id, one.answers) for one in held.conversations] == [
        ("conversation-1", 1),
        ("conversation-2", 1),
    ]
    assert held.used_by == {
        "example": ["example-1"], "dataset": ["set-1"], "model": ["model-1"], "release": ["release-1"],
    }  # fmt: skip
    assert {table: rows.rows for table, rows in held.tables.items()} == {
        "bronze/generations": 2,
        "bronze/feedback": 2,
        "bronze/privacy": 3,
        "silver/turns": 2,
        "silver/signals": 1,
        "silver/conversations": 2,
        "gold/datasets/examples": 1,
    }
    assert [(text.author, text.text) for text in held.texts] == [
        ("user", "Where is my card?"),
        ("assistant", "card arrival"),
        ("call of look_up", "my card"),
        ("person", "no"),
        ("person", "lost\x1b card"),
        ("user", "Where is my money?"),
        ("assistant", "top up"),
    ]


def test_texts_are_told_only_if_asked_for(wheel):
    assert holdings.of_raw_id(wheel, APP, "ann", content=False).texts is None


def test_every_table_that_names_a_person_is_looked_at():
    assert _TIME_OF.keys() == {name for name, table in TABLES.items() if "user_key" in table.schema.names}
    assert commands._PLACES.keys() == _TIME_OF.keys()


def test_one_of_whom_nothing_is_held(wheel):
    with pytest.raises(CheckFailed, match="nothing is held about a person of this key"):
        holdings.of_key(wheel, APP, "nobody", content=False)
    with pytest.raises(CheckFailed, match="nothing is held about this person") as refusal:
        holdings.of_raw_id(wheel, APP, "eve", content=False)
    assert "eve" not in str(refusal.value)


@pytest.fixture
def feedwheel(wheel, monkeypatch):
    monkeypatch.setattr("pipelines.context.Context.load", lambda: wheel)
    app = typer.Typer()
    commands.register(app)
    return lambda *arguments: CliRunner().invoke(app, ["privacy", *arguments], catch_exceptions=False)


def test_the_report_in_plain_words(feedwheel):
    told = feedwheel("report", "--user", "ann", "--content")
    assert told.exit_code == 0
    for words in (
        "The same person under earlier keys",
        "Since 2026-01-05 09:04 UTC you allow what you did, without words.",
        "On 2026-01-05 09:07 UTC you asked to be erased.",
        "2  answers that you were given",
        "Conversations you had part in: 2",
        "1  models that were trained on them: model-1",
        "user: Where is my card?",
        "lost\\x1b card",
    ):
        assert words in told.stdout, words
    assert "Bob" not in told.stdout
    assert "_" not in told.stdout.replace("look_up", ""), "no name of a column"


def test_the_report_as_json_and_for_nobody(feedwheel):
    told = json.loads(feedwheel("report", NEW["user_key"], "--json").stdout)
    assert (told["person"], told["texts"]) == (NEW["user_key"], None)
    nobody = feedwheel("report", "--user", "eve")
    assert (nobody.exit_code, nobody.stdout) == (1, "")
    assert "nothing is held about this person" in " ".join(nobody.stderr.split())


@pytest.mark.parametrize("arguments", [(), (NEW["user_key"], "--user", "ann"), ("x", "--app", "unknown")])
def test_bad_usage_exits_2(feedwheel, arguments):
    assert feedwheel("report", *arguments).exit_code == 2


def test_apply_prints_a_receipt_and_then_there_is_nothing_of_the_text_to_tell(feedwheel):
    dry = feedwheel("apply", "--dry-run")
    assert (dry.exit_code, "would be changed" in dry.stdout) == (0, True)
    done = feedwheel("apply")
    assert done.exit_code == 0
    for words in ("People who have withdrawn something: 1.", "bronze/generations", "Remains in Kafka until 2026-01-12"):
        assert words in done.stdout, words
    assert json.loads(feedwheel("apply", "--json").stdout)["rows"]["bronze/generations"] == 0
    assert "No text is held." in feedwheel("report", "--user", "ann", "--content").stdout
