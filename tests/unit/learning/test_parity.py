"""What an export says beside its weights, by the tiny model."""

import shutil

import numpy as np
import onnx
import pytest

from feedback.labels import Message
from pipelines.evaluate.parity import Golden, Torch, compare
from tests.tiny_model import tiny_export, tiny_torch_dir


@pytest.fixture(scope="module")
def torch_model():
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = tiny_torch_dir()
    return Torch(AutoModelForCausalLM.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder))


@pytest.fixture(scope="module")
def golden(torch_model):
    """Of which the weights give every answer right."""
    prompts = [[Message("user", f"Where is card {number}?")] for number in range(12)]
    return [Golden(each, torch_model.text(torch_model.answer(torch_model.encode(each))[0])) for each in prompts]


def test_a_faithful_export_loses_nothing(torch_model, golden):
    parity = compare(torch_model, tiny_export("fp32"), "fp32", golden)
    assert parity.token_agreement == 1
    assert (parity.accuracy, parity.accuracy_change.estimate, parity.is_worse) == (1, 0, False)


def test_an_export_that_loses_right_answers_is_worse(torch_model, golden, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(tiny_export("fp32"), broken)
    model = onnx.load(broken / "model.onnx")
    head = next(each for each in model.graph.initializer if "lm_head" in each.name)
    rolled = np.roll(onnx.numpy_helper.to_array(head), 1, axis=1)  # every token has its neighbour's logit
    head.CopyFrom(onnx.numpy_helper.from_array(rolled, head.name))
    onnx.save(model, broken / "model.onnx")
    parity = compare(torch_model, broken, "fp32", golden)
    assert parity.accuracy == 1
    assert parity.accuracy_change.high < -0.3
    assert parity.is_worse
