"""`feedwheel review` on real Delta tables: in the terminal, on the page, and what it comes to."""

import json
from dataclasses import replace

import pytest
import typer
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from pipelines import extract, validate
from pipelines.cli import review as commands
from pipelines.context import Context
from pipelines.review.desk import Desk
from pipelines.review.page import page
from schemas.errors import NothingToDo, UsageError
from tests import bronze
from tests.events import APP, LIKED, START, feedback, generation, logged

pytestmark = pytest.mark.integration

EVALUATES, TRAINS = {"split_bucket": 0}, {"split_bucket": 9_999}
MARKUP = "<script>alert(1)</script>\x1b[31m"


@pytest.fixture
def wheel(context):
    ctx = context()
    said = []
    for n in range(24):
        who = {"user_key": f"person-{n}", **(EVALUATES if n % 2 else TRAINS)}
        said.append(generation(f"a{n}", f"question {n}", MARKUP, conversation_id=f"c{n}", **who))
        said.append(feedback("thumbs", LIKED, f"a{n}", feedback_id=f"f{n}", **who))
    bronze.ingest(ctx.lake, [logged(one, offset) for offset, one in enumerate(said)], START)
    extract.run(ctx, APP)
    validate.run(ctx, APP)
    return ctx


@pytest.fixture
def feedwheel(wheel, monkeypatch):
    monkeypatch.setattr(Context, "load", lambda: wheel)
    app = typer.Typer()
    commands.register(app)
    return lambda *arguments, **fields: CliRunner().invoke(app, arguments, **fields)


def test_a_conversation_with_a_reviewer(wheel, feedwheel):
    said = feedwheel("--reviewer", "eve", "--size", "6", input="y\ny\nn\ny\nu\nx\ny\ns\no\nq\n")
    assert said.exit_code == 0, said.output
    assert "1 of 6" in said.output
    assert "\x1b[31m" not in said.output
    rows = wheel.lake.read("ops/reviews").to_pylist()
    assert sorted(row["verdict"] for row in rows) == ["out_of_scope", "right", "unsure", "wrong"]
    assert all(int(row["response_id"][1:]) % 2 for row in rows)  # nobody who trains is looked at
    assert json.loads(rows[0]["marks"]).keys() <= {"topic", "form"}
    report = json.loads(feedwheel("--report", "--json").stdout)
    assert (report["reviews"], report["verdicts"]["wrong"]) == (4, 1)
    assert "5 of 6" not in feedwheel("--reviewer", "eve", "--size", "6", input="q\n").output  # goes on where it was


def test_the_page(wheel):
    desk = Desk(wheel, APP, "eve", 3)
    browser = TestClient(page(desk, "token"))
    assert browser.get("/").status_code == 404
    shown = browser.get("/token/").text
    assert "<script>alert" not in shown
    assert "Is it the topic of the message?" in shown
    item = desk.next()
    for said, status in (
        ({"act": "judge", "marks": {"topic": "yes"}}, 409),  # a criterion is missing
        ({"act": "judge", "marks": {"topic": "perhaps", "form": "yes"}}, 422),
        ({"act": "judge", "marks": {"topic": "no", "form": "yes"}}, 200),
        ({"act": "judge", "marks": {"topic": "no", "form": "yes"}}, 409),  # sent twice
    ):
        assert browser.post("/token/", json={"answer_id": item.answer_id, **said}).status_code == status
    for act in ("skip", "out_of_scope"):
        assert browser.post("/token/", json={"answer_id": desk.next().answer_id, "act": act}).status_code == 200
    assert "Done" in browser.get("/token/").text
    assert sorted(wheel.lake.read("ops/reviews").column("verdict").to_pylist()) == ["out_of_scope", "wrong"]


def test_nothing_to_review(wheel):
    app = wheel.config.apps[APP].model_copy(update={"rubric": None})
    without = wheel.config.model_copy(update={"apps": {APP: app}})
    with pytest.raises(UsageError, match="rubric"):
        Desk(replace(wheel, config=without), APP, "eve")
    desk = Desk(wheel, APP, "eve")
    while item := desk.next():
        desk.say(item, {"topic": "yes", "form": "yes"})
    with pytest.raises(NothingToDo):
        Desk(wheel, APP, "eve")
