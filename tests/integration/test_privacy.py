"""Withdrawals for what is stored, on real Delta tables: what can be read afterwards, by whom, after whichever crash."""

import shutil
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import msgspec
import pyarrow.compute as pc
import pytest
from feedwheel_capture.events import FeedbackValue, encode
from feedwheel_capture.ids import user_key
from pydantic import SecretStr

from pipelines import curate, dataset, extract, ingest, privacy, reconcile, silver
from pipelines.consents import Consents
from pipelines.context import Context
from pipelines.dataset import files
from pipelines.dataset import replay as replaying
from pipelines.dataset.manifest import examples_of, readable_examples_of
from pipelines.dataset.selection import Selection
from pipelines.extract import commit
from pipelines.ingest.payload import Payload, PayloadCipher
from pipelines.io import ray as ray_io
from pipelines.io.lake import Lake
from pipelines.privacy import history
from pipelines.privacy.history import TEXT_TABLES
from pipelines.settings import Settings
from pipelines.trained import TrainedModel, write_model
from schemas.errors import InfrastructureError, NothingToDo
from schemas.tables import TABLES
from tests import bronze
from tests.conftest import TEST_SECRETS, SettableClock
from tests.events import APP, START, consent, dialogue, feedback, generation, log, logged
from tests.people import Town, messages
from tests.texts import tables_with, texts_of
from tests.topics import SENT_AT, create_topic, declaring, event, generations, produce

pytestmark = pytest.mark.integration

EVERYTHING_ELSE = "ops/runs"
"""The one table that a run writes beside what it takes out."""
EDIT = FeedbackValue(edited_output="lost card", text="you are wrong", text_length=13)
WORDS = ("card", "money", "top up", "wrong")


