"""Withdrawals in extract, on real Delta tables: what silver says afterwards, whoever said what and in which order."""

import itertools
from dataclasses import replace

import pytest
from feedwheel_capture.events import Erasure, FeedbackValue
from feedwheel_capture.ids import user_key

from pipelines import silver
from pipelines.consents import Horizon, read_consents
from pipelines.extract import commit, run
from pipelines.people import UserKeys
from schemas.errors import InfrastructureError, NothingToDo
from tests import bronze
from tests.events import APP, LIKED, PERSON, START, consent, dialogue, exposure, feedback, generation, log, logged

pytestmark = pytest.mark.integration

TABLES = ("silver/conversations", "silver/turns", "silver/signals")
MOVING = {"revision", "as_of"}
ANN, BOB = {"user_key": "ann"}, {"user_key": "bob"}
EDIT = FeedbackValue(edited_output="lost card", text="you are wrong", text_length=13)


@pytest.fixture
def wheel(context):
    return context()


def ingest(wheel, *events):
    bronze.ingest(wheel.lake, events, START)


def current(wheel):
    """The current rows of silver, less what differs from run to run, in a fixed order."""
    revisions = silver.current_revisions(wheel.lake, APP)
    return {name: _sorted(silver.rows_of(wheel.lake, name, APP, revisions)) for name in TABLES}


def _sorted(rows):
    return sorted(({k: v for k, v in row.items() if k not in MOVING} for row in rows.to_pylist()), key=repr)


def column(wheel, table, name):
    return [row[name] for row in current(wheel)[f"silver/{table}"]]


def kinds(wheel):
    return sorted(column(wheel, "signals", "kind"))


def talk(*said, start=0, **who):
    """Events of a dialogue and an edit of its first answer, from an offset on."""
    answers = dialogue(*(said or ("Where is my card?", "card arrival", "No, I meant my money", "top up")), **who)
    return [logged(record, start + place) for place, record in enumerate([*answers, feedback("edit", EDIT, **who)])]


def test_from_a_withdrawal_on_silver_holds_no_text_of_the_person(wheel):
    ingest(wheel, *talk(**ANN), logged(generation("b0", conversation_id="of-bob", **BOB), 20))
    run(wheel, APP)
    bobs = [row for row in current(wheel)["silver/turns"] if row["user_key"] == "bob"]
    assert kinds(wheel) == ["correction", "edit"]
    ingest(wheel, logged(consent("signal_only", **ANN), 30))
    report = run(wheel, APP)
    assert (report.conversations, report.reconsidered, report.ended) == (1, 1, 0)
    assert (report.taken, report.used) == ({"consentchange": 1}, {"consentchange": 1})
    anns = [row for row in current(wheel)["silver/turns"] if row["user_key"] == "ann"]
    assert {(row["consent"], row["prompt"], row["output"]) for row in anns} == {("signal_only", None, None)}
    assert kinds(wheel) == ["edit"], "what a person did still counts, what they wrote does not"
    assert (column(wheel, "signals", "edited_output"), column(wheel, "signals", "text")) == ([None], [None])
    assert [row for row in current(wheel)["silver/turns"] if row["user_key"] == "bob"] == bobs


ERASURE = Erasure(erasure_id="e", **{**PERSON, **ANN, "consent": "content"})


@pytest.mark.parametrize("wish", [consent("none", **ANN), ERASURE], ids=["withdraws", "asks to be erased"])
def test_who_allows_nothing_is_not_in_silver(wheel, wish):
    ingest(wheel, *talk(**ANN), logged(generation("b0", conversation_id="of-bob", **BOB), 20))
    run(wheel, APP)
    ingest(wheel, logged(wish, 30))
    report = run(wheel, APP)
    assert (report.conversations, report.reconsidered, report.ended) == (1, 1, 1)
    assert column(wheel, "conversations", "conversation_id") == ["of-bob"]
    assert kinds(wheel) == []
    with pytest.raises(NothingToDo):
        run(wheel, APP)


def test_what_was_recorded_with_more_than_is_allowed_now_is_held_to_it_too(wheel):
    ingest(wheel, logged(consent("none", **ANN), 0), *talk(start=1, **ANN))
    report = run(wheel, APP)
    assert report.dropped == {"no_consent": 3}
    assert current(wheel)["silver/conversations"] == []


