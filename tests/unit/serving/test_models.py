"""What is loaded is what was named, and it passed its check; whatever is wrong has a name."""

import shutil

import numpy as np
import pytest
from msgspec.structs import replace

from pipelines.io.models import directory_digest as digest_of_pipelines
from pipelines.io.models import model_ref
from schemas.errors import InfrastructureError
from serving.engine import golden
from serving.engine.artifact import directory_digest, read_artifact, verified_directory
from serving.engine.errors import ArtifactInvalid, EngineFault, ProviderMissing
from serving.engine.session import Decoder, providers_to_try
from serving.engine.thread import InferenceThread
from serving.models import ModelPool
from tests.served import await_true, serving_settings
from tests.tiny_model import tiny_model, tiny_model_dir


@pytest.fixture
def pool(tmp_path):
    thread = InferenceThread(max_waiting=16)
    thread.start()
    yield ModelPool(serving_settings(tmp_path), thread)
    thread.close(timeout_s=1)


@pytest.fixture
def copied(tmp_path):
    """A model directory to break, and a reference to it once it is broken."""
    directory = tmp_path / "copied"
    shutil.copytree(tiny_model_dir(), directory)
    return directory


def test_both_sides_mean_the_same_digest():
    assert directory_digest(tiny_model_dir()) == digest_of_pipelines(tiny_model_dir())


def test_a_model_is_loaded_once_and_let_go(pool):
    first = pool.load(tiny_model("1"))
    assert pool.load(tiny_model("1")) is first
    pool.load(tiny_model("2"))
    pool.keep([tiny_model("2")])
    assert [model.ref.version for model in pool.models] == ["2"]


def test_memory_of_models_that_left_is_given_back_once(pool, monkeypatch):
    given = []
    monkeypatch.setattr("serving.models.give_back_memory", lambda: given.append(len(pool.models)))
    pool.load(tiny_model("1"))
    for _ in range(3):
        pool.keep([])
    assert given == [0]


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("genai_config.json", "{}"),
        ("genai_config.json", "no json"),
        ("tokenizer.json", "{}"),
        ("chat_template.jinja", "{% for %}"),
        ("chat_template.jinja", "{{ 1 // 0 }}"),
        ("model.onnx", "no graph"),
    ],
)
def test_a_broken_artefact_is_invalid(pool, copied, file, content):
    (copied / file).write_text(content)
    with pytest.raises(ArtifactInvalid):
        pool.load(model_ref("broken", "1", copied))
    assert pool.models == []
    await_true(lambda: pool.keep([]) or pool._thread._batches == ())


def test_files_that_cannot_be_read_just_now_are_no_defect_of_the_model(pool, monkeypatch):
    def denied(ref):
        raise PermissionError(ref.uri)

    monkeypatch.setattr("serving.models.verified_directory", denied)
    with pytest.raises(InfrastructureError, match="cannot be read"):
        pool.load(tiny_model("1"))


def test_an_address_that_is_none_is_invalid(pool):
    with pytest.raises(ArtifactInvalid):
        pool.load(replace(tiny_model("1"), uri="file://[oops/x"))


def test_files_that_are_not_there_or_not_the_named_ones(copied):
    named = model_ref("tiny", "1", copied)
    (copied / "more.txt").write_text("one file more")
    with pytest.raises(ArtifactInvalid, match="digest"):
        verified_directory(named)
    shutil.rmtree(copied)
    with pytest.raises(ArtifactInvalid, match="not there"):
        verified_directory(named)


def test_a_model_whose_numbers_are_none_never_answers(pool, monkeypatch):
    monkeypatch.setattr(Decoder, "decode", lambda self, tokens, *_: np.full((len(tokens), 8), np.nan, np.float32))
    with pytest.raises(EngineFault, match="not finite"):
        pool.load(tiny_model("1"))
    assert pool.models == []


def test_a_model_that_answers_otherwise_in_a_batch_never_answers(pool, monkeypatch):
    decode = Decoder.decode

    def sensitive(self, tokens, *given):
        logits = decode(self, tokens, *given)
        return logits if len(tokens) < 4 else -logits

    monkeypatch.setattr(Decoder, "decode", sensitive)
    with pytest.raises(EngineFault, match="golden"):
        pool.load(tiny_model("1"))


def test_a_model_that_hangs_is_given_up(pool, monkeypatch):
    monkeypatch.setattr(golden, "_TIMEOUT_S", 0.05)
    monkeypatch.setattr(Decoder, "decode", lambda self, tokens, *_: np.zeros((len(tokens), 8), np.float32))
    monkeypatch.setattr(InferenceThread, "submit", lambda *_: None)
    with pytest.raises(EngineFault, match="did not answer"):
        pool.load(tiny_model("1"))


def test_cuda_is_not_claimed_where_it_is_not(monkeypatch):
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])
    assert providers_to_try("auto") == ["CPUExecutionProvider"]
    with pytest.raises(ProviderMissing):
        providers_to_try("cuda")
    artifact = read_artifact(tiny_model_dir())
    with pytest.raises(ProviderMissing):
        Decoder(artifact, wish="cuda", threads=1, rows=2, context_tokens=64)
