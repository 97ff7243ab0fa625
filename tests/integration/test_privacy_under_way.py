"""Runs that are under way when words are taken out: what they have read, they write nowhere any more."""

from collections import Counter
from contextlib import nullcontext

import msgspec
import pytest
from feedwheel_capture.events import ModelRef

from pipelines import curate, dataset, extract, privacy, silver
from pipelines.curate import stage as curating
from pipelines.curate.examples import examples_of as examples_of_talks
from pipelines.dataset import stage as building
from pipelines.dataset.manifest import examples_of, readable_examples_of
from pipelines.dataset.selection import Selection
from pipelines.evaluate import answers as answering
from pipelines.evaluate.items import Item
from pipelines.io import fence
from pipelines.io.lake import Lake
from schemas.errors import InfrastructureError
from tests.events import APP
from tests.people import Town, messages
from tests.texts import tables_with, texts_of

pytestmark = pytest.mark.integration


class TestUnderWay:
    """A run has read what people said, and they withdraw it, with a receipt, before the run has written anything."""

    @pytest.fixture
    def town(self, context, clock, monkeypatch):
        """People whose talk is admitted, curated in this process."""
        monkeypatch.setattr(curating, "ray_session", lambda settings: nullcontext())
        monkeypatch.setattr(
            curating,
            "labelled",
            lambda talks, config: examples_of_talks(talks, config.split.eval_share, config.curation).to_pylist(),
        )
        town = Town(context(), people=6, tick=lambda: clock.advance(minutes=1))
        town.talk(messages()[:25])
        town.tick()
        extract.run(town.context, APP)
        lake, now = town.context.lake, town.context.clock()
        revisions = silver.current_revisions(lake, APP).to_pylist()
        made = {"app": APP, "user_key": None, "run_id": "v", "admitted_at": now}
        lake.append("silver/admissions", [{**revision, **made} for revision in revisions])
        return town

    @pytest.fixture
    def said(self, town):
        """What the one said who says most."""
        people = town.context.lake.read("bronze/generations", ["user_key"]).column("user_key").to_pylist()
        town.talker = Counter(people).most_common(1)[0][0]
        return texts_of(town.context.lake, town.talker)

    @pytest.fixture
    def meanwhile(self, town, said, monkeypatch):
        """Let them withdraw and have it applied when this is called next, and then call it."""

        def before(module, name):
            real = getattr(module, name)

            def late(*args, **options):
                monkeypatch.setattr(module, name, real)
                found = real(*args, **options)
                self.withdraw(town)
                assert privacy.run(town.context, APP).not_extracted == 0
                assert tables_with(town.context.lake, *said) == set()
                return found

            monkeypatch.setattr(module, name, late)

        return before

    def withdraw(self, town):
        town.change_consent("none", user_key=town.talker)
        town.tick()

    @pytest.mark.parametrize("step", ["labelled", "decided"], ids=["before labelled", "before candidates"])
    def test_a_curation_writes_nothing_more(self, town, said, meanwhile, step):
        lake = town.context.lake
        meanwhile(curating, step)
        with pytest.raises(InfrastructureError, match=r"words were taken out of gold/.* while this ran"):
            curate.run(town.context, APP)
        assert tables_with(lake, *said) == set()
        assert lake.read("gold/candidates").num_rows == lake.read("gold/curations").num_rows == 0
        assert bool(lake.read("gold/labelled").num_rows) == (step == "decided")
        town.tick()
        curated = curate.run(town.context, APP)
        assert sum(curated.examples.values()) == lake.read("gold/candidates").num_rows > 0
        assert tables_with(lake, *said) == set()

    def test_a_data_set_writes_nothing_more(self, town, said, meanwhile):
        lake, every = town.context.lake, Selection(where="weight>=0")
        curate.run(town.context, APP)
        meanwhile(building, "with_provenance")
        with pytest.raises(InfrastructureError, match="words were taken out of gold/datasets/examples while this ran"):
            dataset.run(town.context, APP, every)
        assert tables_with(lake, *said) == set()
        assert lake.read("gold/datasets/examples").num_rows == lake.read("gold/datasets/manifests").num_rows == 0
        town.tick()
        built = dataset.run(town.context, APP, every)
        assert examples_of(lake, built.dataset_id).num_rows > 0
        assert tables_with(lake, *said) == set()

    @pytest.mark.parametrize("begun", ["before", "during"])
    def test_an_evaluation_keeps_no_answer_to_what_was_taken_out(self, town, said, begun, monkeypatch):
        """Also one that read its items after the run had begun: their examples still had words."""
        lake = town.context.lake
        curate.run(town.context, APP)
        built = dataset.run(town.context, APP, Selection(where="weight>=0"))
        under_way, real = [], Lake.rewrite

        def begin():
            into = fence.fenced(lake, APP, "gold/answers")
            under_way.append((into, readable_examples_of(lake, built.dataset_id).to_pylist()))

        def late(self, name, *args, **options):
            if name == "gold/datasets/examples" and not under_way:
                begin()
            return real(self, name, *args, **options)

        if begun == "before":
            begin()
        monkeypatch.setattr(Lake, "rewrite", late)
        self.withdraw(town)
        privacy.run(town.context, APP)
        ((into, items),) = under_way
        assert any(item["user_key"] == town.talker for item in items)
        monkeypatch.setattr(answering, "served", lambda artefact: nullcontext(""))
        monkeypatch.setattr(answering, "local_path", lambda model: "")

        async def echo(app, base_url, items):
            return {item.example_id: item.completion for item in items}

        monkeypatch.setattr(answering, "_ask_all", echo)
        items = [msgspec.convert({**item, "shown": ""}, Item) for item in items]
        with pytest.raises(InfrastructureError, match="words were taken out of gold/answers while this ran"):
            answering.answers(town.context, into, ModelRef(name="m", version="m", uri="", digest="d"), items)
        assert lake.read("gold/answers").num_rows == 0

    def test_what_was_taken_out_before_is_in_nobody_s_way(self, town, said, monkeypatch):
        """The run of every hour, and another curation beside this one."""
        self.withdraw(town)
        privacy.run(town.context, APP)
        real = curating.decided

        def late(*args):
            monkeypatch.setattr(curating, "decided", real)
            town.talk(messages()[30:32])
            privacy.run(town.context, APP)
            town.tick()
            curate.run(town.context, APP)
            return real(*args)

        monkeypatch.setattr(curating, "decided", late)
        curate.run(town.context, APP)
        rows = town.context.lake.read("gold/candidates", ["run_id", "example_id"]).to_pylist()
        one, other = (
            {row["example_id"] for row in rows if row["run_id"] == run} for run in {r["run_id"] for r in rows}
        )
        assert one == other != set()

    def test_what_extract_did_not_know_yet_is_fenced_off_once_it_does(self, town, said, meanwhile, monkeypatch):
        with monkeypatch.context() as patch:
            patch.setattr("pipelines.privacy.stage._extract", lambda *_: None)
            self.withdraw(town)
            assert privacy.run(town.context, APP).not_extracted == 1
        meanwhile(curating, "labelled")
        with pytest.raises(InfrastructureError, match="words were taken out"):
            curate.run(town.context, APP)
        assert tables_with(town.context.lake, *said) == set()
