"""Extract on real Delta tables: what is new, what silence touches, what waits, what a crash leaves."""

import math
from dataclasses import replace
from datetime import timedelta

import pyarrow.compute as pc
import pytest
from feedwheel_capture.events import FeedbackValue

from feedback.detectors import reading
from feedback.dissatisfaction.model import shipped_model
from pipelines import silver
from pipelines.extract import commit, run
from schemas.errors import InfrastructureError, NothingToDo, UsageError
from tests import bronze, current_silver
from tests.events import APP, START, dialogue, exposure, feedback, generation, log, logged
from tests.events import conversation as one_conversation

pytestmark = pytest.mark.integration

HOUR = timedelta(hours=1)


@pytest.fixture
def wheel(context):
    """A context over a lake, with a drain that ended at START for whatever is ingested."""
    return context()


def ingest(wheel, *events, as_of=START):
    bronze.ingest(wheel.lake, events, as_of)


def current(wheel):
    return current_silver.current(wheel.lake)


def column(wheel, table, name):
    return [row[name] for row in current(wheel)[table]]


def logit(p):
    return math.log(p / (1 - p))


def kinds(wheel):
    return sorted(column(wheel, "silver/signals", "kind"))


def test_events_become_turns_signals_and_a_conversation(wheel):
    ingest(wheel, *log(generation("a0"), exposure("a0"), feedback("edit", FeedbackValue(edited_output="lost card"))))
    report = run(wheel, APP)
    (turn,), (signal,), (conversation,) = (
        current(wheel)[name] for name in ("silver/turns", "silver/signals", "silver/conversations")
    )
    assert turn["prompt"] == [{"role": "user", "content": "Where is my card?"}]
    assert (turn["output"], turn["exposure_policy"]) == ("card arrival", "gate")
    words = shipped_model().shifts(reading.read(one_conversation(generation("a0"))))["a0"]
    evidence = signal["strength"] * logit(signal["confidence"])
    assert logit(turn["p_dissatisfied"]) == pytest.approx(logit(0.3) + words + evidence)
    assert (signal["kind"], signal["edited_output"], signal["response_id"]) == ("edit", "lost card", "a0")
    assert (conversation["turns"], conversation["signals"], len(conversation["events"])) == (1, 1, 3)
    assert report.taken == {"generation": 1, "exposure": 1, "feedback": 1}
    assert report.used == {"generation": 1, "exposure": 1, "feedback": 1}
    assert sum(report.dropped.values()) == 0


def test_nothing_before_the_first_drain_and_nothing_new_after_a_run(wheel):
    with pytest.raises(NothingToDo, match="feedwheel ingest"):
        run(wheel, APP)
    ingest(wheel, *log(generation("a0"), feedback()))
    run(wheel, APP)
    version = wheel.lake.open("silver/conversations").version()
    with pytest.raises(NothingToDo):
        run(wheel, APP)
    assert wheel.lake.open("silver/conversations").version() == version


def test_unknown_application_is_refused(wheel):
    with pytest.raises(UsageError, match="no application"):
        run(wheel, "nobody")


def test_later_events_revise_only_the_conversation_they_touch(wheel):
    other = logged(generation("b0", conversation_id="conversation-2"), 1)
    ingest(wheel, logged(generation("a0"), 0), other)
    run(wheel, APP)
    first = dict(zip(*_revisions(wheel), strict=True))
    ingest(wheel, logged(feedback(), 2))
    report = run(wheel, APP)
    second = dict(zip(*_revisions(wheel), strict=True))
    assert report.conversations == 1
    assert second["conversation-1"] > first["conversation-1"]
    assert second["conversation-2"] == first["conversation-2"]
    assert kinds(wheel) == ["thumbs"]


def _revisions(wheel):
    return (column.to_pylist() for column in silver.current_revisions(wheel.lake, APP).columns)


