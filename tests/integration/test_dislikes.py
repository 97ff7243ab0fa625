"""`feedwheel dislikes` on real Delta tables: current rows alone, people once, words as consent allows."""

import json
from datetime import timedelta

import pytest
from feedwheel_capture.events import FeedbackValue
from feedwheel_capture.ids import lift_user_key
from typer.testing import CliRunner

from pipelines import dislikes
from pipelines.cli.main import app
from pipelines.context import Context
from pipelines.extract import run as extract
from schemas.errors import NothingToDo, UsageError
from tests import bronze
from tests.events import APP, DISLIKED, LIKED, START, consent, feedback, generation, logged

pytestmark = pytest.mark.integration

LAYERS = ["test-user-key-1", "test-user-key-2"]
HOUR = timedelta(hours=1)


@pytest.fixture
def wheel(context):
    return context(user_key_layers=",".join(LAYERS))


def talk(wheel, offset, *said, **fields):
    """One answer in a conversation of its own, and what is said about it."""
    name = f"r{offset}"
    person = {key: fields[key] for key in ("user_key", "user_key_id", "consent") if key in fields}
    events = [generation(name, **{"conversation_id": f"c{offset}", **fields})]
    events += [
        feedback(kind, value, name, feedback_id=f"f{offset}-{n}", **person) for n, (kind, value) in enumerate(said)
    ]
    bronze.ingest(wheel.lake, [logged(data, offset + n) for n, data in enumerate(events)], START + timedelta(days=30))
    extract(wheel, APP)


def test_the_report_counts_current_answers_and_people_once_and_names_the_lever(wheel):
    lifted = lift_user_key(LAYERS, 1, "person-1")
    talk(wheel, 0, ("edit", FeedbackValue(edited_output="a lost card")), model_version="base-1")
    talk(wheel, 10, ("thumbs", LIKED), user_key=lifted, user_key_id=2, model_version="base-1")
    talk(wheel, 20, ("complaint", FeedbackValue(category="toxic")), user_key="person-2", model_version="tuned-1")
    talk(wheel, 30, user_key="person-3", model_version="tuned-1")
    first = dislikes.run(wheel, APP)
    assert (first.total.answers, first.total.judged, first.total.people, first.total.disliked) == (4, 3, 2, 2)
    assert first.total.share.estimate == pytest.approx(0.75)  # the half of one person, and all of another
    assert [(group.lever, group.disliked) for group in first.levers] == [("finetuning", 1), ("guardrail", 1)]
    assert {group.name: group.levers for group in first.slices} == {
        "base-1": {"finetuning": 1},
        "tuned-1": {"guardrail": 1},
    }
    (edited,) = [example for example in first.examples if example.lever == "finetuning"]
    assert (edited.evidence, edited.request, edited.output, edited.said) == (
        ("task_edited",), "Where is my card?", "card arrival", ["a lost card"]
    )  # fmt: skip
    # A new revision of the same conversation takes the place of the old one.
    retracted = feedback("edit", None, "r0", feedback_id="f0-9")
    bronze.ingest(wheel.lake, [logged(retracted, 99)], START + timedelta(days=31))
    extract(wheel, APP)
    again = dislikes.run(wheel, APP)
    assert (again.total.answers, again.total.disliked) == (4, 1)


def test_words_that_consent_withholds_are_not_shown_and_decide_nothing(wheel):
    talk(wheel, 0, ("thumbs", DISLIKED), ("complaint", FeedbackValue(text_length=12)), consent="signal_only",
         input=[], output=None)  # fmt: skip
    (example,) = dislikes.run(wheel, APP).examples
    assert (example.lever, example.request, example.output, example.said) == ("unknown", None, None, [])


def test_who_withdrew_since_the_last_extract_is_left_out(wheel):
    talk(wheel, 0, ("thumbs", DISLIKED))
    talk(wheel, 10, ("thumbs", DISLIKED), user_key="person-2")
    bronze.ingest(wheel.lake, [logged(consent("none"), 50)], START + timedelta(days=31))
    report = dislikes.run(wheel, APP)
    assert (report.withheld, report.total.answers) == (1, 1)
    assert [example.response_id for example in report.examples] == ["r10"]


def test_the_time_is_the_week_up_to_the_newest_answer_unless_another_is_given(wheel):
    talk(wheel, 0, ("thumbs", DISLIKED))
    talk(wheel, 60 * 24 * 8, ("thumbs", LIKED))
    assert dislikes.run(wheel, APP).total.disliked == 0
    assert dislikes.run(wheel, APP, since=START).total.disliked == 1
    assert dislikes.run(wheel, APP, until=START + HOUR).total.disliked == 1
    with pytest.raises(NothingToDo, match="no answer of"):
        dislikes.run(wheel, APP, since=START + timedelta(days=300))
    with pytest.raises(NothingToDo, match="no answer of"):
        dislikes.run(wheel, APP, until=START - HOUR)
    with pytest.raises(UsageError, match="is not before"):
        dislikes.run(wheel, APP, since=START, until=START)


def test_the_command_prints_tables_and_json_and_says_when_there_is_nothing(wheel, monkeypatch):
    monkeypatch.setattr(Context, "load", lambda: wheel)
    invoke = CliRunner().invoke
    empty = invoke(app, ["dislikes", "--app", APP])
    assert (empty.exit_code, "`feedwheel extract`" in " ".join(empty.stdout.split())) == (0, True)
    talk(wheel, 0, ("complaint", FeedbackValue(category="wrong", text="[red]wrong\x1b[2J")))
    shown = invoke(app, ["dislikes", "--app", APP, "--by", "locale"])
    assert shown.exit_code == 0
    for words in ("finetuning", "too few people to rank", "wrong_task", "[red]wrong", "not ranked"):
        assert words in shown.stdout
    assert "\x1b" not in shown.stdout
    printed = invoke(app, ["dislikes", "--app", APP, "--json"])
    assert json.loads(printed.stdout)["levers"][0]["lever"] == "finetuning"
    assert invoke(app, ["dislikes", "--app", APP, "--by", "weather"]).exit_code == 2
    assert invoke(app, ["dislikes", "--app", APP, "--since", "2026-01-05", "--until", "2026-01-05"]).exit_code == 2
    assert invoke(app, ["dislikes", "--app", "nobody"]).exit_code == 2
