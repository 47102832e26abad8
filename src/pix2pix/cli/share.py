"""The commands that hand a model on: thin, each imports its stage when it is called.

Exit codes as in `main.py`: 0 good, 2 refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from pix2pix.cli.common import Device, Mode, console_progress, extra
from pix2pix.errors import UserError
from pix2pix.page.shipped import HOUSES

if TYPE_CHECKING:
    from pix2pix.export.compare import Exported
    from pix2pix.export.web import Site


def _models(text: str) -> Any:
    """Return the argument of models, which may be left out."""
    text += "  [default: the package's houses]"
    return Argument(metavar="[MODEL...]", show_default=False, help=text)


def export(
    models: Annotated[
        list[Path] | None, _models("Model file, or folder of a run; several with --web.")
    ] = None,
    onnx: Annotated[Path | None, Option(metavar="FILE", help="Write an ONNX graph: model.onnx.")] = None,
    torch: Annotated[Path | None, Option(metavar="FILE", help="Write a torch.export program: a.pt2.")] = None,
    web: Annotated[Path | None, Option(metavar="DIR", help="Write the page, for any web server.")] = None,
    precision: Annotated[
        str | None, Option(help="Of weights: fp32, fp16, int8.  [default: fp16 for --web, else fp32]")
    ] = None,
    mode: Mode = None,
    dynamic: Annotated[
        bool, Option("--dynamic", help="Any batch and any size, not just training's.")
    ] = False,
    runtime: Annotated[
        Path | None, Option(metavar="DIR|TGZ", help="onnxruntime-web, for --web.  [default: by npm]")
    ] = None,
    url: Annotated[
        str | None, Option(metavar="ADDRESS", help="Where the page will be, so that a link shows a picture.")
    ] = None,
) -> None:
    """Write the generator for other programs, compared with this one before it is kept.

    \b
    pix2pix export runs/facades/model.safetensors --onnx facades.onnx --dynamic
    pix2pix export runs/facades --onnx facades.onnx --precision int8
    pix2pix export runs/facades --torch facades.pt2
    pix2pix export runs/facades runs/shoes --web site --url https://example.org/draw/
    pix2pix export --web site
    """
    if not (onnx or torch or web):
        raise UserError("There is nothing to write: wanted --onnx FILE, --torch FILE or --web DIR.")
    chosen = models or [HOUSES]
    if len(chosen) > 1 and (onnx or torch):
        raise UserError(f"One file holds one model, and {len(chosen)} were given.")
    if precision not in (None, "fp32") and not (onnx or web):
        raise UserError(f"--precision {precision} is for --onnx and --web: a .pt2 holds float32.")
    if runtime and not web:
        raise UserError("--runtime is for --web.")
    if url and not web:
        raise UserError("--url is for --web.")
    common: Any = {"mode": mode, "progress": console_progress()}
    bits: Any = precision
    if onnx:
        from pix2pix.export.onnx import export_onnx

        graph = export_onnx(chosen[0], onnx, precision=bits or "fp32", dynamic=dynamic, **common)
        _print_exported(graph, graph.path, graph.inputs)
    if torch:
        from pix2pix.export.torch_export import export_torch

        program = export_torch(chosen[0], torch, dynamic=dynamic, **common)
        _print_exported(program, program.path, program.inputs)
    if web:
        from pix2pix.export.web import export_web

        _print_site(export_web(chosen, web, precision=bits or "fp16", runtime=runtime, url=url, **common))
        if not url:
            print("links to it show no picture: that needs the page's address, --url https://...")


def serve(
    models: Annotated[list[Path] | None, _models("Files of models, or folders of runs.")] = None,
    host: Annotated[str, Option(help="Address to listen at; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    port: Annotated[
        int | None, Option(min=0, max=65535, help="0 takes any free one.  [default: 8000 or the next]")
    ] = None,
    origins: Annotated[
        list[str] | None, Option("--origin", metavar="URL", help="Let this site's pages ask; repeatable.")
    ] = None,
    examples: Annotated[
        Path | None, Option(metavar="DIR", help="Known pairs to offer.  [default: those of the run]")
    ] = None,
    memory: Annotated[float, Option(metavar="GB", min=0.001, help="What all loaded models may take.")] = 4.0,
    queue: Annotated[int, Option(min=1, help="Requests under way; more get 503.")] = 128,
    max_megapixels: Annotated[
        float, Option(min=0.001, help="Largest picture, its sides filled up to multiples.")
    ] = 4.0,
    device: Device = "auto",
    token_file: Annotated[
        Path | None, Option(metavar="FILE", help="Refuse requests without the token in this file.")
    ] = None,
    open_page: Annotated[bool, Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Serve models: a page to draw on, and an API that translates pictures.

    \b
    pix2pix serve --open
    pix2pix serve runs/facades --open
    pix2pix serve runs/facades runs/shoes --port 8080 --memory 1
    """
    with extra("serve", "Serving"):
        from pix2pix.serve.server import ServerOptions
        from pix2pix.serve.server import serve as serve_models

    if not models:
        print(
            "no model is named, so the page draws with the one that comes with the package:\n"
            f"procedural houses, {HOUSES}; yours: pix2pix serve runs/NAME"
        )
    serve_models(
        models or [HOUSES],
        ServerOptions(
            host, port, device, memory, queue, max_megapixels, origins or (), examples, open_page, token_file
        ),
    )


def _print_site(site: Site) -> None:
    for name, network in site.networks.items():
        _print_exported(network, name, {})
    print(
        f"{site.path}: {site.size_bytes / 1e6:.0f} MB, of which a first visit downloads "
        f"{site.visit_bytes / 1e6:.0f} MB\nto look at it:  python3 -m http.server -d {site.path}"
    )


def _print_exported(exported: Exported, name: Path | str, inputs: Mapping[str, Sequence[int | str]]) -> None:
    facts, difference = exported.facts, exported.difference
    print(f"{name}: {exported.size_bytes / 1e6:.1f} MB, {facts['precision']}, mode {facts['mode']}")
    for label, shape in inputs.items():
        print(f"  {label:<8} {' x '.join(map(str, shape))}")
    words = "the same as the package"
    if difference.largest:
        words = (
            f"largest difference {difference.largest:.2g}, mean {difference.mean:.2g} "
            f"(values from -1 to 1), PSNR {difference.psnr_db:.0f} dB"
        )
    print(f"  {difference.comparisons} comparisons: {words}")
