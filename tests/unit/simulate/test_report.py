"""What a person sees at the end of a turn: the summary, as a table, as JSON and as a page."""

import json
import re
from datetime import UTC, datetime

import pytest

from feedback.statistics import Interval
from pipelines.cli.simulate import _print
from pipelines.gates import record_gate
from pipelines.runs import stage_run
from pipelines.simulate.funnel import Level
from pipelines.simulate.report import write_report
from pipelines.simulate.summary import summarise
from pipelines.simulate.turn import TurnRecord
from schemas.tables import TABLES

APP = "routing"
ARM = {
    "people": 19, "answers": 20, "judged_answers": 13, "quality": {"estimate": 0.25, "low": 0.1, "high": 0.4, "n": 13},
    "responded": {}, "requests": 1049, "errors": 0, "median_latency_ms": 388.2,
}  # fmt: skip
UNSEEN_ARM = ARM | {"quality": {"estimate": None, "low": 0.0, "high": 1.0, "n": 0}, "median_latency_ms": None}
START = datetime(2026, 1, 5, tzinfo=UTC)


def turn(number, **fields):
    funnel = [
        Level("events", 900 * number, {}, {"not json": 2}),
        Level("training examples", 300 * number, {"sft": 200}, {}),
    ]
    told = {
        "accuracy_before": Interval(0.0, 0.0, 0.01, 400),
        "accuracy_after": Interval(0.7, 0.65, 0.75, 400),
        "messages": 650,
        "acts": {"edit": 400, "none": 50},
        "seconds": {"traffic": 45.0, "airflow": 600.0},
        "tasks": [{"dag": "feedwheel_retrain_routing", "task_id": "train", "state": "success", "seconds": 500.0}],
        "rollout": {"state": "PROMOTE"},
        "funnel": funnel,
    }
    return TurnRecord(number, APP, START, **{**told, **fields})


@pytest.fixture
def judged(context):
    """A context whose tables hold a run of a stage and a gate's verdict."""
    ctx = context()
    with stage_run(ctx, APP, "extract") as run:
        run.counts.taken["generation"], run.counts.given["generation"], run.counts.dropped["duplicate"] = 10, 8, 2
    difference = {"estimate": 0.7, "low": 0.55, "high": 0.8, "n": 81}
    record_gate(ctx, APP, "evaluate", "model-1", "PASS", {"difference": difference})
    return ctx


def test_the_page_shows_the_turn_and_what_it_added(judged):
    turns = [turn(1), turn(2)]
    page = write_report(judged, summarise(judged, turns), turns)
    assert page.name == "routing-turn-0002.html"
    html = page.read_text(encoding="utf-8")
    for shown in ("PASS", "PROMOTE", "70.0%", "+0.55", "1,800", "+900", "2 not json", "duplicate 2", "airflow: train"):
        assert shown in html, shown
    assert html.count("<svg") == 4
    assert re.findall(r'(?:src|href)="(?!http://127\.0\.0\.1|#)([^"]+)"', html) == []  # readable without a network


def test_the_page_shows_what_people_said_of_both_arms(judged):
    arms = {"champion": ARM, "challenger": UNSEEN_ARM}
    turns = [turn(1, rollout={"state": "RUNNING", "rationale": "difference +0.065 [-0.406, +0.323]", "arms": arms})]
    html = write_report(judged, summarise(judged, turns), turns).read_text(encoding="utf-8")
    for shown in ("RUNNING: difference +0.065 [-0.406, +0.323]", "0.25 [0.10, 0.40]", "1,049", "388 ms"):
        assert shown in html, shown


def test_gate_and_canary_are_of_one_model(judged, clock):
    """A killed turn leaves a release on trial whose gate came before the next turn, which judges another model."""
    row = dict.fromkeys(TABLES["ops/releases"].schema.names, "any")
    row |= {"release_id": "r1", "app": APP, "model_version": "model-1", "released_at": START}
    judged.lake.append("ops/releases", [row])
    clock.advance(seconds=1)
    record_gate(judged, APP, "evaluate", "model-2", "FAIL", {})
    tried = summarise(judged, [turn(1, rollout={"release_id": "r1", "state": "PROMOTE"})])
    assert (tried.model_gate.subject, tried.model_gate.verdict) == ("model-1", "PASS")
    assert summarise(judged, [turn(1, rollout={})]).model_gate.subject == "model-2"


def test_what_a_page_shows_from_outside_is_escaped(judged):
    page = write_report(judged, summarise(judged, [turn(1, acts={"<script>": 1})]), [turn(1)])
    assert "<script>" not in page.read_text(encoding="utf-8")


def test_the_terminal_shows_funnel_gate_times_and_links(judged, capsys):
    summary = summarise(judged, [turn(1), turn(2)])
    _print(summary, judged.settings.home, as_json=False)
    shown = capsys.readouterr().out
    assert "training examples" in shown
    assert "Gate: PASS: challenger minus champion +0.700, 95 % interval [+0.550, +0.800], 81 people" in shown
    assert "true accuracy 0.0% → 70.0%" in shown
    assert "http://127.0.0.1:28080" in shown
    _print(summary, judged.settings.home, as_json=True)
    facts = json.loads(capsys.readouterr().out)
    assert [level["new"] for level in facts["funnel"]] == [900, 300]
    assert facts["accounts"][0]["dropped"] == {"duplicate": 2}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"rollout": {"state": "ROLLBACK"}}, "it was rolled back"),
        ({"rollout": {"state": "RUNNING"}}, "it is still on trial"),
        ({"rollout": {}}, "so the champion stays"),
    ],
)
def test_the_sentence_says_how_it_ended(judged, capsys, fields, words):
    _print(summarise(judged, [turn(1, **fields)]), judged.settings.home, as_json=False)
    assert words in capsys.readouterr().out.replace("\n", " ")


def test_a_turn_without_a_new_model_says_so(context, capsys):
    ctx = context()
    _print(summarise(ctx, [turn(1, rollout={})]), ctx.settings.home, as_json=False)
    assert "No new model was made: nothing new was worth a training" in capsys.readouterr().out


def test_a_data_gate_that_refused_is_named(context, capsys):
    ctx = context()
    failed = {"expectation": "column_min_to_be_between(bronze_rejected_share)", "success": False, "observed": 0.0634}
    record_gate(ctx, APP, "validate", "600 conversations", "FAIL", {"expectations": [failed]})
    _print(summarise(ctx, [turn(1, rollout={})]), ctx.settings.home, as_json=False)
    assert "the data gate refused the batch" in capsys.readouterr().out
