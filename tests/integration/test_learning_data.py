"""Curate and dataset on real Delta tables and a real Ray: counts, commit points, splits, replay."""

import json
import re
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import msgspec
import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable, write_deltalake
from feedwheel_capture.catalogue import TYPE_OF_RECORD
from feedwheel_capture.events import Candidate, Erasure, FeedbackValue
from typer.testing import CliRunner

from feedback.near_duplicates import normalise
from pipelines import curate, dataset, extract, validate
from pipelines.cli.main import app
from pipelines.curate.benchmarks import questions
from pipelines.curate.examples import user_text
from pipelines.curate.record import candidates_of, newest_curation
from pipelines.dataset import compare, files
from pipelines.dataset import replay as replaying
from pipelines.dataset.manifest import examples_of, find_manifest, manifests, write_manifest
from pipelines.dataset.selection import Selection
from pipelines.people import UserKeys
from pipelines.simulate.funnel import measure_funnel
from schemas.arrow import to_row
from schemas.errors import CheckFailed, ContractViolation, InputGone, NothingToDo, UsageError
from schemas.examples import TRAINING_USES
from tests import bronze
from tests.events import APP, START, feedback, logged
from tests.people import Town, messages

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.usefixtures("ray_cluster")]

MESSAGES = messages()


@pytest.fixture
def town(context, clock):
    return Town(context(), people=60, tick=lambda: clock.advance(minutes=1))


@pytest.fixture
def built(town):
    """A town whose talk has become a data set."""
    town.talk(MESSAGES[:200])
    town.curate()
    return town, dataset.run(town.context, APP)


def keep(town, table, where):
    """Leave only some rows in a table, as an erasure would."""
    write_deltalake(town.context.lake.uri(table), town.context.lake.read(table, where=where), mode="overwrite")


def column(town, table, name):
    return town.context.lake.read(table).column(name).to_pylist()


def test_every_answer_and_label_is_counted_and_dropped_examples_are_kept_with_their_reason(town):
    town.talk(MESSAGES[:150])
    town.seed = 2  # other people ask the same
    town.talk(MESSAGES[100:150])
    report = town.curate()
    runs = town.context.lake.read("ops/runs", where=pc.field("stage") == "curate").to_pylist()
    counts_in, counts_out, dropped = (json.loads(runs[0][name]) for name in ("counts_in", "counts_out", "dropped"))
    assert sum(counts_in.values()) == sum(counts_out.values()) + sum(dropped.values())
    assert counts_in["answers"] == report.answers == 200
    assert sum(report.examples.values()) == town.context.lake.read("gold/candidates").num_rows
    kept_reasons = town.context.lake.read("gold/dropped").group_by(["step", "reason"]).aggregate([([], "count_all")])
    listed = {(row["step"], row["reason"]): row["count_all"] for row in kept_reasons.to_pylist()}
    assert listed == {
        (step, reason): count
        for step, reasons in report.dropped.items()
        if step != "label"
        for reason, count in reasons.items()
    }
    assert listed[("exact duplicates", "duplicate")] > 0
    assert listed[("decontamination", "eval_neighbour")] > 0


def test_the_funnel_says_what_stands_in_the_tables(town):
    town.talk(MESSAGES[:150])
    town.seed = 2
    town.talk(MESSAGES[100:150])
    town.curate()
    report, lake = dataset.run(town.context, APP), town.context.lake
    levels = {level.name: level for level in measure_funnel(town.context, APP)}
    assert levels["valid signals"].count == levels["signals"].count == lake.read("silver/signals").num_rows
    assert sum(levels["signals"].parts.values()) == levels["signals"].count
    assert levels["labels"].dropped.keys() <= {"evaluation person", "gate unanswered", "no signal", "no text"}
    taken_away = sum(levels["deduplicated"].dropped.values())
    assert taken_away == lake.read("gold/dropped").num_rows > 0
    assert levels["deduplicated"].count == levels["labels"].count - taken_away == lake.read("gold/candidates").num_rows
    assert levels["training examples"].count == sum(report.sets[use] for use in TRAINING_USES)
    assert levels["training examples"].dropped == {"kept for eval": report.sets["eval"]}


