"""The commands that carry a model to other programs: thin, as in `cli.py`.

Exit codes as there: 0 good, 2 refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pix2pix.errors import UserError

if TYPE_CHECKING:
    from pix2pix.export.checked import Exported


def export(
    model: Annotated[Path, typer.Argument(help="A model.safetensors, or the folder of a run.")],
    onnx: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write an ONNX graph: model.onnx.")
    ] = None,
    torch: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a torch.export program: model.pt2.")
    ] = None,
    precision: Annotated[
        str, typer.Option(help="fp32, fp16 or int8: how weights are stored in the ONNX graph.")
    ] = "fp32",
    mode: Annotated[
        str | None,
        typer.Option(help="paper, deterministic or running.  [default: the model's]"),
    ] = None,
    dynamic: Annotated[
        bool, typer.Option("--dynamic", help="Any batch and any size, not one at training size.")
    ] = False,
) -> None:
    """Write the generator for other programs, compared with this one before it is kept.

    \b
    pix2pix export runs/facades/model.safetensors --onnx facades.onnx --dynamic
    pix2pix export runs/facades --onnx facades.onnx --precision int8
    pix2pix export runs/facades --torch facades.pt2
    """
    from rich.console import Console

    from pix2pix.export.onnx import export_onnx
    from pix2pix.export.torch_export import export_torch
    from pix2pix.progress import Watch

    if not (onnx or torch):
        raise UserError("There is nothing to write: wanted --onnx FILE or --torch FILE.")
    chosen: Any = {"mode": mode, "dynamic": dynamic, "watch": Watch(Console(stderr=True))}
    if onnx:
        _tell(export_onnx(model, onnx, precision=precision, **chosen))  # type: ignore[arg-type]
    if torch:
        _tell(export_torch(model, torch, **chosen))


def _tell(exported: Exported) -> None:
    facts, difference = exported.facts, exported.difference
    size = f"{exported.size_bytes / 1e6:.1f} MB"
    print(f"{exported.path}: {size}, {facts['precision']}, mode {facts['mode']}")
    for name, shape in exported.inputs.items():
        print(f"  {name:<8} {' x '.join(map(str, shape))}")
    print(
        f"  differs from the package by at most {difference.largest:.2g}, by {difference.mean:.2g} "
        f"on average, of values from -1 to 1 (PSNR {difference.psnr_db:.0f} dB, "
        f"{difference.pictures} pictures)"
    )
