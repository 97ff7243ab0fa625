"""Models that are adapters of one base model: by name without a deployment, as releases within one."""

import shutil

import httpx
import msgspec
import pytest
from feedwheel_capture.events import Baseline, Proposal

from pipelines.io.models import model_ref
from schemas.adapter import AdapterInvalid
from serving.engine.errors import ArtifactInvalid
from serving.engine.thread import InferenceThread
from serving.models import ModelPool
from serving.service import offline
from tests.served import APP, await_true, deployed, events_of, running, serving_settings
from tests.tiny_adapters import adaptable_dir, save_adapter

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")  # PEFT's of transformers
ASK = {"messages": [{"role": "user", "content": "Where is my card?"}], "max_tokens": 12, "user": "u"}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("adapters")
    return {name: save_adapter(root / name, seed) for seed, name in enumerate(("routing", "tone"), start=1)}


@pytest.fixture
def released(folders, tmp_path):
    """References to the adapters as they are released, and to their base model."""
    base = model_ref("base", "1", adaptable_dir())
    refs = []
    for version, folder in enumerate(folders.values(), start=1):
        artefact = shutil.copytree(folder, tmp_path / "released" / folder.name)
        (artefact / "base_model.json").write_bytes(msgspec.json.encode(base))
        refs.append(model_ref("feedwheel-routing", str(version), artefact))
    return *refs, base


@pytest.fixture
def pool(tmp_path):
    thread = InferenceThread(max_waiting=16)
    thread.start()
    yield ModelPool(serving_settings(tmp_path), thread)
    thread.close(timeout_s=1)


def said(url, model):
    answer = httpx.post(f"{url}/v1/chat/completions", json={**ASK, "model": model}, timeout=60)
    return answer.json()["choices"][0]["message"]["content"] if answer.is_success else answer.status_code


def test_a_process_without_a_deployment_answers_by_name(tmp_path, folders):
    with running(offline(serving_settings(tmp_path), adaptable_dir(), folders)) as url:
        listed = [model["id"] for model in httpx.get(f"{url}/v1/models").json()["data"]]
        assert listed == sorted([adaptable_dir().name, "routing", "tone"])
        assert len({said(url, name) for name in listed}) == 3
        assert said(url, "ruoting") == 404
        states = httpx.get(f"{url}/readyz").json()["models"]
        assert [state["kv_cache_bytes"] > 0 for state in states] == [True, False, False]  # one cache for all


def test_adapters_share_the_batch_of_their_base_which_stays_as_long_as_one_does(pool, released):
    first, second, base = released
    one, other = pool.load(first), pool.load(second)
    assert one.batch is other.batch is pool.load(base).batch
    assert one.adapter.slot != other.adapter.slot
    pool.keep([second])
    assert {model.ref for model in pool.models} == {second, base}
    assert pool.load(first).adapter.slot == one.adapter.slot  # it was free again
    pool.keep([])
    pool.keep([])
    assert pool.models == []
    assert pool.load(second).batch is not other.batch


def test_an_adapter_that_is_not_what_it_should_be_is_not_loaded(pool, released, tmp_path):
    first, second, base = released
    with pytest.raises(ArtifactInvalid, match="one itself"):
        pool.load(first, base=pool.load(second).ref)
    pool.keep([base])
    lonely = tmp_path / "released" / "routing"
    (lonely / "base_model.json").unlink()
    with pytest.raises(ArtifactInvalid, match="digest"):
        pool.load(first)
    with pytest.raises(ArtifactInvalid, match="belongs to"):
        pool.load(model_ref("lonely", "1", lonely))
    (tmp_path / "released" / "tone" / "adapter_model.safetensors").write_bytes(b"none")
    with pytest.raises(AdapterInvalid, match="cannot be read"):
        pool.load(model_ref("broken", "1", tmp_path / "released" / "tone"))
    assert [model.ref for model in pool.models] == [base]


def test_an_adapter_in_the_shadow_answers_and_not_its_base(tmp_path, released):
    challenger, _, base = released
    proposal = Proposal(app=APP, release_id="r1", model=challenger, verdict="PASS", share=0.5, shadow_share=1.0)
    with deployed(tmp_path, records=[Baseline(app=APP, model=base), proposal]) as (url, service):
        await_true(lambda: service.lineup(APP).shadow)
        tally = service.lineup(APP).shadow.tally
        httpx.post(f"{url}/v1/chat/completions", json={**ASK, "model": APP, "store": True}, timeout=60)
        await_true(lambda: tally.counts().people)
        assert "same" not in tally.counts().likeness


def test_a_release_that_is_an_adapter_is_put_on_trial_beside_its_base(tmp_path, released):
    challenger, _, base = released
    proposal = Proposal(app=APP, release_id="r1", model=challenger, verdict="PASS", share=1.0)
    with deployed(tmp_path, records=[Baseline(app=APP, model=base), proposal]) as (url, service):
        await_true(lambda: service.lineup(APP).challenger)
        lineup = service.lineup(APP)
        assert lineup.challenger.model.batch is lineup.champion.batch
        answer = httpx.post(f"{url}/v1/chat/completions", json={**ASK, "model": APP}, timeout=60).json()
        event = events_of(service, answer["id"])["generation"]["data"]
        assert (event["model_version"], event["arm"]) == (challenger.version, "challenger")
