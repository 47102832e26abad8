"""The generator as an ONNX file, in float32, float16 or int8."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import torch
from torch import Tensor

from pix2pix.config import Mode
from pix2pix.errors import UserError
from pix2pix.export.checked import Exported, export_checked
from pix2pix.export.compare import Run
from pix2pix.export.precision import Precision, store_weights
from pix2pix.networks.graph import Graph
from pix2pix.progress import Progress

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto

KEY = "pix2pix"  # of the facts, in the file's metadata
_OPSET = 20
_LARGEST_BYTES = 2_100_000_000  # protobuf's limit is 2**31, and there is more than weights


def export_onnx(
    model: Path,
    out: Path,
    *,
    precision: Precision = "fp32",
    mode: Mode | None = None,
    dynamic: bool = False,
    progress: Progress | None = None,
) -> Exported:
    """Write a model file's generator as ONNX, in its own mode unless given, whole or not at all.

    With `dynamic` the graph takes any batch and any height and width that are multiples of
    2**depth; without, one picture of the training size. Raises UserError where packages are
    missing, the file cannot be written, the model lacks the mode, or what was written differs from
    the package by more than the precision's tolerance.
    """
    if precision not in get_args(Precision):
        wanted = ", ".join(get_args(Precision))
        raise UserError(f"There is no precision '{precision}': wanted {wanted}.")
    if out.suffix != ".onnx":
        raise UserError(f"{out} does not end in .onnx: wanted a file such as model.onnx.")
    check_packages()
    return export_checked(
        model,
        out,
        partial(_write, precision),
        precision=precision,
        mode=mode,
        dynamic=dynamic,
        progress=progress,
    )


def check_packages() -> None:
    """Raise UserError where a package is missing that ONNX takes."""
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UserError(
            f"Exporting to ONNX needs the package {error.name}, which is not installed.",
            "Install it: pip install 'pix2pix[export]'",
        ) from None


def _write(precision: Precision, graph: Graph, facts: dict[str, Any], path: Path) -> Run:
    import onnx

    proto = _traced(graph)
    store_weights(proto.graph, precision)
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
        _free(proto.graph, graph.shapes())
    # What the exporter notes for developers, with paths of the machine that it ran on.
    for part in (*proto.graph.node, *proto.graph.value_info, *proto.graph.initializer):
        del part.metadata_props[:]
    return proto


def _free(traced: GraphProto, shapes: dict[str, list[int | str]]) -> None:
    """Name the free axes, in place of the lengths that were traced.

    None of the nodes holds a length of what runs through it. Tracing with free axes finds the same
    nodes in twice the time; that they are the same is what the comparison at several sizes shows.
    """
    named = shapes | {"target": ["batch", 0, *shapes["source"][2:]]}
    for value in (*traced.input, *traced.output):
        for axis, name in zip(value.type.tensor_type.shape.dim, named[value.name], strict=True):
            if isinstance(name, str):
                axis.dim_param = name
    del traced.value_info[:]


def runner(path: Path) -> Run:
    """What runs a file by ONNX Runtime, on the processor."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]

    def run(source: Tensor, keep: list[Tensor]) -> Tensor:
        values = (tensor.numpy() for tensor in (source, *keep))
        target, *_ = session.run(None, dict(zip(names, values, strict=True)))
        return torch.from_numpy(target)

    return run
