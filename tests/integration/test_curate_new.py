"""A curation looks only at conversations that are new or changed, and comes to what one over everything comes to."""

from dataclasses import replace

import pyarrow as pa
import pytest

from pipelines import curate
from pipelines.curate import stage
from pipelines.curate.evidence import CONVERSATION
from pipelines.curate.labelled import read_labelled, write_labelled
from pipelines.io.fence import fenced
from pipelines.io.lake import Rows
from tests.people import Town, messages

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.usefixtures("ray_cluster")]

MESSAGES = messages()


@pytest.fixture
def town(context, clock):
    return Town(context(), people=40, tick=lambda: clock.advance(minutes=1))


@pytest.fixture
def looked_at(monkeypatch):
    """Ids of the conversations that were handed to the workers, curation by curation."""
    found = []
    labelled = stage.labelled

    def noting(conversations, config):
        found.append(conversations.column("conversation_id").to_pylist())
        return labelled(conversations, config)

    monkeypatch.setattr(stage, "labelled", noting)
    return found


def labelled_row(conversation, version):
    return {"example_id": f"e-{conversation}-{version}", "app": "app", "conversation_id": conversation}


def stored(town, table):
    """Rows of a table less the run that wrote them, in no order that matters."""
    rows = town.context.lake.read(table).to_pylist()
    newest = max(town.context.lake.read("gold/curations").column("run_id").to_pylist())
    return sorted(repr({**row, "run_id": None}) for row in rows if row["run_id"] == newest)


def test_what_is_new_is_looked_at_and_the_rest_is_known(town, looked_at):
    town.talk(MESSAGES[:60])
    town.curate()
    town.seed = 2  # other people ask the same
    town.talk(MESSAGES[50:70])
    town.curate()
    assert [len(names) for names in looked_at] == [60, 20]
    assert not set(looked_at[0]) & set(looked_at[1])
    found = {table: stored(town, table) for table in ("gold/candidates", "gold/dropped")}

    assert all(found.values())

    lake = town.context.lake
    lake.rewrite("gold/labelled", Rows({"app": [town.app]}), lambda rows: (rows.slice(0, 0), 1))
    lake.rewrite("gold/curations", Rows({"app": [town.app]}), lambda rows: (rows.slice(0, 0), 1))
    curate.run(town.context, town.app)
    assert len(looked_at[2]) == 80
    assert {table: stored(town, table) for table in found} == found


def test_rows_of_a_conversation_that_went_on_go_once_they_are_the_larger_part(context):
    lake, stored = context().lake, list[int]()
    for said in range(6):
        talks = pa.table([["c1", "c2"], [f"c1 {said}".encode(), b"c2"]], schema=CONVERSATION)
        known = read_labelled(lake, "app", talks, "this code")
        assert known.fresh.column("conversation_id").to_pylist() == (["c1"] if said else ["c1", "c2"])
        fresh = [labelled_row(name, said) for name in known.fresh.column("conversation_id").to_pylist()]
        write_labelled(fenced(lake, "app", "gold/labelled"), f"run {said}", known, fresh)
        stored.append(lake.read("gold/labelled").num_rows)
        now = {row["example_id"] for row in read_labelled(lake, "app", talks, "this code").rows}
        assert now == {"e-c2-0", f"e-c1-{said}"}
    assert stored == [2, 3, 4, 2, 3, 4]


def test_rows_of_other_applications_and_other_versions_say_nothing(context):
    lake = context().lake
    talks = pa.table([["c1"], [b"said"]], schema=CONVERSATION)
    write_labelled(
        fenced(lake, "app", "gold/labelled"),
        "run",
        read_labelled(lake, "app", talks, "code 1"),
        [labelled_row("c1", 0)],
    )
    assert read_labelled(lake, "app", talks, "code 1").fresh.num_rows == 0
    assert read_labelled(lake, "app", talks, "code 2").fresh.num_rows == 1
    assert read_labelled(lake, "other", talks, "code 1").fresh.num_rows == 1


def test_other_decisions_are_other_work(town, looked_at):
    town.talk(MESSAGES[:30])
    town.curate()
    config = town.context.config
    shorter = config.curation.model_copy(update={"max_chars": 3999})
    town.context = replace(town.context, config=config.model_copy(update={"curation": shorter}))
    curate.run(town.context, town.app)
    assert [len(names) for names in looked_at] == [30, 30]


def test_a_curation_that_died_after_writing_leaves_no_row_twice(town, looked_at, monkeypatch):
    town.talk(MESSAGES[:30])

    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(stage, "decided", die)
        with pytest.raises(KeyboardInterrupt):
            town.curate()
    report = curate.run(town.context, town.app)
    assert [len(names) for names in looked_at] == [30], "what it had done was not lost"
    assert report.answers == 30
