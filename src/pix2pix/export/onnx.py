"""The generator as an ONNX file, in float32, float16 or int8, compared with itself before it is kept.

Weights of fewer bits are stored so and turned into float32 when the file is loaded: all arithmetic
is in float32, so a graph gives the same picture on every runtime.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pix2pix.config import Mode
from pix2pix.errors import UserError
from pix2pix.export.compare import Difference, Run, compare, comparison_sources
from pix2pix.export.graph import Graph, about, traced
from pix2pix.files import replacing
from pix2pix.progress import Watch
from pix2pix.translator import Translator

if TYPE_CHECKING:
    from onnx import ModelProto, TensorProto

Precision = Literal["fp32", "fp16", "int8"]
_OPSET = 20
_KEY = "pix2pix"


@dataclass(frozen=True)
class Exported:
    """A file that was written: its inputs as (name, shape), and how it differs from the package.

    `about` is what the file says of itself, under `pix2pix` in its metadata.
    """

    path: Path
    size_bytes: int
    inputs: list[tuple[str, list[str | int]]]
    difference: Difference
    about: dict[str, Any]


def export_onnx(
    model: Path, out: Path, *, precision: Precision = "fp32", mode: Mode | None = None,
    dynamic: bool = False, watch: Watch | None = None,
) -> Exported:  # fmt: skip
    """Write a model file's generator as ONNX, in its own mode unless given, whole or not at all.

    With `dynamic` the graph takes any batch and any height and width that are multiples of
    2**depth; without, one picture of the training size. Raises UserError where packages are
    missing, the file cannot be written, the model lacks the mode, or what was written differs from
    the package by more than the precision's tolerance.
    """
    _check_request(out, precision)
    watch = watch or Watch()
    with replacing(out) as temporary:
        temporary.touch()  # a folder that refuses says so now, not after the work
        translator = Translator.load(model, "cpu")
        mode = mode or translator.header.mode
        graph = Graph(translator.generator, mode)
        facts = about(
            graph, translator.header, _file(model), mode=mode, precision=precision, dynamic=dynamic
        )
        watch.update("exporting", 0, 3, "steps", "writing the graph down")
        proto = _trace(graph, translator.header.config.data.size, dynamic)
        _store_weights(proto, precision)
        proto.metadata_props.add(key=_KEY, value=json.dumps(facts))
        watch.update("exporting", 1, 3, "steps", "checking it")
        _save(proto, temporary)
        inputs = [(value.name, _shape(value)) for value in proto.graph.input]
        watch.update("exporting", 2, 3, "steps", "comparing it with the package")
        sources = comparison_sources(translator, model, graph.multiple_px, dynamic)
        difference = compare(_session(temporary), translator, mode, graph.noise, sources)
        difference.check(precision)
        watch.update("exporting", 3, 3, "steps")
    return Exported(out, out.stat().st_size, inputs, difference, facts)


def _check_request(out: Path, precision: str) -> None:
    if precision not in get_args(Precision):
        wanted = ", ".join(get_args(Precision))
        raise UserError(f"There is no precision '{precision}': wanted {wanted}.")
    if out.suffix != ".onnx":
        raise UserError(f"{out} does not end in .onnx: wanted a file such as model.onnx.")
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UserError(
            f"Exporting to ONNX needs a package that is not installed: {error.name}.",
            "Install it: pip install 'pix2pix[export]'",
        ) from None


def _file(model: Path) -> Path:
    return model / "model.safetensors" if model.is_dir() else model


def _trace(graph: Graph, size: tuple[int, int], dynamic: bool) -> ModelProto:
    arguments, shapes = traced(graph, size, dynamic)
    names = ["source", *(one.input for one in graph.noise)]
    with _quiet():
        program = torch.onnx.export(
            graph, arguments, input_names=names, output_names=["target"], dynamic_shapes=shapes,
            dynamo=True, opset_version=_OPSET, verbose=False,
        )  # fmt: skip
    assert program is not None
    proto: ModelProto = program.model_proto
    # What the exporter notes for its own developers, with paths of this machine.
    for part in (*proto.graph.node, *proto.graph.value_info, *proto.graph.initializer):
        del part.metadata_props[:]
    return proto


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what exporters tell their developers from the user."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _store_weights(proto: ModelProto, precision: str) -> None:
    """Store the weights of convolutions in fewer bits, with the nodes that turn them back."""
    from onnx import numpy_helper

    graph = proto.graph
    axes = {
        node.input[1]: 0 if node.op_type == "Conv" else 1
        for node in graph.node if node.op_type in ("Conv", "ConvTranspose")
    }  # fmt: skip
    weights = [tensor for tensor in graph.initializer if tensor.name in axes]
    nodes = []
    for tensor in weights if precision != "fp32" else ():
        values, name = numpy_helper.to_array(tensor), tensor.name
        if precision == "fp16":
            stored = [values.astype(np.float16)]
        else:
            stored = list(quantised(values, axes[name]))
        graph.initializer.remove(tensor)
        nodes += _restored(graph, name, stored)
    old = list(graph.node)
    del graph.node[:]
    graph.node.extend([*nodes, *old])


def _restored(graph: Any, name: str, stored: list[NDArray[Any]]) -> list[Any]:
    """The nodes that make a float32 tensor of stored values, and of their scale if there is one."""
    from onnx import TensorProto, helper, numpy_helper

    names = [f"{name}.{part}" for part in ("stored", "scale")[: len(stored)]]
    graph.initializer.extend(map(numpy_helper.from_array, stored, names))
    if len(stored) == 1:
        return [helper.make_node("Cast", names, [name], to=TensorProto.FLOAT)]
    return [
        helper.make_node("Cast", names[:1], [f"{name}.cast"], to=TensorProto.FLOAT),
        helper.make_node("Mul", [f"{name}.cast", names[1]], [name]),
    ]


def quantised(weights: NDArray[np.float32], axis: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Weights as int8 and the float32 scales to multiply them by, one for each index of `axis`."""
    others = tuple(i for i in range(weights.ndim) if i != axis)
    scale = np.maximum(np.abs(weights).max(others, keepdims=True) / 127, 1e-30)
    return (weights / scale).round().astype(np.int8), scale.astype(np.float32)


def _save(proto: ModelProto, path: Path) -> None:
    import onnx

    onnx.save(proto, str(path))
    onnx.checker.check_model(str(path), full_check=True)


def _shape(value: Any) -> list[str | int]:
    return [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]


def _session(path: Path) -> Run:
    """A runner of the file by ONNX Runtime, on the processor."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        str(path), options, providers=["CPUExecutionProvider"]
    )
    names = [value.name for value in session.get_inputs()]

    def run(source: Tensor, keep: list[Tensor]) -> Tensor:
        values = (tensor.numpy() for tensor in (source, *keep))
        return torch.from_numpy(session.run(None, dict(zip(names, values, strict=True)))[0])

    return run