def test_rebuild_gives_what_the_increments_gave(wheel):
    answers = dialogue("Where is my card?", "card arrival", "No, I meant my money", "top up", "thanks")
    events = log(*answers, feedback(), feedback(value=None), exposure("a1"), feedback(response_id="a2"))
    for offset, event in enumerate(reversed(events)):
        ingest(wheel, replace(event, position=replace(event.position, offset=offset)), as_of=START + offset * HOUR)
        run(wheel, APP)
    incremental = current(wheel)
    report = run(wheel, APP, rebuild=True)
    assert current(wheel) == incremental
    assert report.used == {"generation": 3, "feedback": 2, "exposure": 1}
    assert report.dropped == {"superseded": 1}
    with pytest.raises(NothingToDo):
        run(wheel, APP)


def test_silence_is_a_signal_once_due_and_only_once(wheel):
    ingest(wheel, *log(generation("a0")))
    run(wheel, APP)
    assert kinds(wheel) == []
    assert column(wheel, "silver/conversations", "due_at") == [START + timedelta(minutes=30)]
    bronze.ingest(wheel.lake, [], START + HOUR)
    report = run(wheel, APP)
    assert (report.due, report.taken) == (1, {})
    assert kinds(wheel) == ["abandonment"]
    assert column(wheel, "silver/conversations", "due_at") == [None]
    with pytest.raises(NothingToDo):
        run(wheel, APP)


def test_what_comes_after_silence_revises_it(wheel):
    ingest(wheel, *log(generation("a0")), as_of=START + HOUR)
    run(wheel, APP)
    ingest(wheel, logged(feedback(), 1), as_of=START + HOUR)
    run(wheel, APP)
    assert kinds(wheel) == ["thumbs"]


def test_feedback_waits_for_its_answer_and_joins_when_it_comes(wheel):
    by_conversation = feedback("exit", FeedbackValue(), None, conversation_id="conversation-1")
    ingest(wheel, *log(feedback(), exposure("a0"), by_conversation))
    report = run(wheel, APP)
    assert report.dropped == {"orphan": 3}
    assert wheel.lake.read("silver/orphans").num_rows == 3
    assert report.conversations == 0
    ingest(wheel, logged(generation("a0"), 9))
    report = run(wheel, APP)
    assert (report.joined, report.taken["orphan"]) == (3, 3)
    assert kinds(wheel) == ["exit", "thumbs"]
    assert column(wheel, "silver/turns", "exposure_policy") == ["gate"]


def test_feedback_follows_its_answer_whatever_conversation_it_names(wheel):
    ingest(wheel, *log(generation("a0"), feedback(conversation_id="another")))
    run(wheel, APP)
    assert column(wheel, "silver/signals", "conversation_id") == ["conversation-1"]


def test_an_answer_belongs_to_one_conversation(wheel):
    ingest(wheel, *log(generation("a0"), generation("a0", conversation_id="stolen")))
    report = run(wheel, APP)
    assert report.dropped == {"contested": 1}
    assert column(wheel, "silver/conversations", "conversation_id") == ["conversation-1"]


def test_applications_do_not_mix(wheel):
    ingest(wheel, *log(generation("a0"), generation("b0", app="another"), feedback(response_id="b0")))
    report = run(wheel, APP)
    assert report.dropped == {"orphan": 1}
    assert column(wheel, "silver/turns", "response_id") == ["a0"]


def test_every_bad_event_has_its_count(wheel):
    events = log(generation("a0"), feedback(), feedback(), generation("a1", consent="none", output=None))
    copies = [replace(events[1], position=replace(events[1].position, offset=50))]
    ingest(wheel, *events, *copies)
    bronze.append(wheel.lake, "bronze/feedback", [bronze.rejected(logged(feedback(), 60))])
    report = run(wheel, APP)
    assert report.taken == {"generation": 2, "feedback": 3}
    assert report.used == {"generation": 1, "feedback": 1}
    assert report.dropped == {"duplicate": 1, "superseded": 1, "no_consent": 1}
    (row,) = wheel.lake.read("ops/runs", where=pc.field("stage") == "extract").to_pylist()
    assert row["counts_in"] == '{"feedback":3,"generation":2}'


