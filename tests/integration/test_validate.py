"""The gate on feedback data, on real Delta tables and a real Great Expectations run."""

import msgspec
import pyarrow.compute as pc
import pytest
from feedwheel_capture.ids import user_key

from pipelines import extract
from pipelines.validate import run, stage
from pipelines.validate.record import admitted_evidence
from schemas.errors import GateRefused, InfrastructureError, NothingToDo
from tests import bronze
from tests.batches import Wheel
from tests.events import APP, START, feedback, logged

pytestmark = pytest.mark.integration


@pytest.fixture
def wheel(context):
    return Wheel(context())


def test_a_good_batch_is_admitted_with_its_evidence(wheel):
    names = wheel.talk(25)
    report = run(wheel.context, APP)
    assert (report.verdict, report.admitted, report.rejected) == ("PASS", 25, 0)
    assert wheel.admitted() == sorted(names)
    (gate,) = wheel.gates()
    evidence = msgspec.json.decode(gate["evidence"])
    assert (gate["gate_id"], gate["verdict"]) == (report.gate_id, "PASS")
    assert evidence["facts"]["feedback_per_turn"] == 1.0
    judged = {(entry["table"], entry["expectation"]) for entry in evidence["expectations"]}
    assert ("silver/turns", "column_values_to_be_in_set(arm)") in judged
    assert ("batch", "column_min_to_be_between(error_share)") in judged
    assert [entry for entry in evidence["expectations"] if not entry["success"]] == []


def test_each_revision_is_judged_once(wheel):
    wheel.talk(25)
    run(wheel.context, APP)
    with pytest.raises(NothingToDo, match="every current revision is judged"):
        run(wheel.context, APP)
    bronze.ingest(wheel.context.lake, [logged(feedback(value=None, response_id="a0"), 99)], START)
    extract.run(wheel.context, APP)
    assert "conversation-0" not in wheel.admitted()


def test_too_few_turns_wait_for_more(wheel):
    wheel.talk(10)
    with pytest.raises(NothingToDo, match="10 new turns are too few"):
        run(wheel.context, APP)
    assert wheel.admitted() == []
    wheel.talk(10)
    assert run(wheel.context, APP).admitted == 20
    assert [gate["verdict"] for gate in sorted(wheel.gates(), key=lambda gate: gate["subject"])] == [
        "INCONCLUSIVE",
        "PASS",
    ]


@pytest.mark.parametrize(
    ("table", "column", "value", "expectation"),
    [
        ("silver/turns", "arm", "control", "column_values_to_be_in_set(arm)"),
        ("silver/turns", "p_dissatisfied", 1.5, "column_values_to_be_between(p_dissatisfied)"),
        ("silver/turns", "event_id", None, "column_values_to_not_be_null(event_id)"),
        ("silver/signals", "kind", "telepathy", "column_values_to_be_in_set(kind)"),
        ("silver/signals", "confidence", 0.2, "column_values_to_be_between(confidence)"),
        ("silver/conversations", "satisfaction", -0.1, "column_values_to_be_between(satisfaction)"),
    ],
)
def test_a_conversation_with_a_failing_row_is_rejected_with_the_reason(wheel, table, column, value, expectation):
    first, *others = wheel.talk(25)
    wheel.break_rows(table, column, value, {first})
    report = run(wheel.context, APP)
    assert (report.admitted, report.rejected, report.failures) == (24, 1, {f"{table} {expectation}": 1})
    assert wheel.admitted() == sorted(others)
    (row,) = wheel.context.lake.read("silver/rejected").to_pylist()
    assert (row["conversation_id"], row["table"], row["expectation"]) == (first, table, expectation)
    with pytest.raises(NothingToDo):
        run(wheel.context, APP)


def test_one_answer_twice_in_a_revision_is_rejected(wheel):
    first, *_ = wheel.talk(25)
    rows = wheel.context.lake.read("silver/turns", where=pc.field("conversation_id") == first)
    wheel.context.lake.append("silver/turns", rows)
    report = run(wheel.context, APP)
    name = "silver/turns compound_columns_to_be_unique(conversation_id, revision, response_id)"
    assert (report.rejected, report.failures) == (1, {name: 2})


def refused(wheel, fact):
    with pytest.raises(GateRefused, match=fact) as refusal:
        run(wheel.context, APP)
    assert wheel.admitted() == []
    assert wheel.context.lake.read("silver/rejected").num_rows == 0
    assert wheel.gates()[0]["verdict"] == "FAIL"
    return str(refusal.value)


def test_a_batch_without_feedback_is_refused(wheel):
    wheel.talk(25, judged=False)
    message = refused(wheel, "feedback_per_turn is 0, allowed is at least 0.02")
    assert "feedwheel.toml [validation]" in message
    assert "run `feedwheel validate` again" in message


