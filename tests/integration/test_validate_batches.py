"""A batch against those before it, waivers, references, Data Docs: on real Delta tables, by Great Expectations."""

import shutil
from dataclasses import replace
from datetime import timedelta

import pytest

from pipelines import extract
from pipelines.context import Context
from pipelines.io.lake import Lake
from pipelines.settings import Settings
from pipelines.stack.paths import REPOSITORY
from pipelines.validate import data_docs, run
from schemas.errors import GateRefused, NothingToDo, UsageError
from tests.batches import Wheel
from tests.conftest import TEST_SECRETS, SettableClock
from tests.events import APP, DISLIKED, LIKED, START, feedback, logged

pytestmark = pytest.mark.integration

GERMAN = "Wo ist meine neue Karte, und warum ist sie noch nicht angekommen?"
HALF_A_MEGABYTE = "Where is my card? " * 25_000
EMOJI = "language_drift is .* none was 0% and is 100%"


@pytest.fixture
def wheel(context):
    return Wheel(context())


@pytest.fixture(scope="module")
def admitted_home(tmp_path_factory):
    """A home in which three ordinary batches were admitted, for tests to copy."""
    home = tmp_path_factory.mktemp("admitted")
    settings = Settings(home=home, config_path=REPOSITORY / "feedwheel.toml", **TEST_SECRETS)
    wheel = Wheel(Context(settings, settings.config(), Lake(settings.lake_url), SettableClock()))
    for _ in range(3):
        wheel.crowd()
        run(wheel.context, APP)
    return home, wheel.offset, wheel.context.clock.now


@pytest.fixture
def known(context, clock, admitted_home, tmp_path):
    """A wheel whose gate knows ordinary batches."""
    home, offset, clock.now = admitted_home
    shutil.copytree(home, tmp_path / "home", dirs_exist_ok=True)
    return Wheel(context(), offset)


def thrice(wheel):
    """Everything arrives three times, the copies on other partitions."""
    wheel.crowd()
    for copy in (1, 2):
        places = [replace(event.position, partition=copy) for event in wheel.sent]
        wheel.extract([replace(event, position=place) for event, place in zip(wheel.sent, places, strict=True)])


INPUTS = {
    # what arrives after ordinary batches: how, and what the gate says
    "ordinary": (lambda wheel: wheel.crowd(), "PASS"),
    "empty": (lambda wheel: None, "every current revision is judged"),
    "single user": (lambda wheel: wheel.crowd(user_key="one"), "person_share is 1,"),
    "single class": (
        lambda wheel: wheel.crowd(60, said={"value": DISLIKED}),
        "polarity_drift is .* base-1 at answer: .* a surface says yes or no only",
    ),
    "poisoned": (
        lambda wheel: wheel.crowd(60, said={"value": DISLIKED, "surface": "api"}),
        "surface_drift is .* base-1: .* one surface suddenly gives most of the feedback",
    ),
    "all duplicate": (thrice, "duplicate_share is 0.667"),
    "emoji only": (lambda wheel: wheel.crowd(60, request="\U0001f600", output="\U0001f916"), EMOJI),
    "1 MB a row": (lambda wheel: wheel.crowd(request=HALF_A_MEGABYTE, output=HALF_A_MEGABYTE), "PASS"),
    "other language": (lambda wheel: wheel.crowd(60, request=GERMAN), "language_drift is .* de was 0% and is"),
    "undeclared model": (
        lambda wheel: wheel.crowd(model_version="surprise"),
        "undeclared_share is 1, .* model_version surprise: release the model",
    ),
    "undeclared prompt": (lambda wheel: wheel.crowd(prompt_version="route-9"), "prompt_version route-9"),
    "flood": (lambda wheel: wheel.crowd(660), "volume_ratio is 22"),
    "no feedback": (lambda wheel: wheel.crowd(judged=False), "feedback_per_turn is 0"),
}


@pytest.mark.parametrize("name", INPUTS)
def test_every_kind_of_batch_has_its_outcome(known, name):
    arrive, outcome = INPUTS[name]
    arrive(known)
    if outcome == "PASS":
        assert run(known.context, APP).verdict == "PASS"
    else:
        with pytest.raises((GateRefused, NothingToDo), match=outcome):
            run(known.context, APP)


def test_without_a_baseline_nothing_is_held_against_it(wheel):
    wheel.crowd(user_key="one", model_version="surprise", said={"value": DISLIKED})
    report = run(wheel.context, APP)
    assert (report.verdict, report.facts["people"]) == ("PASS", 1)
    assert report.unjudged == {"baseline": "of 0 admitted batches, 3 are needed"}


def test_conversations_that_are_all_old_are_refused_as_stale(wheel):
    wheel.talk(25)
    wheel.extract([logged(feedback("rename", response_id="a0"), 900)], as_of=START + timedelta(days=8))
    with pytest.raises(GateRefused, match=r"newest_turn_age_s is .* an import brings old conversations"):
        run(wheel.context, APP)


