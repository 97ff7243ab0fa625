"""Smoothing: a few channels of what is normalised are far larger than the rest, which would waste most of 8 bits.

In: a graph in float32 and token ids of texts. Out: the same graph, which computes the same: a channel of a normalised
input is divided by the geometric mean of its reach and of the inverse reach of the weights that it meets, and those
weights are multiplied by it. Xiao et al., "SmoothQuant", 2023, with their strength of one half.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from pipelines.export.integers import is_product

_NORMS: Final = ("SimplifiedLayerNormalization", "SkipSimplifiedLayerNormalization")
_GAIN: Final = {"SimplifiedLayerNormalization": 1, "SkipSimplifiedLayerNormalization": 2}
"""Which input of a norm its gain is."""
_SMALLEST: Final = 1e-5
"""Of a channel's reach: one that is never used must not be divided by nothing."""

SMOOTHED: Final = "/smoothed_by"
"""Behind the name of a smoothed input: what its channels were divided by, for whoever adds a product with it."""

Reach = NDArray[np.float32]


def smooth(model_file: Path, model: onnx.ModelProto, texts: Sequence[NDArray[np.int64]]) -> None:
    """Change `model` in place, which is `model_file` with its weights loaded. texts: token ids, int64 [tokens] each."""
    constants = {each.name: each for each in model.graph.initializer}
    groups = _products_by_norm(model.graph, constants)
    reaches = _reaches(model_file, [norm.output[0] for norm, _ in groups], texts)
    for norm, products in groups:
        gain = constants[norm.input[_GAIN[norm.op_type]]]
        matrices = [constants[product.input[1]] for product in products]
        weights = [numpy_helper.to_array(matrix) for matrix in matrices]
        reach_of_weights = np.max([np.abs(each).max(axis=1) for each in weights], axis=0)
        by = np.sqrt(reaches[norm.output[0]].clip(_SMALLEST) / reach_of_weights.clip(_SMALLEST))
        model.graph.initializer.append(numpy_helper.from_array(by, norm.output[0] + SMOOTHED))
        gain.CopyFrom(numpy_helper.from_array((numpy_helper.to_array(gain) / by).astype(np.float32), gain.name))
        for matrix, values in zip(matrices, weights, strict=True):
            matrix.CopyFrom(numpy_helper.from_array((values * by[:, None]).astype(np.float32), matrix.name))


def _products_by_norm(
    graph: onnx.GraphProto, constants: Mapping[str, onnx.TensorProto]
) -> list[tuple[onnx.NodeProto, list[onnx.NodeProto]]]:
    """Norms whose first output only products take, with those products."""
    takers = defaultdict[str, list[onnx.NodeProto]](list)
    for node in graph.node:
        for name in node.input:
            takers[name].append(node)
    norms = [node for node in graph.node if node.op_type in _NORMS]
    return [
        (norm, products)
        for norm in norms
        if (products := takers[norm.output[0]]) and all(is_product(each, constants) for each in products)
    ]


def _reaches(model_file: Path, names: Sequence[str], texts: Iterable[NDArray[np.int64]]) -> dict[str, Reach]:
    """The largest magnitude of each channel of intermediate values, over texts: float32 [channels] by name."""
    import onnxruntime

    model = onnx.load(model_file, load_external_data=False)
    model.graph.output.extend(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names)
    observed = model_file.with_name("observed.onnx")
    onnx.save(model, observed)
    session = onnxruntime.InferenceSession(observed, providers=["CPUExecutionProvider"])
    decoder = msgspec.json.decode(model_file.with_name("genai_config.json").read_bytes())["model"]["decoder"]
    cache = (1, decoder["num_key_value_heads"], 0, decoder["head_size"])
    found = [_largest(session.run(list(names), _given(session, cache, text))) for text in texts]
    observed.unlink()
    return dict(zip(names, np.max(found, axis=0), strict=True))


def _largest(values: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """float32 [names, channels] of values that are [1, tokens, channels] each."""
    return np.stack([np.abs(each[0]).max(axis=0) for each in values])


def _given(session: Any, cache: tuple[int, int, int, int], text: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """What a graph takes to compute one text from its beginning; `cache`: shape of an empty one."""
    past = [put.name for put in session.get_inputs() if put.name.startswith("past")]
    empty = {name: np.zeros(cache, np.float32) for name in past}
    return {"input_ids": text[None], "attention_mask": np.ones((1, len(text)), np.int64), **empty}
