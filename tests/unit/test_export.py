"""What an int8 artefact computes: by the tiny model, beside float32."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

from pipelines.export.integers import products_in_integers
from pipelines.export.smoothing import smooth
from schemas.machine import session_settings
from serving.engine.adapters import NO_ADAPTER
from serving.engine.artifact import read_artifact
from serving.engine.session import Decoder
from tests.tiny_model import tiny_export

TEXT = np.arange(2, 42, dtype=np.int64)
KV_HEADS, HEAD_SIZE = 2, 16


def logits(model: onnx.ModelProto | Path, tokens: NDArray[np.int64] = TEXT) -> NDArray[np.float32]:
    """What follows a text: float32 [vocab]."""
    source = str(model) if isinstance(model, Path) else model.SerializeToString()
    options = onnxruntime.SessionOptions()
    for name, value in session_settings().items():
        options.add_session_config_entry(name, value)
    session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    given: dict[str, Any] = {"input_ids": tokens[None], "attention_mask": np.ones((1, len(tokens)), np.int64)}
    for put in session.get_inputs():
        if put.name.startswith("past"):
            given[put.name] = np.zeros((1, KV_HEADS, 0, HEAD_SIZE), np.float32)
    found: NDArray[np.float32] = session.run(["logits"], given)[0][0, -1]
    return found


def test_integers_say_what_floats_say() -> None:
    floats, integers = (logits(tiny_export(precision) / "model.onnx") for precision in ("fp32", "int8"))
    assert np.corrcoef(floats, integers)[0, 1] > 0.998
    assert floats.argmax() == integers.argmax()


def test_every_product_of_weights_is_in_integers() -> None:
    graph = onnx.load(tiny_export("int8") / "model.onnx").graph
    kinds = [node.op_type for node in graph.node]
    assert "MatMul" not in kinds
    assert kinds.count("MatMulIntegerToFloat") == 2 * 4 + 1  # attention's two, gate and up, down; and the head


def test_smoothing_changes_no_result() -> None:
    file = tiny_export("fp32") / "model.onnx"
    model = onnx.load(file)
    before = {each.name: onnx.numpy_helper.to_array(each) for each in model.graph.initializer}
    smooth(file, model, [TEXT[:20], TEXT])
    after = {each.name: onnx.numpy_helper.to_array(each) for each in model.graph.initializer}
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    assert any("layernorm" in name for name in changed)
    assert any("MatMul" in name for name in changed)
    assert logits(model) == pytest.approx(logits(file), abs=1e-4)
    assert not file.with_name("observed.onnx").exists()


def test_smoothing_makes_integers_closer() -> None:
    """A channel that is a hundred times the others: alone it would take all but one of seven bits."""
    file = tiny_export("fp32") / "model.onnx"
    wanted = logits(file)

    def error(*, smoothed: bool) -> float:
        model = onnx.load(file)
        _make_one_channel_large(model)
        if smoothed:
            large = file.with_name("large.onnx")
            onnx.save(model, large)
            smooth(large, model, [TEXT])
            large.unlink()
        products_in_integers(model)
        return float(np.abs(logits(model) - wanted).mean())

    assert error(smoothed=True) < error(smoothed=False) / 2


def _make_one_channel_large(model: onnx.ModelProto) -> None:
    """The same function: a channel's gain times 100, the weights that it meets over 100."""
    weights = {each.name: each for each in model.graph.initializer}
    for node in model.graph.node:
        takers = [each for each in model.graph.node if node.output[0] in each.input]
        if "layernorm" not in node.name or {taker.op_type for taker in takers} != {"MatMul"}:
            continue
        gain = next(weights[name] for name in node.input if name in weights)
        values = onnx.numpy_helper.to_array(gain).copy()
        values[3] *= 100
        gain.CopyFrom(onnx.numpy_helper.from_array(values, gain.name))
        for taker in takers:
            matrix = weights[taker.input[1]]
            rows = onnx.numpy_helper.to_array(matrix).copy()
            rows[3] /= 100
            matrix.CopyFrom(onnx.numpy_helper.from_array(rows, matrix.name))


def test_a_row_is_the_same_however_many_there_are() -> None:
    decoder = Decoder(read_artifact(tiny_export("int8")), wish="cpu", threads=2, rows=8, context_tokens=64)
    assert decoder.step_rows(1) == 1
    for row in range(8):
        decoder.prefill(row, TEXT[: 10 + row], 0, NO_ADAPTER)
    tokens, lengths, slots = np.arange(20, 28), np.arange(11, 19), np.full(8, NO_ADAPTER)
    together = decoder.decode(tokens, lengths, slots)
    for rows in (1, 3, 5):
        assert np.array_equal(decoder.decode(tokens[:rows], lengths[:rows], slots[:rows]), together[:rows])