def test_questions_of_benchmarks_that_people_ask_never_train(town):
    asked = [question for question in questions(["arena_hard", "mt_bench"]) if 5 <= len(question.split()) <= 40]
    planted = [f"hello there, {question} thanks" if n % 2 else question for n, question in enumerate(asked[:60])]
    town.talk(MESSAGES[:180])
    town.talk([replace(MESSAGES[n % 40], text=text) for n, text in enumerate(planted)])
    report = town.curate()
    assert report.dropped["decontamination"]["benchmark"] > 30
    built = dataset.run(town.context, APP)
    rows = examples_of(town.context.lake, built.dataset_id).to_pylist()
    trained = [normalise(user_text(row["prompt"])) for row in rows if row["set_name"] in TRAINING_USES]
    assert trained, "what people asked beside them trains"
    assert [text for text in trained for question in asked if question in text] == []


def test_nobody_is_on_both_sides_and_only_gate_answers_evaluate(built):
    town, report = built
    rows = examples_of(town.context.lake, report.dataset_id).to_pylist()
    sides = {side: {row["user_key"] for row in rows if row["split"] == side} for side in ("eval", "train")}
    assert sides["eval"]
    assert sides["train"]
    assert not sides["eval"] & sides["train"]
    asked = town.context.lake.read("silver/turns", where=pc.field("exposure_policy") == "gate")
    evaluated = {row["response_id"] for row in rows if row["set_name"] == "eval"}
    assert evaluated <= set(asked.column("response_id").to_pylist())
    assert report.gate_asked == asked.num_rows
    assert report.gate_answered == len(evaluated)


def test_a_person_on_both_sides_stops_the_build(built):
    town, report = built
    rows = examples_of(town.context.lake, report.dataset_id)
    key = pc.field("user_key") == rows.filter(pc.field("split") == "eval").column("user_key")[0]
    from pipelines.dataset.stage import check_split

    moved = rows.filter(~key).to_pylist() + [
        {**row, "split": "train", "set_name": "sft"} for row in rows.filter(key).to_pylist()[:1]
    ]
    import pyarrow as pa

    both = pa.Table.from_pylist([*moved, *rows.filter(key).to_pylist()], schema=rows.schema)
    with pytest.raises(ContractViolation, match="1 people both evaluate and train"):
        check_split(both)


def test_what_is_personal_does_not_reach_gold(town):
    offset = town.offset
    town.talk(MESSAGES[:60])
    assert offset == 0
    turns = town.context.lake.read("bronze/generations").to_pylist()
    trainer = next(row for row in turns if row["split_bucket"] >= 3_000)
    who = {name: trainer[name] for name in ("app", "user_key", "split_bucket", "conversation_id", "response_id")}
    # An event that slipped in before the pattern was known: bronze holds it as it came.
    leak = feedback(
        "edit", FeedbackValue(edited_output="write to jo.doe@example.com, I am Ann Lee"), feedback_id="leak", **who
    )
    said = logged(
        leak,
        town.offset,
        event_id="leak",
        sent_at=START + timedelta(days=1),
        appended_at=START + timedelta(days=1),
    )
    bronze.ingest(town.context.lake, [said], START + timedelta(days=2))
    town.curate()
    stored = town.context.lake.read("gold/candidates").column("completion").to_pylist()
    assert "write to [EMAIL_1], I am [PERSON_1]" in stored
    assert not any("example.com" in text or "Ann" in text for text in stored)