def test_a_batch_of_errors_is_refused(wheel):
    wheel.talk(20)
    wheel.talk(5, finish_reason="error")
    refused(wheel, r"error_share is 0\.2, allowed is at most 0\.05")


def test_a_batch_of_failing_rows_is_refused_and_judged_again(wheel):
    names = wheel.talk(25)
    wheel.break_rows("silver/turns", "arm", "control", set(names[:5]))
    refused(wheel, r"silver_rejected_share is 0\.2")
    wheel.break_rows("silver/turns", "arm", "champion", set(names))
    assert run(wheel.context, APP).admitted == 25


def test_people_who_moved_between_training_and_evaluation_are_refused(wheel):
    people = wheel.talk(25, user_key="ann", split_bucket=1) + wheel.talk(25, user_key="bob", split_bucket=9000)
    run(wheel.context, APP)
    wheel.talk(25, user_key="ann", split_bucket=9000)  # the same person under another FEEDWHEEL_SPLIT_KEY
    with pytest.raises(GateRefused, match=r"known_split_bucket\).* give FEEDWHEEL_SPLIT_KEY its earlier value back"):
        run(wheel.context, APP)
    assert wheel.admitted() == sorted(people)


def test_people_who_moved_are_known_by_an_earlier_key_too(context):
    layers = ["layer-1", "layer-2"]
    wheel = Wheel(context(user_key_layers=",".join(layers)))
    old, new = ({"user_key": user_key(layers[:number], APP, "ann"), "user_key_id": number} for number in (1, 2))
    wheel.talk(25, **old, split_bucket=1)
    run(wheel.context, APP)
    wheel.talk(25, **new, split_bucket=1)
    assert run(wheel.context, APP).admitted == 25
    wheel.talk(25, **new, split_bucket=9000)
    with pytest.raises(GateRefused, match="known_split_bucket"):
        run(wheel.context, APP)


def test_a_batch_out_of_rejected_records_is_refused_and_those_count_once(wheel):
    wheel.talk(25)
    bad = [bronze.rejected(logged(feedback(), offset)) for offset in range(100, 110)]
    bronze.append(wheel.context.lake, "bronze/feedback", bad)
    refused(wheel, r"bronze_rejected_share is 0\.167")
    wheel.talk(150)
    assert run(wheel.context, APP).facts["bronze_rejected_share"] == pytest.approx(10 / 360)
    wheel.offset = 300
    wheel.talk(25)
    assert run(wheel.context, APP).facts["bronze_rejected_share"] == 0.0


@pytest.mark.parametrize("died_at", ["silver/rejected", "silver/admissions"])
def test_killed_before_the_admissions_nothing_is_judged(wheel, monkeypatch, died_at):
    first, *others = wheel.talk(25)
    wheel.break_rows("silver/turns", "arm", "control", {first})
    real = type(wheel.context.lake).append

    def dying(self, name, *rest):
        if name == died_at:
            raise KeyboardInterrupt("killed")
        return real(self, name, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(type(wheel.context.lake), "append", dying)
        with pytest.raises(KeyboardInterrupt):
            run(wheel.context, APP)
    assert wheel.admitted() == []
    report = run(wheel.context, APP)
    assert (report.conversations, report.admitted, report.rejected) == (25, 24, 1)
    assert wheel.admitted() == sorted(others)


def test_of_two_validations_of_one_batch_only_the_first_admits(wheel, monkeypatch):
    """As when a person waives while the DAG judges."""
    first, *others = wheel.talk(25)
    wheel.break_rows("silver/turns", "arm", "control", {first})
    write, reports = stage.write, []

    def second(lake, judgement):
        monkeypatch.setattr(stage, "write", write)
        wheel.context.clock.advance(seconds=1)
        reports.append(run(wheel.context, APP))
        write(lake, judgement)

    monkeypatch.setattr(stage, "write", second)
    with pytest.raises(
        InfrastructureError, match="another validation came first, so this one admitted nothing: run it"
    ):
        run(wheel.context, APP)
    assert [report.admitted for report in reports] == [24]
    assert wheel.context.lake.read("silver/admissions").num_rows == 24
    assert wheel.admitted() == sorted(others)
    assert len(admitted_evidence(wheel.context.lake, APP)) == 1
    runs = wheel.context.lake.read("ops/runs", ["run_id"], pc.field("stage") == "validate").to_pylist()
    assert runs == [{"run_id": reports[0].gate_id}]
    with pytest.raises(NothingToDo, match="every current revision is judged"):
        run(wheel.context, APP)
    wheel.talk(25)
    assert run(wheel.context, APP).admitted == 25


def test_no_text_of_people_is_in_the_evidence(wheel):
    first, *_ = wheel.talk(25, request="my secret words")
    wheel.break_rows("silver/signals", "kind", "my secret words", {first})
    run(wheel.context, APP)
    assert "secret" not in wheel.gates()[0]["evidence"]
    assert "secret" not in str(wheel.context.lake.read("silver/rejected").to_pylist())
