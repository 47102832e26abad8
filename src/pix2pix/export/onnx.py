"""The generator as an ONNX file, its weights stored in float32, float16 or int8.

fp16   weights as float16, the outer convolutions as float32
int8   weights as int8 with a float32 scale for each output channel, the outer convolutions as float16

The outer convolutions are the first two and the last two: a hundredth of the weights, and in fewer
bits most of the error. Nodes with constant inputs turn the weights back into float32; a runtime
computes them once, when it loads the file. All arithmetic on pictures is in float32 and gives the
same picture everywhere.
"""

from __future__ import annotations

import json
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pix2pix.config import Mode
from pix2pix.errors import UserError
from pix2pix.export.compare import Exported, Runner, Storage, export_checked
from pix2pix.networks.graph import Graph
from pix2pix.progress import Progress

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

KEY = "pix2pix"  # of the facts, in the file's metadata
_OPSET = 20
_LARGEST_BYTES = 2_100_000_000  # protobuf's limit is 2**31, and there is more than weights
_OUTER = 2
_FINER: dict[Storage, Storage] = {"fp16": "fp32", "int8": "fp16"}
_OUTPUT_AXIS = {"Conv": 0, "ConvTranspose": 1}


def export_onnx(
    model: Path,
    out: Path,
    *,
    precision: Storage = "fp32",
    mode: Mode | None = None,
    dynamic: bool = False,
    progress: Progress | None = None,
) -> Exported:
    """Write a model file's generator as ONNX, in its own mode unless given, whole or not at all.

    With `dynamic` the graph takes any batch and any height and width that are multiples of the
    generator's; without, one picture of the training size. Raises UserError where packages are
    missing, the file cannot be written, the model lacks the mode, or the file differs from the
    package by more than the precision's tolerance.
    """
    if precision not in get_args(Storage):
        raise UserError(f"There is no precision '{precision}': wanted {', '.join(get_args(Storage))}.")
    check_packages()
    return export_checked(
        model,
        out,
        partial(_write, precision),
        suffix=".onnx",
        precision=precision,
        mode=mode,
        dynamic=dynamic,
        progress=progress,
    )


def check_packages() -> None:
    """Raise UserError where a package is missing that ONNX needs."""
    for package in ("onnx", "onnxruntime", "onnxscript"):
        if find_spec(package) is None:
            raise UserError(
                f"Exporting to ONNX needs the package {package}, which is not installed.",
                "Install it: pip install 'pix2pix[export]'",
            )


def runner(path: Path) -> Runner:
    """Return what runs a file by ONNX Runtime, on the processor."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]

    def run(source: Tensor, keep: list[Tensor]) -> Tensor:
        inputs = dict(zip(names, (tensor.numpy() for tensor in (source, *keep)), strict=True))
        return torch.from_numpy(session.run(None, inputs)[0])

    return run


def _write(precision: Storage, graph: Graph, facts: dict[str, Any], path: Path) -> Runner:
    import onnx

    proto = _traced(graph)
    _store_weights(proto.graph, precision)
    proto.metadata_props.add(key=KEY, value=json.dumps(facts))
    size = sum(len(tensor.raw_data) for tensor in proto.graph.initializer)
    if size > _LARGEST_BYTES:
        raise UserError(
            f"In {precision} the weights take {size / 1e9:.1f} GB: "
            f"an ONNX file holds {_LARGEST_BYTES / 1e9:.1f} GB.",
            "Try --precision int8, or --torch.",
        )
    path.write_bytes(proto.SerializeToString())
    onnx.checker.check_model(str(path), full_check=True)
    return runner(path)


def _traced(graph: Graph) -> ModelProto:
    program = torch.onnx.export(
        graph,
        graph.arguments()[0],
        input_names=list(graph.shapes()),
        output_names=["target"],
        dynamo=True,
        opset_version=_OPSET,
        verbose=False,
    )
    assert program is not None
    proto: ModelProto = program.model_proto
    if graph.dynamic:
        _free_axes(proto.graph, graph.shapes())
    # The exporter's notes for developers hold paths of this machine.
    for part in (*proto.graph.node, *proto.graph.value_info, *proto.graph.initializer):
        del part.metadata_props[:]
    return proto


def _free_axes(traced: GraphProto, shapes: dict[str, list[int | str]]) -> None:
    """Name the free axes, in place of the lengths that were traced.

    No node holds a length of its inputs. Tracing with free axes yields the same nodes in twice the
    time; the comparison at several sizes shows that they are the same.
    """
    free = shapes | {"target": ["batch", 0, *shapes["source"][2:]]}
    for value in (*traced.input, *traced.output):
        for axis, name in zip(value.type.tensor_type.shape.dim, free[value.name], strict=True):
            if isinstance(name, str):
                axis.dim_param = name
    del traced.value_info[:]


def _store_weights(graph: GraphProto, precision: Storage) -> None:
    """Replace the weights of a graph's convolutions by their stored form."""
    convolutions = [node for node in graph.node if node.op_type in _OUTPUT_AXIS]
    outer = {node.input[1] for node in (*convolutions[:_OUTER], *convolutions[-_OUTER:])}
    nodes: list[NodeProto] = []
    for node in convolutions:
        name = node.input[1]
        stored = _FINER.get(precision, precision) if name in outer else precision
        if stored != "fp32":
            nodes += _stored(graph, name, None if stored == "fp16" else _OUTPUT_AXIS[node.op_type])
    # Nodes are listed in the order in which they run.
    nodes += graph.node
    del graph.node[:]
    graph.node.extend(nodes)


def _stored(graph: GraphProto, name: str, axis: int | None) -> list[NodeProto]:
    """Store a tensor as float16, or as int8 by the axis; return the nodes that restore it."""
    from onnx import TensorProto, helper, numpy_helper

    (tensor,) = (tensor for tensor in graph.initializer if tensor.name == name)
    weights = numpy_helper.to_array(tensor)
    graph.initializer.remove(tensor)
    values, scales = (weights.astype(np.float16), None) if axis is None else quantised(weights, axis)
    graph.initializer.append(numpy_helper.from_array(values, f"{name}.stored"))
    levels = name if scales is None else f"{name}.levels"
    nodes = [helper.make_node("Cast", [f"{name}.stored"], [levels], to=TensorProto.FLOAT)]
    if scales is not None:
        graph.initializer.append(numpy_helper.from_array(scales, f"{name}.scales"))
        nodes.append(helper.make_node("Mul", [levels, f"{name}.scales"], [name]))
    return nodes


def quantised(weights: NDArray[np.float32], axis: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return int8 levels, -127 to 127, and scales: levels * scales = weights.

    There is one scale for each index of `axis`; a channel of zeros stays one of zeros.
    """
    others = tuple(i for i in range(weights.ndim) if i != axis)
    largest = np.abs(weights).max(others, keepdims=True)
    scales = np.where(largest > 0, largest / 127, 1).astype(np.float32)
    return (weights / scales).round().clip(-127, 127).astype(np.int8), scales