def test_what_was_admitted_before_is_not_new_a_second_time(known):
    with pytest.raises(NothingToDo):
        run(known.context, APP)
    extract.run(known.context, APP, rebuild=True)
    report = run(known.context, APP)
    assert (report.verdict, report.conversations, report.unjudged["new turns"]) == (
        "PASS",
        90,
        "none: all of them were admitted before",
    )
    known.crowd()
    assert "volume_ratio" in run(known.context, APP).facts


def test_a_released_model_is_no_surprise_and_is_liked_as_it_deserves(known):
    release = {"model_version": "tuned-1", "app": APP, **dict.fromkeys(RELEASE, "-"), "released_at": START}
    known.context.lake.append("ops/releases", [release])
    known.crowd(60, model_version="tuned-1", said={"value": LIKED})
    report = run(known.context, APP)
    assert (report.verdict, report.facts["undeclared_share"]) == ("PASS", 0.0)
    assert report.unjudged["polarity_drift"] == "nobody on one of the sides"


RELEASE = ("release_id", "model_uri", "model_digest", "base_digest", "dataset_id", "mlflow_run_id")


@pytest.mark.parametrize(
    ("table", "column", "value", "expectation"),
    [
        ("silver/signals", "response_id", "of-nobody", "column_values_to_be_in_set(answer_in_conversation)"),
        ("silver/signals", "event_ids", ["of-nobody"], "column_values_to_be_in_set(events_in_bronze)"),
        ("silver/turns", "event_id", "of-nobody", "column_values_to_be_in_set(event_in_bronze)"),
        ("silver/conversations", "turns", 2, "column_pair_values_to_be_equal(turns, turn_rows)"),
        ("silver/conversations", "signals", 7, "column_pair_values_to_be_equal(signals, signal_rows)"),
    ],
)
def test_what_refers_to_nothing_is_rejected(wheel, table, column, value, expectation):
    first, *others = wheel.talk(25)
    wheel.break_rows(table, column, value, {first})
    report = run(wheel.context, APP)
    assert (report.rejected, set(report.failures)) == (1, {f"{table} {expectation}"})
    assert wheel.admitted() == sorted(others)


def test_a_waiver_admits_one_batch_with_who_and_why_and_no_failing_row(known):
    before = known.admitted()
    first, *others = known.crowd(60, request=GERMAN)
    known.break_rows("silver/turns", "arm", "control", {first})
    with pytest.raises(UsageError, match="needs a reason"):
        run(known.context, APP, waive=" ")
    report = run(known.context, APP, waive="we opened in Germany", by="ann")
    assert (report.verdict, report.admitted, report.rejected, report.waived_by) == ("WAIVED", 59, 1, "ann")
    assert known.admitted() == sorted([*before, *others])
    gate, evidence = known.gates()[-1], known.evidence()
    assert (gate["verdict"], gate["waived_by"], gate["waiver_reason"]) == ("WAIVED", "ann", "we opened in Germany")
    assert evidence["waived_verdict"] == "FAIL"
    assert "de was 0% and is" in evidence["moved"]["language_drift"]
    known.crowd(60, model_version="surprise")
    with pytest.raises(GateRefused, match="undeclared_share"):
        run(known.context, APP)


def test_a_waiver_without_anything_to_admit_is_refused_and_judges_nothing(wheel):
    names = wheel.talk(25)
    wheel.break_rows("silver/turns", "arm", "control", set(names))
    with pytest.raises(GateRefused, match="no waiver admits those"):
        run(wheel.context, APP, waive="please")
    assert wheel.gates() == []


def test_a_batch_that_passes_needs_no_waiver(wheel):
    wheel.talk(25)
    assert (run(wheel.context, APP, waive="to be sure").verdict, wheel.gates()[0]["waived_by"]) == ("PASS", None)


def test_the_evidence_names_the_versions_that_were_read(wheel):
    wheel.talk(25)
    versions = {f"silver/{name}": wheel.context.lake.open(f"silver/{name}").version() for name in SILVER}
    run(wheel.context, APP)
    assert wheel.evidence()["silver"] == versions


SILVER = ("turns", "signals", "conversations")


def test_each_run_has_a_page_without_anybodys_words_and_old_ones_go(known, monkeypatch):
    monkeypatch.setattr(data_docs, "KEPT", 2)
    first, *_ = known.crowd(60, request=f"my secret words. {GERMAN}", output="a secret answer")
    known.break_rows("silver/signals", "kind", "my secret words", {first})
    with pytest.raises(GateRefused) as refusal:
        run(known.context, APP)
    folder = known.context.settings.data_docs_folder / APP
    pages = sorted(folder.glob("*_*.html"))
    assert len(pages) == 2
    (page,) = folder.glob("*_FAIL_*.html")
    assert page.as_uri() in str(refusal.value)
    shown = page.read_text()
    assert "secret" not in shown
    assert "language_drift is" in shown
    assert "Every event that a signal rests on is an accepted row of bronze" in shown
    assert "https://" not in shown.partition("<body>")[0]  # it is read where no network is
    index = (folder / "index.html").read_text()
    assert [kept.name in index for kept in pages] == [True, True]
