"""The generator as a program of torch.export: torch runs and compiles it without this package."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.fx.experimental import _config

from pix2pix.config import Mode
from pix2pix.errors import UserError
from pix2pix.export.checked import Exported, export_checked
from pix2pix.export.compare import Run
from pix2pix.networks.graph import Graph
from pix2pix.progress import Progress

FACTS = "pix2pix.json"  # among the program's extra files


def export_torch(
    model: Path,
    out: Path,
    *,
    mode: Mode | None = None,
    dynamic: bool = False,
    progress: Progress | None = None,
) -> Exported:
    """Write a model file's generator as a .pt2, in float32; the rest is as in `export_onnx`."""
    if out.suffix != ".pt2":
        raise UserError(f"{out} does not end in .pt2: wanted a file such as model.pt2.")
    return export_checked(model, out, _write, precision="fp32", mode=mode, dynamic=dynamic, progress=progress)


def _write(graph: Graph, facts: dict[str, Any], path: Path) -> Run:
    arguments, free = graph.arguments()
    # Else maps of one pixel, which the innermost layers have at training size, would be refused:
    # tracing notes that lengths of 1 are another case, though the operations are the same.
    with _config.patch(backed_size_oblivious=True):  # type: ignore[attr-defined]
        program = torch.export.export(graph, arguments, dynamic_shapes=free)
    # By way of memory: torch's own writer hides the operating system's errors.
    buffer = io.BytesIO()
    torch.export.save(program, buffer, extra_files={FACTS: json.dumps(facts)})
    path.write_bytes(buffer.getbuffer())
    written: Any = torch.export.load(path).module()

    def run(source: Tensor, keep: list[Tensor]) -> Tensor:
        target: Tensor = written(source, *keep)
        return target

    return run
