"""The generator as a program of torch.export: torch runs and compiles it without this package."""

import io
import json
from pathlib import Path
from typing import Any

import torch
from torch.fx.experimental import _config

from pix2pix.config import Mode
from pix2pix.export.compare import Exported, Runner, export_checked
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
    return export_checked(model, out, _write, suffix=".pt2", mode=mode, dynamic=dynamic, progress=progress)


def _write(graph: Graph, facts: dict[str, Any], path: Path) -> Runner:
    arguments, free = graph.arguments()
    # The innermost layers have maps of one pixel at training size. Without this, tracing treats
    # lengths of 1 as another case and refuses them, though the operations are the same.
    with _config.patch(backed_size_oblivious=True):  # type: ignore[attr-defined]
        exported = torch.export.export(graph, arguments, dynamic_shapes=free)
    # Written through memory: torch's own writer hides the operating system's errors.
    buffer = io.BytesIO()
    torch.export.save(exported, buffer, extra_files={FACTS: json.dumps(facts)})
    path.write_bytes(buffer.getbuffer())
    written: Any = torch.export.load(path).module()
    return lambda source, keep: written(source, *keep)
