"""A base model whose rows may each have an adapter: beside every projection of its graph, the product of two inputs.

In: an artefact of the exporter, of any precision. Out: one with the same weights, the same configuration and the graph
that `schemas.adapter` describes. Without an adapter it computes the same numbers.

Training targets every projection of a layer (`all-linear`). Where the exporter made one projection of several, the
products of their modules are put side by side.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from pipelines.export.smoothing import SMOOTHED
from pipelines.io.models import build_once
from schemas.adapter import ADAPTERS, LORA_A, LORA_B
from schemas.errors import InfrastructureError

_CONFIG: Final = "genai_config.json"
_PRODUCTS: Final = ("MatMul", "MatMulNBits")
_SCALING: Final = "Mul"
"""What a product in integers ends with."""
_END_OF_OUTPUT: Final = "/MatMul/output_0"
_IDS: Final = "input_ids"


def make_adaptable(artefact: Path, target: Path) -> Path:
    """Give `target`, the adaptable form of `artefact`, made unless it is there. Raises InfrastructureError."""
    return build_once(target, lambda unfinished: _make(artefact, unfinished))


def _make(artefact: Path, target: Path) -> None:
    import onnx

    decoder = msgspec.json.decode((artefact / _CONFIG).read_bytes())["model"]["decoder"]
    for file in artefact.iterdir():
        if file.name != decoder["filename"]:
            shutil.copyfile(file, target / file.name)
    model = onnx.load(artefact / decoder["filename"], load_external_data=False)
    _Rewriting(model.graph, decoder).rewrite()
    onnx.save(model, target / decoder["filename"])


@dataclass(frozen=True, slots=True)
class _Projection:
    """A linear node of a layer, what it is given, and the modules that it stands for, with their outputs."""

    node: Any
    given: str
    inputs: int
    modules: dict[str, int]

    @property
    def outputs(self) -> int:
        """Of all modules together."""
        return sum(self.modules.values())


@dataclass(slots=True)
class _Rewriting:
    """The nodes of a graph in their new order, and what several projections share."""

    graph: Any
    decoder: dict[str, Any]
    _nodes: list[Any] = field(default_factory=list)
    _makers: dict[str, Any] = field(default_factory=dict)
    _initializers: dict[str, Any] = field(default_factory=dict)
    _made: set[str] = field(default_factory=set)

    def rewrite(self) -> None:
        """Put the products beside the projections. Raises InfrastructureError if there is no projection."""
        from onnx import TensorProto

        old = list(self.graph.node)
        self._makers = {output: node for node in old for output in node.output}
        self._initializers = {each.name: each for each in self.graph.initializer}
        self._input(ADAPTERS, TensorProto.BOOL, ["units", "batch_size", 1])
        for node in old:
            projection = self._projection(node)
            if projection is None:
                self._nodes.append(node)
            else:
                self._add_products(projection)
        if len(self._nodes) == len(old):
            raise InfrastructureError("the graph has no projection that training adapts: its exporter names them anew")
        del self.graph.node[:]
        self.graph.node.extend(self._nodes)

    def _projection(self, node: Any) -> _Projection | None:
        """What a node is: "/model/layers.0/attn/qkv_proj/MatMul/output_0" is made by a projection of a layer."""
        output = node.output[0]
        if (
            node.op_type not in (*_PRODUCTS, _SCALING)
            or "/layers." not in output
            or not output.endswith(_END_OF_OUTPUT)
        ):
            return None
        *path, name = output.removesuffix(_END_OF_OUTPUT).removeprefix("/").split("/")
        product, given = self._product_in(node)
        inputs, outputs = self._size(product)
        parent = ".".join(path).replace(".attn", ".self_attn")
        return _Projection(
            node, given, inputs, {f"{parent}.{module}": width for module, width in self._modules(name, outputs)}
        )

    def _product_in(self, node: Any) -> tuple[Any, str]:
        """The node that multiplies, and the name of what it multiplies in float.

        The scales of a product in integers were found in the magnitudes of what it is given.
        """
        if node.op_type in _PRODUCTS:
            return node, node.input[0]
        product, scales = (self._makers[name] for name in node.input)
        magnitudes = self._makers[scales.input[0]]
        return product, magnitudes.input[0]

    def _size(self, node: Any) -> tuple[int, int]:
        """Inputs and outputs of a projection: said by a quantised one, else the shape of its weights."""
        said = {attribute.name: attribute.i for attribute in node.attribute}
        if "K" in said:
            return said["K"], said["N"]
        inputs, outputs = self._initializers[node.input[1]].dims
        return inputs, outputs

    def _modules(self, name: str, outputs: int) -> Iterator[tuple[str, int]]:
        """The modules of a projection, each with its outputs, in their order."""
        match name:
            case "qkv_proj":
                keys = self.decoder["num_key_value_heads"] * self.decoder["head_size"]
                yield from (("q_proj", outputs - 2 * keys), ("k_proj", keys), ("v_proj", keys))
            case "gate_up_proj":
                yield from (("gate_proj", outputs // 2), ("up_proj", outputs // 2))
            case _:
                yield name, outputs

    def _add_products(self, projection: _Projection) -> None:
        """The projection, and what is added to it: it keeps the name of its output for whoever reads that."""
        node = projection.node
        output, flat = node.output[0], self._flat(projection.given, projection.inputs)
        plain = node.output[0] = f"{output}/plain"
        self._nodes.append(node)
        products = [
            self._product(module, flat, projection.inputs, width) for module, width in projection.modules.items()
        ]
        added = products[0]
        if len(products) > 1:
            added = self._node("Concat", products, f"{output}/adapters", axis=-1)
        shaped = self._node("Reshape", [added, self._shape(projection.outputs)], f"{output}/adapted")
        self._node("Add", [plain, shaped], output)

    def _product(self, module: str, flat: str, inputs: int, outputs: int) -> str:
        """Name of float [batch * sequence, outputs]: of each row, what the units of its adapter make of it."""
        element = self._element
        self._input(module + LORA_A, element, ["units", inputs, "rank"])
        self._input(module + LORA_B, element, ["units", "rank", outputs])
        narrow = self._node("MatMul", [flat, module + LORA_A], f"{module}/narrow")
        # Not by multiplication: 0 times what another adapter makes of this row need not be 0.
        own = self._node("Where", [ADAPTERS, narrow, self._constant(f"{ADAPTERS}/zero", 0, element)], f"{module}/own")
        wide = self._node("MatMul", [own, module + LORA_B], f"{module}/wide")
        axes = self._constant(f"{ADAPTERS}/units", [0])
        return self._node("ReduceSum", [wide, axes], f"{module}/added", keepdims=0)

    @property
    def _element(self) -> int:
        """Type of the activations, which is that of the logits."""
        element: int = self.graph.output[0].type.tensor_type.elem_type
        return element

    def _flat(self, activations: str, width: int) -> str:
        """Name of the activations as [batch * sequence, width]: one product for all rows."""
        shape = self._constant(f"{ADAPTERS}/flat/{width}", [-1, width])
        smoothed_by, given = activations + SMOOTHED, activations
        if smoothed_by in self._initializers:
            given = self._node("Mul", [activations, smoothed_by], f"{activations}/rough")
        return self._node("Reshape", [given, shape], f"{activations}/flat")

    def _shape(self, width: int) -> str:
        """Name of the shape [batch, sequence, width]."""
        batch_and_sequence = self._node("Shape", [_IDS], f"{ADAPTERS}/rows")
        last = self._constant(f"{ADAPTERS}/width/{width}", [width])
        return self._node("Concat", [batch_and_sequence, last], f"{ADAPTERS}/shape/{width}", axis=0)

    def _input(self, name: str, element: int, shape: list[int | str]) -> None:
        from onnx import helper

        self.graph.input.append(helper.make_tensor_value_info(name, element, shape))

    def _node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Name of the output of a node, which is made once."""
        from onnx import helper

        if output not in self._made:
            self._made.add(output)
            self._nodes.append(helper.make_node(kind, inputs, [output], output, **attributes))
        return output

    def _constant(self, name: str, value: int | list[int], element: int | None = None) -> str:
        """Name of a constant, which is made once; int64 unless said otherwise."""
        import numpy as np
        from onnx import helper, numpy_helper

        if name not in self._made:
            self._made.add(name)
            dtype = np.dtype(np.int64) if element is None else helper.tensor_dtype_to_np_dtype(element)
            self.graph.initializer.append(numpy_helper.from_array(np.array(value, dtype), name))
        return name