def test_a_grant_is_not_retroactive_and_holds_from_then_on(wheel):
    ingest(wheel, *talk(**ANN))
    run(wheel, APP)
    ingest(wheel, logged(consent("signal_only", **ANN), 10))
    run(wheel, APP)
    ingest(wheel, logged(consent("content", **ANN), 20), logged(generation("c0", conversation_id="later", **ANN), 30))
    run(wheel, APP)
    outputs = {row["response_id"]: row["output"] for row in current(wheel)["silver/turns"]}
    assert outputs == {"a0": None, "a1": None, "c0": "card arrival"}


def test_what_another_person_says_of_an_answer_stays_theirs(wheel):
    ingest(wheel, *log(generation("a0", **ANN), feedback("edit", EDIT, **BOB), feedback(value=LIKED, **ANN)))
    run(wheel, APP)
    ingest(wheel, logged(consent("none", **BOB), 10))
    run(wheel, APP)
    assert (kinds(wheel), column(wheel, "turns", "output")) == (["thumbs"], ["card arrival"])
    ingest(wheel, logged(consent("none", **ANN), 11))
    report = run(wheel, APP)
    assert (report.ended, current(wheel)["silver/turns"]) == (1, [])


def test_what_others_said_comes_back_with_the_conversation(wheel):
    said = feedback("exit", FeedbackValue(), None, conversation_id="conversation-1", **BOB)
    ingest(wheel, *log(generation("a0", **ANN), said))
    run(wheel, APP)
    ingest(wheel, logged(consent("none", **ANN), 10))
    run(wheel, APP)
    ingest(wheel, logged(consent("content", **ANN), 20), logged(generation("a1", **ANN), 30))
    run(wheel, APP)
    assert (column(wheel, "turns", "response_id"), kinds(wheel)) == (["a1"], ["exit"])


def test_an_orphan_of_a_person_who_withdrew_does_not_join(wheel):
    ingest(wheel, *log(feedback(**BOB), exposure("a0", **ANN)))
    run(wheel, APP)
    ingest(wheel, logged(consent("none", **BOB), 5), logged(generation("a0", **ANN), 6))
    report = run(wheel, APP)
    assert report.taken == {"generation": 1, "orphan": 2, "consentchange": 1}
    assert report.dropped == {"no_consent": 1}
    assert kinds(wheel) == []


def test_a_person_is_found_across_a_rotation(context, tmp_path):
    old, new = "layer-1", "layer-1,layer-2"
    keys = {layers: user_key(layers.split(","), APP, "ann") for layers in (old, new)}
    before, after = context(user_key_layers=old), context(user_key_layers=new)
    ingest(before, *talk(user_key=keys[old], user_key_id=1))
    run(before, APP)
    ingest(after, logged(consent("signal_only", user_key=keys[new], user_key_id=2), 10))
    report = run(after, APP)
    assert (report.reconsidered, report.unknown_layers) == (1, 0)
    assert set(column(after, "turns", "output")) == {None}
    assert {(row["user_key"], row["user_key_id"]) for row in current(after)["silver/turns"]} == {(keys[new], 2)}


def test_a_withdrawal_under_the_old_key_holds_for_what_came_under_the_new_one(context):
    layers = ["layer-1", "layer-2"]
    wheel = context(user_key_layers=",".join(layers))
    ingest(wheel, *talk(user_key=user_key(layers, APP, "ann"), user_key_id=2))
    ingest(wheel, logged(consent("none", user_key=user_key(layers[:1], APP, "ann"), user_key_id=1), 10))
    assert run(wheel, APP).dropped == {"no_consent": 3}


@pytest.mark.parametrize("withdrawn_under", [1, 2])
def test_what_extract_could_not_match_it_finds_once_it_has_the_layer(context, withdrawn_under):
    """Whoever records got the new layer before the pipelines had it."""
    layers = ["layer-1", "layer-2"]
    before, after = (context(user_key_layers=",".join(layers[:number])) for number in (1, 2))
    under = {number: {"user_key": user_key(layers[:number], APP, "ann"), "user_key_id": number} for number in (1, 2)}
    ingest(before, *talk(**under[3 - withdrawn_under]), logged(consent("signal_only", **under[withdrawn_under]), 10))
    run(before, APP)
    assert "card arrival" in column(before, "turns", "output")
    assert run(after, APP).reconsidered == 1
    assert set(column(after, "turns", "output")) == {None}
    with pytest.raises(NothingToDo):
        run(after, APP)


def test_who_lacked_a_layer_is_taken_to_know_of_no_withdrawal(context):
    wheel = context(user_key_layers="layer-1,layer-2")
    change = logged(consent("none", user_key=user_key(["layer-1"], APP, "ann"), user_key_id=1), 10)
    ingest(wheel, change)
    consents = read_consents(wheel.lake, APP, UserKeys(wheel.settings.user_keys))
    read = {(change.position.topic_id, 0): 11}
    assert consents.unknown_to(Horizon(read, layers=2)) == frozenset()
    assert consents.unknown_to(Horizon({}, layers=2)) == consents.unknown_to(Horizon(read, layers=1)) != frozenset()


