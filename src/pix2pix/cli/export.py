"""`pix2pix export` and `pix2pix push`: models for other programs, for a web page, on a hub."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

from typer import Argument, Option

from pix2pix.cli.common import console_progress, loading
from pix2pix.cli.options import Mode, models_argument
from pix2pix.errors import UserError
from pix2pix.page.shipped import HOUSES

if TYPE_CHECKING:
    from pix2pix.export.compare import Exported
    from pix2pix.export.web import Site

Models = Annotated[list[Path] | None, models_argument("Model file, or folder of a run; several with --web.")]
Onnx = Annotated[Path | None, Option(metavar="FILE", help="Write an ONNX graph: model.onnx.")]
Torch = Annotated[Path | None, Option(metavar="FILE", help="Write a torch.export program: a.pt2.")]
Web = Annotated[Path | None, Option(metavar="DIR", help="Write the page, for any web server.")]
Weights = Annotated[
    str | None, Option(help="Of weights: fp32, fp16, int8.  [default: fp16 for --web, else fp32]")
]
Dynamic = Annotated[bool, Option("--dynamic", help="Any batch and any size, not just training's.")]
Runtime = Annotated[
    Path | None, Option(metavar="DIR|TGZ", help="onnxruntime-web, for --web.  [default: by npm]")
]
Address = Annotated[
    str | None, Option(metavar="ADDRESS", help="Where the page will be, so that a link shows a picture.")
]


def export(
    models: Models = None,
    onnx: Onnx = None,
    torch: Torch = None,
    web: Web = None,
    precision: Weights = None,
    mode: Mode = None,
    dynamic: Dynamic = False,
    runtime: Runtime = None,
    url: Address = None,
) -> None:
    """Write the generator for other programs, compared with this one before it is kept.

    \b
    pix2pix export runs/facades/model.safetensors --onnx facades.onnx --dynamic
    pix2pix export runs/facades --onnx facades.onnx --precision int8
    pix2pix export runs/facades --torch facades.pt2
    pix2pix export runs/facades runs/shoes --web site --url https://example.org/draw/
    pix2pix export --web site
    """
    chosen, storage = models or [HOUSES], cast(Any, precision)
    _refuse_unusable(len(chosen), onnx, torch, web, precision, {"--runtime": runtime, "--url": url})
    how: Any = {"mode": mode, "progress": console_progress()}
    if onnx:
        from pix2pix.export.onnx import export_onnx

        _print_exported(export_onnx(chosen[0], onnx, precision=storage or "fp32", dynamic=dynamic, **how))
    if torch:
        from pix2pix.export.torch_export import export_torch

        _print_exported(export_torch(chosen[0], torch, dynamic=dynamic, **how))
    if web:
        from pix2pix.export.web import export_web

        _print_site(export_web(chosen, web, precision=storage or "fp16", runtime=runtime, url=url, **how))
        if not url:
            print("links to it show no picture: that needs the page's address, --url https://...")


def push(
    run: Annotated[Path, Argument(help="Folder of a run, or a model.safetensors.")],
    name: Annotated[str, Argument(metavar="OWNER/NAME", help="Where on the Hugging Face hub.")],
    private: Annotated[
        bool, Option("--private", help="Make it for you alone, where it is made by this call.")
    ] = False,
) -> None:
    """Put a model on the Hugging Face hub, with a card: what it is, scores, samples.

    Log in by `hf auth login` first.

    \b
    pix2pix push runs/facades me/facades
    pix2pix translate hub:me/facades labels/ -o houses
    """
    with loading():
        from pix2pix.export.push import push_model

    print(push_model(run, name, private=private))


def _refuse_unusable(
    models: int,
    onnx: Path | None,
    torch: Path | None,
    web: Path | None,
    precision: str | None,
    for_web: Mapping[str, object],
) -> None:
    """Raise UserError where nothing would be written, and for options without effect on what would be."""
    if not (onnx or torch or web):
        raise UserError("There is nothing to write: wanted --onnx FILE, --torch FILE or --web DIR.")
    if models > 1 and (onnx or torch):
        raise UserError(f"One file holds one model, and {models} were given.")
    if precision not in (None, "fp32") and not (onnx or web):
        raise UserError(f"--precision {precision} is for --onnx and --web: a .pt2 holds float32.")
    for option, value in for_web.items():
        if value and not web:
            raise UserError(f"{option} is for --web.")


def _print_site(site: Site) -> None:
    for name, network in site.networks.items():
        _print_exported(network, name)
    print(
        f"{site.path}: {site.size_bytes / 1e6:.0f} MB, of which a first visit downloads "
        f"{site.visit_bytes / 1e6:.0f} MB\nto look at it:  python3 -m http.server -d {site.path}"
    )


def _print_exported(exported: Exported, network: str = "") -> None:
    """Print a file with its inputs, or a network of a page, and how much it differs from the package."""
    facts, difference = exported.facts, exported.difference
    name, size = network or exported.path, exported.size_bytes / 1e6
    print(f"{name}: {size:.1f} MB, {facts['precision']}, mode {facts['mode']}")
    for label, shape in () if network else exported.inputs.items():
        print(f"  {label:<8} {' x '.join(map(str, shape))}")
    words = "the same as the package"
    if difference.largest:
        words = (
            f"largest difference {difference.largest:.2g}, mean {difference.mean:.2g} "
            f"(values from -1 to 1), PSNR {difference.psnr_db:.0f} dB"
        )
    print(f"  {difference.comparisons} comparisons: {words}")
