"""Weights of a graph in fewer bits, with the nodes that turn them back into float32.

fp16   as float16, the outer convolutions as float32
int8   as int8 with a float32 scale for each output channel, the outer convolutions as float16

The outer convolutions are the first two and the last two: a hundredth of the weights, and without
their second half of bits most of the error.

The nodes have constant inputs only, so a runtime reckons them once, when it loads the file; all
arithmetic on pictures is in float32 and gives the same picture everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto

Precision = Literal["fp32", "fp16", "int8"]
_OUTER = 2
_FINER: dict[Precision, Precision] = {"fp16": "fp32", "int8": "fp16"}
_OUTPUT_AXIS = {"Conv": 0, "ConvTranspose": 1}


def store_weights(graph: GraphProto, precision: Precision) -> None:
    """Replace the weights of a graph's convolutions by what is stored of them."""
    from onnx import numpy_helper

    convolutions = [node for node in graph.node if node.op_type in _OUTPUT_AXIS]
    outer = {node.input[1] for node in (*convolutions[:_OUTER], *convolutions[-_OUTER:])}
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    nodes: list[NodeProto] = []
    for node in convolutions:
        name = node.input[1]
        stored = _FINER.get(precision, precision) if name in outer else precision
        if stored == "fp32":
            continue
        weights = numpy_helper.to_array(tensors[name])
        graph.initializer.remove(tensors[name])
        if stored == "fp16":
            nodes += _restored(graph, name, weights.astype(np.float16))
        else:
            nodes += _restored(graph, name, *quantised(weights, _OUTPUT_AXIS[node.op_type]))
    # Nodes stand in the order in which they run.
    nodes += graph.node
    del graph.node[:]
    graph.node.extend(nodes)


def quantised(weights: NDArray[np.float32], axis: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """The int8 levels, -127 to 127, and the scales that turn them back: levels * scales = weights.

    There is one scale for each index of `axis`; a channel of zeros stays one of zeros.
    """
    others = tuple(i for i in range(weights.ndim) if i != axis)
    largest = np.abs(weights).max(others, keepdims=True)
    scales = np.where(largest > 0, largest / 127, 1).astype(np.float32)
    return (weights / scales).round().clip(-127, 127).astype(np.int8), scales


def _restored(
    graph: GraphProto, name: str, stored: NDArray[Any], scales: NDArray[np.float32] | None = None
) -> list[NodeProto]:
    """The nodes that make the float32 tensor `name` of what is stored, which becomes part of it."""
    from onnx import TensorProto, helper, numpy_helper

    graph.initializer.append(numpy_helper.from_array(stored, f"{name}.stored"))
    if scales is None:
        return [helper.make_node("Cast", [f"{name}.stored"], [name], to=TensorProto.FLOAT)]
    graph.initializer.append(numpy_helper.from_array(scales, f"{name}.scales"))
    return [
        helper.make_node("Cast", [f"{name}.stored"], [f"{name}.levels"], to=TensorProto.FLOAT),
        helper.make_node("Mul", [f"{name}.levels", f"{name}.scales"], [name]),
    ]
