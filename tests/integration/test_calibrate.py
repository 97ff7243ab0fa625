"""`feedwheel calibrate` on real Delta tables: what labels say is learned once, and one judge has judged all."""

import pyarrow.compute as pc
import pytest
from feedwheel_capture.events import FeedbackValue
from typer.testing import CliRunner

from feedback.calibration import STATED
from pipelines import calibrate, curate, extract, silver, validate
from pipelines.cli.main import app
from pipelines.consents import read_consents
from pipelines.context import Context
from pipelines.curate.record import newest_curation
from pipelines.dataset.rebuild import rebuild
from pipelines.people import UserKeys
from schemas.errors import InfrastructureError, NothingToDo
from tests import bronze
from tests.events import APP, DISLIKED, LIKED, START, feedback, generation, logged

pytestmark = pytest.mark.integration

ANSWERS = 120


@pytest.fixture
def wheel(context):
    """Answers that people judge: half are liked, and it is these that people bookmark, and stop."""
    ctx = context()
    events = []
    for number in range(ANSWERS):
        liked, person = number % 2 == 0, {"user_key": f"person-{number}"}
        said = [("thumbs", LIKED if liked else DISLIKED), ("nps", FeedbackValue(rating=0.0, scale=(0.0, 10.0)))]
        said += [("bookmark", FeedbackValue()), ("stop", FeedbackValue())] if liked else []
        name = f"a{number}"
        data = [generation(name, conversation_id=f"c{number}", **person)]
        data += [feedback(kind, value, name, feedback_id=f"f{number}-{kind}", **person) for kind, value in said]
        events += [logged(one, 10 * number + place) for place, one in enumerate(data)]
    bronze.ingest(ctx.lake, events, START)
    extract.run(ctx, APP)
    return ctx


@pytest.fixture
def admitted(wheel):
    validate.run(wheel, APP)
    return wheel


def current(ctx, table, *columns):
    return silver.rows_of(ctx.lake, table, APP, silver.current_revisions(ctx.lake, APP), columns).to_pylist()


def confidence(ctx, kind):
    rows = current(ctx, "silver/signals", "kind", "confidence")
    (found,) = {row["confidence"] for row in rows if row["kind"] == kind}
    return found


def dissatisfied(ctx, response_id):
    rows = current(ctx, "silver/turns", "response_id", "p_dissatisfied")
    (found,) = [row["p_dissatisfied"] for row in rows if row["response_id"] == response_id]
    return found


def test_labels_are_learned_once_and_all_is_judged_anew_by_them(admitted):
    before = dissatisfied(admitted, "a1")
    learned = calibrate.run(admitted, APP)
    assert learned.labels == {"*": ANSWERS, "en": ANSWERS}
    found = {change.kind: change for change in learned.confidences if change.language == "en"}
    assert set(found) == {"bookmark", "stop"}  # the product's score is no judgement of an answer, a thumb is the label
    assert found["bookmark"].estimated > found["bookmark"].stated + 0.05
    assert found["stop"].estimated < found["stop"].stated
    assert 0.3 < learned.disliked["en"] < 0.5  # whose judgement nobody had asked for does not stand for all
    # Until extract has run nothing is judged by it, and what is there is what it was judged by.
    with pytest.raises(NothingToDo, match=f"{ANSWERS} answers were judged"):
        calibrate.run(admitted, APP)
    curate.run(admitted, APP)
    assert newest_curation(admitted.lake, APP).inputs.calibrations == STATED
    report = extract.run(admitted, APP)
    assert (report.rebuilt, report.conversations) == (True, ANSWERS)
    assert {row["judged_by"] for row in current(admitted, "silver/conversations", "judged_by")} == {report.judged_by}
    assert report.judged_by.endswith(f"/{learned.version}")
    with pytest.raises(NothingToDo, match="no admitted answer"):  # nothing is unlearned until it is admitted again
        calibrate.run(admitted, APP)
    assert confidence(admitted, "bookmark") == found["bookmark"].estimated
    assert dissatisfied(admitted, "a1") > before
    # The same labels say the same: nothing is learned twice, whatever they are judged by now.
    validate.run(admitted, APP)
    with pytest.raises(NothingToDo, match=f"{ANSWERS} answers were judged"):
        calibrate.run(admitted, APP)
    with pytest.raises(NothingToDo):
        extract.run(admitted, APP)


def test_whom_curation_does_not_trust_teaches_nothing(admitted):
    curate.run(admitted, APP)
    run_id = newest_curation(admitted.lake, APP).run_id
    whom = {"user_key": "person-1", "conversation_id": "c1", "app": APP, "run_id": run_id}
    dropped = {"step": "trust", "reason": "distrusted", "example_id": "e"}
    admitted.lake.append("gold/dropped", [whom | dropped])
    assert calibrate.run(admitted, APP).labels == {"*": ANSWERS - 1, "en": ANSWERS - 1}


def test_a_replay_judges_as_the_curation_was_judged(admitted):
    learned = calibrate.run(admitted, APP)
    extract.run(admitted, APP)
    validate.run(admitted, APP)
    curate.run(admitted, APP)
    assert newest_curation(admitted.lake, APP).inputs.calibrations.version == learned.version
    stored = {row["signal_id"]: row for row in current(admitted, "silver/signals", "signal_id", "confidence")}
    row = {"run_id": "9", "app": APP, "calibrated_at": START, "version": "later", "calibrations": "{}"}
    admitted.lake.append("ops/calibrations", [row])  # which says that the taxonomy is right after all
    assert extract.run(admitted, APP).rebuilt
    assert confidence(admitted, "stop") == 0.6
    inputs = newest_curation(admitted.lake, APP).inputs
    consents = read_consents(admitted.lake, APP, UserKeys(admitted.settings.user_keys))
    again = rebuild(admitted.lake, APP, inputs, admitted.config, consents)
    assert {signal["signal_id"]: signal["confidence"] for signal in again.signals} == {
        name: signal["confidence"] for name, signal in stored.items()
    }


def test_other_weights_judge_all_anew(wheel):
    weights = {"stop": {"strength": 0.3, "confidence": 0.9}}
    with pytest.raises(NothingToDo):
        extract.run(wheel, APP)
    config = type(wheel.config).model_validate(wheel.config.model_dump(mode="json") | {"signals": weights})
    other = Context(wheel.settings, config, wheel.lake, wheel.clock)
    validate.run(wheel, APP)
    with pytest.raises(InfrastructureError, match="run `feedwheel extract`"):
        curate.run(other, APP)
    report = extract.run(other, APP)
    assert (report.rebuilt, report.conversations) == (True, ANSWERS)
    assert confidence(wheel, "stop") == 0.9


def test_the_command_says_what_was_learned(admitted, monkeypatch):
    monkeypatch.setattr(Context, "load", lambda: admitted)
    printed = CliRunner().invoke(app, ["calibrate", "--app", APP]).stdout
    assert f"en {ANSWERS} 39%" in " ".join(printed.split())
    assert "en bookmark 0.70 0.99" in " ".join(printed.split())
    assert admitted.lake.read("ops/calibrations", where=pc.field("app") == APP).num_rows == 1
    again = CliRunner().invoke(app, ["calibrate", "--app", APP])
    assert "they confirm what is believed" in " ".join(again.output.split())