def test_a_curation_that_died_before_its_record_does_not_count(town, monkeypatch):
    town.talk(MESSAGES[:80])

    def die(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("pipelines.curate.stage.write_curation", die)
    with pytest.raises(KeyboardInterrupt):
        town.curate()
    assert town.context.lake.read("gold/candidates").num_rows > 0
    assert newest_curation(town.context.lake, APP) is None
    with pytest.raises(NothingToDo, match="no candidates"):
        dataset.run(town.context, APP)
    monkeypatch.undo()
    report = curate.run(town.context, APP)
    assert candidates_of(town.context.lake, newest_curation(town.context.lake, APP)).num_rows == sum(
        report.examples.values()
    )


def test_nothing_is_curated_twice_and_nothing_before_admission(town):
    with pytest.raises(NothingToDo, match="feedwheel extract"):
        curate.run(town.context, APP)
    town.talk(MESSAGES[:60])
    extract.run(town.context, APP)
    with pytest.raises(NothingToDo, match="feedwheel validate"):
        curate.run(town.context, APP)
    validate.run(town.context, APP)
    curate.run(town.context, APP)
    with pytest.raises(NothingToDo, match="nothing was admitted since"):
        curate.run(town.context, APP)


def test_a_set_is_built_once_and_only_when_enough_is_new(town):
    town.talk(MESSAGES[:60])
    town.curate()
    with pytest.raises(NothingToDo, match=r"trigger\.min_new_examples is 50"):
        dataset.run(town.context, APP)
    town.talk(MESSAGES[60:200])
    town.curate()
    first = dataset.run(town.context, APP)
    assert dataset.run(town.context, APP).dataset_id == first.dataset_id
    assert first.new_examples == first.sets["sft"] >= 50


def test_a_selection_is_always_built_and_is_not_the_set_to_train_on(built):
    town, whole = built
    chosen = dataset.run(town.context, APP, Selection(where="rule=disliked and weight>=0.85"))
    assert set(chosen.rules) == {"disliked"}
    assert chosen.sets["kto"] < whole.sets["kto"]
    found = {manifest.dataset_id: manifest.is_whole for manifest in manifests(town.context.lake, APP)}
    assert found == {whole.dataset_id: True, chosen.dataset_id: False}


def test_differences_and_files(built, tmp_path):
    town, old = built
    town.talk(MESSAGES[200:260])
    town.curate()
    new = dataset.run(town.context, APP)
    found = compare.diff(town.context, APP, old.dataset_id, new.dataset_id)
    assert not found.identical
    assert sum(found.added.values()) + sum(found.kept.values()) == sum(new.sets.values())
    assert sum(found.removed.values()) + sum(found.kept.values()) == sum(old.sets.values())
    assert {"as_of", "input_rows"} <= set(found.manifest)
    files.export(town.context, APP, new.dataset_id, tmp_path / "out", check=False)
    lines = {name: (tmp_path / "out" / f"{name}.jsonl").read_text().splitlines() for name in new.sets}
    rows = {name: [json.loads(line) for line in of] for name, of in lines.items()}
    assert {name: len(of) for name, of in rows.items()} == new.sets
    assert set(rows["sft"][0]) == {"example_id", "prompt", "completion", "weight"}
    assert rows["sft"][0]["completion"][0]["role"] == "assistant"
    assert {type(row["label"]) for row in rows["kto"]} == {bool}
    with pytest.raises(UsageError, match="begin with"):
        find_manifest(town.context.lake, APP, "nothing")


class TestBiasReport:
    def test_comes_with_every_set_and_is_shown(self, built, monkeypatch):
        town, report = built
        whole = find_manifest(town.context.lake, APP, report.dataset_id)
        turns = town.context.lake.read("silver/turns")
        assert (whole.bias.answers, whole.bias.missing) == (turns.num_rows, [])
        assert whole.bias.people == len(set(turns.column("user_key").to_pylist()))
        figures = {figure.measure: figure for figure in whole.bias.figures}
        assert figures["mean rating, 0 to 1"].n > 10
        assert figures["satisfied share, doubly robust"].corrected is not None
        assert figures["share of training examples of holdout answers"].raw == 0
        assert 0 < figures["share of answers to imitate that the model wrote"].raw < 1
        since = turns.column("turn_time").to_pylist()[50]
        chosen = dataset.run(town.context, APP, Selection(since=since))
        part = find_manifest(town.context.lake, APP, chosen.dataset_id).bias
        assert part.answers == turns.filter(pc.field("turn_time") >= since).num_rows < whole.bias.answers
        measure = "chance that two examples ask the same"
        assert [figure.before for figure in part.figures if figure.measure == measure] == [figures[measure].raw]
        monkeypatch.setattr("pipelines.cli.datasets._context", lambda: town.context)
        shown = CliRunner().invoke(app, ["dataset", "show", report.dataset_id], catch_exceptions=False).stdout
        assert "mean rating, 0 to 1" in shown
        assert "lacks" in shown
        printed = (
            CliRunner().invoke(app, ["dataset", "show", report.dataset_id, "--json"], catch_exceptions=False).stdout
        )
        assert json.loads(printed)["bias"] == msgspec.to_builtins(whole.bias)

    def test_reads_what_was_chosen_and_how_long_it_was_looked_at(self, town):
        town.talk(MESSAGES[:200])
        answers = town.context.lake.read("bronze/generations").to_pylist()[:40]
        said = []
        for one, other in zip(answers[::2], answers[1::2], strict=True):
            who = {name: one[name] for name in ("user_key", "split_bucket", "conversation_id", "response_id")}
            shown = [
                Candidate(response_id=row["response_id"], position=place) for place, row in enumerate((one, other))
            ]
            value = FeedbackValue(candidates=shown, chosen=one["response_id"])
            chosen = feedback("comparison", value, feedback_id=f"of {one['response_id']}", dwell_ms=5.0, **who)
            said.append(town._log(chosen))
        bronze.ingest(town.context.lake, said, town.now)
        town.curate()
        report = find_manifest(town.context.lake, APP, dataset.run(town.context, APP).dataset_id).bias
        figures = {figure.measure: figure for figure in report.figures}
        assert figures["chosen when shown first"].raw == 1.0
        assert figures["chosen when shown first"].n == len({row["user_key"] for row in answers[::2]})
        fast, timed = map(int, re.findall(r"(\d+) (?:votes|timed)", figures["satisfied share of votes"].note))
        assert fast == timed > 0

    def test_leaves_out_whoever_has_withdrawn(self, built):
        town, first = built
        town.change_consent("none", user_key=_busiest(town, first))
        town.tick()
        before, after = (
            find_manifest(town.context.lake, APP, name).bias
            for name in (first.dataset_id, dataset.run(town.context, APP).dataset_id)
        )
        assert after.people == before.people - 1
        assert after.answers < before.answers

    def test_that_is_missing_or_silent_on_a_bias_stops_the_build(self, built):
        town, report = built
        whole = find_manifest(town.context.lake, APP, report.dataset_id)
        silent = msgspec.structs.replace(whole.bias, figures=whole.bias.figures[1:-4])
        for bias, words in ((None, "no bias report"), (silent, "nothing on loop")):
            with pytest.raises(ContractViolation, match=words):
                write_manifest(town.context.lake, msgspec.structs.replace(whole, bias=bias))
        assert len(manifests(town.context.lake, APP)) == 1


class TestReplay:
    def test_of_an_untouched_set_is_identical_and_stays_so_when_more_is_said(self, built):
        town, report = built
        assert replaying.replay(town.context, APP, report.dataset_id).verdict == "IDENTICAL"
        town.talk(MESSAGES[200:260])
        town.curate()
        assert replaying.replay(town.context, APP, report.dataset_id).verdict == "IDENTICAL"

    def test_of_a_selection_is_identical(self, built):
        town, _ = built
        chosen = dataset.run(town.context, APP, Selection(where="rule=edited"))
        assert replaying.replay(town.context, APP, chosen.dataset_id).verdict == "IDENTICAL"

    def test_leaves_out_what_was_not_admitted(self, town):
        town.talk(MESSAGES[:200])
        extract.run(town.context, APP)
        validate.run(town.context, APP)
        withheld = column(town, "silver/admissions", "conversation_id")[0]
        DeltaTable(town.context.lake.uri("silver/admissions")).delete(f"conversation_id = '{withheld}'")
        curate.run(town.context, APP)
        report = dataset.run(town.context, APP)
        manifest = find_manifest(town.context.lake, APP, report.dataset_id)
        assert manifest.inputs.withheld == [withheld]
        assert replaying.replay(town.context, APP, report.dataset_id).verdict == "IDENTICAL"

    def test_says_when_the_input_is_gone(self, built):
        town, report = built
        keep(town, "bronze/generations", pc.field("offset") >= 9)
        with pytest.raises(InputGone, match="events it was built from are no longer in bronze"):
            replaying.replay(town.context, APP, report.dataset_id)

    def test_says_reduced_when_an_erased_person_is_missing(self, built):
        town, report = built
        rows = examples_of(town.context.lake, report.dataset_id, "sft").to_pylist()
        gone = rows[0]["user_key"]
        for table in ("bronze/generations", "bronze/feedback"):
            keep(town, table, pc.field("user_key") != gone)
        erasure = Erasure(
            erasure_id="e", app=APP, user_key=gone, user_key_id=1, split_bucket=rows[0]["split_bucket"], consent="none"
        )
        position = logged(feedback(), 0)
        town.context.lake.append(
            "bronze/privacy",
            [
                {
                    **bronze.envelope(position),
                    "status": "accepted",
                    "event_id": "erasure",
                    "event_source": "app",
                    "event_type": TYPE_OF_RECORD[Erasure].versioned_name,
                    "event_time": START,
                    **to_row(erasure),
                }
            ],
        )
        found = replaying.replay(town.context, APP, report.dataset_id)
        assert found.verdict == "REDUCED"
        assert found.missing >= 1

    def test_blames_other_code_only_where_the_code_is_other(self, built, monkeypatch):
        town, report = built
        # A rule that another version of the code would apply.
        monkeypatch.setattr("pipelines.curate.steps.select", _select_less)
        with pytest.raises(CheckFailed, match="DEFECT"):
            replaying.replay(town.context, APP, report.dataset_id)
        monkeypatch.setattr("pipelines.dataset.replay.code_hash", lambda: "another version")
        assert replaying.replay(town.context, APP, report.dataset_id).verdict == "CODE_DIFFERS"

    def test_notices_rows_that_were_altered_in_the_set(self, built):
        town, report = built
        example = column(town, "gold/datasets/examples", "example_id")[0]
        DeltaTable(town.context.lake.uri("gold/datasets/examples")).delete(f"example_id = '{example}'")
        with pytest.raises(CheckFailed, match="do not have the manifest's content hash"):
            replaying.replay(town.context, APP, report.dataset_id)


@pytest.mark.parametrize("state", ["signal_only", "none"])
class TestWithdrawal:
    def test_leaves_no_candidate_and_no_example_of_the_next_set(self, built, state):
        town, first = built
        busiest = _busiest(town, first)
        town.change_consent(state, user_key=busiest)
        extract.run(town.context, APP)
        town.tick()
        curate.run(town.context, APP)
        candidates = candidates_of(town.context.lake, newest_curation(town.context.lake, APP))
        assert candidates.num_rows > 0
        assert busiest not in candidates.column("user_key").to_pylist()
        second = dataset.run(town.context, APP)
        assert busiest not in examples_of(town.context.lake, second.dataset_id).column("user_key").to_pylist()
        assert replaying.replay(town.context, APP, second.dataset_id).verdict == "IDENTICAL"

    def test_is_no_defect_of_the_sets_that_were_built_before(self, built, state, monkeypatch):
        town, first = built
        people = sorted(set(column(town, "gold/datasets/examples", "user_key")))[::3]
        for user_key in people:
            town.change_consent(state, user_key=user_key)
        found = replaying.replay(town.context, APP, first.dataset_id)
        assert (found.verdict, found.input_rows) == ("REDUCED", found.input_rows_now)
        theirs = pc.field("user_key").isin(people)
        stored = examples_of(town.context.lake, first.dataset_id)
        assert found.missing >= stored.filter(theirs).num_rows > 0
        monkeypatch.setattr("pipelines.dataset.gone.withheld_events", lambda *_: [])
        with pytest.raises(CheckFailed, match="DEFECT"):
            replaying.replay(town.context, APP, first.dataset_id)

    def test_holds_for_a_set_that_is_built_before_anything_is_extracted_again(self, built, state):
        town, first = built
        busiest = _busiest(town, first)
        town.change_consent(state, user_key=busiest)
        town.tick()
        second = dataset.run(town.context, APP)
        rows = examples_of(town.context.lake, second.dataset_id)
        assert (first.dataset_id < second.dataset_id, busiest in rows.column("user_key").to_pylist()) == (True, False)
        manifest = find_manifest(town.context.lake, APP, second.dataset_id)
        assert manifest.dropped["consents"]["withdrawn"] == sum(first.sets.values()) - rows.num_rows > 0
        assert replaying.replay(town.context, APP, second.dataset_id).verdict in ("IDENTICAL", "REDUCED")


def _busiest(town, report):
    keys = examples_of(town.context.lake, report.dataset_id, "sft").column("user_key").to_pylist()
    return max(sorted(set(keys)), key=keys.count)


def test_a_rotation_moves_nobody_and_makes_nobody_two(context, clock):
    """Half is said under one layer of keys, half under two; nobody withdrew, so nothing may change."""
    before, after = (context(user_key_layers=layers) for layers in ("layer-1", "layer-1,layer-2"))
    cap = before.config.curation.model_copy(update={"max_examples_per_user": 3})
    contexts = [replace(ctx, config=ctx.config.model_copy(update={"curation": cap})) for ctx in (before, after)]
    town = Town(contexts[0], people=12, tick=lambda: clock.advance(minutes=1))
    town.talk(MESSAGES[:100])
    town.curate()
    old = dataset.run(town.context, APP, Selection(where="weight>=0"))
    town.context = contexts[1]
    town.talk(MESSAGES[100:200])
    town.curate()
    new = dataset.run(town.context, APP, Selection(where="weight>=0"))
    turns = town.context.lake.read("bronze/generations", ["user_key", "user_key_id", "split_bucket"])
    assert {row["user_key_id"] for row in turns.to_pylist()} == {1, 2}, "old events keep their keys"
    rows = examples_of(town.context.lake, new.dataset_id).to_pylist()
    assert {row["user_key_id"] for row in rows} == {2}
    per_person = Counter((row["user_key"], row["use"]) for row in rows if row["use"] != "eval")
    assert max(per_person.values()) == 3
    keys = UserKeys(["layer-1", "layer-2"])
    people = {(keys.newest(row["user_key"], row["user_key_id"]), row["split_bucket"]) for row in turns.to_pylist()}
    assert len(people) == len({person for person, _ in people}) == len({bucket for _, bucket in people}) <= 12
    assert replaying.replay(town.context, APP, old.dataset_id).verdict == "IDENTICAL"
    assert replaying.replay(town.context, APP, new.dataset_id).verdict == "IDENTICAL"


def _select_less(candidates, limits, reserved):
    from feedback.select import select

    return select(candidates, replace(limits, max_examples_per_user=1), reserved)


def test_the_record_is_written_last(town, monkeypatch):
    """The order of the commit, by what is there when each table is written."""
    town.talk(MESSAGES[:60])
    order = []
    lake = type(town.context.lake)
    append = lake.append
    monkeypatch.setattr(lake, "append", lambda self, name, *rest: (order.append(name), append(self, name, *rest))[1])
    town.curate()
    written = [name for name in order if name.startswith("gold/")]
    assert written == ["gold/labelled", "gold/candidates", "gold/dropped", "gold/curations"]