def test_without_consent_for_text_signals_count_and_text_does_not_rest(wheel):
    silent = [generation("a0", output=None, output_length=12, consent="signal_only"), feedback(consent="signal_only")]
    ingest(wheel, *log(*silent))
    report = run(wheel, APP)
    assert report.unread_messages == 1
    assert report.unread_languages == 0
    assert (column(wheel, "silver/turns", "prompt"), column(wheel, "silver/turns", "output")) == ([None], [None])
    assert kinds(wheel) == ["thumbs"]


def test_a_topic_made_again_is_another_topic(wheel):
    first = logged(generation("a0"), 0)
    again = logged(generation("a1"), 0, event_id="event-of-the-new-topic")
    again = replace(again, position=replace(again.position, topic_id="made-again"))
    ingest(wheel, first)
    run(wheel, APP)
    ingest(wheel, again)
    run(wheel, APP)
    assert sorted(column(wheel, "silver/turns", "response_id")) == ["a0", "a1"]


class Killed(BaseException):
    """What a kill looks like from inside: nothing catches it."""


@pytest.mark.parametrize("survived", [0, 1, 2], ids=["at the first table", "at signals", "at the commit point"])
def test_killed_between_its_commits_and_run_again_gives_the_same(wheel, context, tmp_path, monkeypatch, survived):
    waiting, *events = log(
        feedback(response_id="z9"), *dialogue("Where is my card?", "card arrival", "thanks"), feedback()
    )
    late = logged(generation("z9", conversation_id="conversation-9"), 9)

    def extract_in_two(wheel):
        ingest(wheel, waiting)
        run(wheel, APP)
        ingest(wheel, *events, late)

    calm = context(home=tmp_path / "calm")
    extract_in_two(calm)
    run(calm, APP)
    extract_in_two(wheel)
    before = current(wheel)
    with monkeypatch.context() as patch:
        _kill_after(patch, survived)
        with pytest.raises(BaseException, match="killed"):
            run(wheel, APP)
    assert wheel.lake.read("silver/turns").num_rows == (3 if survived else 0)
    assert current(wheel) == before
    report = run(wheel, APP)
    assert current(wheel) == current(calm)
    assert (report.joined, sum(report.taken.values())) == (1, 5)


def _kill_after(patch, survived):
    commits = iter(range(10))
    real = commit.commit_files

    def dying(*args):
        if next(commits) == survived:
            raise Killed("killed")
        return real(*args)

    patch.setattr(commit, "commit_files", dying)


def test_of_two_runs_at_once_one_commits(wheel, monkeypatch):
    ingest(wheel, *log(generation("a0")))
    real = commit.Committer.commit

    def overtaken(self, manifests):
        monkeypatch.setattr(commit.Committer, "commit", real)
        run(wheel, APP)
        real(self, manifests)

    monkeypatch.setattr(commit.Committer, "commit", overtaken)
    with pytest.raises(InfrastructureError, match="another extract committed first"):
        run(wheel, APP)
    assert column(wheel, "silver/turns", "response_id") == ["a0"]


def test_a_race_at_the_commit_point_is_lost_by_the_later(wheel, monkeypatch):
    ingest(wheel, *log(generation("a0")))
    real = commit.commit_files

    def overtaken(table, files, transactions, metadata):
        if transactions:
            monkeypatch.setattr(commit, "commit_files", real)
            run(wheel, APP)
        real(table, files, transactions, metadata)

    monkeypatch.setattr(commit, "commit_files", overtaken)
    with pytest.raises(InfrastructureError, match="another extract committed first"):
        run(wheel, APP)
    assert column(wheel, "silver/turns", "response_id") == ["a0"]


def test_a_clock_that_goes_back_does_not_hide_what_is_newer(wheel, clock):
    ingest(wheel, *log(generation("a0")))
    run(wheel, APP)
    clock.advance(days=-1)
    ingest(wheel, logged(feedback(), 1))
    run(wheel, APP)
    assert kinds(wheel) == ["thumbs"]


def test_words_that_no_detector_reads_are_counted_and_the_language_is_on_record(wheel):
    polish = dialogue("Gdzie jest moja karta, proszę?", "card arrival", "To nie jest to, dlaczego nie mogę?")
    ingest(wheel, *log(*polish))
    assert run(wheel, APP).unread_languages == 1
    assert column(wheel, "silver/conversations", "language") == ["pl"]