def everything(lake, *names):
    """All rows of tables, of any order, as one multiset of texts."""
    return {name: Counter(map(repr, lake.read(name).to_pylist())) for name in names or TABLES}


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A town whose talk has become candidates, a data set, a model and its answers: what can hold a text holds one."""
    home, clock = tmp_path_factory.mktemp("town"), SettableClock()
    settings = Settings(home=home, **TEST_SECRETS)
    town = Town(Context(settings, settings.config(), Lake(settings.lake_url), clock), people=40)
    town.tick = lambda: clock.advance(minutes=1)
    with ray_io.ray_session(settings):
        town.talk(messages()[:160])
        town.curate()
        built = dataset.run(town.context, APP)
    lake = town.context.lake
    items = examples_of(lake, built.dataset_id, "eval").to_pylist()
    answers = [
        {"model_digest": "d", "example_id": item["example_id"], "app": APP, "user_key": item["user_key"],
         "answer": f"echo {item['completion']}", "answered_at": START}
        for item in items
    ]  # fmt: skip
    lake.append("gold/answers", answers)
    model = {field.name: built.dataset_id for field in msgspec.structs.fields(TrainedModel)}
    write_model(lake, TrainedModel(**{**model, "app": APP, "model_version": "model-1", "trained_at": START}))
    return town, built, home


@pytest.fixture
def town(template, context, tmp_path, clock):
    """A copy of it."""
    original, _, home = template
    shutil.copytree(home, tmp_path / "home", dirs_exist_ok=True)
    clock.now = original.context.clock.now
    copy = Town(context(), people=original.people, tick=lambda: clock.advance(minutes=1))
    copy.said, copy.offset = original.said, original.offset
    return copy


@pytest.fixture
def built(template):
    return template[1]


@pytest.fixture
def people(town, built):
    """One who trained and one who evaluated: both are in the set."""
    rows = examples_of(town.context.lake, built.dataset_id).to_pylist()
    return [max(row["user_key"] for row in rows if row["split"] == side) for side in ("eval", "train")]


@pytest.fixture
def ray_cluster():
    with ray_io.ray_session(Settings()):
        yield


def withdraw(town, people, state="signal_only"):
    for person in people:
        town.change_consent(state, user_key=person)


@pytest.mark.slow
@pytest.mark.parametrize("state", ["signal_only", "none"])
class TestAfterARun:
    def test_no_text_of_theirs_is_in_the_newest_version_of_any_table(self, town, people, state):
        lake = town.context.lake
        said = [text for person in people for text in texts_of(lake, person)]
        holding = {"bronze/generations", "silver/turns", "gold/candidates", "gold/labelled", "gold/datasets/examples"}
        assert tables_with(lake, *said) == holding
        withdraw(town, people, state)
        receipt = privacy.run(town.context, APP)
        assert tables_with(lake, *said) == set()
        assert (receipt.people, receipt.not_extracted, receipt.unknown_layers) == (2, 0, 0)
        assert all(receipt.rows[table] > 0 for table in holding), receipt.rows
        rows = lake.read("bronze/generations", where=pc.field("user_key").isin(people)).to_pylist()
        assert {row["consent"] for row in rows} == {state}
        assert receipt.events == receipt.rows["bronze/generations"] + receipt.rows["bronze/feedback"]

    def test_nothing_of_anybody_else_has_changed(self, town, people, state):
        def of_others(name):
            rows = town.context.lake.read(name).to_pylist()
            return Counter(repr(row) for row in rows if row.get("user_key") not in people)

        names = [name for name in TABLES if name not in (EVERYTHING_ELSE, "bronze/privacy", "silver/conversations")]
        before = {name: of_others(name) for name in names}
        withdraw(town, people, state)
        privacy.run(town.context, APP)
        assert {name: of_others(name) for name in names} == before

    def test_every_offset_has_the_place_it_had(self, town, people, state):
        withdraw(town, people, state)
        before = reconcile.run(town.context).partitions
        privacy.run(town.context, APP)
        assert reconcile.run(town.context).partitions == before

    def test_extract_finds_what_it_found_before(self, town, people, state):
        withdraw(town, people, state)
        extract.run(town.context, APP)
        before = current(town.context.lake)
        privacy.run(town.context, APP)
        assert current(town.context.lake) == before
        with pytest.raises(NothingToDo):
            extract.run(town.context, APP)
        extract.run(town.context, APP, rebuild=True)
        assert current(town.context.lake) == before

    def test_sets_are_judged_rightly_and_nobody_trains_on_what_was_taken_out(
        self, town, people, state, built, tmp_path, ray_cluster
    ):
        context, lake = town.context, town.context.lake
        withdraw(town, people, state)
        privacy.run(context, APP)
        assert replaying.replay(context, APP, built.dataset_id).verdict == "REDUCED"
        rows, readable = (read(lake, built.dataset_id) for read in (examples_of, readable_examples_of))
        theirs = pc.field("user_key").isin(people)
        assert rows.num_rows - readable.num_rows == rows.filter(theirs).num_rows > 0
        assert readable.filter(theirs).num_rows == 0
        exported = files.export(context, APP, built.dataset_id, tmp_path / "out")
        assert sum(exported.rows.values()) == readable.num_rows
        town.tick()
        curate.run(context, APP)
        later = dataset.run(context, APP, Selection(where="weight>=0"))
        assert replaying.replay(context, APP, later.dataset_id).verdict == "IDENTICAL"
        assert examples_of(lake, later.dataset_id).filter(theirs).num_rows == 0
        before = everything(lake, "gold/candidates", "gold/datasets/examples")
        privacy.run(context, APP)
        assert everything(lake, "gold/candidates", "gold/datasets/examples") == before


def current(lake):
    revisions = silver.current_revisions(lake, APP)
    moving = {"revision", "as_of"}
    return {
        name: Counter(
            repr({column: value for column, value in row.items() if column not in moving})
            for row in silver.rows_of(lake, name, APP, revisions).to_pylist()
        )
        for name in ("silver/conversations", "silver/turns", "silver/signals")
    }


@pytest.mark.slow
def test_a_second_run_changes_nothing_and_says_what_remains(town, people):
    withdraw(town, people, "none")
    first = privacy.run(town.context, APP)
    before = everything(town.context.lake)
    second = privacy.run(town.context, APP)
    assert set(second.rows.values()) == {0}
    after = everything(town.context.lake)
    assert {name for name in TABLES if after[name] != before[name]} == {EVERYTHING_ELSE}
    assert [left.where for left in second.remains] == [left.where for left in first.remains]
    remains = {left.where: left for left in second.remains}
    newest = pc.max(town.context.lake.read("bronze/generations", ["appended_at"]).column("appended_at")).as_py()
    assert newest < remains["Kafka"].until < newest + timedelta(days=8)
    assert remains["history of the tables"].until == town.context.clock() + timedelta(days=7)
    assert "model-1" in remains["weights of models"].what
    assert remains["rows without text"].until is None


@pytest.mark.slow
def test_a_dry_run_counts_the_same_and_changes_nothing(town, people):
    withdraw(town, people)
    extract.run(town.context, APP)
    before = everything(town.context.lake)
    dry = privacy.run(town.context, APP, dry_run=True)
    assert everything(town.context.lake) == before
    assert dry.rows == privacy.run(town.context, APP).rows
    assert dry.dry_run


class Killed(BaseException):
    """What a kill looks like from inside: nothing catches it."""


COMMITS = ["turns", "signals", "candidates", "labelled", "examples", "answers", "generations", "feedback", "history"]


@pytest.mark.slow
@pytest.mark.parametrize("survived", range(len(COMMITS)), ids=[f"before {name}" for name in COMMITS])
def test_killed_between_its_commits_and_run_again_gives_the_same(town, people, monkeypatch, survived, tmp_path):
    said = [text for person in people for text in texts_of(town.context.lake, person)]
    withdraw(town, people, "none")
    extract.run(town.context, APP)
    shutil.copytree(tmp_path / "home", tmp_path / "calm")
    calm = replace(town.context, lake=Lake(str(tmp_path / "calm" / "lake")))
    privacy.run(calm, APP)
    writes, real = iter(range(100)), Lake.rewrite

    def dying(self, *args, **options):
        if options.get("dry_run") or next(writes) < survived:
            return real(self, *args, **options)
        raise Killed("killed")

    def dying_at_the_end(*_, **__):
        raise Killed("killed")

    with monkeypatch.context() as patch:
        if COMMITS[survived] == "history":
            patch.setattr("pipelines.privacy.stage.forget", dying_at_the_end)
        else:
            patch.setattr(Lake, "rewrite", dying)
        with pytest.raises(Killed):
            privacy.run(town.context, APP)
    assert bool(tables_with(town.context.lake, *said)) == (COMMITS[survived] not in ("feedback", "history"))
    privacy.run(town.context, APP)
    assert tables_with(town.context.lake, *said) == set()
    names = [name for name in TABLES if name != EVERYTHING_ELSE]
    assert everything(town.context.lake, *names) == everything(calm.lake, *names)


def talk(**who):
    """A dialogue and an edit of its first answer."""
    answers = dialogue("Where is my card?", "card arrival", "No, I meant my money", "top up", **who)
    return [*answers, feedback("edit", EDIT, **who)]


@pytest.fixture
def wheel(context):
    """What ann said, extracted; she has withdrawn her words since."""
    wheel = context()
    bronze.ingest(wheel.lake, log(*talk(user_key="ann")), START)
    extract.run(wheel, APP)
    bronze.ingest(wheel.lake, [logged(consent("signal_only", user_key="ann"), 10)], START)
    return wheel


def test_nobody_withdrew_is_nothing_to_do(context):
    wheel = context()
    bronze.ingest(wheel.lake, log(*talk(), consent("content")), START)
    with pytest.raises(NothingToDo, match="nobody has withdrawn anything"):
        privacy.run(wheel, APP)


def test_it_lets_extract_take_the_withdrawal_first(wheel):
    receipt = privacy.run(wheel, APP)
    assert receipt.not_extracted == 0
    assert tables_with(wheel.lake, *WORDS) == set()
    assert wheel.lake.read("silver/turns").num_rows == 2


def test_before_any_drain_has_ended_bronze_is_cleaned_all_the_same(context):
    wheel = context()
    bronze.append(wheel.lake, "bronze/generations", [bronze.accepted(logged(generation("a0", user_key="ann"), 0))])
    bronze.append(wheel.lake, "bronze/privacy", [bronze.accepted(logged(consent("none", user_key="ann"), 5))])
    assert privacy.run(wheel, APP).rows["bronze/generations"] == 1
    assert tables_with(wheel.lake, *WORDS) == set()


def test_the_same_person_under_an_earlier_key(context):
    layers = ["layer-1", "layer-2"]
    old, new = ({"user_key": user_key(layers[:number], APP, "ann"), "user_key_id": number} for number in (1, 2))
    wheel = context(user_key_layers="layer-1")
    bronze.ingest(wheel.lake, log(*talk(**old)), START)
    extract.run(wheel, APP)
    rotated = context(user_key_layers="layer-1,layer-2")
    bronze.ingest(rotated.lake, [logged(consent("none", **new), 10)], START)
    receipt = privacy.run(rotated, APP)
    assert (receipt.people, receipt.rows["bronze/generations"]) == (1, 2)
    assert tables_with(rotated.lake, *WORDS) == set()


def test_a_withdrawal_that_extract_could_not_match_is_found_once_the_layer_is_there(wheel, context):
    """Whoever records got the new layer before the pipelines had it."""
    layers = ["layer-1", "layer-2"]
    before, after = (context(user_key_layers=",".join(layers[:number])) for number in (1, 2))
    old, new = ({"user_key": user_key(layers[:number], APP, "cyd"), "user_key_id": number} for number in (1, 2))
    spoken = generation("c0", conversation_id="of-cyd", **old), feedback("edit", EDIT, "c0", **old)
    events = [logged(record, 40 + place) for place, record in enumerate((*spoken, consent("signal_only", **new)))]
    bronze.ingest(before.lake, events, START)
    assert extract.run(before, APP).unknown_layers == 1
    assert "silver/turns" in tables_with(before.lake, *WORDS)
    receipt = privacy.run(after, APP)
    assert (receipt.people, receipt.unknown_layers) == (2, 0)
    assert tables_with(after.lake, *WORDS) == set()


def test_a_machine_that_lacks_a_layer_says_so(wheel, context):
    bronze.ingest(wheel.lake, [logged(consent("none", user_key="bob", user_key_id=2), 11)], START)
    assert privacy.run(wheel, APP).unknown_layers == 1


def test_other_applications_keep_what_they_have(wheel):
    theirs = [logged(generation("z0", user_key="ann", app="another"), 30)]
    bronze.ingest(wheel.lake, theirs, START)
    privacy.run(wheel, APP)
    (row,) = wheel.lake.read("bronze/generations", where=pc.field("app") == "another").to_pylist()
    assert (row["output"], row["consent"]) == ("card arrival", "content")


def test_what_was_said_after_a_new_grant_stays(wheel):
    spoken = generation("c0", user_key="ann", conversation_id="later")
    bronze.ingest(wheel.lake, [logged(consent("content", user_key="ann"), 20), logged(spoken, 30)], START)
    receipt = privacy.run(wheel, APP)
    rows = wheel.lake.read("bronze/generations", ["response_id", "output"]).to_pylist()
    outputs = {row["response_id"]: row["output"] for row in rows}
    assert (outputs, receipt.events) == ({"a0": None, "a1": None, "c0": "card arrival"}, 3)


def test_what_arrives_while_it_runs_is_neither_lost_nor_left_out(wheel, monkeypatch):
    """Ingest commits between the reading and the rewriting of bronze."""
    late = [logged(generation("d0", user_key="bob", conversation_id="of-bob"), 40)]
    real = Lake.rewrite

    def overtaken(self, name, rows, change, **options):
        def meanwhile(found):
            if late and name == "bronze/generations":
                bronze.ingest(wheel.lake, [late.pop()], START)
            return change(found)

        return real(self, name, rows, meanwhile, **options)

    monkeypatch.setattr(Lake, "rewrite", overtaken)
    privacy.run(wheel, APP)
    rows = wheel.lake.read("bronze/generations", ["response_id", "output"]).sort_by("response_id").to_pylist()
    assert [(row["response_id"], row["output"]) for row in rows] == [("a0", None), ("a1", None), ("d0", "card arrival")]


def test_an_extract_that_began_before_leaves_nothing_behind(wheel, context, monkeypatch):
    """It has written its rows, of whole texts, and is about to make them current when the withdrawal is applied."""
    wheel.lake.open("bronze/privacy").delete()  # as if the change had not arrived yet
    bronze.ingest(wheel.lake, [logged(feedback(user_key="ann"), 11)], START)
    real = commit.commit_files

    def late(table, files, transactions, metadata):
        if transactions:
            monkeypatch.setattr(commit, "commit_files", real)
            bronze.ingest(wheel.lake, [logged(consent("none", user_key="ann"), 12)], START)
            privacy.run(wheel, APP)
        real(table, files, transactions, metadata)

    monkeypatch.setattr(commit, "commit_files", late)
    with pytest.raises(InfrastructureError, match="another extract committed first"):
        extract.run(wheel, APP)
    assert tables_with(wheel.lake, *WORDS) == set()


def test_an_extract_that_died_before_leaves_nothing_behind(wheel, monkeypatch):
    bronze.ingest(wheel.lake, [logged(feedback(user_key="ann"), 11)], START)

    def dying(table, files, transactions, metadata):
        if transactions:
            raise Killed("killed")
        real(table, files, transactions, metadata)

    real = commit.commit_files
    with monkeypatch.context() as patch:
        patch.setattr(commit, "commit_files", dying)
        patch.setattr("pipelines.extract.stage.read_consents", lambda lake, app, keys: no_consents(keys))
        with pytest.raises(BaseException, match="killed"):
            extract.run(wheel, APP)
    privacy.run(wheel, APP)
    assert tables_with(wheel.lake, *WORDS) == set()
    assert wheel.lake.read("silver/turns").num_rows == 2


def no_consents(keys):
    return Consents(keys, (), {})


def test_files_of_earlier_versions_go_when_they_are_old_enough(wheel):
    first = privacy.run(wheel, APP)
    assert first.files == 0
    assert any(left.where == "history of the tables" for left in first.remains)
    stored = {name: set(Path(wheel.lake.uri(name)).glob("*.parquet")) for name in TEXT_TABLES}
    assert history.forget(wheel, timedelta(0), dry_run=True).old > 0
    assert {name: set(Path(wheel.lake.uri(name)).glob("*.parquet")) for name in TEXT_TABLES} == stored
    before = everything(wheel.lake)
    history.forget(wheel, timedelta(0), dry_run=False)
    for name in TEXT_TABLES:
        named = {Path(path).name for path in wheel.lake.open(name).file_uris()}
        assert {path.name for path in Path(wheel.lake.uri(name)).glob("*.parquet")} == named
    assert everything(wheel.lake) == before
    last = privacy.run(wheel, APP)
    assert [left.where for left in last.remains] == ["Kafka"]


class TestRejectedRecords:
    @pytest.fixture
    def reject(self, wheel):
        """Put a record into bronze that was rejected, with its encrypted bytes."""

        def put(offset, payload, headers=()):
            row = bronze.rejected(logged(feedback(), offset))
            row["raw"] = PayloadCipher(SecretStr(TEST_SECRETS["payload_key"])).encrypt(Payload(payload, headers))
            bronze.append(wheel.lake, "bronze/feedback", [row])

        return put

    def payload(self, **data):
        said = {"app": APP, "user_key": "ann", "user_key_id": 1, "value": {"text": "my card"}, **data}
        return msgspec.json.encode({"time": START, "type": "feedwheel.feedback.v1", "data": said})

    def test_bytes_of_who_withdrew_go_and_others_stay(self, wheel, reject):
        for offset, data in enumerate(({}, {"user_key": "bob"}, {"app": "another"}), start=50):
            reject(offset, self.payload(**data))
        data = msgspec.json.encode(msgspec.json.decode(self.payload())["data"])
        times = [("ce_time", START.isoformat().encode())]
        reject(53, data, [*times, *((f"ce_{name}", b"x") for name in ("id", "source", "type", "specversion"))])
        receipt = privacy.run(wheel, APP)
        rows = wheel.lake.read("bronze/feedback", ["offset", "raw"], pc.field("status") == "rejected").to_pylist()
        assert {row["offset"] for row in rows if row["raw"] is None} == {50, 53}
        assert len(rows) == 4
        assert receipt.rows["bronze/feedback"] == 3, "the edit and the rejected records"
        assert not any(left.where == "rejected records" for left in receipt.remains)

    def test_what_does_not_say_whose_it_is_waits_for_its_end(self, wheel, reject):
        reject(50, b"{")
        reject(51, msgspec.json.encode({"data": "my card"}))
        receipt = privacy.run(wheel, APP)
        (left,) = (left for left in receipt.remains if left.where == "rejected records")
        assert left.what.startswith("2 encrypted records")
        newest = max(wheel.lake.read("bronze/feedback", ["ingested_at"]).column("ingested_at").to_pylist())
        assert left.until == newest + timedelta(days=14)


def test_far_apart_rows_are_rewritten_stretch_by_stretch(context, monkeypatch):
    wheel = context()
    monkeypatch.setattr("pipelines.privacy.bronze._STRETCH_OFFSETS", 3)
    spoken = [generation(f"a{number}", user_key="ann" if number % 2 else "bob") for number in range(10)]
    bronze.ingest(wheel.lake, log(*spoken), START)
    bronze.ingest(wheel.lake, [logged(consent("none", user_key="ann"), 20)], START)
    version = wheel.lake.open("bronze/generations").version()
    assert privacy.run(wheel, APP).rows["bronze/generations"] == 5
    table = wheel.lake.open("bronze/generations")
    assert sum("predicate" in entry["operationParameters"] for entry in table.history(table.version() - version)) == 3
    rows = wheel.lake.read("bronze/generations", ["user_key", "output"]).to_pylist()
    assert Counter((row["user_key"], row["output"] is None) for row in rows) == {("ann", True): 5, ("bob", False): 5}


def test_the_tables_that_can_hold_a_text_are_those_that_are_cleaned():
    free = {"output", "input", "prompt", "completion", "shown", "text", "edited_output", "value", "answer", "raw"}
    holding = {name for name, table in TABLES.items() if free & set(table.schema.names)}
    assert holding == set(TEXT_TABLES)


def test_a_run_is_in_the_books(wheel):
    receipt = privacy.run(wheel, APP)
    (row,) = wheel.lake.read("ops/runs", where=pc.field("stage") == "privacy").to_pylist()
    counts = msgspec.json.decode(row["counts_in"])
    assert (row["run_id"], counts) == (receipt.run_id, {name: n for name, n in receipt.rows.items() if n})


def test_from_a_real_broker_every_offset_keeps_its_place(kafka, context):
    """Through ingest itself, whose files have statistics of their own; more is drained after the run, and run again."""
    topics = [create_topic(kafka.bootstrap) for _ in range(2)]
    mapped = dict(zip(topics, ("feedwheel.generations", "feedwheel.privacy"), strict=True))
    wheel = declaring(context(kafka_bootstrap_servers=kafka.bootstrap), mapped)
    spoken, changes = topics
    produce(kafka.bootstrap, spoken, [*generations(5, user_key="ann"), b"{", *generations(5, 5, user_key="bob")])
    later = SENT_AT + timedelta(minutes=1)
    produce(
        kafka.bootstrap, changes, [encode(event(consent("none", user_key="ann", redactor="pattern/1"), time=later))]
    )
    ingest.run(wheel)
    extract.run(wheel, APP)
    assert privacy.run(wheel, APP).rows["bronze/generations"] == 5
    exact = reconcile.run(wheel)
    assert exact.exact, exact.failures
    late = generations(1, 20, user_key="ann", conversation_id="sent late")
    produce(kafka.bootstrap, spoken, [*late, *generations(1, 30, user_key="bob")])
    ingest.run(wheel)
    assert privacy.run(wheel, APP).rows["bronze/generations"] == 1
    exact = reconcile.run(wheel)
    assert (exact.exact, [account.lag for account in exact.partitions]) == (True, [0, 0]), exact.failures
    rows = wheel.lake.read("bronze/generations", ["user_key", "output"], pc.field("status") == "accepted").to_pylist()
    assert Counter((row["user_key"], row["output"] is None) for row in rows) == {("ann", True): 6, ("bob", False): 6}
