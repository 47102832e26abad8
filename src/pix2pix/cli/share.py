"""The commands that hand a model on: thin, each imports its stage when it is called.

Exit codes as there: 0 good, 2 refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pix2pix.errors import UserError

if TYPE_CHECKING:
    from pix2pix.export.compare import Difference, Exported
    from pix2pix.export.web import Site


def export(
    models: Annotated[
        list[Path],
        typer.Argument(
            metavar="MODEL...", help="A model.safetensors, or the folder of a run; with --web, several."
        ),
    ],
    onnx: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write an ONNX graph: model.onnx.")
    ] = None,
    torch: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a torch.export program: model.pt2.")
    ] = None,
    web: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the drawing page, for any host of static files.")
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(
            help="fp32, fp16 or int8: how weights are stored.  [default: fp16 for --web, else fp32]"
        ),
    ] = None,
    mode: Annotated[
        str | None, typer.Option(help="paper, deterministic or running.  [default: the model's]")
    ] = None,
    dynamic: Annotated[
        bool, typer.Option("--dynamic", help="Any batch and any size, not one at training size.")
    ] = False,
    runtime: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR|TGZ", help="For --web: the npm package onnxruntime-web.  [default: by npm]"
        ),
    ] = None,
) -> None:
    """Write the generator for other programs, compared with this one before it is kept.

    \b
    pix2pix export runs/facades/model.safetensors --onnx facades.onnx --dynamic
    pix2pix export runs/facades --onnx facades.onnx --precision int8
    pix2pix export runs/facades --torch facades.pt2
    pix2pix export runs/facades runs/shoes --web site
    """
    from rich.console import Console

    from pix2pix.progress import Progress

    if not (onnx or torch or web):
        raise UserError("There is nothing to write: wanted --onnx FILE, --torch FILE or --web DIR.")
    if len(models) > 1 and (onnx or torch):
        raise UserError(f"One file holds one model, and {len(models)} were given.")
    if precision not in (None, "fp32") and not (onnx or web):
        raise UserError(f"--precision {precision} is for --onnx and --web: a .pt2 holds float32.")
    if runtime and not web:
        raise UserError("--runtime is for --web.")
    chosen: Any = {"mode": mode, "progress": Progress(Console(stderr=True))}
    bits: Any = precision
    if onnx:
        from pix2pix.export.onnx import export_onnx

        _tell(export_onnx(models[0], onnx, precision=bits or "fp32", dynamic=dynamic, **chosen))
    if torch:
        from pix2pix.export.torch_export import export_torch

        _tell(export_torch(models[0], torch, dynamic=dynamic, **chosen))
    if web:
        from pix2pix.export.web import export_web

        _tell_site(export_web(models, web, precision=bits or "fp16", runtime=runtime, **chosen))


def serve(
    models: Annotated[
        list[Path], typer.Argument(metavar="MODEL...", help="Files of models, or folders of runs.")
    ],
    host: Annotated[
        str, typer.Option(help="Address to listen at; 0.0.0.0 lets other machines in.")
    ] = "127.0.0.1",
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="0 takes any free one.  [default: 8000 or the next]")
    ] = None,
    origins: Annotated[
        list[str] | None,
        typer.Option("--origin", metavar="URL", help="Let this site's pages ask; repeatable."),
    ] = None,
    examples: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Known pairs to offer.  [default: those of the run]")
    ] = None,
    memory: Annotated[
        float, typer.Option(metavar="GB", min=0.001, help="What all loaded models may take.")
    ] = 4.0,
    queue: Annotated[int, typer.Option(min=1, help="Requests under way; more get 503.")] = 128,
    max_megapixels: Annotated[
        float, typer.Option(min=0.001, help="Largest picture, its sides filled up to multiples.")
    ] = 4.0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Serve models: a page to draw on, and an API that translates pictures.

    \b
    pix2pix serve runs/facades --open
    pix2pix serve runs/facades runs/shoes --port 8080 --memory 1
    """
    try:
        from pix2pix.serve.run import Options
        from pix2pix.serve.run import serve as serve_models
    except ModuleNotFoundError as error:
        if str(error.name).startswith("pix2pix"):
            raise
        raise UserError(
            f"Serving needs the package {error.name}.", "Install it with pip install 'pix2pix[serve]'."
        ) from None
    serve_models(
        models, Options(host, port, device, memory, queue, max_megapixels, origins or (), examples, open_page)
    )


def _tell_site(site: Site) -> None:
    for name, network in site.networks.items():
        size = f"{network.size_bytes / 1e6:.1f} MB"
        print(f"{name}: {size}, {network.facts['precision']}, mode {network.facts['mode']}")
        _tell_difference(network.difference)
    print(
        f"{site.path}: {site.size_bytes / 1e6:.0f} MB, of which a first visit downloads "
        f"{site.visit_bytes / 1e6:.0f} MB\nto look at it:  python3 -m http.server -d {site.path}"
    )


def _tell(exported: Exported) -> None:
    facts = exported.facts
    size = f"{exported.size_bytes / 1e6:.1f} MB"
    print(f"{exported.path}: {size}, {facts['precision']}, mode {facts['mode']}")
    for name, shape in exported.inputs.items():
        print(f"  {name:<8} {' x '.join(map(str, shape))}")
    _tell_difference(exported.difference)


def _tell_difference(difference: Difference) -> None:
    print(f"  {difference.comparisons} comparisons: {_in_words(difference)}")


def _in_words(difference: Difference) -> str:
    if not difference.largest:
        return "the same as the package"
    return (
        f"largest difference {difference.largest:.2g}, mean {difference.mean:.2g} "
        f"(values from -1 to 1), PSNR {difference.psnr_db:.0f} dB"
    )
