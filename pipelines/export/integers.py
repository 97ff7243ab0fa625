"""Matrix products in 8-bit integers: of a graph in float32, every product with a constant matrix.

In: a graph. Out: the same graph, in which a product takes its input in uint8, with a scale for each row, and its matrix
in int8, with a scale for each column. Sums of integers are exact, so a row's result does not depend on how many are
computed with it: an answer is the same whoever shares the batch.
"""

from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

_LARGEST: Final = 127
"""Of an int8 without -128, so that both signs reach equally far."""
_UNIT, _ZERO, _LAST_AXIS = "integers.unit", "integers.zero", "integers.last_axis"


def products_in_integers(model: onnx.ModelProto) -> None:
    """Change a graph in place. Its weights must be loaded; what is no product of a constant matrix stays as it is."""
    graph = model.graph
    matrices = {each.name: each for each in graph.initializer}
    nodes = list[onnx.NodeProto]()
    for node in graph.node:
        if is_product(node, matrices):
            matrix = matrices[node.input[1]]
            nodes += _replacement(node)
            graph.initializer.extend(_quantised(matrix))
            graph.initializer.remove(matrix)
        else:
            nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)
    graph.initializer.extend(
        [
            numpy_helper.from_array(np.array(1 / _LARGEST, np.float32), _UNIT),
            numpy_helper.from_array(np.array(128, np.uint8), _ZERO),
            numpy_helper.from_array(np.array([-1], np.int64), _LAST_AXIS),
        ]
    )


def is_product(node: onnx.NodeProto, constants: Any) -> bool:
    """Whether a node multiplies by a constant matrix; `constants` holds the names of constants."""
    return node.op_type == "MatMul" and node.input[1] in constants


def _replacement(product: onnx.NodeProto) -> list[onnx.NodeProto]:
    """By row: x / max|x| in steps of 1/127 about 128, times the matrix, times max|x|."""
    (given, matrix), (result,), name = product.input, product.output, product.name
    absolute, highest, shares, integers, product_of_shares = (
        f"{name}/{part}" for part in ("absolute", "highest", "shares", "integers", "product")
    )
    return [
        helper.make_node("Abs", [given], [absolute], f"{name}/Abs"),
        helper.make_node("ReduceMax", [absolute, _LAST_AXIS], [highest], f"{name}/ReduceMax", keepdims=1),
        helper.make_node("Div", [given, highest], [shares], f"{name}/Div"),
        helper.make_node("QuantizeLinear", [shares, _UNIT, _ZERO], [integers], f"{name}/QuantizeLinear"),
        helper.make_node(
            "MatMulIntegerToFloat",
            [integers, f"{matrix}.int8", _UNIT, f"{matrix}.scales", _ZERO],
            [product_of_shares],
            f"{name}/MatMulIntegerToFloat",
            domain="com.microsoft",
        ),
        helper.make_node("Mul", [product_of_shares, highest], [result], f"{name}/Mul"),
    ]


def _quantised(matrix: onnx.TensorProto) -> tuple[onnx.TensorProto, onnx.TensorProto]:
    """A float32 [in, out] matrix as int8 [in, out] and float32 [out] scales."""
    weights: NDArray[np.float32] = numpy_helper.to_array(matrix)
    scales = np.abs(weights).max(axis=0) / _LARGEST
    scales[scales == 0] = 1  # a column of zeros stays one
    integers = np.rint(weights / scales).astype(np.int8)
    return (
        numpy_helper.from_array(integers, f"{matrix.name}.int8"),
        numpy_helper.from_array(scales.astype(np.float32), f"{matrix.name}.scales"),
    )