def test_a_raw_id_in_place_of_a_key_is_nobody_else(context):
    layers = ["layer-1", "layer-2"]
    wheel = context(user_key_layers=",".join(layers))
    ingest(wheel, *talk(user_key=user_key(layers, APP, "ann"), user_key_id=2))
    ingest(wheel, logged(consent("none", user_key=f"{APP}/ann", user_key_id=0), 10))
    report = run(wheel, APP)
    assert (report.dropped, report.unknown_layers) == ({}, 1)


def test_one_person_under_two_keys_has_one_standing_opinion(context):
    layers = ["layer-1", "layer-2"]
    wheel = context(user_key_layers=",".join(layers))
    old, new = ({"user_key": user_key(layers[:number], APP, "ann"), "user_key_id": number} for number in (1, 2))
    ingest(wheel, *log(generation("a0", **old), feedback(**old), feedback(**new)))
    assert run(wheel, APP).dropped == {"superseded": 1}


HISTORY = [
    ("recorded", talk(**ANN)),
    ("by bob", [logged(feedback("edit", EDIT, response_id="a1", **BOB), 8)]),
    ("withdrawn", [logged(consent("none", **ANN), 10)]),
    ("granted", [logged(consent("content", **ANN), 20)]),
    ("recorded again", [logged(generation("c0", conversation_id="later", **ANN), 30)]),
]


@pytest.mark.parametrize("order", list(itertools.permutations(range(5)))[::13])
def test_any_order_of_arrival_gives_what_a_rebuild_gives(wheel, order):
    """The events keep their times; what differs is only when bronze has them."""
    for place, step in enumerate(order):
        moved = [
            replace(event, position=replace(event.position, offset=100 * place + event.position.offset))
            for event in HISTORY[step][1]
        ]
        ingest(wheel, *moved)
        run(wheel, APP)
    incremental = current(wheel)
    run(wheel, APP, rebuild=True)
    assert current(wheel) == incremental
    assert column(wheel, "turns", "response_id") == ["c0"]


def test_a_rebuild_ends_what_a_withdrawal_ends(wheel):
    ingest(wheel, *talk(**ANN))
    run(wheel, APP)
    ingest(wheel, logged(consent("none", **ANN), 10))
    report = run(wheel, APP, rebuild=True)
    assert report.ended == 1
    assert [row for table in TABLES for row in current(wheel)[table]] == []


class Killed(BaseException):
    """What a kill looks like from inside: nothing catches it."""


@pytest.mark.parametrize("survived", [0, 1, 2], ids=["at the first table", "at signals", "at the commit point"])
@pytest.mark.parametrize("state", ["signal_only", "none"])
def test_killed_between_its_commits_a_withdrawal_is_taken_once(wheel, monkeypatch, survived, state):
    ingest(wheel, *talk(**ANN), logged(generation("b0", conversation_id="of-bob", **BOB), 20))
    run(wheel, APP)
    before = current(wheel)
    ingest(wheel, logged(consent(state, **ANN), 30), logged(generation("b1", conversation_id="of-bob", **BOB), 31))
    commits, real = iter(range(10)), commit.commit_files

    def dying(*args):
        if next(commits) == survived:
            raise Killed("killed")
        return real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(commit, "commit_files", dying)
        with pytest.raises(BaseException, match="killed"):
            run(wheel, APP)
    assert current(wheel) == before
    report = run(wheel, APP)
    assert (report.taken, report.reconsidered) == ({"generation": 1, "consentchange": 1}, 1)
    assert report.ended == (state == "none")
    assert not any(row["output"] for row in current(wheel)["silver/turns"] if row["user_key"] == "ann")
    with pytest.raises(NothingToDo):
        run(wheel, APP)


def test_of_two_runs_at_once_one_takes_the_withdrawal(wheel, monkeypatch):
    ingest(wheel, *talk(**ANN))
    run(wheel, APP)
    ingest(wheel, logged(consent("none", **ANN), 10))
    real = commit.Committer.commit

    def overtaken(self, manifests):
        monkeypatch.setattr(commit.Committer, "commit", real)
        run(wheel, APP)
        real(self, manifests)

    monkeypatch.setattr(commit.Committer, "commit", overtaken)
    with pytest.raises(InfrastructureError, match="another extract committed first"):
        run(wheel, APP)
    assert [row for table in TABLES for row in current(wheel)[table]] == []
