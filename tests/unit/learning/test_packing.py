"""A packed batch means what its examples mean alone: same losses, same gradients, fewer tokens."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import LlamaConfig, LlamaForCausalLM

from pipelines.train.packing import IGNORED, WEIGHT, pack
from pipelines.train.weighted import WeightedSFTTrainer

VOCABULARY = 50


@st.composite
def batches(draw):
    """Examples that may begin alike, with a prompt of at least one token and an answer of at least one."""
    tokens = st.integers(0, VOCABULARY - 1)
    system = draw(st.lists(tokens, max_size=12))
    examples = []
    for _ in range(draw(st.integers(1, 5))):
        prompt = [*system, *draw(st.lists(tokens, min_size=1, max_size=6))]
        answer = draw(st.lists(tokens, min_size=1, max_size=4))
        labels = [IGNORED] * len(prompt) + answer
        weight = draw(st.floats(0.125, 1.0, width=16))
        examples.append({"input_ids": prompt + answer, "labels": labels, WEIGHT: weight})
    return examples


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = LlamaConfig(vocab_size=VOCABULARY, num_key_value_heads=2, max_position_embeddings=64, **sizes)
    return LlamaForCausalLM(config).double().eval()


def one_by_one(model, examples):
    """Weighted mean over the labels, each example computed by itself."""
    total = weights = 0.0
    for example in examples:
        logits = model(torch.tensor([example["input_ids"]])).logits[0, :-1]
        labels = torch.tensor(example["labels"][1:])
        losses = torch.nn.functional.cross_entropy(logits, labels, reduction="none", ignore_index=IGNORED)
        total = total + example[WEIGHT] * losses.sum()
        weights += example[WEIGHT] * int((labels != IGNORED).sum())
    return total / weights


def gradients(model, loss):
    model.zero_grad()
    loss.backward()
    return {name: parameter.grad.clone() for name, parameter in model.named_parameters()}


@given(batches())
def test_a_packed_batch_has_the_loss_and_the_gradients_of_its_examples(model, examples):
    packed = WeightedSFTTrainer.compute_loss(None, model, pack(examples))
    alone = one_by_one(model, examples)
    # The packed loss is taken in single precision; the model runs in double.
    torch.testing.assert_close(packed.double(), alone.double(), rtol=1e-5, atol=1e-6)
    one, other = gradients(model, packed), gradients(model, alone)
    for name in one:
        torch.testing.assert_close(one[name], other[name], rtol=1e-3, atol=1e-6)


def test_what_examples_share_is_computed_once():
    system = list(range(30))
    examples = [
        {"input_ids": [*system, 40 + n, 7, 8], "labels": [*[IGNORED] * 31, 7, 8], WEIGHT: 1.0} for n in range(8)
    ]
    packed = pack(examples)
    assert packed["input_ids"].shape == (1, 30 + 8 * 3)
    assert packed["position_ids"][0, -3:].tolist() == [30, 31, 32]
    assert packed["predicting"].tolist()[:4] == [30, 31, 33, 34]
    assert packed["targets"].tolist() == [7, 8] * 8
    seen = packed["attention_mask"][0, 0]
    assert seen.sum(-1).tolist() == [*range(1, 31), *[31, 32, 33] * 8]
